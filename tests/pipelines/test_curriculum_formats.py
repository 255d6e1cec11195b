"""The other formats of a curriculum, read back without the code that wrote them: the same rows in the same order as Parquet."""

import json
import re
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from curricle.installation import install_hint
from curricle.models.cards import file_sha256
from curricle.pipelines.curriculum.errors import CurriculumError
from curricle.pipelines.curriculum.plan_file import load_plan
from curricle.pipelines.curriculum.run import make_curriculum, write_curriculum

sys.path.append(str(Path(__file__).parent))

from curriculum_outputs import QUIET, make, rows, store

tokenizers = pytest.importorskip("tokenizers", reason="the extra `tokenizers` is not installed")
EOS = "<|endoftext|>"
FOLDERS = {"heldout": "heldout", "broad": "01-broad", "best": "02-best"}
PLAN: dict[str, Any] = {
    "heldout": {"share": 0.1},
    "shard_bytes": 10_000,
    "phases": [
        {"name": "broad", "tokens": 12_000},
        {
            "name": "best",
            "tokens": 3_000,
            "mixture": {"by": "language", "weights": {"tr": 0.6, "en": 0.4}},
            "select": {"method": "top", "score": "quality"},
            "order": {"method": "sorted", "by": "ppl"},
            "replay": {"from": ["broad"], "share": 0.2},
        },
    ],
}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory) -> list[Path]:
    table = rows(600, "a.jsonl", 1)
    texts = ["" if row % 50 == 7 else text for row, text in enumerate(table["text"].to_pylist())]
    table = table.set_column(3, "text", pa.array(texts, pa.string()))
    days = pa.array([None if row % 3 else row for row in range(600)], pa.date32())
    return [store(table.append_column("day", days), tmp_path_factory.mktemp("outputs") / "one", 2)]


@pytest.fixture(scope="module")
def tokenizer(outputs, tmp_path_factory) -> Path:
    """A byte-level BPE trained on the documents, so that decoding gives back the text."""
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=400, special_tokens=[EOS], initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator(pq.read_table(outputs[0] / "kept")["text"].to_pylist(), trainer)
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    made.save(str(path))
    return path


def plan(tokenizer: Path, kind: str, eos: str | None = EOS) -> dict[str, Any]:
    return {**PLAN, "format": kind, "tokens": {"tokenizer": str(tokenizer)} | ({"eos": eos} if eos else {})}


def made(name: str, request: pytest.FixtureRequest) -> Path:
    """The outputs as a curriculum of that format."""
    outputs, tokenizer, root = (request.getfixturevalue(one) for one in ("outputs", "tokenizer", "tmp_path_factory"))
    output = root.mktemp(name) / "cur"
    make(plan(tokenizer, name), outputs, output)
    return output


@pytest.fixture(scope="module")
def parquet(request) -> Path:
    return made("parquet", request)


@pytest.fixture(scope="module")
def megatron(request) -> Path:
    pytest.importorskip("datatrove", reason="the extra `token-files` is not installed")
    return made("megatron", request)


@pytest.fixture(scope="module")
def datatrove(request) -> Path:
    pytest.importorskip("datatrove", reason="the extra `token-files` is not installed")
    return made("datatrove", request)


@pytest.fixture(scope="module")
def mds(request) -> Path:
    pytest.importorskip("streaming", reason="the extra `mds` is not installed")
    return made("mds", request)


def table(output: Path, folder: str) -> pa.Table:
    return pa.concat_tables([pq.read_table(path) for path in sorted((output / folder).glob("part-*.parquet"))])


def read_megatron(stem: Path) -> list[np.ndarray]:
    """The documents of a pair of files, by the layout of Megatron-LM's IndexedDataset."""
    index = Path(f"{stem}.idx").read_bytes()
    assert index[:9] == b"MMIDIDX\x00\x00"
    version, code, sequences, documents = struct.unpack_from("<QBQQ", index, 9)
    assert (version, documents) == (1, sequences + 1)
    sizes = np.frombuffer(index, np.int32, sequences, 34)
    pointers = np.frombuffer(index, np.int64, sequences, 34 + sizes.nbytes)
    ends = np.frombuffer(index, np.int64, documents, 34 + sizes.nbytes + pointers.nbytes)
    assert 34 + sizes.nbytes + pointers.nbytes + ends.nbytes == len(index)
    assert ends.tolist() == list(range(documents))  # a document is one sequence
    data = Path(f"{stem}.bin").read_bytes()
    kind = np.dtype({4: np.int32, 8: np.uint16}[code])
    assert sum(sizes.tolist()) * kind.itemsize == len(data)
    return [np.frombuffer(data, kind, size, start) for size, start in zip(sizes.tolist(), pointers.tolist(), strict=True)]


def read_datatrove(path: Path) -> list[np.ndarray]:
    """The documents of a `.ds`, cut at the ends in its index."""
    ids, ends = np.fromfile(path, np.uint16), np.fromfile(f"{path}.index", np.uint64).astype(np.int64)
    assert ends[-1] == ids.size
    return np.split(ids, ends[:-1])


@pytest.mark.parametrize("folder", FOLDERS.values())
def test_megatron_files_decode_to_the_documents_in_their_order(folder, megatron, parquet, tokenizer):
    documents = [one for path in sorted((megatron / folder).glob("*.bin")) for one in read_megatron(path.with_suffix(""))]
    _same_documents(documents, table(parquet, folder), tokenizer)


@pytest.mark.parametrize("folder", FOLDERS.values())
def test_datatrove_files_decode_to_the_documents_in_their_order(folder, datatrove, parquet, tokenizer):
    paths = sorted((datatrove / folder).glob("*.ds"))
    _same_documents([one for path in paths for one in read_datatrove(path)], table(parquet, folder), tokenizer)
    assert [Path(f"{path}.metadata").read_text().splitlines()[:2] for path in paths] == [
        [f"{tokenizer}|2", str(path.stat().st_size // 2)] for path in paths
    ]


def _same_documents(documents: list[np.ndarray], expected: pa.Table, tokenizer: Path) -> None:
    codec = tokenizers.Tokenizer.from_file(str(tokenizer))
    texts = expected["text"].to_pylist()
    assert len(set(texts)) > 20
    assert [codec.decode(ids[:-1].tolist(), skip_special_tokens=False) for ids in documents] == texts
    assert {int(ids[-1]) for ids in documents} == {codec.token_to_id(EOS)}
    assert [ids.size for ids in documents] == expected["token_count"].to_pylist()


def test_the_record_counts_the_tokens_that_are_in_the_files(megatron):
    record = orjson.loads((megatron / "curriculum.json").read_bytes())
    for entry in record["phases"]:
        size = sum((megatron / file["path"]).stat().st_size for file in entry["files"] if file["path"].endswith(".bin"))
        assert size == 2 * entry["tokens_met"] == 2 * sum(file.get("tokens", 0) for file in entry["files"])
        assert sum(file.get("rows", 0) for file in entry["files"]) == entry["rows"]
    assert len(list((megatron / "01-broad").glob("*.bin"))) > 1


@pytest.mark.parametrize(("kind", "endings"), [("megatron", 2), ("datatrove", 3), ("mds", 1), ("parquet", 1)])
def test_every_file_is_in_the_record_with_its_hash(kind, endings, request):
    output = request.getfixturevalue(kind)
    record = orjson.loads((output / "curriculum.json").read_bytes())
    files = [file for part in (*record["phases"], *record["heldout"]) for file in part["files"]]
    listed = {file["path"]: (file["bytes"], file["sha256"]) for file in files}
    there = [path for folder in FOLDERS.values() for path in (output / folder).iterdir() if path.is_file()]
    assert listed == {path.relative_to(output).as_posix(): (path.stat().st_size, file_sha256(path)) for path in there}
    indices = len(FOLDERS) if kind == "mds" else 0  # one a folder
    assert len(files) - indices == endings * sum("rows" in file for file in files)


def test_without_eos_a_document_is_its_text_alone_and_large_ids_take_four_bytes(outputs, tmp_path):
    pytest.importorskip("datatrove", reason="the extra `token-files` is not installed")
    words = sorted({word for text in pq.read_table(outputs[0] / "kept")["text"].to_pylist() for word in text.split()})
    vocabulary = {word: 70_000 + number for number, word in enumerate(words)} | {"?": 0}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, "?"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    made.save(str(tmp_path / "tokenizer.json"))
    one = {"phases": [{"name": "one", "tokens": 3000}], "tokens": {"tokenizer": str(tmp_path)}, "format": "megatron"}
    make(one, outputs, tmp_path / "cur")
    names = {number: word for word, number in vocabulary.items()}
    found = [[names[number] for number in ids.tolist()] for ids in read_megatron(tmp_path / "cur/01-one/part-00000")]
    make({**one, "format": "parquet"}, outputs, tmp_path / "rows")
    assert found == [text.split() for text in table(tmp_path / "rows", "01-one")["text"].to_pylist()]


@pytest.mark.parametrize("reader", ["StreamingDataset", "LocalDataset"])
@pytest.mark.parametrize("folder", FOLDERS.values())
def test_mds_is_read_by_its_own_readers_in_the_same_order(folder, reader, mds, parquet):
    streaming = pytest.importorskip("streaming", reason="the extra `mds` is not installed")
    options: dict[str, Any] = {"shuffle": False, "batch_size": 1} if reader == "StreamingDataset" else {}
    data = getattr(streaming, reader)(local=str(mds / folder), **options)
    found = [data[number] for number in range(len(data))]
    expected = table(parquet, folder).to_pylist()
    for row in expected:
        row["day"] = row["day"] and row["day"].isoformat()
    assert found == expected
    if reader == "StreamingDataset":
        assert [row["id"] for row in data] == [row["id"] for row in expected]


def test_torch_reads_the_datatrove_files_as_one_sequence_of_blocks(datatrove):
    pytest.importorskip("torch", reason="the extra `torch` is not installed")
    from datatrove.utils.dataset import DatatroveFolderDataset

    data = DatatroveFolderDataset(str(datatrove / "01-broad"), seq_len=63, filename_pattern="*.ds", token_size=2)
    expected = []
    for path in sorted((datatrove / "01-broad").glob("*.ds")):
        ids = np.fromfile(path, np.uint16)
        expected += ids[: ids.size // 64 * 64].reshape(-1, 64).tolist()  # a block is from one file
    assert [data[number]["input_ids"].tolist() for number in range(len(data))] == expected


def test_eos_counts_as_a_token_and_makes_no_document_of_an_empty_text(parquet, tokenizer):
    codec = tokenizers.Tokenizer.from_file(str(tokenizer))
    for folder in FOLDERS.values():
        found = table(parquet, folder)
        texts = found["text"].to_pylist()
        assert "" not in texts
        assert found["token_count"].to_pylist() == [len(codec.encode(text).ids) + 1 for text in texts]


def _file(folder: Path, content: dict[str, Any]) -> str:
    path = folder / "plan.yaml"
    path.write_text(yaml.safe_dump(content), "utf-8")
    return str(path)


BAD = {
    "token files of bytes": ({"format": "megatron"}, "format megatron holds token ids; give tokens: {tokenizer: ...}"),
    "an eos of bytes": ({"tokens": {"count": "bytes", "eos": EOS}}, "tokens: eos needs tokenizer or sentencepiece"),
    "an unknown format": (
        {"format": "arrow"},
        "format: unknown format 'arrow' (choose from: datatrove, jsonl.zst, mds, megatron, parquet)",
    ),
    "an unknown eos": ({"format": "datatrove", "tokens": {"eos": "</s>"}}, "tokens.eos: the tokenizer has no token '</s>'"),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD.keys())
def test_what_has_no_meaning_is_refused_in_one_line(change, message, outputs, tokenizer, tmp_path):
    tokens = change.get("tokens", {})
    if "eos" in tokens and "count" not in tokens:
        change = change | {"tokens": {**tokens, "tokenizer": str(tokenizer)}}
    with pytest.raises(CurriculumError) as caught:
        make({**PLAN, **change}, outputs, tmp_path / "cur")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "cur").exists()


@pytest.mark.parametrize(
    ("kind", "module", "extra"),
    [("mds", "streaming", "mds"), ("megatron", "datatrove", "token-files"), ("datatrove", "datatrove", "token-files")],
)
def test_a_missing_package_is_named_with_its_extra_before_anything_is_written(
    kind, module, extra, outputs, tokenizer, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    before = sorted(outputs[0].rglob("*"))
    with pytest.raises(CurriculumError, match=rf"format {kind} needs .*: {re.escape(install_hint(extra))}$") as caught:
        make(plan(tokenizer, kind), outputs, tmp_path / "cur")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "cur").exists()
    assert sorted(outputs[0].rglob("*")) == before


def test_a_tokenizer_that_changes_between_the_passes_leaves_no_file(outputs, tokenizer, tmp_path):
    pytest.importorskip("datatrove", reason="the extra `token-files` is not installed")
    (tmp_path / "tokenizer.json").write_bytes(tokenizer.read_bytes())
    content = {"phases": [{"name": "one", "tokens": 3000}], "tokens": {"tokenizer": str(tmp_path)}, "format": "megatron"}
    planned = make_curriculum(load_plan(_file(tmp_path, content)), outputs, QUIET)
    model = json.loads(tokenizer.read_text("utf-8"))
    model["model"]["merges"] = []
    (tmp_path / "tokenizer.json").write_text(json.dumps(model), "utf-8")
    with pytest.raises(CurriculumError, match=r"01-one/part-00000: .*the tokenizer is not the one that counted"):
        write_curriculum(planned, tmp_path / "cur", QUIET)
    assert not (tmp_path / "cur/01-one").exists()

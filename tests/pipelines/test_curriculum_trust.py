"""Held-out texts are in no phase in any spelling, no text holds a control token, and files are looked at."""

import subprocess
import sys
import unicodedata
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curricle.errors import OutputError
from curricle.pipelines.curriculum.plan_file import load_plan
from curricle.pipelines.curriculum.run import make_curriculum, write_curriculum
from curricle.pipelines.curriculum.tokens import load_encoder
from curricle.pipelines.curriculum.verify import verify_curriculum
from curricle.schemas.curriculum import Tokens
from curricle.schemas.shards import document_id

sys.path.append(str(Path(__file__).parent))

from curriculum_outputs import QUIET, make, rows, store

CLI = [sys.executable, "-c", "from curricle.pipelines.cli.main import main; main()"]
PHASES = [{"name": "broad", "tokens": 40_000}, {"name": "best-ones", "tokens": 30_000}]
PLAN = {"seed": 1, "heldout": {"share": 0.1}, "shard_bytes": 10_000, "phases": PHASES}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory) -> list[Path]:
    return [store(rows(600, "a.jsonl", 1), tmp_path_factory.mktemp("outputs") / "one", 2)]


@pytest.fixture
def made(outputs, tmp_path) -> Path:
    make(PLAN, outputs, tmp_path / "cur")
    return tmp_path / "cur"


def again(made: Path, outputs: list[Path]) -> bool:
    """Run the same plan again; whether it wrote something."""
    return write_curriculum(make_curriculum(load_plan(str(made.parent / "cur.yaml")), outputs, QUIET), made, QUIET)


SPELLINGS = {
    "as it is": lambda text: text,
    "line end": lambda text: text + "\n",
    "CR LF": lambda text: text.replace("\n", "\r\n"),
    "NFD": lambda text: unicodedata.normalize("NFD", text),
    "two spaces": lambda text: text.replace(" ", "  "),
    "no-break spaces": lambda text: text.replace(" ", "\u00a0"),
    "one capital": lambda text: text[:3] + text[3:].capitalize(),
    "no full stops": lambda text: text.replace(".", ""),
    "soft hyphens": lambda text: text.replace("l", "l\u00ad"),
}


def test_no_spelling_of_a_held_out_text_is_in_a_phase(tmp_path):
    texts = [f"Göl suyu {n} metre derin.\nYasa {n} maddeden oluşur. {'Bilgi ' * (n % 7)}" for n in range(60)]
    spelled = [(number, spell(text)) for number, text in enumerate(texts) for spell in SPELLINGS.values()]
    table = pa.table({"id": [document_id("a", n) for n in range(len(spelled))], "text": [text for _, text in spelled]})
    table = table.append_column("which", pa.array([number for number, _ in spelled], pa.int32()))
    output = store(table, tmp_path / "out", 3)
    plan = {"heldout": {"share": 0.3}, "phases": [{"name": "one", "tokens": 5000}]}
    make(plan, [output], tmp_path / "cur")
    held = pq.read_table(tmp_path / "cur/heldout")["which"].to_pylist()
    assert len(held) == len(SPELLINGS) * len(set(held)) > 0
    assert not set(held) & set(pq.read_table(tmp_path / "cur/01-one")["which"].to_pylist())


def test_texts_of_punctuation_alone_are_not_the_same(tmp_path):
    texts = ["!!!", "...", "???", "* * *", ""] * 20
    output = store(pa.table({"id": [document_id("a", n) for n in range(100)], "text": texts}), tmp_path / "out", 1)
    make({"heldout": {"share": 0.5}, "phases": [{"name": "one", "tokens": 20}]}, [output], tmp_path / "cur")
    assert {*pq.read_table(tmp_path / "cur/01-one")["text"].to_pylist()}


def hugging_face(folder: Path) -> Path:
    """A byte-level tokenizer with two special tokens and an added one that is none."""
    tokenizers = pytest.importorskip("tokenizers", reason="the extra `tokenizers` is not installed")
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<|endoftext|>", "<|im_start|>"], show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    made.train_from_iterator(["some text of words"], trainer)
    made.add_tokens(["    "])
    made.save(str(folder / "tokenizer.json"))
    return folder / "tokenizer.json"


def sentencepiece(folder: Path) -> Path:
    """A SentencePiece model, whose control tokens are <s> and </s>."""
    package = pytest.importorskip("sentencepiece")
    path = folder / "sp.model"
    with path.open("wb") as file:
        package.SentencePieceTrainer.train(
            sentence_iterator=iter(["some text of words </s> <s>"] * 20), model_writer=file, vocab_size=30, minloglevel=2,
            hard_vocab_limit=False, byte_fallback=False,
        )  # fmt: skip
    return path


@pytest.mark.parametrize(
    ("kind", "make_model", "control"),
    [("tokenizer", hugging_face, ["<|endoftext|>", "<|im_start|>"]), ("sentencepiece", sentencepiece, ["<s>", "</s>"])],
)
def test_a_text_that_spells_a_control_token_never_holds_it(kind, make_model, control, tmp_path):
    path = str(make_model(tmp_path))
    plain = load_encoder(Tokens.model_validate({kind: path}))
    strict = load_encoder(Tokens.model_validate({kind: path, "control_tokens": "leave_out"}))
    ended = load_encoder(Tokens.model_validate({kind: path, "eos": control[0]}))
    numbers = {name: ended.encode("text")[-1] for name in control[:1]}
    for name in control:
        text = f"some {name} text"
        ids = plain.encode(text)
        assert len(ids) > len(plain.encode("some text"))
        assert not {*ids} & {*numbers.values()}
        assert strict.encode(text) == []
        assert ended.encode(text)[:-1] == ids
    assert strict.encode("some text") == plain.encode("some text") != []
    assert len({plain.sha256, strict.sha256, ended.sha256}) == 3


def test_an_added_token_that_controls_nothing_is_still_one_token(tmp_path):
    encode = load_encoder(Tokens(tokenizer=str(hugging_face(tmp_path)))).encode
    assert len(encode("a    b")) < len(encode("a   b"))


def test_documents_that_spell_a_control_token_can_be_left_out(tmp_path):
    texts = [f"some text {n}" + (" <|endoftext|>" if n % 5 == 0 else "") for n in range(200)]
    output = store(pa.table({"id": [document_id("a", n) for n in range(200)], "text": texts}), tmp_path / "out", 1)
    plan = {"tokens": {"tokenizer": str(hugging_face(tmp_path)), "control_tokens": "leave_out"}}
    record = make({**plan, "phases": [{"name": "one", "tokens": 800}]}, [output], tmp_path / "cur")
    assert record["spell_control_tokens"] == 40
    assert not [text for text in pq.read_table(tmp_path / "cur/01-one")["text"].to_pylist() if "<|" in text]


def test_datasets_loads_phases_in_their_order_and_held_out_sets_as_tests(made):
    datasets = pytest.importorskip("datasets")
    every = datasets.load_dataset(str(made), cache_dir=str(made.parent / "cache"))
    assert list(every) == ["phase_01_broad", "phase_02_best_ones", "test"]
    files = sorted((made / "01-broad").glob("*.parquet"))
    assert len(files) > 2
    ids = [name for path in files for name in pq.read_table(path)["id"].to_pylist()]
    assert every["phase_01_broad"]["id"][:] == ids
    one = datasets.load_dataset(str(made), "01-broad", split="train", streaming=True)
    assert [row["id"] for row in one] == ids
    held = datasets.load_dataset(str(made), "heldout", split="test", cache_dir=str(made.parent / "cache"))
    assert sorted(held["id"][:]) == sorted(pq.read_table(made / "heldout")["id"].to_pylist())


def test_datasets_loads_json_lines_and_several_held_out_sets(outputs, tmp_path):
    datasets = pytest.importorskip("datasets")
    sets = [
        {"name": "tr-law", "share": 0.3, "where": {"language": "tr"}},
        {"name": "en", "share": 0.2, "where": {"language": "en"}},
    ]
    make({**PLAN, "format": "jsonl.zst", "heldout": sets}, outputs, tmp_path / "cur")
    every = datasets.load_dataset(str(tmp_path / "cur"), cache_dir=str(tmp_path / "cache"))
    assert list(every) == ["phase_01_broad", "phase_02_best_ones", "test_tr_law", "test_en"]


def test_the_card_of_token_files_names_no_configurations(outputs, tmp_path):
    pytest.importorskip("datatrove")
    make({**PLAN, "format": "megatron", "tokens": {"tokenizer": str(hugging_face(tmp_path))}}, outputs, tmp_path / "cur")
    card = (tmp_path / "cur/README.md").read_text()
    assert card.startswith("# A curriculum made by curricle")
    assert "load_dataset" not in card
    assert list(verify_curriculum(tmp_path / "cur")) == []


def test_a_whole_curriculum_verifies(made):
    assert list(verify_curriculum(made)) == []
    done = subprocess.run([*CLI, "verify", str(made)], capture_output=True, text=True, check=True)
    assert done.stdout == f"{made}: all hashes match\n"


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-50])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(("change", "made_again"), [(cut, True), (Path.unlink, True), (flip, False)])
def test_a_changed_file_is_found_and_a_cut_one_made_again(change, made_again, made, outputs):
    before = {path.relative_to(made): path.read_bytes() for path in made.rglob("*") if path.is_file()}
    path = sorted((made / "01-broad").glob("*.parquet"))[1]
    change(path)
    (problem, *_) = verify_curriculum(made)
    assert problem.startswith(f"{path}: ")
    assert again(made, outputs) is made_again
    assert (list(verify_curriculum(made)) == []) is made_again
    if made_again:
        assert {path.relative_to(made): path.read_bytes() for path in made.rglob("*") if path.is_file()} == before


def test_a_file_that_does_not_belong_there_is_named(made):
    (made / "01-broad/part-99999.parquet").write_bytes(b"x")
    assert list(verify_curriculum(made)) == [f"{made}/01-broad/part-99999.parquet: not listed in curriculum.json"]


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"phases": [1], "heldout": []}'])
def test_a_damaged_record_is_one_line(content, made, outputs):
    (made / "curriculum.json").write_bytes(content)
    message = "curriculum.json is damaged; delete it and run the same `curricle curriculum` command again"
    with pytest.raises(OutputError, match=message):
        list(verify_curriculum(made))
    with pytest.raises(OutputError, match=message):
        again(made, outputs)


def test_an_unfinished_curriculum_is_one_line(made):
    (made / "curriculum.json").unlink()
    (made / "_work").mkdir()
    (made / "_work/plan").write_text("x")
    assert list(verify_curriculum(made)) == [f"{made}: not finished; run the same `curricle curriculum` command again"]


def test_counts_in_the_record_are_compared(made):
    record = orjson.loads((made / "curriculum.json").read_bytes())
    record["phases"][0]["rows"] += 1
    (made / "curriculum.json").write_bytes(orjson.dumps(record))
    (problem,) = verify_curriculum(made)
    assert f"{made / '01-broad'}: " in problem
    assert "recorded" in problem


def met(made: Path) -> list[tuple[int, int]]:
    """Tokens asked and met, by phase."""
    record = orjson.loads((made / "curriculum.json").read_bytes())
    return [(phase["tokens_asked"], phase["tokens_met"]) for phase in record["phases"]]


def test_a_phase_of_many_small_cells_meets_its_budget_within_one_document(outputs, tmp_path):
    by = ["language", "domain", {"column": "ppl", "quantiles": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]}, "overall"]
    plan = {"phases": [{"name": "one", "tokens": 30_000, "mixture": {"by": by, "proportional": True}}]}
    record = make(plan, outputs, tmp_path / "cur")
    cells = record["phases"][0]["cells"]
    assert len(cells) > 200
    table = pq.read_table(tmp_path / "cur/01-one")
    mean, largest = sum(table["token_count"].to_pylist()) / len(table), max(table["token_count"].to_pylist())
    ((asked, found),) = met(tmp_path / "cur")
    assert abs(asked - found) <= mean
    assert all(abs(cell["tokens_asked"] - cell["tokens_met"]) <= largest for cell in cells.values())


def test_all_tokens_are_every_document_once(outputs, tmp_path):
    make(
        {"phases": [{"name": "one", "tokens": "all", "mixture": {"by": "domain", "proportional": True}}]},
        outputs,
        tmp_path / "cur",
    )
    rows = pq.read_table(tmp_path / "cur/01-one")
    assert sorted(rows["id"].to_pylist()) == sorted(pq.read_table(outputs[0] / "kept")["id"].to_pylist())
    ((asked, found),) = met(tmp_path / "cur")
    assert asked == found


def test_all_tokens_with_weights_are_what_the_scarcest_cell_allows(outputs, tmp_path):
    mixture = {"by": "language", "weights": {"tr": 0.2, "en": 0.8}}
    first = {"name": "one", "tokens": "all", "mixture": mixture}
    again = {"name": "two", "tokens": "all", "replay": {"from": ["one"], "share": 0.25}}
    record = make({"phases": [first, again]}, outputs, tmp_path / "cur")
    cells = record["phases"][0]["cells"]
    assert cells["en"]["tokens_met"] == cells["en"]["tokens_there"]
    assert cells["en"]["share_met"] == pytest.approx(0.8, abs=0.01)
    replay = record["phases"][1]["replay"]
    assert replay["tokens_met"] / record["phases"][1]["tokens_met"] == pytest.approx(0.25, abs=0.01)
    (_, one), (_, two) = met(tmp_path / "cur")
    assert one + two - replay["tokens_met"] == sum(
        len(text.encode()) for text in pq.read_table(outputs[0] / "kept")["text"].to_pylist()
    )

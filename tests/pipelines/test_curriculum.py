"""`curricle curriculum` over files: recounted with DuckDB, the same from any storage, refused in one line, gone on with."""

import io
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import orjson
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
import zstandard

from curricle.models.cards import file_sha256
from curricle.pipelines.curriculum.errors import CurriculumError
from curricle.pipelines.curriculum.plan_file import SHIPPED, load_plan
from curricle.pipelines.curriculum.run import make_curriculum, write_curriculum
from curricle.pipelines.output.manifest import OutputError
from curricle.schemas.yaml_file import shipped

sys.path.append(str(Path(__file__).parent))

from curriculum_outputs import QUIET, make, rows, store

CLI = [sys.executable, "-c", "from curricle.pipelines.cli.main import main; main()"]
PHASES, HELDOUT = "read_parquet('CUR/0*/*.parquet')", "read_parquet('CUR/heldout/**/*.parquet')"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory) -> list[Path]:
    root = tmp_path_factory.mktemp("outputs")
    return [store(rows(2500, "a.jsonl", 1), root / "one", 3), store(rows(1500, "b.jsonl", 2), root / "two", 1)]


PLAN: dict[str, Any] = {
    "seed": 3,
    "heldout": {"share": 0.05},
    "shard_bytes": 40_000,
    "phases": [
        {"name": "broad", "tokens": 200_000, "mixture": {"by": "domain", "proportional": True}},
        {
            "name": "best",
            "tokens": 150_000,
            "mixture": {"by": ["language", "domain"], "weights": {"tr/Law": 0.5, "en/Culture": 0.2, "tr/null": 0.3}},
            "select": {"method": "top", "score": {"columns": {"quality": 1, "ppl": -0.5}}},
            "order": {"method": "sorted", "by": "ppl", "direction": "down"},
            "replay": {"from": ["broad"], "share": 0.1},
            "repeats": 20,
        },
        {
            "name": "mixed",
            "tokens": 250_000,
            "where": {"language": "tr", "overall": {"min": 2}},
            "mixture": {"by": ["domain", {"column": "ppl", "quantiles": [0.5]}], "proportional": True},
            "select": {"method": "gumbel", "score": "quality", "temperature": 2.0, "nulls": "last"},
            "order": {"method": "interleaved", "window": 50_000, "tolerance": 0.05},
            "replay": {"pool": "all", "share": 0.2},
        },
    ],
}


def changed(**top: Any) -> dict[str, Any]:
    return {**PLAN, **top}


def phase(**fields: Any) -> dict[str, Any]:
    return {"phases": [{"name": "one", "tokens": 1000, **fields}]}


@pytest.fixture(scope="module")
def made(outputs, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("made") / "cur"
    make(PLAN, outputs, output)
    return output


def ask(query: str, output: Path) -> list[tuple[Any, ...]]:
    return duckdb.sql(query.replace("CUR", str(output))).fetchall()


def data_files(output: Path) -> dict[str, bytes]:
    return {path.relative_to(output).as_posix(): path.read_bytes() for path in sorted(output.rglob("part-*"))}


def test_budgets_are_met_to_half_a_document_a_cell(made):
    record = orjson.loads((made / "curriculum.json").read_bytes())
    largest = ask("select max(strlen(text)) from read_parquet('CUR/*/*.parquet')", made)[0][0]
    for number, (asked, entry) in enumerate(zip(PLAN["phases"], record["phases"], strict=True), 1):
        (found,) = ask(
            f"select sum(token_count), sum(strlen(text)), count(*), count(distinct id) "
            f"from read_parquet('CUR/{number:02}-{asked['name']}/*.parquet')",
            made,
        )
        assert found == (entry["tokens_met"], entry["tokens_met"], entry["rows"], entry["documents"])
        assert abs(found[0] - asked["tokens"]) <= largest / 2 * (len(entry["cells"]) + 1)


def test_shares_are_within_half_a_point(made, outputs):
    met = ask(
        "select language || '/' || coalesce(domain, 'null'), sum(token_count) / sum(sum(token_count)) over () "
        "from read_parquet('CUR/02-best/*.parquet') where phase_origin = 'best' group by 1",
        made,
    )
    assert dict(met) == pytest.approx({"tr/Law": 0.5, "en/Culture": 0.2, "tr/null": 0.3}, abs=0.005)
    held = {one for (one,) in ask("select text from read_parquet('CUR/heldout/*.parquet')", made)}
    there: dict[str, int] = {}
    for output in outputs:
        for row in pq.read_table(output / "kept").to_pylist():
            if row["text"] not in held:
                name = row["domain"] or "null"
                there[name] = there.get(name, 0) + len(row["text"].encode())
    broad = ask(
        "select coalesce(domain, 'null'), sum(token_count) / sum(sum(token_count)) over () "
        "from read_parquet('CUR/01-broad/*.parquet') group by 1",
        made,
    )
    assert dict(broad) == pytest.approx({name: count / sum(there.values()) for name, count in there.items()}, abs=0.005)


def test_no_text_that_is_held_out_is_in_a_phase(made, outputs):
    tables = ", ".join(f"'{output}/kept/*.parquet'" for output in outputs)
    (count, texts), *_ = ask("select count(*), count(distinct text) from read_parquet('CUR/heldout/*.parquet')", made)
    assert count > texts  # a copy went with its original
    everywhere = (
        f"(select text from read_parquet([{tables}]) where text in (select text from read_parquet('CUR/heldout/*.parquet')))"
    )
    assert ask(f"select count(*) from {everywhere}", made) == [(count,)]
    assert 0.03 < count / 4000 < 0.07
    assert ask(f"select count(*) from {PHASES} semi join {HELDOUT} using (text)", made) == [(0,)]


def test_repeats_and_replays_are_marked_and_bounded(made):
    fresh = f"(select phase, id, count(*) n from {PHASES} where phase = phase_origin group by all)"
    most = {"broad": 1, "best": 20, "mixed": 1}
    found = dict(ask(f"select phase, max(n) from {fresh} group by 1", made))
    assert found.keys() == most.keys()
    assert all(count <= most[name] for name, count in found.items())
    assert found["best"] > 1  # there is little of tr/null
    again = dict(ask(f"select phase, sum(token_count) from {PHASES} where phase != phase_origin group by 1", made))
    assert {name: round(tokens / 1000) for name, tokens in again.items()} == {"best": 15, "mixed": 50}
    origins = dict(ask(f"select phase, list_sort(list(distinct phase_origin)) from {PHASES} group by 1", made))
    assert origins == {"broad": ["broad"], "best": ["best", "broad"], "mixed": ["best", "broad", "mixed", "pool"]}
    # appearances of a document are numbered 0, 1, 2 ..
    odd = "having max(repeat) + 1 != count(*) or count(distinct repeat) != count(*)"
    assert ask(f"select count(*) from (select id from {PHASES} group by id {odd})", made) == [(0,)]


def test_a_table_repeats_every_drawn_document_as_fineweb2_rehydrates(outputs, tmp_path):
    one = {
        "name": "one",
        "tokens": 300_000,
        "where": {"language": "tr"},
        "mixture": {"by": "domain", "weights": {"Law": 0.5, "Culture": 0.5}},
        "repeats": {"by": "cluster", "table": {1: 1, 2: 2, 3: 3, 5: 5, 100: 8, 1000: 1}},
    }
    record = make({"phases": [one], "heldout": {"share": 0.05}}, outputs, tmp_path / "cur")["phases"][0]
    times = (
        "case when cluster is null then 1 when cluster < 4 then cluster when cluster = 4 then 3 "
        "when cluster < 100 then 5 when cluster < 1000 then 8 else 1 end"
    )
    counted = (
        f"(select id, domain, {times} times, count(*) n, max(repeat) last, any_value(token_count) t from {PHASES} group by all)"
    )
    assert ask(f"select count(*) from {counted} where n != times or last + 1 != n", tmp_path / "cur") == [(0,)]
    assert ask(f"select list_sort(list(distinct n)) from {counted}", tmp_path / "cur") == [([1, 2, 3, 5, 8],)]
    (largest,) = ask(f"select max(t * n) from {counted}", tmp_path / "cur")[0]
    for domain, tokens, documents in ask(f"select domain, sum(t * n), count(*) from {counted} group by 1", tmp_path / "cur"):
        assert abs(tokens - 150_000) <= largest / 2
        assert record["cells"][domain]["tokens_met"] == tokens
        assert record["cells"][domain]["documents"] == documents
        tables = ", ".join(f"'{output}/kept/*.parquet'" for output in outputs)
        there = f"from read_parquet([{tables}]) where domain = '{domain}' and language = 'tr'"
        free = f"text not in (select text from {HELDOUT})"
        assert ask(f"select sum(strlen(text) * {times}) {there} and {free}", tmp_path / "cur") == [
            (record["cells"][domain]["tokens_there"],)
        ]
    assert (record["repeats_allowed"], record["repeats_by"]) == (8, "cluster")


def test_phases_are_in_their_order_and_files_hold_about_the_asked_bytes(made):
    best = pq.read_table(made / "02-best")["ppl"].to_pylist()
    assert best == sorted(best, reverse=True)
    broad = pq.read_table(made / "01-broad")
    files = "read_parquet('CUR/01-broad/*.parquet', filename=true)"
    sizes = [size for (size,) in ask(f"select sum(strlen(text)) from {files} group by filename", made)]
    assert len(sizes) == 5
    assert max(sizes) < 41_000
    assert abs(np.corrcoef(broad["source_offset"], np.arange(broad.num_rows))[0, 1]) < 0.1
    mixed = orjson.loads((made / "03-mixed/_meta/phase.json").read_bytes())
    assert mixed["order"]["within_tolerance"] is (mixed["order"]["worst_difference"] <= 0.05)
    assert mixed["order"]["worst_difference"] < 0.02


def test_every_file_has_the_columns_of_the_input_and_four_more(made, outputs):
    names = [*pq.read_schema(outputs[0] / "kept/part-0.parquet").names, "token_count", "phase", "phase_origin", "repeat"]
    schemas = [pq.read_schema(path) for path in made.rglob("*.parquet")]
    assert all(schema.equals(schemas[0]) for schema in schemas)
    assert schemas[0].names == names
    assert [str(schemas[0].field(name).type) for name in names[-4:]] == ["int64", "string", "string", "int32"]
    record = orjson.loads((made / "curriculum.json").read_bytes())
    listed = {file["path"]: file["sha256"] for part in (*record["phases"], *record["heldout"]) for file in part["files"]}
    assert listed == {name: file_sha256(made / name) for name in data_files(made)}
    assert sorted(path.name for path in made.iterdir()) == [
        "01-broad",
        "02-best",
        "03-mixed",
        "README.md",
        "_lock",
        "curriculum.json",
        "heldout",
    ]


def test_the_same_bytes_from_shuffled_and_resharded_input(made, outputs, tmp_path):
    rng = np.random.default_rng(5)
    everything = [pq.read_table(output / "kept") for output in outputs]
    moved = store(pa.concat_tables(everything), tmp_path / "moved", 7, rng.permutation(4000))
    make(PLAN, [moved], tmp_path / "cur")
    assert data_files(tmp_path / "cur") == data_files(made)


def test_another_seed_chooses_other_documents(made, outputs, tmp_path):
    make(changed(seed=4), outputs, tmp_path / "cur")
    mine, other = (set(pq.read_table(path / "01-broad")["id"].to_pylist()) for path in (made, tmp_path / "cur"))
    assert len(mine & other) < 0.5 * len(mine)


def test_the_same_command_again_changes_nothing_and_another_plan_is_refused(made, outputs):
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*") if path.is_file() and path.name != "_lock"}
    plan = load_plan(str(made.parent / "cur.yaml"))
    assert not write_curriculum(make_curriculum(plan, outputs, QUIET), made, QUIET)
    other = plan.model_copy(update={"seed": 9})
    with pytest.raises(CurriculumError, match="made with another plan or from other documents; choose another output folder"):
        write_curriculum(make_curriculum(other, outputs, QUIET), made, QUIET)
    assert before == {path: path.stat().st_mtime_ns for path in before}


def kill_with_children(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGSTOP)  # it hands out no more work while its children are listed
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    psutil.wait_procs(family, timeout=30)


@pytest.mark.parametrize("seen", ["_work/fragments-*.json", "_work/file-*.json"])
def test_killed_in_the_middle_the_same_command_goes_on(seen, made, outputs, tmp_path):
    sources = [part for output in outputs for part in ("--from", str(output))]
    command = [
        *CLI,
        "curriculum",
        str(made.parent / "cur.yaml"),
        *sources,
        "--output",
        str(tmp_path / "cur"),
        "--workers",
        "1",
        "--quiet",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not any((tmp_path / "cur").glob(seen)) and process.poll() is None:
        assert time.monotonic() < deadline
    kill_with_children(process)
    assert any((tmp_path / "cur").glob(seen))
    assert not (tmp_path / "cur/curriculum.json").exists()
    assert subprocess.run(command, stdout=subprocess.DEVNULL, timeout=120, check=False).returncode == 0
    assert data_files(tmp_path / "cur") == data_files(made)
    assert not (tmp_path / "cur/_work").exists()


def test_an_unfinished_output_of_another_plan_is_refused(made, outputs, tmp_path):
    (tmp_path / "cur/_work").mkdir(parents=True)
    (tmp_path / "cur/_work/plan").write_text("0" * 64)
    planned = make_curriculum(load_plan(str(made.parent / "cur.yaml")), outputs, QUIET)
    with pytest.raises(CurriculumError, match="made with another plan"):
        write_curriculum(planned, tmp_path / "cur", QUIET)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    with pytest.raises(CurriculumError, match="not empty, and not made by `curricle curriculum`; choose another output folder"):
        write_curriculum(planned, tmp_path / "full", QUIET)


def test_jsonl_holds_the_same_rows_in_the_same_order(made, outputs, tmp_path):
    make(changed(format="jsonl.zst"), outputs, tmp_path / "cur")
    for number in ("01-broad/part-00002", "02-best/part-00000"):
        data = (tmp_path / "cur" / f"{number}.jsonl.zst").read_bytes()
        lines = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read().splitlines()
        assert [json.loads(line) for line in lines] == pq.read_table(made / f"{number}.parquet").to_pylist()


def test_several_held_out_sets_have_their_own_folders_and_share_no_text(outputs, tmp_path):
    sets = [
        {"name": "law", "share": 0.1, "where": {"domain": "Law"}},
        {"name": "rest", "share": 0.05, "where": {"domain": ["Culture", "Technology", "Medicine"]}},
    ]
    make(changed(heldout=sets), outputs, tmp_path / "cur")
    counts = dict(ask("select phase, count(*) from read_parquet('CUR/heldout/*/*.parquet') group by 1", tmp_path / "cur"))
    assert counts.keys() == {"law", "rest"}
    assert 60 < counts["law"] < 150
    shared = f"(select text from {HELDOUT} group by 1 having count(distinct phase) > 1)"
    assert ask(f"select count(*) from {shared}", tmp_path / "cur") == [(0,)]
    assert ask(f"select count(*) from {PHASES} semi join {HELDOUT} using (text)", tmp_path / "cur") == [(0,)]


def test_a_tokenizer_counts_once_and_a_new_plan_reads_no_text(outputs, tmp_path):
    sentencepiece = pytest.importorskip("sentencepiece")
    texts = pq.read_table(outputs[0] / "kept")["text"].to_pylist()
    model = tmp_path / "sp.model"
    with model.open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts), model_writer=file, vocab_size=60, minloglevel=2, hard_vocab_limit=False
        )
    plan = phase(tokens=5000) | {"tokens": {"sentencepiece": str(model)}}
    make(plan, outputs, tmp_path / "cur")
    processor = sentencepiece.SentencePieceProcessor(model_file=str(model))
    table = pq.read_table(tmp_path / "cur/01-one")
    assert table["token_count"].to_pylist() == [len(processor.encode(text)) for text in table["text"].to_pylist()]
    measures = {path: path.stat().st_mtime_ns for output in outputs for path in (output / "_measures").iterdir()}
    make(plan | {"seed": 2}, outputs, tmp_path / "again")
    assert {path: path.stat().st_mtime_ns for output in outputs for path in (output / "_measures").iterdir()} == measures


def test_a_hugging_face_tokenizer_counts_as_it_encodes(outputs, tmp_path):
    tokenizers = pytest.importorskip("tokenizers", reason="the extra `tokenizers` is not installed")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="?"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    texts = pq.read_table(outputs[0] / "kept")["text"].to_pylist()
    tokenizer.train_from_iterator(texts, tokenizers.trainers.BpeTrainer(vocab_size=60, special_tokens=["?"], show_progress=False))
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    make(phase(tokens=5000) | {"tokens": {"tokenizer": str(tmp_path)}}, outputs, tmp_path / "cur")
    table = pq.read_table(tmp_path / "cur/01-one")
    assert table["token_count"].to_pylist() == [len(tokenizer.encode(text).ids) for text in table["text"].to_pylist()]


ONLY_LAW = {"by": "domain", "weights": {"Law": 1.0}}
TWO = [{"name": "one", "tokens": 1000}, {"name": "two", "tokens": 10_000, "replay": {"from": ["one"], "share": 0.5}}]
OVERLAPPING = [{"name": "a", "share": 0.1, "where": {"domain": "Law"}}, {"name": "b", "share": 0.1}]
BAD = {
    "more tokens than there are": (
        phase(tokens=10**9),
        r"phase 'one': cell 'all': 1,000,000,000 tokens asked, [\d,]+ there with repeats 1",
    ),
    "more than a cell has": (
        phase(tokens=10**6, mixture=ONLY_LAW, repeats=2),
        r"phase 'one': cell 'Law': 1,000,000 tokens asked, [\d,]+ there with repeats 2",
    ),
    "more than a cell has with a table": (
        phase(tokens=10**7, mixture=ONLY_LAW, repeats={"by": "cluster", "table": {2: 2}}),
        r"phase 'one': cell 'Law': 10,000,000 tokens asked, [\d,]+ there with repeats by cluster",
    ),
    "text that a table looks up": (
        phase(repeats={"by": "domain", "table": {1: 1}}),
        "column 'domain' is text; a number is required",
    ),
    "a table of no column": (phase(repeats={"table": {1: 1}}), "phases.0.repeats: give either a number, or a column in `by`"),
    "no times": (
        phase(repeats={"by": "cluster", "table": {1: 0}}),
        "repeats.table.1 must be between 1 and 100, not 0",
    ),
    "more than all cells have": (
        phase(tokens=10**9, mixture={**ONLY_LAW, "when_short": "rest"}),
        r"phase 'one': 1,000,000,000 tokens asked, [\d,]+ there with repeats 1",
    ),
    "more replay than there is": ({"phases": TWO}, r"phase 'two': replay: 5,000 tokens asked, one has [\d,]+"),
    "an unknown column": (
        phase(select={"method": "top", "score": "qualty"}),
        r"one: no column 'qualty'; did you mean 'quality'\?",
    ),
    "text as a score": (phase(select={"method": "top", "score": "domain"}), "column 'domain' is text; a number is required"),
    "an unknown cell": (
        phase(mixture={"by": "domain", "weights": {"Lwa": 1.0}}),
        r"phase 'one': mixture.weights: no document is in cell 'Lwa'; did you mean 'Law'\?",
    ),
    "an unknown value": (
        phase(where={"language": "de"}),
        r"where.language: no document has the value 'de' \(choose from: en, tr\)",
    ),
    "shares that do not sum to 1": (
        phase(mixture={"by": "domain", "weights": {"Law": 0.5, "Culture": 0.4}}),
        r"phases.0.mixture: weights must sum to 1, not 0.9",
    ),
    "null scores": (
        phase(select={"method": "top", "score": "quality", "nulls": "error"}),
        r"phase 'one': 1,\d+ documents have no quality; with nulls: error that is not allowed \(choose drop or last\)",
    ),
    "overlapping held-out sets": (
        phase() | {"heldout": OVERLAPPING},
        r"heldout: 'a' and 'b' overlap: [\d,]+ documents match both `where`",
    ),
    "a SentencePiece model that is not there": (
        phase() | {"tokens": {"sentencepiece": "no.model"}},
        "tokens.sentencepiece: 'no.model' cannot be loaded: .*No such file",
    ),
    "two units": (
        phase() | {"tokens": {"count": "bytes", "tokenizer": "x"}},
        "tokens: give exactly one of count, tokenizer and sentencepiece",
    ),
    "a misspelt key": (phase(mixtur={}), r"phases.0.mixtur: unknown key; did you mean 'mixture'\?"),
    "two phases of one name": ({"phases": [TWO[0], TWO[0]]}, "two phases or held-out sets are named 'one'"),
    "replay of a later phase": (
        phase(replay={"from": ["two"], "share": 0.1}),
        "'one' replays 'two', which is not an earlier phase",
    ),
    "no phases": ({"phases": []}, "phases must not be empty"),
    "fractions as cells": (phase(mixture={"by": "ppl", "proportional": True}), "mixture.by: ppl is not a whole number"),
    "words where numbers are": (phase(where={"overall": ["five"]}), r"the column holds numbers, not 'five'"),
}


@pytest.mark.parametrize(("plan", "message"), BAD.values(), ids=BAD.keys())
def test_bad_plans_are_one_line_before_anything_is_written(plan, message, outputs, tmp_path):
    with pytest.raises(CurriculumError, match=message) as caught:
        make(plan, outputs, tmp_path / "cur")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "cur").exists()


def test_a_tokenizer_that_cannot_be_loaded_is_one_line(outputs, tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(CurriculumError, match=r"cannot be loaded|needs the package tokenizers") as caught:
        make(phase() | {"tokens": {"tokenizer": str(tmp_path)}}, outputs, tmp_path / "cur")
    assert "\n" not in str(caught.value)


@pytest.fixture
def copied(outputs, tmp_path) -> Path:
    return Path(shutil.copytree(outputs[1], tmp_path / "copy"))


def test_outputs_that_cannot_be_used_are_one_line(outputs, copied, tmp_path):
    plan = load_plan(str(_file(tmp_path, phase())))
    with pytest.raises(CurriculumError, match="the same output is named twice"):
        make_curriculum(plan, [outputs[0], outputs[0]], QUIET)
    with pytest.raises(CurriculumError, match="contain the same document; outputs must not overlap"):
        make_curriculum(plan, [outputs[1], copied], QUIET)
    pq.write_table(pq.read_table(copied / "kept/part-0.parquet").slice(1), copied / "kept/part-0.parquet")
    with pytest.raises(CurriculumError, match="1499 rows, but its manifest says 1500"):
        make_curriculum(plan, [copied], QUIET)
    (copied / "kept/part-0.parquet").write_bytes(b"not Parquet")
    with pytest.raises(CurriculumError, match=r"part-0.parquet: Parquet"):
        make_curriculum(plan, [copied], QUIET)
    (copied / "run.json").write_bytes(orjson.dumps({"finished": False, "failed": {}}))
    with pytest.raises(OutputError, match="this run is not finished"):
        make_curriculum(plan, [copied], QUIET)


def _file(folder: Path, plan: dict[str, Any]) -> Path:
    path = folder / "plan.yaml"
    path.write_text(yaml.safe_dump(plan), "utf-8")
    return path


def cli(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [*CLI, "curriculum", *map(str, arguments), "--quiet"]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def test_a_dry_run_shows_what_falls_short_and_writes_nothing(outputs, tmp_path):
    plan = _file(tmp_path, phase(tokens=10**6, mixture={"by": "domain", "weights": {"Law": 0.9, "Culture": 0.1}}, repeats=3))
    done = cli(plan, "--from", outputs[0], "--output", tmp_path / "cur", "--dry-run")
    assert done.returncode == 1
    assert "phase 'one': cell 'Law': 900,000 tokens asked" in done.stdout
    law = next(line.split("│") for line in done.stdout.splitlines() if "  Law " in line)
    there, epochs = int(law[2].replace(",", "")), float(law[-2])
    texts = pq.read_table(outputs[0] / "kept", filters=[("domain", "=", "Law")])["text"].to_pylist()
    assert there == sum(len(text.encode()) for text in texts)
    assert epochs == round(900_000 / there, 2)
    assert not (tmp_path / "cur").exists()
    refused = cli(plan, "--from", outputs[0], "--output", tmp_path / "cur")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert refused.stderr.startswith("curricle: phase 'one': cell 'Law': 900,000 tokens asked")
    assert cli(plan, "--from", outputs[0]).returncode == 2
    assert "no plan named 'dmo'; did you mean 'demo'?" in cli("dmo", "--from", outputs[0], "--dry-run").stderr


@pytest.mark.parametrize("name", shipped(SHIPPED))
def test_every_shipped_plan_loads(name):
    assert load_plan(name).description


def lines(path: Path) -> list[str]:
    return io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(path.open("rb")), "utf-8").read().splitlines()


def test_the_four_turkish_phases_on_real_text_and_statutes(shared_data, tmp_path):
    general, law = (lines(shared_data / "clean_lm" / name) for name in ("tr.txt.zst", "tr_legal.txt.zst"))
    documents = ["\n".join(general[start : start + 20]) for start in range(0, len(general), 20)]
    (tmp_path / "general.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in documents), "utf-8")
    (tmp_path / "law.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in law), "utf-8")
    recipe = {
        "stages": {"extract": {}, "language": {"model": "lid.176"}, "perplexity": {}, "domain": {"model": "student"}},
        "decide": [{"name": "empty", "column": "text_chars", "min": 1, "on_null": "reject"}],
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe), "utf-8")
    inputs = [part for name in ("general", "law") for part in ("--input", str(tmp_path / f"{name}.jsonl"))]
    run = [*CLI, "run", str(tmp_path / "recipe.yaml"), *inputs, "--output", str(tmp_path / "out"), "--quiet"]
    assert subprocess.run(run, capture_output=True, timeout=240, check=False).returncode == 0
    plan = load_plan("turkish_legal")
    assert write_curriculum(make_curriculum(plan, [tmp_path / "out"], QUIET), tmp_path / "cur", QUIET)
    cur = tmp_path / "cur"
    for number, one in enumerate(plan.phases, 1):
        (found,) = ask(
            f"select sum(strlen(text)), min(strlen(text)) from read_parquet('CUR/{number:02}-{one.name}/*.parquet')", cur
        )
        assert found[0] == pytest.approx(one.tokens, rel=0.05)
    statutes = "count(*) filter (source like '%law%')"
    legal = ask(f"select phase_origin, count(*), {statutes} from {PHASES} where phase = 'legal' group by 1", cur)
    counts = {name: (count, statutes) for name, count, statutes in legal}
    assert counts.keys() == {"legal", "general"}
    assert counts["legal"][1] > 0.95 * counts["legal"][0]  # drawn by the domain model, which knows a statute
    lengths = pq.read_table(cur / "04-long")["token_count"].to_pylist()
    assert lengths == sorted(lengths)
    assert ask(f"select count(*) from {PHASES} semi join {HELDOUT} using (text)", cur) == [(0,)]


def test_the_example_reads_every_phase_in_its_order(made):
    example = Path(__file__).parents[2] / "examples/read_phases.py"
    done = subprocess.run(
        [sys.executable, str(example), str(made), "--block", "512"], capture_output=True, text=True, timeout=60, check=True
    )
    expected = []
    for folder in ("01-broad", "02-best", "03-mixed"):
        ((size, count),) = ask(f"select sum(strlen(text)), count(*) from read_parquet('CUR/{folder}/*.parquet')", made)
        expected.append(f"{folder}: {(size + count) // 512:,} blocks of 512 tokens")
    assert done.stdout.splitlines() == expected

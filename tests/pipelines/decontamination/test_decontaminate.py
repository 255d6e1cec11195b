"""`curricle decontaminate`: planted items in every form, hard negatives, the table, its report, and what is refused."""

import json
import random
import textwrap
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from curricle.pipelines.cli.main import group
from curricle.pipelines.decontamination import run as module
from curricle.pipelines.decontamination.report import CHARS

RECIPE = "stages: {extract: {}}\ndecide: [{name: short, column: text_chars, min: 200}]\n"

NAMES = ("Amira", "Bela", "Chloe", "Deniz", "Emeka", "Farid", "Greta", "Hiro")
THINGS = ("melons", "violins", "lanterns", "kettles", "sonnets", "canoes", "marbles", "turnips")
FILLER = (
    "The harbor was quiet when the ferry came in, and nobody on the pier looked up from the nets. "
    "A baker had set out loaves on a plank, and the smell went as far as the customs house. "
)
CONSTITUTION = (
    "We the People of the United States, in Order to form a more perfect Union, establish Justice, insure domestic Tranquility, "
    "provide for the common defence, promote the general Welfare, and secure the Blessings of Liberty to ourselves and our "
    "Posterity, do ordain and establish this Constitution for the United States of America."
)


def question(number: int) -> dict[str, str]:
    name, other = NAMES[number % 8], NAMES[(number // 8 + 3) % 8]
    thing, price = THINGS[(number * 3) % 8], 7 + number
    return {
        "question": f"{name} sells {price} {thing} on Monday and gives {number + 2} of them back to {other} the next morning. "
        f"How many {thing} does {name} have to borrow to double the sale by the end of week {number}?",
        "answer": f"{name} borrows {price * 2 - number} {thing}",
    }


QUESTIONS = [question(number) for number in range(40)]
PUBLIC = [
    {"question": f"“{CONSTITUTION}” Which body wrote the text above, and in which city?", "answer": "the Convention"},
    {"question": "Which power does the passage leave to the states alone?", "passage": CONSTITUTION, "answer": "none of them"},
    {"question": f"Which document begins like this: “{CONSTITUTION}”", "answer": "the Constitution"},
    {"question": "What is it?", "answer": "a boat"},
]


def form(text: str, kind: int) -> str:
    if kind == 0:
        return text + " " + "." * 200
    if kind == 1:
        return f"{FILLER}\n\n{text}\n\n{FILLER}"
    if kind == 2:
        return FILLER + "\n" + textwrap.fill(text, 24) + "\n" + FILLER
    return f"{FILLER[:120]} {' '.join(text.split())} {FILLER}"


def documents() -> dict[str, str]:
    """URL -> text; `item-N` holds question N, `clean-N` none."""
    found = {}
    for number, row in enumerate(QUESTIONS):
        text = row["question"] + ("\nAnswer: " + row["answer"] if number % 2 else "")
        found[f"item-{number}"] = form(text, number % 4)
    found["clean-constitution"] = f"{FILLER}\n\n{CONSTITUTION}\n\n{FILLER}"
    found["clean-short"] = "What is it?"
    for number in range(30):
        found[f"clean-{number}"] = " ".join(random.Random(number).sample(FILLER.split(), 30)) * 3 + f" What is it? {number}"
    return found


def call(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(group, [*map(str, arguments)])
    return done.exit_code, done.output


def write_items(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("decontaminate")
    (folder / "recipe.yaml").write_text(RECIPE)
    (folder / "in").mkdir()
    rows = list(documents().items())
    random.Random(0).shuffle(rows)
    for number in range(3):
        lines = (json.dumps({"url": url, "text": text}) for url, text in rows[number::3])
        (folder / "in" / f"{number}.jsonl").write_text("\n".join(lines))
    write_items(folder / "sums.jsonl", QUESTIONS)
    write_items(folder / "law.jsonl", PUBLIC)
    command = ["run", folder / "recipe.yaml", "--input", folder / "in", "--output", folder / "out", "--workers", 1, "--quiet"]
    assert call(*command)[0] == 0
    return folder


def decontaminate(folder: Path, name: str, *more: object) -> tuple[int, str]:
    against = ["--against", folder / "sums.jsonl", "--against", folder / "law.jsonl"]
    return call("decontaminate", folder / "out", *against, "--output", folder / name, "--quiet", *more)


@pytest.fixture(scope="module")
def table(folder):
    code, output = decontaminate(folder, "table", "--workers", 1)
    assert code == 0, output
    return folder / "table"


def urls(folder: Path) -> dict[str, str]:
    """Id -> URL of kept and rejected documents."""
    found = {}
    for split in ("kept", "rejected"):
        for row in pq.read_table(folder / "out" / split, columns=["id", "url"]).to_pylist():
            found[row["id"]] = row["url"]
    return found


def rows(table: Path) -> list[dict]:
    return [row for path in sorted(table.glob("part-*.parquet")) for row in pq.read_table(path).to_pylist()]


def test_every_planted_item_is_found_and_nothing_else(folder, table):
    names = urls(folder)
    found = {names[row["id"]]: row for row in rows(table)}
    assert {url for url, row in found.items() if row["contaminated"]} == {f"item-{number}" for number in range(40)}
    for number in range(40):
        row = found[f"item-{number}"]
        assert (row["benchmark"], row["item"], row["items_found"]) == ("sums", f"sums#{number + 1}", 1)
        assert row["form"] == ("both" if number % 2 else "question")
        assert row["overlap"] > 0.99


def test_the_span_is_where_the_item_stands(folder, table):
    names, texts = urls(folder), documents()
    for row in rows(table):
        if row["contaminated"]:
            span = texts[names[row["id"]]][row["span_start"] : row["span_end"]]
            number = int(names[row["id"]].partition("-")[2])
            assert " ".join(span.split()) == QUESTIONS[number]["question"].rstrip("?")


def test_rows_are_those_of_the_shard_in_its_order(folder, table):
    for manifest in sorted((folder / "out" / "_manifest").iterdir()):
        record = orjson.loads(manifest.read_bytes())
        ids = [
            one
            for split in ("kept", "rejected")
            for one in pq.read_table(folder / "out" / record["files"][split]["path"]).column("id").to_pylist()
        ]
        part = pq.read_table(table / f"part-{record['shard']['name']}.parquet")
        assert part.column("id").to_pylist() == ids
        assert part.column("contaminated").null_count == 0


def test_the_report_counts_and_shows_both_texts(table):
    report = orjson.loads((table / "report.json").read_bytes())
    assert (report["documents"], report["contaminated"]) == (72, 40)
    law, sums = report["benchmarks"]
    assert (law["benchmark"], law["items"], law["items_found"], law["items_too_short"]) == ("law", 4, 0, 1)
    assert (sums["items"], sums["items_found"], sums["documents"]) == (40, 40, 40)
    assert sums["forms"] == {"both": 20, "question": 20}
    assert len(report["hits"]) == 10
    for hit in report["hits"]:
        assert hit["item_text"].partition("?")[0][:40] in " ".join(hit["document_text"].split())
        assert len(hit["document_text"]) <= CHARS + 10
    assert "| sums | 40 | 40 |" in (table / "report.md").read_text()


def test_hits_that_do_not_count_are_listed_too(folder, table):
    hits = pq.read_table(table / "hits.parquet").to_pylist()
    names = urls(folder)
    quoted = [hit for hit in hits if names[hit["id"]] == "clean-constitution"]
    assert {hit["item"] for hit in quoted} == {"law#1", "law#3"}
    assert not any(hit["contaminated"] for hit in quoted)


def bytes_of(table: Path) -> dict[str, bytes]:
    return {path.relative_to(table).as_posix(): path.read_bytes() for path in sorted(table.rglob("*")) if path.is_file()}


def test_any_number_of_workers_writes_the_same_bytes(folder, table):
    assert decontaminate(folder, "two", "--workers", 2)[0] == 0
    assert bytes_of(folder / "two") == bytes_of(table)


def test_a_stopped_run_continues_to_the_same_bytes(folder, table, monkeypatch):
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for name in ("count_documents", "make_report", "write_table_record"):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, stop)
            code, output = decontaminate(folder, "stopped", "--workers", 1)
        assert (code, "run the same command again" in output) == (130, True)
    assert orjson.loads((folder / "stopped" / "table.json").read_bytes())["finished"] is False
    assert decontaminate(folder, "stopped", "--workers", 1)[0] == 0
    assert bytes_of(folder / "stopped") == bytes_of(table)


def test_a_finished_table_is_left_as_it_is(folder, table):
    code, output = decontaminate(folder, "table")
    assert code == 0
    assert "already finished, with the same items and the same documents" in output


def test_a_table_of_other_items_is_refused(folder, table):
    code, output = call("decontaminate", folder / "out", "--against", folder / "sums.jsonl", "--output", table)
    assert code == 2
    assert "made with other items; choose another output folder" in output


def test_verify_checks_the_table(folder, table, tmp_path):
    import shutil

    shutil.copytree(table, tmp_path / "copy")
    assert call("verify", tmp_path / "copy")[0] == 0
    part = next((tmp_path / "copy").glob("part-*"))
    part.write_bytes(part.read_bytes()[:-1])
    code, output = call("verify", tmp_path / "copy")
    assert (code, "damaged" in output) == (1, True)


def test_a_dry_run_writes_nothing(folder):
    before = sorted(folder.iterdir())
    code, output = call("decontaminate", folder / "out", "--against", folder / "law.jsonl", "--dry-run")
    assert (code, output) == (0, "law: 4 items, 1 of them too short to look for\n72 documents in 3 shards\n")
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["out", "--against", "law.jsonl"], "give --output, or --dry-run to write nothing"),
        (["out", "--against", "law.jsonl", "--output", "in"], "not empty, and not an attribute table"),
        (["in", "--against", "law.jsonl", "--output", "new"], "not an output of `curricle run`"),
        (["out", "out", "--against", "law.jsonl", "--output", "new"], "contain the same shard"),
        (["out", "--against", "law.jsonl", "--fields", "question=ask", "--output", "new"], "no field 'ask'"),
        (["out", "--against", "none.jsonl", "--output", "new"], "none.jsonl: no such file or folder"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(folder, monkeypatch, arguments, message):
    monkeypatch.chdir(folder)
    code, output = call("decontaminate", *arguments)
    assert code == 2
    assert message in output
    assert output.count("\n") == 1
    assert not (folder / "new").exists()


def test_a_stretch_that_many_documents_have_counts_less(tmp_path):
    """A formula that stands in many documents, with another ending in each, is no item; the whole item in one document is."""
    formula = "Read the notice at the gate of the old botanical garden beside the river and then say"
    item = {"question": f"{formula} who planted the twin cedars.", "answer": "nobody"}
    texts = [f"{formula} who planted roses here {number}. {FILLER}" for number in range(60)]
    texts.append(f"{FILLER} {item['question']} {FILLER}")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "in.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in texts))
    items = write_items(tmp_path / "garden.jsonl", [item])
    run = ["run", tmp_path / "recipe.yaml", "--input", tmp_path / "in.jsonl", "--output", tmp_path / "out", "--quiet"]
    assert call(*run, "--workers", 1)[0] == 0
    code, output = call("decontaminate", tmp_path / "out", "--against", items, "--output", tmp_path / "table", "--quiet")
    assert code == 0
    assert "1 of 61 documents hold an item" in output


def test_what_a_killed_run_left_is_removed(folder, table):
    (table / ".report.md.0123.part").write_text("half")
    assert decontaminate(folder, "table")[0] == 0
    assert not (table / ".report.md.0123.part").exists()


def test_a_table_that_another_process_writes_is_refused(folder, table):
    from curricle.storage.local import locked

    with locked(table / "_lock", table):
        code, output = decontaminate(folder, "table")
    assert (code, "another run is writing to this folder" in output) == (2, True)

"""`curricle remove`: what leaves, what is renewed, what a later run does, and a removal that is stopped anywhere."""

import json
import shutil
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from curricle.pipelines.cli.main import group
from curricle.pipelines.output import remove as module
from curricle.storage.local import LocalOutput

RECIPE = "stages: {extract: {}}\ndecide: [{name: short, column: text_chars, min: 30}]\n"
SPLITS = ("kept", "rejected", "dead")
SECRET = "the secret text"


def call(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(group, [*map(str, arguments)])
    return done.exit_code, done.output


def run(folder: Path) -> tuple[int, str]:
    command = ["run", folder / "recipe.yaml", "--input", folder / "in", "--output", folder / "out", "--workers", 1, "--quiet"]
    return call(*command, "--max-dead", 1)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("remove")
    (folder / "recipe.yaml").write_text(RECIPE)
    (folder / "in").mkdir()
    for name in "abc":
        rows = []
        for number in range(12):
            text = f"{name} {number}" if number % 3 else f"{SECRET} {name} {number} that is longer than the rule asks for"
            rows.append(json.dumps({"url": f"https://{name}.example/{number % 2}/{number}", "text": text}))
        (folder / "in" / f"{name}.jsonl").write_text("\n".join([*rows, "{damaged"]))
    items = [{"question": f"{SECRET} {name} 3 that is longer than the rule asks for", "answer": ""} for name in "ab"]
    (folder / "items.jsonl").write_text("\n".join(map(json.dumps, items)))
    code, output = run(folder)
    assert code == 0, output
    code, output = call(
        "decontaminate", folder / "out", "--against", folder / "items.jsonl", "--output", folder / "cc", "--quiet"
    )
    assert code == 0, output
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """A copy at the same place, because a table names its outputs."""
    keep = tmp_path / "keep"
    shutil.copytree(made, keep)
    yield made
    shutil.rmtree(made)
    shutil.copytree(keep, made)


def documents(folder: Path) -> dict[str, list[dict]]:
    return {split: pq.read_table(folder / "out" / split).to_pylist() for split in SPLITS}


def urls(folder: Path) -> set[str]:
    return {row["url"] for split in ("kept", "rejected") for row in documents(folder)[split]}


def state(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for name in ("out", "cc")
        for path in sorted((folder / name).rglob("*"))
        if path.is_file() and "_logs" not in path.parts and path.name not in ("run.json",)
    }


def counts(folder: Path) -> dict[str, int]:
    record = orjson.loads((folder / "out" / "run.json").read_bytes())["counts"]
    return {split: record[split] for split in SPLITS}


def check(folder: Path) -> None:
    code, output = call("verify", folder / "out")
    assert code == 0, output
    found = documents(folder)
    assert counts(folder) == {split: len(rows) for split, rows in found.items()}
    kept, rejected, dead = (len(found[split]) for split in SPLITS)
    card = (folder / "out" / "README.md").read_text()
    assert f"{kept + rejected + dead} documents read: {kept} kept, {rejected} rejected, {dead} dead letters." in card
    assert f"| short | {rejected} |" in card


def test_a_source_leaves_with_its_dead_letters(folder):
    source = next(row["source"] for row in documents(folder)["kept"] if "a.example" in row["url"])
    code, output = call("remove", folder / "out", "--source", source)
    assert (code, output) == (0, "13 documents removed: 4 kept, 8 rejected, 1 dead letters, in 1 shards\n")
    assert not any(row["source"] == source for rows in documents(folder).values() for row in rows)
    check(folder)


def test_a_prefix_of_urls_leaves(folder):
    code, output = call("remove", folder / "out", "--url-prefix", "https://b.example/1/")
    assert (code, output) == (0, "6 documents removed: 2 kept, 4 rejected, 0 dead letters, in 1 shards\n")
    assert not any(url.startswith("https://b.example/1/") for url in urls(folder))
    assert len(urls(folder)) == 30
    check(folder)


def test_ids_leave_and_those_that_are_unknown_are_counted(folder, tmp_path):
    found = documents(folder)
    ids = [found["kept"][0]["id"], found["rejected"][-1]["id"], "unknown"]
    (tmp_path / "ids").write_text("\n".join(ids) + "\n\n")
    code, output = call("remove", folder / "out", "--ids", tmp_path / "ids")
    assert code == 0
    assert "2 documents removed: 1 kept, 1 rejected, 0 dead letters, in 2 shards" in output
    assert "1 of the ids are not in the output" in output
    check(folder)


def test_other_shards_keep_their_bytes(folder):
    before = state(folder)
    assert call("remove", folder / "out", "--url-prefix", "https://a.example/")[0] == 0
    changed = {name for name, data in state(folder).items() if before.get(name) != data}
    assert {name.rpartition("-")[2] for name in changed if name.startswith("out/dead")} <= {"a.jsonl"}
    assert all("b.jsonl" not in name and "c.jsonl" not in name for name in changed)
    assert changed == {name for name in changed if "a.jsonl" in name} | {"out/_removed.json", "out/README.md"}


def test_no_text_of_a_removed_document_stays(folder):
    source = next(row["source"] for row in documents(folder)["kept"] if "a.example" in row["url"])
    assert call("remove", folder / "out", "--source", source, "--with", folder / "cc")[0] == 0
    for path in [*(folder / "out").rglob("*"), *(folder / "cc").rglob("*")]:
        if path.is_file():
            texts = [path.read_bytes().decode("utf-8", "replace")]
            if path.suffix == ".parquet":
                texts = [str(pq.read_table(path).to_pylist())]
            assert f"{SECRET} a" not in texts[0], path


def test_the_same_run_does_not_bring_them_back(folder):
    assert call("remove", folder / "out", "--url-prefix", "https://b.example/1/")[0] == 0
    before = state(folder)
    assert run(folder)[0] == 0
    assert state(folder) == before


@pytest.mark.parametrize("split", ["kept", "rejected"])
def test_a_shard_that_is_made_again_leaves_them_out(folder, split):
    assert call("remove", folder / "out", "--url-prefix", "https://b.example/1/")[0] == 0
    before = urls(folder)
    for path in (folder / "out" / split).iterdir():
        path.unlink()
    assert run(folder)[0] == 0
    assert urls(folder) == before
    check(folder)


def test_an_attribute_table_follows(folder):
    assert call("remove", folder / "out", "--url-prefix", "https://a.example/", "--with", folder / "cc")[0] == 0
    assert call("verify", folder / "cc")[0] == 0
    rows = [row for path in sorted((folder / "cc").glob("part-*")) for row in pq.read_table(path).to_pylist()]
    left = [row["id"] for row in rows]
    found = [row for row in rows if row["contaminated"]]
    assert found
    assert sorted(left) == sorted(row["id"] for split in ("kept", "rejected") for row in documents(folder)[split])
    assert set(pq.read_table(folder / "cc" / "hits.parquet").column("id").to_pylist()) <= set(left)
    report = orjson.loads((folder / "cc" / "report.json").read_bytes())
    assert (report["documents"], report["contaminated"]) == (24, len(found))
    assert report["benchmarks"][0]["documents"] == len(found)
    command = ["decontaminate", folder / "out", "--against", folder / "items.jsonl", "--output", folder / "cc", "--quiet"]
    code, output = call(*command)
    assert (code, "already finished" in output) == (0, True)


def stop_at(patch: pytest.MonkeyPatch, owner: object, name: str, call_number: int) -> None:
    """Stop at this call of a function, before it does anything."""
    real, calls = getattr(owner, name), [0]

    def stopping(*arguments: object, **named: object) -> object:
        calls[0] += 1
        if calls[0] == call_number:
            raise KeyboardInterrupt
        return real(*arguments, **named)

    patch.setattr(owner, name, stopping)


def test_a_removal_that_is_stopped_anywhere_is_finished_by_the_same_command(folder, monkeypatch, tmp_path):
    arguments = ["remove", folder / "out", "--url-prefix", "https://a", "--url-prefix", "https://c", "--with", folder / "cc"]
    shutil.copytree(folder, tmp_path / "before")
    assert call(*arguments)[0] == 0
    expected = state(folder)
    places = [(LocalOutput, "commit", number) for number in range(1, 9)]
    places += [(LocalOutput, "write", number) for number in range(1, 4)]
    places += [(module, "SplitWriter", number) for number in (1, 3, 5)]
    places += [(module, "rewrite_part", 1), (module, "rewrite_part", 2), (module, "renew_table", 1)]
    for owner, name, number in places:
        shutil.rmtree(folder)
        shutil.copytree(tmp_path / "before", folder)
        with monkeypatch.context() as patch:
            stop_at(patch, owner, name, number)
            code, _ = call(*arguments)
        assert code == 130 or name == "renew_table", (name, number)
        assert call(*arguments)[0] == 0
        assert state(folder) == expected, (name, number)
        check(folder)


def test_a_dry_run_changes_nothing(folder):
    before = state(folder)
    code, output = call("remove", folder / "out", "--url-prefix", "https://b.example/1/", "--dry-run")
    assert (code, output) == (0, "6 documents would be removed: 2 kept, 4 rejected, 0 dead letters, in 1 shards\n")
    assert state(folder) == before


def test_what_matches_nothing_is_not_recorded(folder):
    before = state(folder)
    code, output = call("remove", folder / "out", "--source", "nothing")
    assert (code, output) == (0, "0 documents removed: 0 kept, 0 rejected, 0 dead letters, in 0 shards\n")
    assert state(folder) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["out"], "give --ids, --url-prefix or --source"),
        (["out", "--url-prefix", ""], "would match every document"),
        (["out", "--ids", "empty"], "empty: holds no id"),
        (["out", "--ids", "none"], "none: no such file"),
        (["in", "--source", "x"], "not an output of `curricle run`"),
        (["out", "--source", "x", "--with", "in"], "not an attribute table"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(folder, monkeypatch, arguments, message):
    monkeypatch.chdir(folder)
    (folder / "empty").write_text("\n")
    before = state(folder)
    code, output = call("remove", *arguments)
    assert code == 2
    assert message in output
    assert output.count("\n") == 1
    assert state(folder) == before


def test_a_damaged_record_stops_a_run(folder):
    assert call("remove", folder / "out", "--url-prefix", "https://b.example/1/")[0] == 0
    (folder / "out" / "_removed.json").write_text("{")
    next((folder / "out" / "kept").iterdir()).unlink()
    code, output = run(folder)
    assert code != 0
    assert "documents that were taken down could come back" in output

"""What a second run into the same folder does: damaged files, other inputs, inputs that are gone, too many dead letters."""

import os
import shutil
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import curricle as api
from curricle.errors import RunFailedError
from curricle.pipelines.cli.main import group
from curricle.pipelines.inputs.find import find_inputs, plan_shards
from curricle.stages.read.config import ReadConfig
from curricle.stages.read.content import shard_content, unchanged_content

RECIPE = "decide: [{name: short, column: text, not_in: ['']}]\n"


def run(folder: Path, *arguments: object) -> tuple[int, str]:
    """Exit status and output of a run of RECIPE into `folder/out`."""
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE)
    command = ["run", str(recipe), "--output", str(folder / "out"), "--workers", "1", "--quiet", *map(str, arguments)]
    done = CliRunner().invoke(group, command)
    return done.exit_code, done.output


def documents(folder: Path, name: str, count: int) -> Path:
    path = folder / "in" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f'{{"text": "{name} {number}"}}\n' for number in range(count)))
    return path


def texts(folder: Path) -> list[str]:
    return sorted(pq.read_table(folder / "out" / "kept").column("text").to_pylist())


def bytes_of(folder: Path) -> dict[str, bytes]:
    parts = [folder / "out" / name for name in ("kept", "rejected", "dead", "_manifest")]
    return {str(path.relative_to(folder)): path.read_bytes() for part in parts for path in part.iterdir()}


@pytest.fixture
def finished(tmp_path):
    documents(tmp_path, "a.jsonl", 5)
    documents(tmp_path, "b.jsonl", 10)
    assert run(tmp_path, "--input", tmp_path / "in")[0] == 0
    return tmp_path


def delete(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-50])


@pytest.mark.parametrize("damage", [delete, cut])
@pytest.mark.parametrize("split", ["kept", "rejected", "dead"])
def test_a_file_that_is_gone_or_cut_is_made_again(finished, damage, split):
    before = bytes_of(finished)
    damage(sorted((finished / "out" / split).iterdir())[0])
    code, output = run(finished, "--input", finished / "in")
    assert code == 0
    assert "1 finished shard is made again: " + split in output
    assert bytes_of(finished) == before
    assert "made again" not in run(finished, "--input", finished / "in")[1]


def test_all_files_gone_are_all_made_again(finished):
    before = bytes_of(finished)
    for split in ("kept", "rejected", "dead"):
        shutil.rmtree(finished / "out" / split)
    assert "2 finished shards are made again" in run(finished, "--input", finished / "in")[1]
    assert bytes_of(finished) == before


def test_other_inputs_are_refused_unless_they_are_appended(finished):
    before = bytes_of(finished)
    more = documents(finished, "c.jsonl", 1)
    code, output = run(finished, "--input", finished / "in")
    assert code == 2
    assert output.endswith(f"{more} is not among them; add --append to extend it, or choose another output folder\n")
    assert bytes_of(finished) == before
    code, output = run(finished, "--input", finished / "in", "--append")
    assert code == 0
    assert len(texts(finished)) == 16
    assert run(finished, "--input", finished / "in")[0] == 0  # the same inputs as before: nothing to append


def test_an_input_that_is_gone_is_named_and_its_documents_stay_until_they_are_pruned(finished):
    (finished / "in" / "a.jsonl").unlink()
    code, output = run(finished, "--input", finished / "in")
    assert code == 0
    assert f"{finished}/in/a.jsonl is not among the inputs now; the documents stay (--prune removes them)" in output
    assert len(texts(finished)) == 15
    code, output = run(finished, "--input", finished / "in", "--prune")
    assert code == 0
    assert f"removed the documents of {finished}/in/a.jsonl, which is no longer among the inputs" in output
    assert len(texts(finished)) == 10
    record = orjson.loads((finished / "out" / "run.json").read_bytes())
    assert record["counts"]["records"] == 10
    assert CliRunner().invoke(group, ["verify", str(finished / "out")]).exit_code == 0


def test_a_run_that_was_stopped_needs_no_append(finished):
    sorted((finished / "out" / "_manifest").iterdir())[0].unlink()
    assert run(finished, "--input", finished / "in")[0] == 0
    assert len(texts(finished)) == 15


def wrong(folder: Path, name: str, good: int, bad: int) -> Path:
    path = folder / "in" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text('{"text": "one"}\n' * good + '{"content": "one"}\n' * bad)
    return path


def test_a_wrong_text_column_is_a_failure_that_names_the_reason(tmp_path):
    path = wrong(tmp_path, "in.jsonl", 0, 250)
    code, output = run(tmp_path, "--input", path)
    assert code == 1
    line = next(line for line in output.splitlines() if "the run" in line)
    assert line.startswith("TOO MANY DEAD LETTERS the run: all 250 documents are dead letters; 250 of them: ")
    assert "'text'" in line
    assert "Next:" not in output
    with pytest.raises(RunFailedError, match=r"too many dead letters: .*: all 250 documents"):
        api.run(tmp_path / "recipe.yaml", path, tmp_path / "api")
    assert run(tmp_path, "--input", path, "--max-dead", 1, "--max-dead-per-file", 1)[0] == 1  # nothing but dead letters


@pytest.mark.parametrize(
    ("good", "bad", "options", "code"),
    [
        (900, 9, [], 0),
        (200, 10, [], 0),
        (150, 10, [], 1),
        (150, 10, ["--max-dead", 0.1], 0),
        (1000, 10, ["--max-dead", 0], 1),
        (3, 9, [], 0),
        (0, 1, [], 1),
    ],
)
def test_the_limit_of_the_run(tmp_path, good, bad, options, code):
    assert run(tmp_path, "--input", wrong(tmp_path, "in.jsonl", good, bad), *options)[0] == code


def test_the_limit_of_a_file(tmp_path):
    wrong(tmp_path, "a.jsonl", 1000, 0)
    path = wrong(tmp_path, "b.jsonl", 30, 10)
    code, output = run(tmp_path, "--input", tmp_path / "in")
    assert code == 1
    assert f"TOO MANY DEAD LETTERS {path}: 10 of 40 documents are dead letters (25%, over the limit of 20%)" in output
    assert run(tmp_path, "--input", tmp_path / "in", "--max-dead-per-file", 0.25)[0] == 0


def test_a_run_without_documents_says_so(tmp_path):
    code, output = run(tmp_path, "--input", wrong(tmp_path, "in.jsonl", 0, 0))
    assert code == 0
    assert "No documents: the inputs hold none." in output


def test_a_touched_input_with_the_same_content_does_not_refuse_a_resume(finished):
    before = bytes_of(finished)
    for path in (finished / "in").iterdir():
        os.utime(path, (1, 1))
    assert run(finished, "--input", finished / "in")[0] == 0
    assert bytes_of(finished) == before


def test_other_content_of_the_same_size_refuses_a_resume(finished):
    path = finished / "in" / "a.jsonl"
    path.write_bytes(path.read_bytes().replace(b"a.jsonl 3", b"a.jsonl 9"))
    code, output = run(finished, "--input", finished / "in")
    assert code == 2
    assert f"{path}: changed since it was written to" in output


def row_groups(path: Path, values: range) -> None:
    pq.write_table(pa.table({"text": [f"text {value}" for value in values]}), path, row_group_size=10)


def test_the_content_of_row_groups_is_that_of_their_pages(tmp_path):
    path = tmp_path / "a.parquet"
    row_groups(path, range(30))
    (file,) = find_inputs([str(path)])
    shards = plan_shards([file], ReadConfig(), shard_bytes=1)
    assert [(shard.start, shard.end) for shard in shards] == [(0, 1), (1, 2), (2, 3)]
    before = [unchanged_content(shard) for shard in shards]
    assert len(set(before)) == 3
    assert None not in before
    os.utime(path, (1, 1))
    assert [unchanged_content(shard) for shard in shards] == [None] * 3  # not the file that was planned
    assert [shard_content(shard) for shard in shards] == before
    row_groups(path, range(1, 31))
    assert not {shard_content(shard) for shard in shards} & set(before)


MANIFESTS = [
    pytest.param(lambda text: text[: len(text) // 2], "not JSON: ", id="truncated"),
    pytest.param(lambda _: b"", "not JSON: ", id="empty"),
    pytest.param(lambda _: b"{}", "it lacks dead, files, fingerprint, notes, records, rejected, shard", id="{}"),
    pytest.param(lambda _: b"[]", "not a JSON object", id="[]"),
    pytest.param(lambda _: b"null", "not a JSON object", id="null"),
    pytest.param(lambda text: text.replace(b'"records": 5', b'"records": 7'), "7 records, but its files have 5", id="records"),
    pytest.param(lambda text: text.replace(b'"rows": 5', b'"rows": 4'), "5 records, but its files have 4", id="rows"),
    pytest.param(lambda text: text.replace(b'"rows": 5', b'"rows": "5"'), "files.kept: rows is not of the type int", id="type"),
    pytest.param(
        lambda text: text.replace(b'"rejected": {}', b'"rejected": {"short": 3}'),
        "its reasons do not add up to the 0 rejected documents",
        id="reasons",
    ),
]


@pytest.mark.parametrize(("change", "message"), MANIFESTS)
@pytest.mark.parametrize("command", ["run", "verify"])
def test_a_damaged_manifest_is_one_line_with_the_remedy_that_helps(finished, command, change, message):
    before = bytes_of(finished)
    path = next(path for path in (finished / "out" / "_manifest").iterdir() if path.name.startswith("a.jsonl"))
    path.write_bytes(change(path.read_bytes()))
    if command == "run":
        code, output = run(finished, "--input", finished / "in")
    else:
        done = CliRunner().invoke(group, ["verify", str(finished / "out")])
        code, output = done.exit_code, done.output
    assert code == 2
    assert f"{path}: a damaged manifest ({message}" in output
    assert "; delete it and run the same command again" in output
    path.unlink()
    assert run(finished, "--input", finished / "in")[0] == 0
    assert bytes_of(finished) == before


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"finished": 1, "counts": {}}', b'{"finished": true'])
def test_a_damaged_record_of_a_run_is_one_line_with_the_remedy_that_helps(finished, content):
    path = finished / "out" / "run.json"
    path.write_bytes(content)
    for arguments in (["verify", str(finished / "out")], None):
        if arguments is None:
            code, output = run(finished, "--input", finished / "in")
        else:
            done = CliRunner().invoke(group, arguments)
            code, output = done.exit_code, done.output
        if code or arguments:
            assert code == 2
            assert f"{path}: damaged: not the record of a run; delete it and run the same command again" in output
    path.unlink()
    assert run(finished, "--input", finished / "in")[0] == 0

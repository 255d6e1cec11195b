"""`curricle redecide`: the same bytes as a run of the new recipe, and what it says of documents that were never measured."""

import json
import shutil
from collections import Counter
from collections.abc import Iterable
from itertools import permutations
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import curricle as api
from curricle.pipelines.cli.main import group
from curricle.pipelines.output import attribute_tables
from curricle.pipelines.redecide import write as module
from curricle.pipelines.redecide.decision import NOT_MEASURED
from curricle.storage.local import LocalOutput

SAMPLE = Path(__file__).parents[3] / "pipelines" / "sample"
SPLITS = ("kept", "rejected", "dead")
MEASURED = ["decide.-short", "decide.adult_like.min.en=-0.1", "decide.low_quality.min=1", "decide.spam_like.min.en=0.3"]


def call(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(group, [*map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


def sets(settings: Iterable[str]) -> list[str]:
    return [one for setting in settings for one in ("--set", setting)]


def run(recipe: object, source: Path, output: Path, *settings: str) -> Path:
    given = sets(settings)
    code, shown, error = call(
        "run", recipe, "--input", source, "--output", output, "--workers", 1, "--quiet", "--max-dead", 1, *given
    )
    assert code == 0, shown + error
    return output


def redecide(source: Path, output: Path, *arguments: object) -> str:
    code, shown, error = call("redecide", source, "--output", output, *arguments)
    assert code == 0, shown + error
    return shown


def files(output: Path) -> dict[str, bytes]:
    """Everything but the times of the run."""
    return {
        path.relative_to(output).as_posix(): path.read_bytes()
        for path in sorted(output.rglob("*"))
        if path.is_file() and path.name not in ("run.json", "_lock")
    }


def record(output: Path) -> dict:
    content = orjson.loads((output / "run.json").read_bytes())
    return {key: value for key, value in content.items() if key not in ("seconds", "stage_cpu_seconds", "redecided_from")}


def rows(output: Path, split: str) -> list[dict]:
    return pq.read_table(output / split).to_pylist()


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    return run("demo", SAMPLE, tmp_path_factory.mktemp("demo") / "out")


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(["decide.low_quality.min=3"], id="a late rule is stricter"),
        pytest.param(["decide.spam_like.min.en=0.4", "decide.short.min=600"], id="rules before slow stages are stricter"),
        pytest.param(["decide.low_quality.on_null=reject", "decide.hate_like.min.fr=0.5"], id="other keys of rules"),
        pytest.param(["decide.language_unsure={min: 0.9, where: {language: [en, de, fr]}}"], id="a rule for some documents"),
        pytest.param(["decide.low_quality.source=my own"], id="only a note differs"),
    ],
)
def test_the_new_output_has_the_bytes_of_a_run(demo, tmp_path, settings):
    expected, found = run("demo", SAMPLE, tmp_path / "expected", *settings), tmp_path / "found"
    assert NOT_MEASURED not in redecide(demo, found, *sets(settings))
    assert files(found) == files(expected)
    assert record(found) == record(expected)
    assert call("verify", found)[0] == 0


def test_a_recipe_with_other_rules_in_another_order(demo, tmp_path):
    recipe = tmp_path / "demo.yaml"
    head = (SAMPLE.parent / "recipes" / "demo.yaml").read_text().partition("decide:")[0]
    rules = """decide:
  - {name: fair, column: quality_overall_score, min: 3, on_null: reject}
  - {name: short, column: text_chars, min: 200}
  - {name: adult_like, column: ppl_logratio_adult, min: {en: -0.03}}
  - {name: spam, column: ppl_logratio_spam, min: {en: 0.283}}
  - {name: hate_like, column: ppl_logratio_hate, min: {en: -0.186, de: -0.215, pt: -0.265, tr: -0.107}}
  - {name: no_code, column: domain, not_in: [Coding], where: {language: en}}
  - {name: odd, column: language_score, min: 0.5}
"""
    recipe.write_text(head + rules)
    expected, found = run(recipe, SAMPLE, tmp_path / "expected"), tmp_path / "found"
    assert NOT_MEASURED not in redecide(demo, found, "--recipe", recipe)
    assert files(found) == files(expected)
    reasons = Counter(row["reject_reason"] for row in rows(found, "rejected"))
    assert reasons["fair"] > 50
    assert reasons["no_code"] > 5
    assert reasons["spam"] > 5


def test_what_was_never_measured_stays_rejected_and_is_counted(demo, tmp_path):
    expected, found = run("demo", SAMPLE, tmp_path / "expected", *MEASURED), tmp_path / "found"
    shown = redecide(demo, found, *sets(MEASURED))
    rejected = rows(found, "rejected")
    missing = {row["id"]: row["reject_value"] for row in rejected if row["reject_reason"] == NOT_MEASURED}
    before = {row["id"]: row["reject_reason"] for row in rows(demo, "rejected")}
    assert {before[id_] for id_ in missing} == {"short", "adult_like", "low_quality"}
    assert all(stage == ("domain" if before[id_] == "low_quality" else "quality") for id_, stage in missing.items())
    assert f"{len(missing)} documents fail no rule now, but an old rule had rejected them before a stage measured them" in shown
    for split in SPLITS:
        there = [row for row in rows(found, split) if row["id"] not in missing]
        assert there == [row for row in rows(expected, split) if row["id"] not in missing]
    assert call("verify", found)[0] == 0
    counts = record(found)["counts"]
    assert counts["rejected_by"][NOT_MEASURED] == len(missing) > 20
    after = {row["id"]: row["reject_reason"] for row in rows(expected, "rejected")}
    late = {None, "low_quality"}  # what a run decides once `quality` is measured
    assert missing.keys() == {id_ for id_, reason in before.items() if after.get(id_) in (late if reason not in late else {None})}
    # No run makes such an output: one with the same recipe does not go on in it.
    code, _, error = call("run", "demo", "--input", SAMPLE, "--output", found, *sets(MEASURED))
    assert code == 2
    assert "made with another measurement; choose another output folder" in error
    code, _, error = call("redecide", demo, "--output", found, "--measure", *sets(MEASURED))
    assert code == 2
    assert "made with another measurement; choose another output folder" in error
    # Decided a second time, by the first rules: they are rejected by these again.
    again = tmp_path / "again"
    redecide(found, again, "--recipe", "demo")
    assert {row["id"] for row in rows(again, "kept")} <= {row["id"] for row in rows(demo, "kept")}
    last = {row["id"]: row["reject_reason"] for row in rows(again, "rejected")}
    assert {id_: last[id_] for id_ in missing} == {id_: before[id_] for id_ in missing}


def test_with_measure_rules_can_be_looser_too(demo, tmp_path):
    arguments = sets(MEASURED)
    expected, found = run("demo", SAMPLE, tmp_path / "expected", *MEASURED), tmp_path / "found"
    shown = redecide(demo, found, "--measure", *arguments)
    assert NOT_MEASURED not in shown
    assert files(found) == files(expected)
    assert record(found) == record(expected)
    # From one that has documents that were not measured.
    redecide(demo, tmp_path / "without", *arguments)
    redecide(tmp_path / "without", tmp_path / "with", "--measure", "--set", "decide.language_unsure.source=a note")
    assert [row["id"] for row in rows(tmp_path / "with", "kept")] == [row["id"] for row in rows(expected, "kept")]
    assert rows(tmp_path / "with", "rejected") == rows(expected, "rejected")


STAGES = "stages: {extract: {}, language: {}, heuristics: {}, perplexity: {}, quality: {}, domain: {tags: [topic]}}\n"
RULES = (
    """decide:
  - {name: quality, column: quality_overall_score, min: 3, on_null: reject}
  - {name: adult, column: ppl_logratio_adult, min: {en: 0.2}, on_null: reject}
  - {name: no_law, column: domain, not_in: [Law, Government]}
""",
    """decide:
  - {name: accuracy, column: quality_accuracy, min: {en: 4, default: 2}}
  - {name: alpha, column: alpha_word_ratio, min: 0.8, where: {topic: [Politics, Software]}}
  - {name: repeats, column: dup_line_ratio, max: 0.1}
""",
    """decide:
  - {name: no_law, column: domain, not_in: [Coding]}
  - {name: languages, column: language, in: [en, fr, es, de, tr]}
  - {name: long, column: text_chars, max: 5000, where: {language: [en, de], source: {not_in: [none]}}}
""",
)


def test_from_any_rules_to_any_others(tmp_path):
    outputs = []
    for number, rules in enumerate(RULES):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}" / "recipe.yaml").write_text(STAGES + rules)
        outputs.append(run(tmp_path / f"{number}" / "recipe.yaml", SAMPLE, tmp_path / f"{number}" / "out"))
    for before, after in permutations(range(len(RULES)), 2):
        recipe, found = tmp_path / f"{after}" / "recipe.yaml", tmp_path / f"{before}{after}"
        redecide(outputs[before], found, "--recipe", recipe, "--measure")
        assert files(found) == files(outputs[after])
        without = tmp_path / f"{before}{after}-without"
        redecide(outputs[before], without, "--recipe", recipe)
        missing = {row["id"] for row in rows(without, "rejected") if row["reject_reason"] == NOT_MEASURED}
        for split in SPLITS:
            there, expected = (
                [row for row in rows(output, split) if row["id"] not in missing] for output in (without, outputs[after])
            )
            assert there == expected


def test_measure_needs_the_models_and_versions_of_the_run(demo, tmp_path):
    shutil.copytree(demo, tmp_path / "out")
    content = orjson.loads((tmp_path / "out" / "run.json").read_bytes())
    content["made_by"]["package pyarrow"] = "1"
    (tmp_path / "out" / "run.json").write_bytes(orjson.dumps(content))
    code, _, error = call("redecide", tmp_path / "out", "--set", "decide.-short", "--dry-run", "--measure")
    assert code == 2
    assert "made with pyarrow 1, this environment has none; --measure needs what the run had" in error


def test_measure_is_refused_where_a_later_stage_changed_the_texts(tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "stages: {extract: {}, language: {}, domain: {}, redact: {}}\ndecide: [{name: short, column: text_chars, min: 40}]\n"
    )
    (tmp_path / "in.jsonl").write_text(json.dumps({"text": "Write to someone@example.com for a copy of the programme."}) + "\n")
    output = run(recipe, tmp_path / "in.jsonl", tmp_path / "out")
    code, shown, error = call("redecide", output, "--set", "decide.short.min=99", "--dry-run", "--measure")
    assert code == 2
    assert "the stage 'redact' may change texts, so 'domain' cannot be measured as in the run" in error
    code, shown, error = call("redecide", output, "--set", "decide.short.min=99", "--dry-run")
    assert code == 0, error
    assert "note: short: judged by the text as the stage 'redact' left it, a run judges before it" in shown


PLAIN = """stages: {extract: {}, language: {}, heuristics: {}}
decide:
  - {name: short, column: text_chars, min: 40}
  - {name: languages, column: language, in: [en, de]}
  - {name: whole, column: dup_line_ratio, max: 0.3}
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Path:
    """Without slow stages: everything is measured. Rows of a shard come in several windows, with dead letters among them."""
    folder = tmp_path_factory.mktemp("plain")
    sentences = [
        "The cat sleeps in the garden.",
        "Der Hund schläft heute unter dem Baum.",
        "Les enfants jouent dans la rue.",
        "one two",
    ]
    (folder / "in").mkdir()
    for name in "ab":
        with (folder / "in" / f"{name}.jsonl").open("w") as file:
            for number in range(2700):
                text = "\n".join(sentences[(number * 7 + line) % 4] + str(number) * (number % 3) for line in range(number % 5))
                file.write(
                    "{damaged\n" if number % 500 == 3 else json.dumps({"url": f"https://x.example/{number}", "text": text}) + "\n"
                )
    (folder / "recipe.yaml").write_text(PLAIN)
    run(folder / "recipe.yaml", folder / "in", folder / "out")
    return folder


LOOSER = ["decide.short.min=20", "decide.languages={in: [en, de, fr]}", "decide.-whole"]


def test_without_slow_stages_rules_can_be_looser_too_and_back(plain, tmp_path):
    expected = run(plain / "recipe.yaml", plain / "in", tmp_path / "expected", *LOOSER)
    arguments = sets(LOOSER)
    redecide(plain / "out", tmp_path / "found", *arguments)
    assert len(rows(tmp_path / "found", "kept")) > len(rows(plain / "out", "kept")) > 100
    assert files(tmp_path / "found") == files(expected)
    redecide(tmp_path / "found", tmp_path / "back", "--recipe", plain / "recipe.yaml")
    assert files(tmp_path / "back") == files(plain / "out")


def test_a_run_of_the_new_recipe_finds_nothing_to_do(plain, tmp_path):
    found = tmp_path / "found"
    redecide(plain / "out", found, "--set", "decide.-whole")
    before = files(found)
    run(plain / "recipe.yaml", plain / "in", found, "decide.-whole")
    assert files(found) == before


def test_a_dry_run_writes_nothing_and_shows_what_the_real_one_does(plain, tmp_path):
    before = files(plain / "out")
    arguments = ["redecide", plain / "out", "--set", "decide.short.min=60", "--json"]
    code, planned, _ = call(*arguments, "--dry-run")
    assert code == 0
    assert files(plain / "out") == before
    content = json.loads(planned)
    assert json.loads(call(*arguments, "--output", tmp_path / "found")[1]) == content
    kept, now = ({row["id"]: row for row in rows(output, "kept")} for output in (plain / "out", tmp_path / "found"))
    assert content["kept"] == len(now)
    assert len(content["examples"]) == 10
    for example in content["examples"]:
        assert (example["before"], example["now"]) == (None, "short")
        assert example["id"] in kept.keys() - now.keys()
        assert example["url"] == kept[example["id"]]["url"]
        assert example["value"] == str(kept[example["id"]]["text_chars"])
    table = call("redecide", plain / "out", "--set", "decide.short.min=60", "--dry-run")[1]
    lost = len(kept) - len(now)
    assert f"│ kept         │  {len(kept):,} │   {len(now):,} │" in table or f"{lost:,}" in table
    assert "kept -> rejected by short (" in table


def test_only_files_whose_rows_change_are_written_again(plain, tmp_path, monkeypatch):
    written = []
    real = module._write_splits
    monkeypatch.setattr(module, "_write_splits", lambda *given: written.append(set(given[3])) or real(*given))
    redecide(plain / "out", tmp_path / "same", "--set", "decide.whole.source=a note")
    assert written == [set(), set()]
    written.clear()
    redecide(plain / "out", tmp_path / "renamed", "--set", "decide.languages={in: [en, de], on_null: reject, name: tongues}")
    assert written == [{"rejected"}, {"rejected"}]


def test_metadata_of_another_form_makes_the_rows_be_written_again(plain, tmp_path, monkeypatch):
    redecide(plain / "out", tmp_path / "found", "--set", "decide.-whole")
    monkeypatch.setattr(module, "restamp", lambda *_: False)
    redecide(plain / "out", tmp_path / "other", "--set", "decide.-whole")
    for split in SPLITS:
        assert rows(tmp_path / "found", split) == rows(tmp_path / "other", split)
    assert call("verify", tmp_path / "other")[0] == 0


@pytest.mark.parametrize("moment", ["first", "second"])
def test_a_stopped_redecision_is_continued(plain, tmp_path, monkeypatch, moment):
    arguments = sets(LOOSER)
    redecide(plain / "out", tmp_path / "expected", *arguments)
    commits = []
    real = LocalOutput.commit

    def commit(self, file, name):
        commits.append(name)
        if len(commits) == (2 if moment == "first" else 6):
            raise KeyboardInterrupt
        real(self, file, name)

    monkeypatch.setattr("os.cpu_count", lambda: 1)
    monkeypatch.setattr(LocalOutput, "commit", commit)
    code, _, error = call("redecide", plain / "out", "--output", tmp_path / "found", *arguments)
    assert code == 130, error
    monkeypatch.setattr(LocalOutput, "commit", real)
    assert call("verify", tmp_path / "found")[0] == 1
    redecide(plain / "out", tmp_path / "found", *arguments)
    assert files(tmp_path / "found") == files(tmp_path / "expected")


def table_of(output: Path, folder: Path, values: dict[str, object]) -> Path:
    """An attribute table with the column `duplicate` for an output, as a command writes it."""
    shards = attribute_tables.find_shards([output])
    with attribute_tables.table_folder(folder, "test", {"seed": "1"}):
        for shard in shards:
            ids = pa.concat_arrays([batch.column(0) for batch in shard.batches(["id"], 1000)])
            duplicate = pa.array([values.get(id_) for id_ in ids.to_pylist()], pa.bool_())
            attribute_tables.commit_part(folder, shard, "f", pa.table({"id": ids, "duplicate": duplicate}))
        attribute_tables.write_table_record(folder, "test", {"seed": "1"}, finished=True, sources=[])
    return folder


RULE = """  - {name: copies, column: duplicate, in: [false]}
"""


def test_rules_read_the_columns_of_attribute_tables(plain, tmp_path):
    ids = [row["id"] for split in ("kept", "rejected") for row in rows(plain / "out", split)]
    values = {id_: number % 3 == 0 for number, id_ in enumerate(sorted(ids)) if number % 10}
    table = table_of(plain / "out", tmp_path / "table", values)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(PLAIN + RULE)
    found = tmp_path / "found"
    shown = redecide(plain / "out", found, "--recipe", recipe, "--with", table)
    assert f"{sum(id_ not in values for id_ in ids):,} documents have no row" in shown
    kept = {row["id"] for row in rows(plain / "out", "kept")}
    assert {row["id"] for row in rows(found, "kept")} == {id_ for id_ in kept if not values.get(id_)}
    for row in rows(found, "rejected"):
        assert ("copies" in row["failed_rules"]) == bool(values.get(row["id"]))
        assert row["reject_reason"] != "copies" or row["reject_value"] == "true"
    assert call("verify", found)[0] == 0
    # The rows of the new output are in another order than those of the table: they are found by id.
    again = tmp_path / "again"
    redecide(found, again, "--set", "decide.-whole", "--with", table)
    expected = tmp_path / "expected"
    redecide(plain / "out", expected, "--recipe", recipe, "--set", "decide.-whole", "--with", table)
    for split in SPLITS:
        assert rows(again, split) == rows(expected, split)
    copy = next(row for row in rows(found, "rejected") if row["reject_reason"] == "copies")
    code, shown, error = call("explain", found, copy["id"])
    assert code == 0, error
    assert "rejected by copies: duplicate is true; the rule asks for false" in shown


def test_a_rule_reads_what_decontaminate_found(plain, tmp_path):
    question = next(row["text"] for row in rows(plain / "out", "kept") if len(row["text"]) > 100)
    (tmp_path / "items.jsonl").write_text(json.dumps({"question": question, "answer": ""}) + "\n")
    code, shown, error = call(
        "decontaminate", plain / "out", "--against", tmp_path / "items.jsonl", "--output", tmp_path / "table", "--quiet"
    )
    assert code == 0, shown + error
    found = pq.read_table(sorted((tmp_path / "table").glob("part-*.parquet")), columns=["id", "contaminated"]).to_pylist()
    contaminated = {row["id"] for row in found if row["contaminated"]}
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(PLAIN + "  - {name: clean, column: contaminated, in: [false]}\n")
    redecide(plain / "out", tmp_path / "found", "--recipe", recipe, "--with", tmp_path / "table")
    kept = {row["id"] for row in rows(plain / "out", "kept")}
    assert kept & contaminated
    assert {row["id"] for row in rows(tmp_path / "found", "kept")} == kept - contaminated


def test_a_table_that_does_not_fit_is_refused(plain, tmp_path):
    table = table_of(plain / "out", tmp_path / "table", {})
    next(table.glob("part-*.parquet")).unlink()
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(PLAIN + RULE)
    assert "has no part for shard" in mistake(plain, tmp_path, "--recipe", recipe, "--with", table, "--dry-run")
    attribute_tables.write_table_record(table, "test", {"seed": "1"}, finished=False)
    assert "not finished" in mistake(plain, tmp_path, "--recipe", recipe, "--with", table, "--dry-run")


def test_a_column_that_is_in_two_places_is_refused(plain, tmp_path):
    tables = [table_of(plain / "out", tmp_path / name, {}) for name in "ab"]
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(PLAIN + RULE)
    given = [one for table in tables for one in ("--with", table)]
    error = mistake(plain, tmp_path, "--recipe", recipe, *given, "--dry-run")
    assert f"{tables[1]}: column 'duplicate' is in {tables[0]} too; leave one out" in error


def test_documents_of_an_input_without_an_order_keep_the_order_of_their_files(plain, tmp_path):
    both = [row for split in ("kept", "rejected") for row in rows(plain / "out", split) if row["text"]]
    columns = ("id", "source", "source_offset", "source_id", "url", "date", "metadata", "text")
    mixed = [{name: row[name] for name in columns} for row in sorted(both, key=lambda row: row["id"])]
    schema = pa.schema([(name, pa.int64() if name == "source_offset" else pa.string()) for name in columns])
    pq.write_table(pa.Table.from_pylist(mixed, schema), tmp_path / "mixed.parquet")
    before = run(plain / "recipe.yaml", tmp_path / "mixed.parquet", tmp_path / "before")
    expected = run(plain / "recipe.yaml", tmp_path / "mixed.parquet", tmp_path / "expected", *LOOSER)
    redecide(before, tmp_path / "found", *sets(LOOSER))
    for split in ("kept", "rejected"):
        there = rows(tmp_path / "found", split)
        assert sorted(there, key=lambda row: row["id"]) == sorted(rows(expected, split), key=lambda row: row["id"])
        for earlier in ("kept", "rejected"):
            stayed = {row["id"]: None for row in rows(before, earlier)}
            ids = [row["id"] for row in there if row["id"] in stayed]
            assert ids == [id_ for id_ in stayed if id_ in set(ids)]
    assert call("verify", tmp_path / "found")[0] == 0


def test_what_was_removed_stays_away(plain, tmp_path):
    shutil.copytree(plain / "out", tmp_path / "out")
    assert call("remove", tmp_path / "out", "--url-prefix", "https://x.example/7")[0] == 0
    found = tmp_path / "found"
    redecide(tmp_path / "out", found, "--set", "decide.-whole")
    assert (found / "_removed.json").read_bytes() == (tmp_path / "out" / "_removed.json").read_bytes()
    assert not [
        row for split in ("kept", "rejected") for row in rows(found, split) if row["url"].startswith("https://x.example/7")
    ]
    assert call("verify", found)[0] == 0


def test_other_tools_read_the_new_output(demo, tmp_path):
    found = tmp_path / "found"
    redecide(demo, found, "--set", "decide.low_quality.min=3")
    output = api.open(found)
    assert output.verify() == []
    assert output.recipe["decide"][-1]["min"] == 3
    assert output.counts.kept == output.kept.count_rows() < api.open(demo).counts.kept
    code, shown, error = call("curriculum", "demo", "--from", found, "--output", tmp_path / "curriculum", "--quiet")
    assert code == 0, shown + error
    assert f"{output.counts.kept} kept" in (found / "README.md").read_text()


def mistake(plain: Path, folder: Path, *arguments: object) -> str:
    code, _, error = call("redecide", plain / "out", *arguments)
    assert code == 2, error
    assert len(error.splitlines()) == 1
    assert not (folder / "found").exists() or not any((folder / "found").iterdir())
    return error


def test_changes_outside_the_rules_are_refused_and_named(plain, tmp_path):
    target = ["--output", tmp_path / "found"]
    error = mistake(plain, tmp_path, "--set", "stages.language.min_score=0.5", *target)
    assert "not only rules differ" in error
    assert "(stages.language.min_score: 0 -> 0.5); documents must be measured again: use `curricle run`" in error
    assert "stages.perplexity added" in mistake(plain, tmp_path, "--set", "stages.perplexity={}", *target)
    assert "stages.heuristics removed" in mistake(plain, tmp_path, "--set", "stages.heuristics=false", *target)
    assert 'read.text_column: "text" -> "body"' in mistake(plain, tmp_path, "--set", "read.text_column=body", *target)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(PLAIN.replace("{extract: {}, language: {}, heuristics: {}}", "{extract: {}, heuristics: {}, language: {}}"))
    assert "(the order of the stages)" in mistake(plain, tmp_path, "--recipe", recipe, *target)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--set", "decide.shrot.min=3", "--output", "found"], "did you mean 'short'?"),
        (["--set", "decide.short.min=3"], "--output is required, unless there is --dry-run"),
        (["--output", "found"], "give --recipe, or --set with a change to a rule"),
        (["--set", "decide.short.column=quality_overall_score", "--output", "found"], "put the stage 'quality' before it"),
        (
            ["--set", "decide.short.column=duplicate", "--output", "found"],
            "which no stage writes; name the attribute table that has it (--with)",
        ),
        (["--recipe", "none.yaml", "--output", "found"], "none.yaml"),
        (["--set", "decide.short.min=3", "--with", ".", "--dry-run"], "no attribute table and no Parquet files"),
    ],
)
def test_mistakes_are_one_line(plain, tmp_path, monkeypatch, arguments, line):
    monkeypatch.chdir(tmp_path)
    assert line in mistake(plain, tmp_path, *arguments)


def test_a_rule_cannot_have_the_name_of_the_reason(plain, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(PLAIN.replace("whole", NOT_MEASURED))
    assert "a rule cannot be named 'not_measured' here" in mistake(plain, tmp_path, "--recipe", recipe, "--dry-run")


def test_other_folders_are_refused(plain, tmp_path):
    change = ["--set", "decide.-whole"]
    assert "is the output itself" in mistake(plain, tmp_path, *change, "--output", plain / "out")
    shutil.copytree(plain / "out", tmp_path / "run")
    assert "made by `curricle run`" in mistake(plain, tmp_path, *change, "--output", tmp_path / "run")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    assert "not made by curricle" in mistake(plain, tmp_path, *change, "--output", tmp_path / "other")
    redecide(plain / "out", tmp_path / "made", *change)
    error = mistake(plain, tmp_path, "--set", "decide.short.min=41", "--output", tmp_path / "made")
    assert "made with another recipe (decide.short.min: 40 -> 41; decide.whole added)" in error
    shutil.copytree(plain / "out", tmp_path / "changed")
    assert call("remove", tmp_path / "changed", "--url-prefix", "https://x.example/7")[0] == 0
    code, _, error = call("redecide", tmp_path / "changed", *change, "--output", tmp_path / "made")
    assert code == 2
    assert "made from another output" in error


def test_an_output_that_is_not_finished_is_refused(plain, tmp_path):
    shutil.copytree(plain / "out", tmp_path / "out")
    content = orjson.loads((tmp_path / "out" / "run.json").read_bytes())
    (tmp_path / "out" / "run.json").write_bytes(orjson.dumps({**content, "finished": False}))
    code, _, error = call("redecide", tmp_path / "out", "--set", "decide.-whole", "--dry-run")
    assert code == 2
    assert "this run is not finished" in error


def test_carried_columns_that_a_slow_stage_fills_are_said(demo, tmp_path):
    names = ["text_chars", "quality_status", *(name for name in pq.read_schema(next((demo / "kept").iterdir())).names)]
    carry = [name for name in dict.fromkeys(names) if name.startswith("quality_") or name == "text_chars"]
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f"read: {{carry: {carry}}}\nstages: {{quality: {{}}}}\ndecide: [{{name: short, column: text_chars, min: 400}}]\n"
    )
    output = run(recipe, demo / "rejected", tmp_path / "out")
    shown = redecide(output, tmp_path / "found", "--set", "decide.short.min=300", "--measure")
    assert "note: quality: values that were carried and values that it measured are judged alike" in shown
    expected = run(recipe, demo / "rejected", tmp_path / "expected", "decide.short.min=300")
    assert files(tmp_path / "found") == files(expected)  # no rule reads them

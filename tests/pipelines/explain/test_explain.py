"""`curricle explain` over a run of the demo's recipe: every rule, margin and percentile recomputed in another way."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import curricle as api
from curricle.pipelines.cli.main import group
from curricle.pipelines.explain.explanation import explain_document, explain_text
from curricle.pipelines.explain.find import Place, find_documents
from curricle.pipelines.output.made_with import recipe_of

SAMPLE = Path(__file__).parents[3] / "pipelines" / "sample"


def call(*arguments: object, text: str | None = None) -> tuple[int, str, str]:
    done = CliRunner().invoke(group, [*map(str, arguments)], input=text)
    return done.exit_code, done.stdout, done.stderr


def make(recipe: object, source: Path, output: Path) -> Path:
    code, shown, error = call("run", recipe, "--input", source, "--output", output, "--workers", 1, "--quiet")
    assert code == 0, shown + error
    return output


@pytest.fixture(scope="module")
def output(tmp_path_factory) -> Path:
    return make("demo", SAMPLE, tmp_path_factory.mktemp("explain") / "out")


@pytest.fixture(scope="module")
def places(output) -> list[Place]:
    return [
        Place(split, f"{split}/{path.name}", number, row["id"], row["url"])
        for split in ("kept", "rejected")
        for path in sorted((output / split).glob("*.parquet"))
        for number, row in enumerate(pq.read_table(path, columns=["id", "url"]).to_pylist())
    ]


def stored(output: Path, place: Place) -> dict:
    return pq.read_table(output / place.file).slice(place.row, 1).to_pylist()[0]


def test_each_rule_of_every_document_is_judged_as_the_run_judged_it(output, places, monkeypatch):
    monkeypatch.setattr("curricle.pipelines.explain.explanation._weights", lambda *_: ())  # a second of models a document
    recipe = recipe_of(output)
    seen = set()
    for place in places[::3]:
        row, explained = stored(output, place), explain_document(output, place)
        assert explained.split == place.split
        assert (explained.reason, explained.value) == (row.get("reject_reason"), row.get("reject_value"))
        assert [one.rule for one in explained.verdicts] == [rule.name for rule in recipe.decide]
        for one, rule in zip(explained.verdicts, recipe.decide, strict=True):
            seen.add(one.result)
            bound = rule.min if isinstance(rule.min, float) else rule.min.get(row["language"])
            value = row[rule.column]
            expected = "not judged" if value is None or bound is None else "passed" if value >= bound else "failed"
            assert one.result == expected, (place, one)
            assert one.value == value
            assert (one.result == "failed") == (one.rule in (row.get("failed_rules") or []))
            assert (one.note == "") == (expected != "not judged")
            if expected != "not judged":
                assert one.bound == {"min": bound}
                assert one.margin == value - bound
    assert seen == {"passed", "failed", "not judged"}


def test_percentiles_are_those_of_the_whole_output_and_of_the_language(output, places):
    place = next(one for one in places if one.split == "kept" and stored(output, one)["language"] == "en")
    explained = explain_document(output, place)
    columns = ["language", "text_chars", "ppl_clean", "quality_overall_score"]
    rows = [row for split in ("kept", "rejected") for row in pq.read_table(output / split, columns=columns).to_pylist()]
    scores = {one.column: one for one in explained.scores}
    for name in columns[1:]:
        one = scores[name]
        for language, percentile, count in (
            (None, one.percentile, one.documents),
            ("en", one.language_percentile, one.language_documents),
        ):
            values = np.array([row[name] for row in rows if row[name] is not None and language in (None, row["language"])])
            assert count == len(values)
            assert percentile == pytest.approx(100 * np.mean((values < one.value) + 0.5 * (values == one.value)))
    assert not {"source_offset", "language", "quality_status"} & scores.keys()


def test_a_text_gets_the_scores_and_the_reason_that_its_document_has(output, places):
    for reason in ("spam_like", "short", "low_quality", None):
        place = next(one for one in places if stored(output, one).get("reject_reason") == reason and stored(output, one)["text"])
        row = stored(output, place)
        explained = explain_text(output, row["text"])
        assert explained.place is None
        assert (explained.split, explained.reason, explained.value) == (place.split, reason, row.get("reject_value"))
        assert {one.column: one.value for one in explained.scores} == {
            one.column: one.value for one in explain_document(output, place).scores
        }


def test_the_words_that_weigh_most_are_in_the_worst_paragraph_of_the_failed_category(output):
    spam = "Act now! Free money and cheap viagra, click here to unsubscribe from this list and earn $$$ from home."
    plain = "The council met on Tuesday to discuss the new bridge over the river, which engineers will inspect in spring. " * 8
    harm, *_ = explain_text(output, f"{plain}\n{spam * 7}\n{plain}").weights
    assert (harm.column, harm.number, harm.paragraphs) == ("ppl_logratio_spam", 2, 3)
    assert harm.paragraph.strip() == spam * 7
    assert harm.words
    assert {word for word, _ in harm.words} <= set(harm.paragraph.split())
    gains = [gain for _, gain in harm.words]
    assert gains == sorted(gains, reverse=True)
    assert min(gains) > 0
    # Each gain is the difference of what `perplexity` measures.
    words, (word, gain) = harm.paragraph.split(), harm.words[0]
    texts = [words, *(words[:at] + words[at + 1 :] for at, one in enumerate(words) if one == word)]
    scored = api.run_stage("perplexity", pa.table({"text": [" ".join(text) for text in texts], "language": ["en"] * len(texts)}))
    whole, *without = scored.column("ppl_logratio_spam").to_pylist()
    assert max(without) - whole == pytest.approx(gain, abs=1e-9)


def test_the_paragraph_that_the_student_rates_lowest_is_shown(output):
    poor = "buy now cheap cheap!!! click click here >>> best best price $$$ ok ok lol wow !!!!! " * 8
    plain = "The council met on Tuesday to discuss the new bridge over the river, which engineers will inspect in spring. " * 8
    _, rating = explain_text(output, f"{plain}\n{poor}\n{plain}").weights
    assert (rating.column, rating.number, rating.paragraphs) == ("quality_overall_raw", 2, 3)
    raw = api.run_stage("quality", [rating.paragraph, plain]).column("quality_overall_raw").to_pylist()
    assert rating.value == raw[0] < raw[1]
    assert {word for word, _ in rating.words} <= set(poor.split())


@pytest.mark.parametrize(
    ("wanted", "how"),
    [
        (lambda place: place.id, "id"),
        (lambda place: place.url, "URL"),
        (lambda place: place.url[:-1], "beginning of the URL"),
        (lambda place: place.url.partition("//")[2].upper(), "part of the URL"),
    ],
)
def test_a_document_is_found(output, places, wanted, how):
    place = next(one for one in places if one.url and "kingbeyoncestan" in one.url)
    found = find_documents(output, wanted(place))
    assert (found.how, found.count, found.places) == (how, 1, (place,))


def test_several_matches_are_listed(output, places):
    matching = [one for one in places if one.url and one.url.startswith("https://")]
    code, shown, error = call("explain", output, "https://")
    assert code == 0
    assert len(shown.splitlines()) == 20
    assert (
        error == f"{len(matching)} documents match by the beginning of the URL, {len(matching) - 20} more are not shown: "
        "name one by its id\n"
    )
    listed = json.loads(call("explain", output, "https://", "--json")[1])
    assert (listed["count"], len(listed["places"])) == (len(matching), 20)


def test_the_page_says_why_by_how_much_and_where(output):
    code, shown, _ = call("explain", output, "kingbeyoncestan")
    assert code == 0
    assert "rejected by adult_like: ppl_logratio_adult is -0.04308; the rule asks for at least -0.03" in shown
    assert "0.01308 outside" in shown
    assert "the stage 'quality' skips rejected documents" in shown
    assert "row 6; from " in shown


def test_a_dead_letter_says_what_is_wrong(output):
    row = next(row for path in (output / "dead").glob("*.parquet") for row in pq.read_table(path).to_pylist())
    code, shown, _ = call("explain", output, row["id"])
    assert code == 0
    assert f"dead letter of {row['dead_stage']}: {row['dead_reason']}" in shown


def test_json_has_the_same_content(output):
    content = json.loads(call("explain", output, "kingbeyoncestan", "--json")[1])
    assert content["reason"] == "adult_like"
    assert content["verdicts"][3]["margin"] == pytest.approx(-0.01308, abs=1e-5)
    assert [one["column"] for one in content["weights"]] == ["ppl_logratio_adult"]
    text = call("explain", output, "--text", "-", "--json", text="Too short.")
    assert json.loads(text[1])["reason"] == "short"


@pytest.mark.parametrize("name", ["pages.warc.gz", "pages.warc.wet.gz", "web.jsonl.zst", "documents.parquet"])
def test_what_a_document_was_in_the_input_is_shown(output, places, name, tmp_path):
    place = [one for one in places if name in one.file and stored(output, one)["text"]][3]
    text = stored(output, place)["text"]
    found = explain_document(output, place, str(SAMPLE)).original
    if name == "pages.warc.gz":
        assert found.kind.startswith("text/html")
        assert "<body" in found.content
        assert found.content.count("<") > text.count("<") + 10
    else:
        assert (found.kind, found.content, found.bytes) == ("text", text, len(text.encode()))
    shutil.copy(SAMPLE / name, tmp_path / name)  # it was moved
    assert explain_document(output, place, str(tmp_path / name)).original == found
    code, shown, error = call("explain", output, place.id, "--input", tmp_path / name)
    assert code == 0, error
    assert f"in the input: {found.kind}, {found.bytes:,} bytes" in shown
    other = next(one for one in SAMPLE.iterdir() if one.suffix != ".md" and one.name != name)
    code, _, error = call("explain", output, place.id, "--input", other)
    assert code == 2
    assert f"holds no file {name} with a record at" in error


def test_what_was_never_measured_is_said(output, tmp_path):
    code, shown, error = call("redecide", output, "--set", "decide.adult_like.min.en=-0.1", "--output", tmp_path / "out")
    assert code == 0, shown + error
    code, shown, error = call("explain", tmp_path / "out", "kingbeyoncestan")
    assert code == 0, error
    assert "rejected: the stage 'quality' never measured it; `curricle redecide --measure` can" in shown
    assert "null      the stage 'quality' skips rejected documents" in shown


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nowhere at all"], "no document has the id 'nowhere at all', or a URL that contains it"),
        ([], "give a URL or an id, or --text"),
        (["--text", "-", "--input", "x"], "--input goes with a document of the output, not with --text"),
        (["x", "--text", "-"], "give a URL or an id, or --text"),
    ],
)
def test_mistakes_are_one_line(output, arguments, line):
    code, _, error = call("explain", output, *arguments, text="a")
    assert code == 2
    assert line in error
    assert len(error.splitlines()) == 1


def test_a_folder_that_is_no_output_is_said(tmp_path):
    code, _, error = call("explain", tmp_path, "--text", "-", text="a")
    assert (code, error) == (
        2,
        f"curricle: {tmp_path}: not an output of `curricle run`: it has no readable run.json and recipe.yaml\n",
    )


RULES = """stages: {extract: {}, language: {}, heuristics: {}}
decide:
  - {name: languages, column: language, in: [en, de], where: {text_chars: {min: 30}}}
  - {name: few_repeats, column: dup_line_ratio, max: 0.5}
  - {name: whole, column: page_truncated, not_in: [true], on_null: reject}
"""


def test_lists_conditions_and_nulls_are_explained(tmp_path):
    (tmp_path / "recipe.yaml").write_text(RULES)
    lines = [
        "Der Hund schläft heute im Garten, und die Katze sitzt auf dem Dach.",
        "Bonjour.",
        "Les enfants jouent dans le jardin de la maison.",
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"text": line}) + "\n" for line in lines))
    output = make(tmp_path / "recipe.yaml", tmp_path / "in.jsonl", tmp_path / "out")
    explained = [explain_text(output, line) for line in lines]
    assert [[one.result for one in each.verdicts] for each in explained] == [
        ["passed", "passed", "failed"],
        ["not judged", "passed", "failed"],
        ["failed", "passed", "failed"],
    ]
    assert explained[1].verdicts[0].note == "only where text_chars is at least 30; it is 8"
    assert explained[2].reason == "languages"
    assert dict(explained[0].verdicts[2].bound) == {"not_in": [True], "on_null": "reject"}


def test_a_page_cannot_send_commands_to_the_terminal(tmp_path):
    (tmp_path / "recipe.yaml").write_text("stages: {extract: {}}\ndecide: [{name: short, column: text_chars, min: 3}]\n")
    evil = "\x1b]0;title\x07\x1b[2J\u202e\x9b2J"
    (tmp_path / "in.jsonl").write_text(json.dumps({"url": f"https://x.example/{evil}", "text": f"A text {evil}"}) + "\n")
    output = make(tmp_path / "recipe.yaml", tmp_path / "in.jsonl", tmp_path / "out")
    outputs = [
        call("explain", output, "x.example", "--input", tmp_path / "in.jsonl")[1],
        call("redecide", output, "--set", "decide.short.min=999", "--dry-run")[1],
    ]
    for shown in outputs:
        assert "https://x.example/" in shown
        assert not {"\x1b", "\x07", "\u202e", "\x9b"} & set(shown)

"""Heuristics: datatrove's decisions and values, on adversarial texts and on real pages."""

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.testing.test_pipeline import TestPipeline as Pipeline
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given, settings
from hypothesis import strategies as st

from curricle.pipelines.execute.run_stage import RunStage
from curricle.schemas.heuristic_columns import DATATROVE
from curricle.schemas.rule import Rule
from curricle.schemas.rule_sets import expand
from curricle.schemas.stage import Step
from curricle.stages.decide import DecideConfig, decide
from curricle.stages.heuristics.config import HeuristicsConfig
from curricle.stages.heuristics.tag import STAGE, Measure, load_kernels, tag_heuristics

ENGLISH = HeuristicsConfig(language="en")
SETS = ("gopher_quality", "gopher_repetition", "c4", "fineweb")
SENTENCE = "The quick brown fox jumps over the lazy dog and then it rests with the others. "
PROSE = "\n".join(
    f"Chapter {number}. It was the best of times, it was the worst of times, and number {number} of them have passed."
    for number in range(30)
)

ADVERSARIAL = {
    "empty": "",
    "white space": " \n\t \n\n",
    "one character": "a",
    "NUL": "a\0b\0 c",
    "combining marks": "e\u0301 " * 60,
    "right to left": "שלום עולם " * 60,
    "emoji": "😀🎉 " * 60,
    "prose": PROSE,
    "one sentence repeated": SENTENCE * 40,
    "lines repeated": (SENTENCE + "\n") * 40,
    "paragraphs repeated": (SENTENCE + "\n\n") * 20 + PROSE,
    "bullets": "\n".join(f"- point {number} of the list" for number in range(60)),
    "ellipses": "\n".join(f"and so on {number} ..." for number in range(60)),
    "hashes": "# " * 60 + PROSE[:400],
    "numbers": " ".join(str(number) for number in range(200)),
    "lorem ipsum": PROSE + "\nThis is Lorem Ipsum text of a kind.",
    "curly": PROSE + "\nfunction f() { return 1 for all of us; }.",
    "javascript": "Please enable JavaScript to see this page.\n" + PROSE,
    "citations": PROSE.replace("passed.", "passed[12]."),
    "every line break": "\x0b".join(PROSE.splitlines()) + "\u2028last line of the text.\r\nand\x1cmore\x85",
    "contractions and units": "I'm sure they don't know it's 5km or 10kg, im not. U.S. e.g. Mr. Smith's " * 12,
    "urls": "See http://example.com/a?b=c#d and mail me@example.org, or www.example.co.uk/path. " * 10,
    "one long word": "a" * 3000 + " " + PROSE,
    "million equal words": "the " * 20_000,
}


@pytest.fixture(scope="module")
def measures() -> tuple[Measure, ...]:
    return load_kernels(ENGLISH)


def batch(*texts: str | None, language: str | None = None) -> pa.RecordBatch:
    return pa.record_batch(
        {
            "text": pa.array(texts, pa.string()),
            "language": pa.array([language] * len(texts), pa.string()),
            "dead_reason": pa.nulls(len(texts), pa.string()),
        },
        metadata={"k": "v"},
    )


def kept(rows: pa.RecordBatch, name: str) -> list[bool]:
    rules = tuple(Rule.model_validate(rule) for rule in expand(f"{name}@datatrove"))
    return decide(rows, DecideConfig(rules=rules)).column("reject_reason").is_null().to_pylist()


@pytest.fixture(scope="module")
def datatrove():
    filters = pytest.importorskip("datatrove.pipeline.filters", reason="needs datatrove")
    pytest.importorskip("spacy", reason="datatrove splits words by spaCy")
    from datatrove.data import Document

    judges = {
        "gopher_quality": filters.GopherQualityFilter(),
        "gopher_repetition": filters.GopherRepetitionFilter(),
        "c4": filters.C4QualityFilter(),
        "fineweb": filters.FineWebQualityFilter(),
    }

    def judge(name: str, text: str) -> bool:
        try:
            answer = judges[name].filter(Document(text=text, id="x"))
        except ZeroDivisionError:  # it judges nothing where there is no word or line
            return False
        return answer is True or (isinstance(answer, tuple) and answer[0])

    return judge


@pytest.mark.parametrize("name", SETS)
def test_adversarial_texts_are_kept_as_datatrove_keeps_them(measures, datatrove, name):
    rows = tag_heuristics(batch(*ADVERSARIAL.values()), measures, ENGLISH)
    ours = dict(zip(ADVERSARIAL, kept(rows, name), strict=True))
    assert ours == {label: datatrove(name, text) for label, text in ADVERSARIAL.items()}


@pytest.mark.parametrize("name", SETS)
def test_real_english_pages_are_kept_as_datatrove_keeps_them(measures, datatrove, shared_data, name):
    table = pq.read_table(shared_data / "web_text/web-00000.parquet", columns=["text", "cld2_lang"])
    texts = [row["text"] for row in table.to_pylist() if row["cld2_lang"] == "en"][::12]
    assert len(texts) > 80
    rows = tag_heuristics(batch(*texts), measures, ENGLISH)
    assert kept(rows, name) == [datatrove(name, text) for text in texts]


def test_values_are_datatroves(measures, datatrove):
    from datatrove.pipeline.filters.gopher_repetition_filter import find_all_duplicate, find_top_duplicate, get_n_grams
    from datatrove.utils.text import split_into_words

    for text in (PROSE, ADVERSARIAL["contractions and units"], ADVERSARIAL["urls"], ADVERSARIAL["citations"]):
        [row] = tag_heuristics(batch(text), measures, ENGLISH).to_pylist()
        words = split_into_words(text, "en")
        assert row["word_count"] == len(words)
        assert row["char_count"] == len(text)
        for n in (2, 3, 4):
            expected = find_top_duplicate(get_n_grams(words, n)) / len(text)
            assert row[f"top_{n}gram_chars_ratio"] == pytest.approx(expected, abs=1e-6)
        for n in range(5, 11):
            assert row[f"dup_{n}gram_chars_ratio"] == pytest.approx(find_all_duplicate(words, n) / len(text), abs=1e-6)


def test_all_columns_are_there_and_null_text_is_null(measures):
    out = tag_heuristics(batch(PROSE, None, ""), measures, ENGLISH)
    assert out.schema.names[3:] == [column.name for column in DATATROVE]
    rows = out.select([column.name for column in DATATROVE]).to_pylist()
    assert set(rows[1].values()) == {None}
    assert (rows[2]["char_count"], rows[2]["word_count"], rows[2]["hash_per_word"]) == (0, 0, None)
    assert out.schema.metadata == {b"k": b"v"}
    assert tag_heuristics(batch(None), measures, ENGLISH).num_rows == 1


def test_a_language_without_a_list_of_stop_words_has_no_such_count(measures):
    config = HeuristicsConfig()
    texts = batch("ve bir olarak", "the and")
    rows = [
        tag_heuristics(batch("ve bir olarak bu", language=code), measures, config).to_pylist()[0] for code in ("tr", "xh", None)
    ]
    assert [row["language_stop_word_kinds"] for row in rows] == [4, None, None]
    assert tag_heuristics(texts, measures, ENGLISH).column("language_stop_word_kinds").to_pylist() == [0, 2]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=80), min_size=1, max_size=6), st.integers(0, 6))
def test_a_row_does_not_see_its_neighbours(texts, cut):
    module = load_kernels(ENGLISH)
    whole = batch(*texts)
    parts = [tag_heuristics(part, module, ENGLISH) for part in (whole.slice(0, cut), whole.slice(cut))]
    assert pa.Table.from_batches(parts).equals(pa.Table.from_batches([tag_heuristics(whole, module, ENGLISH)]))


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_any_text_gives_finite_values_in_range(text):
    [row] = tag_heuristics(batch(text), load_kernels(ENGLISH), ENGLISH).to_pylist()
    assert row["char_count"] == len(text)
    for name, value in row.items():
        if name.endswith("_ratio") and value is not None:
            assert np.isfinite(value)
            assert 0 <= value <= (2 if name.startswith("top_") else 1)


def test_in_a_pipeline():
    stage = RunStage(Step("heuristics", STAGE, ENGLISH))
    with Pipeline("FnApiRunner") as pipeline:
        batches = pipeline | beam.Create([batch(PROSE)]) | beam.Reshuffle() | stage
        assert_that(batches | beam.Map(lambda out: out.column("char_count")[0].as_py()), equal_to([len(PROSE)]))

"""Cleaning lines: the text that datatrove leaves, counts, what is switched off, refused settings, a run through Beam."""

from collections.abc import Callable

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.testing.test_pipeline import TestPipeline as Pipeline
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from curricle.pipelines.execute.run_stage import RunStage
from curricle.schemas.cleaning_columns import CLEAN_LINES
from curricle.schemas.shards import Envelope, Shard, seal, unseal
from curricle.schemas.stage import Step
from curricle.stages.clean_lines import STAGE, CleanLinesConfig, SymbolLines, clean_lines

GOOD = "This is a line of prose."
ADVERSARIAL = [
    "",
    " \n\t\n",
    GOOD,
    f"{GOOD}\nHome | About\n{GOOD}",
    'It ends in a mark! And a quote: "yes."\nDoes this one, too?\nNot this one...\nNor this one…\nNor this one:',
    "Two words.\nNow three words.\n.  . .\n. .",
    f"{GOOD[:-1]}[12].\n{GOOD}[3]\n{GOOD} [edit]\n[citation needed] two words.\n{GOOD[:-1]}[x].\n{GOOD}[٣]",
    f"{'a' * 1000} is the word.\n{'a' * 1001} is the word.\n{'é' * 1001} is the word.\nand {'[1]' * 500}b is short.",
    "Please enable JavaScript to go on.\nWe use cookies for this.\nOur Privacy[1] Policy is here.\nThe cookie[1] policy is here.",
    "Lorem ipsum is here, too.\nfunction f() { return 1 now; }.\nlorem ipsum { javascript is here.",
    "\x0b".join([GOOD] * 3) + f"\u2028{GOOD}\r\n{GOOD}\x1cA short\x85{GOOD}\r",
    f"  {GOOD}\u3000\n\u00a0{GOOD}\u200b",
    "İ use cookİes here.\nWe use \u212aookies here, oK.",
]
SYMBOLS = [
    "a\n|\nb",
    "|",
    "| |\n||\n a | b\n|  |\n",
    "\n \n|\n\t\n |\t|\nx",
    "a\n|\n\n|\nb\n",
    "|\r\n|\x0b|\u2028x|",
    " | \n\u3000|\n|\u00a0",
    "",
    "\n",
]
Lines = st.lists(
    st.sampled_from(["|", " ", GOOD, "a.", "\t", "...", "[1]", "use cookies", "\n", "\r\n", "\u2028", "é b c!"]), max_size=12
)


def batch_of(texts: list[str | None]) -> pa.RecordBatch:
    rows = {"id": pa.array([str(i) for i in range(len(texts))]), "text": pa.array(texts, pa.string())}
    return seal(pa.record_batch(rows), Envelope(shard=Shard(name="s", source="s", url="/s", format="jsonl"), sequence=7))


def ours(texts: list[str], config: CleanLinesConfig) -> list[str]:
    return clean_lines(batch_of(texts), config).column("text").to_pylist()


@pytest.fixture(scope="module")
def c4() -> Callable[[str], str]:
    """What datatrove leaves of a text, with the rules that drop whole documents off."""
    from datatrove.data import Document
    from datatrove.pipeline.filters import C4QualityFilter

    cleaner = C4QualityFilter(min_num_sentences=-1, filter_lorem_ipsum=False, filter_curly_bracket=False)

    def clean(text: str) -> str:
        document = Document(text=text, id="")
        assert cleaner.filter(document) is True
        return document.text

    return clean


@pytest.fixture(scope="module")
def symbols() -> Callable[[str], str]:
    from datatrove.pipeline.formatters import SymbolLinesFormatter

    return SymbolLinesFormatter(symbols_to_remove=["|"], replace_char="\n").format


FINEWEB2 = CleanLinesConfig(c4=False, symbol_lines=SymbolLines())


@pytest.fixture(scope="module")
def pages(shared_data) -> list[str]:
    files = sorted((shared_data / "web_text").glob("web-*.parquet"))
    return [text for file in files for text in pq.read_table(file, columns=["text"])["text"].to_pylist()]


def test_adversarial_lines_are_kept_as_datatrove_keeps_them(c4, symbols):
    texts = ADVERSARIAL + SYMBOLS
    assert ours(texts, CleanLinesConfig()) == [c4(text) for text in texts]
    assert ours(texts, FINEWEB2) == [symbols(text) for text in texts]


def test_lines_of_real_pages_are_kept_as_datatrove_keeps_them(c4, symbols, pages):
    assert ours(pages, CleanLinesConfig()) == [c4(text) for text in pages]
    out = clean_lines(batch_of(pages), FINEWEB2)
    assert out.column("text").to_pylist() == [symbols(text) for text in pages]
    assert sum(out.column("symbol_removed_lines").to_pylist()) > 100


def test_a_document_that_c4_keeps_has_the_text_that_c4_leaves(pages):
    from datatrove.data import Document
    from datatrove.pipeline.filters import C4QualityFilter

    judge = C4QualityFilter()
    documents = [Document(text=text, id="") for text in pages[::60]]
    texts = ours([document.text for document in documents], CleanLinesConfig())
    kept = [at for at, document in enumerate(documents) if judge.filter(document) is True]  # it cleans the text of these
    assert len(kept) > 20
    assert [texts[at] for at in kept] == [documents[at].text for at in kept]


def test_every_symbol_of_datatroves_own_set_and_no_replacement(pages):
    from datatrove.pipeline.formatters import SymbolLinesFormatter
    from datatrove.utils.text import PUNCTUATION_SET

    config = CleanLinesConfig(c4=False, symbol_lines=SymbolLines(symbols="".join(sorted(PUNCTUATION_SET)), replacement=""))
    texts = [*ADVERSARIAL, *SYMBOLS, *pages[::10]]
    assert ours(texts, config) == list(map(SymbolLinesFormatter().format, texts))


@settings(max_examples=300, deadline=None)
@given(Lines.map("".join))
def test_any_text_is_cleaned_as_datatrove_cleans_it(c4, symbols, text):
    assert ours([text], CleanLinesConfig()) == [c4(text)]
    assert ours([text], FINEWEB2) == [symbols(text)]


@settings(max_examples=30, deadline=None)
@given(st.lists(Lines.map("".join), max_size=3), st.lists(Lines.map("".join), max_size=3))
def test_a_row_does_not_see_its_neighbours(one, other):
    config = CleanLinesConfig(symbol_lines=SymbolLines(), boilerplate=("use cookies",))
    assert ours(one + other, config) == ours(one, config) + ours(other, config)


def test_counts_nulls_and_text_chars():
    texts = [f"Menu\n{GOOD}\n|\n|\nRead more about this here.", None, "", "Menu"]
    batch = batch_of(texts).append_column("text_chars", pa.array([1, None, 0, 4], pa.int32()))
    out = clean_lines(batch, CleanLinesConfig(symbol_lines=SymbolLines(), boilerplate=("read MORE",)))
    assert [out.schema.field(column.name) for column in CLEAN_LINES] == [column.field for column in CLEAN_LINES]
    assert out.column("text").to_pylist() == [f"{GOOD}\n", None, "", ""]
    assert out.column("symbol_removed_lines").to_pylist() == [2, None, 0, 0]
    assert out.column("c4_removed_lines").to_pylist() == [3, None, 0, 1]
    assert out.column("boilerplate_removed_lines").to_pylist() == [1, None, 0, 0]
    assert out.column("text_chars").to_pylist() == [len(GOOD), None, 0, 0]
    assert unseal(out).sequence == 7
    assert clean_lines(batch_of([]), CleanLinesConfig()).num_rows == 0


def test_what_is_off_changes_nothing_and_its_count_is_null():
    text = f" {GOOD}\r\nMenu\n\nShare this page\nend\n"
    out = clean_lines(batch_of([text, "Menu\n"]), CleanLinesConfig(c4=False, boilerplate=("share THIS",)))
    assert out.column("text").to_pylist() == [f" {GOOD}\r\nMenu\n\nend\n", "Menu\n"]
    assert [out.column(column.name).to_pylist() for column in CLEAN_LINES] == [[None, None], [None, None], [1, 0]]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"c4": False}, "nothing to clean; set c4, symbol_lines or boilerplate"),
        ({"boilerplate": ["ok", " "]}, "a phrase must not be blank: it would match every line"),
        ({"symbol_lines": {"symbols": ""}}, "at least 1 character"),
        ({"symbol_lines": {"symbol": "|"}}, "Extra inputs are not permitted"),
        ({"ftfy": True}, "Extra inputs are not permitted"),
    ],
)
def test_refused_settings(fields, message):
    with pytest.raises(ValidationError, match=message):
        CleanLinesConfig(**fields)


def test_through_beam_and_a_reshuffle():
    batches = [batch_of([f"Menu\n{GOOD}", None]), batch_of([])]
    with Pipeline("FnApiRunner") as pipeline:
        out = pipeline | beam.Create(batches) | beam.Reshuffle() | RunStage(Step("clean_lines", STAGE, CleanLinesConfig()))
        assert_that(out | beam.FlatMap(lambda batch: batch.column("text").to_pylist()), equal_to([GOOD, None]))

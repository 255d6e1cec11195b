import re
from collections import Counter

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from apache_beam.testing.test_pipeline import TestPipeline as Pipeline
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given, settings
from hypothesis import strategies as st

from curricle.pipelines.execute.run_stage import RunStage
from curricle.schemas.column import schema_of
from curricle.schemas.columns import DEAD, DOCUMENT, EXTRACT, READ_SCHEMA
from curricle.schemas.stage import Step
from curricle.stages.charset import decode_html, python_codec
from curricle.stages.extract import STAGE, ExtractConfig, binary_kind, extract_text, extract_with
from curricle.stages.markup import Page

CONFIG = ExtractConfig()
PAGE = "<html><head><title> A &amp;\n b </title></head><body><p>Çok güzel – naïve</p><p>two</p></body></html>"
TEXT = "Çok güzel – naïve\n\ntwo"
OUT_SCHEMA = schema_of((*DOCUMENT, *DEAD, *EXTRACT))


def batch_of(*rows):
    return pa.RecordBatch.from_pylist(list(rows), schema=READ_SCHEMA).replace_schema_metadata({"k": "v"})


def pages(*bodies, kind="text/html"):
    return batch_of(*({"payload": body, "payload_type": kind} for body in bodies))


def column(batch, name):
    return batch.column(name).to_pylist()


CHARSETS = {
    "utf-8 needs no label": (PAGE.encode(), ""),
    "no header at all": (PAGE.encode(), None),
    "a byte order mark wins": (b"\xef\xbb\xbf" + PAGE.encode(), "text/html; charset=latin-1"),
    "utf-16 by its mark": (b"\xff\xfe" + PAGE.encode("utf-16-le"), ""),
    "utf-16 by the header": (PAGE.encode("utf-16-be"), "text/html; charset=utf-16be"),
    "header": (PAGE.encode("cp1254"), "text/html; charset=windows-1254"),
    "meta": (PAGE.replace("<title>", '<meta charset="iso-8859-9"><title>').encode("cp1254"), "text/html"),
    "declared latin-1, is utf-8": (PAGE.encode(), "text/html; charset=iso-8859-1"),
}


@pytest.mark.parametrize(("html", "kind"), CHARSETS.values(), ids=CHARSETS)
def test_a_page_becomes_text_and_title(html, kind):
    out = extract_text(pages(html, kind=kind), CONFIG)
    assert column(out, "text") == [TEXT]
    assert column(out, "title") == ["A & b"]
    assert column(out, "text_chars") == [22]
    assert column(out, "dead_reason") == [None]


@pytest.mark.parametrize("label", ["x-nonsense", "utf-8", "", "shift_jis", "none"])
def test_a_wrong_charset_is_survived(label):
    out = extract_text(pages(b"<p>\xff\xfe\xfd\x81 abc</p>", kind=f"text/html; charset={label}"), CONFIG)
    assert column(out, "text")[0].endswith("abc")


BAD = {
    "PDF": (b"%PDF-1.4\n%\xe2\xe3", "not text: PDF"),
    "PNG": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not text: PNG"),
    "gzip that the server did not declare": (b"\x1f\x8b\x08\0\0", "not text: gzip"),
    "control characters": (b"<p>\x01\x02\x03\x04", "not text: 4 control characters in 7 bytes"),
    "NULs": (b"\0" * 3000 + b"<p>x</p>" * 10, "not text: 3000 control characters in 3080 bytes"),
    "too large": (b"<p>" + b"a" * 4000, "HTML of 4003 bytes, over the limit of 4000"),
}


@pytest.mark.parametrize(("body", "reason"), BAD.values(), ids=BAD)
def test_what_cannot_be_read_is_a_dead_letter_and_costs_no_other_page(body, reason):
    out = extract_text(pages(PAGE.encode(), body, PAGE.encode()), ExtractConfig(max_html_bytes=4000))
    assert column(out, "dead_reason") == [None, reason, None]
    assert column(out, "dead_stage") == [None, "extract", None]
    assert column(out, "dead_bytes") == [None, body[:200], None]
    assert column(out, "text") == [TEXT, None, TEXT]
    assert column(out, "text_chars") == [22, None, 22]
    assert column(out, "title") == ["A & b", None, "A & b"]


def test_a_page_over_the_default_limit_is_a_dead_letter():
    out = extract_text(pages(b"<p>some text</p>\n" * 1_250_000), CONFIG)
    assert column(out, "dead_reason") == ["HTML of 21250000 bytes, over the limit of 10000000"]


def test_a_page_that_would_cost_too_much_is_a_dead_letter():
    out = extract_text(pages(b"<div>" * 100_000 + b"x", b"<td>" * 1_100_000, PAGE.encode()), CONFIG)
    first, second, third = column(out, "dead_reason")
    assert first.startswith("PageCostError: nested too deep")
    assert second == "PageCostError: about 1100000 elements, over the limit of 1000000"
    assert third is None


class PanicException(BaseException):  # as the extractor's Rust code raises it
    pass


@pytest.mark.parametrize("error", [ValueError("two\n  lines"), RecursionError(), MemoryError("m"), PanicException("p")])
def test_an_error_of_the_extractor_costs_its_page_only(error):
    def reader(html):
        if "bad" in html:
            raise error
        return Page("t", html)

    out = extract_with(pages(b"<p>bad", b"<p>good"), reader, 100)
    wanted = f"{type(error).__name__}: {' '.join(str(error).split())}".strip()
    assert column(out, "dead_reason") == [wanted, None]
    assert column(out, "text") == [None, "<p>good"]


def test_an_interrupt_is_not_swallowed():
    def reader(html):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract_with(pages(b"<p>x"), reader, 100)


@pytest.mark.parametrize("tag", [b"<p>", b""])
def test_some_nuls_are_dropped(tag):
    out = extract_text(pages(b"\0" + tag + b"some text here " * 20 + b"wi\0th"), CONFIG)
    assert column(out, "text") == ["some text here " * 20 + "with"]


@pytest.mark.parametrize("body", [b"", b"<html><body></body></html>", b"<frameset><frame src=a></frameset>", b" \n "])
def test_a_page_without_text_lives_with_an_empty_one(body):
    out = extract_text(pages(body), CONFIG)
    assert column(out, "text") == [""]
    assert column(out, "text_chars") == [0]
    assert column(out, "dead_reason") == [None]


def test_text_and_dead_rows_pass_through_and_the_payload_columns_go():
    dead = {"dead_stage": "read", "dead_reason": "r", "dead_bytes": b"b", "payload": b"<p>never read</p>"}
    kept = {"text": " a\u2003é𝒳\n\u00a0", "payload": b"<title>no</title><p>no</p>", "id": "1", "url": "u"}
    out = extract_text(batch_of(kept, dead, {}, {"payload": PAGE.encode()}, {"text": ""}), CONFIG)
    assert out.schema == OUT_SCHEMA
    assert out.schema.metadata == {b"k": b"v"}
    assert column(out, "text") == [" a\u2003é𝒳\n\u00a0", None, None, TEXT, ""]
    assert column(out, "text_chars") == [4, None, None, 22, 0]
    assert column(out, "title") == [None, None, None, "A & b", None]
    assert column(out, "dead_reason") == [None, "r", None, None, None]
    assert column(out, "url") == ["u", None, None, None, None]


def test_a_second_run_keeps_what_the_first_wrote():
    once = extract_text(pages(PAGE.encode(), b"%PDF-"), CONFIG)
    assert extract_text(once, CONFIG).equals(once, check_metadata=True)
    short = once.drop_columns(["text_chars"])
    assert extract_text(short, CONFIG).select(once.schema.names).equals(once, check_metadata=True)


def test_an_empty_batch():
    out = extract_text(batch_of(), CONFIG)
    assert out.num_rows == 0
    assert out.schema == OUT_SCHEMA


def test_a_slice_is_read_like_a_copy():
    whole = pages(b"%PDF-", PAGE.encode(), b"<p>x</p>")
    assert column(extract_text(whole.slice(1, 1), CONFIG), "text") == [TEXT]


ROWS = st.lists(
    st.sampled_from(
        [
            {"payload": PAGE.encode()},
            {"payload": PAGE.encode("utf-16")},
            {"payload": b"%PDF-1"},
            {"payload": b""},
            {"text": "text"},
            {"dead_stage": "read", "dead_reason": "r"},
            {"payload": "<title>ş</title><p>kısa".encode("cp1254"), "payload_type": "text/html; charset=iso-8859-9"},
            {"payload": b"<div>" * 20_000},
        ]
    ),
    max_size=6,
)


@settings(deadline=None)
@given(ROWS, ROWS)
def test_a_row_does_not_see_its_neighbours(first, second):
    both = extract_text(batch_of(*first, *second), CONFIG)
    parts = [extract_text(batch_of(*rows), CONFIG) for rows in (first, second)]
    assert pa.Table.from_batches([both]).equals(pa.Table.from_batches(parts))


@settings(deadline=None)
@given(st.lists(st.binary(max_size=60) | st.text("<>/!-ab \"'=&;#\0é").map(str.encode), max_size=4))
def test_any_bytes_become_a_valid_row_that_is_either_text_or_dead(bodies):
    out = extract_text(pages(*bodies), CONFIG)
    out.validate(full=True)
    assert out.num_rows == len(bodies)
    assert pc.equal(out.column("text").is_null(), out.column("dead_reason").is_valid()).to_pylist() == [True] * len(bodies)
    assert not any("\0" in (value or "") for name in ("text", "title") for value in column(out, name))


@pytest.mark.parametrize(
    ("body", "content_type", "kind"),
    [
        (b"GIF89a", None, "GIF"),
        (b"PK\x03\x04", None, "ZIP"),
        (b"plain text", None, None),
        (b"\x1b$B$3$s\x1b(B", None, None),
        (b"\xff\xfe<\0p\0>\0", None, None),
        (b"<\0p\0>\0", "text/html; charset=utf-16le", None),
        (b"<\0p\0>\0", "text/html", "3 control characters in 6 bytes"),
        (b"a" * 9 + b"\x01", None, None),
        (b"a" * 8 + b"\x01\x02", None, "2 control characters in 10 bytes"),
        (b"", None, None),
    ],
)
def test_binary_data_is_told_from_text(body, content_type, kind):
    assert binary_kind(body, content_type) == kind


def test_in_a_pipeline():
    batches = [pages(PAGE.encode(), b"%PDF-"), batch_of({"text": "ab"})]
    with Pipeline("FnApiRunner") as pipeline:
        out = pipeline | beam.Create(batches) | beam.Reshuffle() | RunStage(Step("extract", STAGE, CONFIG))
        rows = out | beam.FlatMap(
            lambda batch: [
                tuple(row[name] for name in ("text", "title", "text_chars", "dead_reason")) for row in batch.to_pylist()
            ]
        )
        assert_that(rows, equal_to([(TEXT, "A & b", 22, None), (None, None, None, "not text: PDF"), ("ab", None, 2, None)]))


@pytest.mark.parametrize(
    ("given", "message"),
    [({"extractor": "readability"}, "extractor"), ({"max_html_bytes": 0}, "max_html_bytes"), ({"x": 1}, "x")],
)
def test_a_wrong_config_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        ExtractConfig(**given)


def test_the_stage_names_its_columns():
    step = Step("extract", STAGE, CONFIG)
    assert (step.reads, [folder.name for folder in step.models()]) == (("text",), ["extractor"])
    assert [column.name for column in step.columns] == [
        "title", "text_chars", "charset", "charset_source", "page_truncated", "extract_confidence",
    ]  # fmt: skip


CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
WORD = re.compile(rf"[{CJK}]|[^\W{CJK}]+")


def f1(text, reference):
    found, wanted = (Counter(WORD.findall(side.lower())) for side in (text, reference))
    shared = sum((found & wanted).values())
    return 2 * shared / (found.total() + wanted.total()) if shared else 0.0


@pytest.fixture(scope="module")
def real_pages(shared_data):
    files = sorted((shared_data / "web_html" / "html").glob("pages-*.parquet"))
    return pa.concat_tables(pq.read_table(file, columns=["html", "encoding", "gt_text"]) for file in files)


def test_main_text_of_real_pages_agrees_with_the_human_text(real_pages):
    rows = [row for row in real_pages.to_pylist() if (row["gt_text"] or "").strip()]
    out = extract_text(pages(*(row["html"] for row in rows)), CONFIG)
    assert column(out, "dead_reason") == [None] * 654
    scores = [f1(text, row["gt_text"]) for text, row in zip(column(out, "text"), rows, strict=True)]
    assert sum(scores) / 654 > 0.795
    assert sum(score < 0.3 for score in scores) <= 36


@pytest.mark.parametrize("header", [True, False])
def test_real_pages_are_read_in_their_charset(real_pages, header):
    right = wrong = mislabelled = 0
    for html, encoding in zip(real_pages["html"].to_pylist(), real_pages["encoding"].to_pylist(), strict=True):
        try:
            truth = html.decode(python_codec(encoding)).removeprefix("\ufeff")
        except UnicodeDecodeError:
            mislabelled += 1
            continue
        if decode_html(html, f"text/html; charset={encoding}" if header else None)[0] == truth:
            right += 1
        else:
            wrong += 1
    assert (right, wrong, mislabelled) == (1306, 0, 18)


def test_the_charset_of_a_page_and_where_it_came_from_are_columns():
    russian = "<p>Съешь же ещё этих мягких французских булок, да выпей чаю.</p>" * 3
    out = extract_text(
        batch_of(
            {"payload": russian.encode("cp1251"), "payload_type": "text/html; charset=iso-8859-1", "payload_truncated": True},
            {"payload": russian.encode(), "payload_type": None, "payload_truncated": False},
            {"payload": b"%PDF-"},
            {"text": "as it is"},
        ),
        CONFIG,
    )
    assert column(out, "charset") == ["windows-1251", "utf-8", None, None]
    assert column(out, "charset_source") == ["detected", "bytes", None, None]
    assert column(out, "page_truncated")[:2] == [True, False]
    assert column(out, "page_truncated")[3] is None

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.testing.test_pipeline import TestPipeline as Pipeline
from apache_beam.testing.util import assert_that, equal_to

from schemas.columns import READ_SCHEMA
from stages.extract import ExtractConfig, ExtractText, decode, extract_text


def pages(*bodies, kind="text/html"):
    rows = [{"payload": body, "payload_type": kind} for body in bodies]
    return pa.RecordBatch.from_pylist(rows, schema=READ_SCHEMA).replace_schema_metadata({"k": "v"})


PAGE = "<html><head><title> A &amp;\n b </title></head><body><p>Çok güzel – naïve</p><p>two</p></body></html>"

CHARSETS = {
    "utf-8 needs no label": (PAGE.encode(), ""),
    "a byte order mark wins": (b"\xef\xbb\xbf" + PAGE.encode(), "text/html; charset=latin-1"),
    "utf-16 by its mark": (b"\xff\xfe" + PAGE.encode("utf-16-le"), ""),
    "header": (PAGE.encode("cp1254"), "text/html; charset=windows-1254"),
    "meta": (PAGE.replace("<title>", '<meta charset="iso-8859-9"><title>').encode("cp1254"), "text/html"),
    "declared latin-1, is utf-8": (PAGE.encode(), "text/html; charset=iso-8859-1"),
}


@pytest.mark.parametrize(("html", "kind"), CHARSETS.values(), ids=CHARSETS)
def test_charset(html, kind):
    out = extract_text(pages(html, kind=kind), ExtractConfig())
    assert out.column("text").to_pylist() == ["Çok güzel – naïve\n\ntwo"]
    assert out.column("title").to_pylist() == ["A & b"]


@pytest.mark.parametrize("label", ["x-nonsense", "utf-8", "", "shift_jis", "none"])
def test_a_wrong_charset_is_survived(label):
    assert "p" in decode(b"<p>\xff\xfe\xfd\x81 abc</p>", f"text/html; charset={label}")


def test_what_cannot_be_read_is_a_dead_letter_and_costs_no_other_page():
    big = b"<p>" + b"a" * 200
    out = extract_text(pages(b"%PDF-1.4", PAGE.encode(), big, b"<p>\x01\x02\x03\x04"), ExtractConfig(max_html_bytes=150))
    assert [reason is not None for reason in out.column("dead_reason").to_pylist()] == [True, False, True, True]
    assert out.column("dead_bytes").to_pylist()[2] == big[:200]
    assert out.column("text_chars").to_pylist() == [None, 22, None, None]


def test_a_page_without_text_lives_with_an_empty_one():
    out = extract_text(pages(b"", b"<html><body></body></html>"), ExtractConfig())
    assert out.column("text").to_pylist() == ["", ""]
    assert out.column("text_chars").to_pylist() == [0, 0]


def test_deep_nesting_and_many_tags_end():
    out = extract_text(pages(b"<div>" * 100_000 + b"x", b"<b>" * 300_000), ExtractConfig())
    assert out.column("dead_reason").to_pylist()[1] is not None


def test_a_text_input_keeps_its_text_and_the_payload_columns_go():
    batch = pa.RecordBatch.from_pylist([{"text": " ab\n"}, {"text": None, "dead_reason": "x"}], schema=READ_SCHEMA)
    out = extract_text(batch, ExtractConfig())
    assert out.column("text").to_pylist() == [" ab\n", None]
    assert out.column("text_chars").to_pylist() == [2, None]
    assert "payload" not in out.schema.names


def test_a_page_does_not_see_its_neighbours():
    whole = pages(PAGE.encode(), b"", b"%PDF-", PAGE.encode("utf-16"))
    parts = [extract_text(whole.slice(at, 1), ExtractConfig()) for at in range(4)]
    assert pa.Table.from_batches(parts).equals(pa.Table.from_batches([extract_text(whole, ExtractConfig())]))


def test_in_a_pipeline():
    with Pipeline("FnApiRunner") as pipeline:
        batches = pipeline | beam.Create([pages(PAGE.encode())]) | beam.Reshuffle()
        texts = batches | ExtractText(ExtractConfig()) | beam.Map(lambda batch: batch.column("title").to_pylist())
        assert_that(texts, equal_to([["A & b"]]))

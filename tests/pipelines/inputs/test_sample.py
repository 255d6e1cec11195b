"""The bundled demo documents: how many, in which languages, how large, from where, and that the damage is there."""

import json
import re
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import bytes_to_str, detect_encoding

from curricle.models.catalog import model_folder
from curricle.models.language_id import load

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "pipelines" / "sample"

ALLOWED = {
    "Apache-2.0",
    "Apache-2.0 or MIT",
    "MIT",
    "CC BY 4.0",
    "CC BY-SA 3.0",
    "CC BY-SA 3.0 or GPL-2.0-or-later",
    "GPL-2.0-or-later",
    "MPL-2.0",
    "public domain",
}

EXPLICIT = re.compile(r"\b(?:porno?|xxx|milf|hentai|blowjobs?|cumshots?|dildos?|fuck\w*|cunts?|whores?|sluts?)\b", re.I)


def members(path: Path) -> list[bytes | None]:
    """The content of each gzip member; None for one that cannot be decompressed (the next is then found by its magic)."""
    data, offset, found = path.read_bytes(), 0, []
    while 0 <= offset < len(data):
        stream = zlib.decompressobj(31)
        try:
            content = stream.decompress(data[offset:])
            found.append(content)
            offset = len(data) - len(stream.unused_data)
        except zlib.error:
            found.append(None)
            offset = data.find(b"\x1f\x8b\x08", offset + 1)
            while offset > 0 and zlib.decompressobj(31).decompress(data[offset : offset + 200])[:5] != b"WARC/":
                offset = data.find(b"\x1f\x8b\x08", offset + 1)
    return found


def warc_pages() -> list[bytes]:
    """HTML of the responses of pages.warc.gz."""
    records = [record for record in members(SAMPLE / "pages.warc.gz") if record and b"\r\nWARC-Type: response" in record[:800]]
    return [record.split(b"\r\n\r\n", 2)[2] for record in records]


def wet_texts() -> list[str]:
    """Texts of pages.warc.wet.gz."""
    records = [record for record in members(SAMPLE / "pages.warc.wet.gz") if record and b"WARC-Type: conversion" in record[:800]]
    return [record.split(b"\r\n\r\n", 1)[1].decode().strip() for record in records]


def lines() -> list[bytes]:
    """Lines of web.jsonl.zst."""
    return zstandard.ZstdDecompressor().decompressobj().decompress((SAMPLE / "web.jsonl.zst").read_bytes()).splitlines()


def good_rows() -> list[dict[str, str]]:
    """The lines that are documents."""
    rows = []
    for line in lines():
        try:
            row = json.loads(line.decode())
        except UnicodeDecodeError:
            continue
        if isinstance(row, dict):
            rows.append(row)
    return rows


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """All documents' text."""
    html = [
        str(extract_plain_text(bytes_to_str(page, detect_encoding(page) or "utf-8"), main_content=False)) for page in warc_pages()
    ]
    parquet = pq.read_table(SAMPLE / "documents.parquet")["text"].to_pylist()
    return [*html, *wet_texts(), *(row["text"] for row in good_rows()), *parquet]


@pytest.fixture(scope="module")
def documents() -> list[list[str]]:
    """Rows of the last table of SOURCES.md: file, language, collection, address, notice."""
    text = (SAMPLE / "SOURCES.md").read_text().split("## Every document")[1]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")][2:]


@pytest.fixture(scope="module")
def collections() -> dict[str, list[str]]:
    """Collection -> its other cells in SOURCES.md: licence, origin, documents per file."""
    text = (SAMPLE / "SOURCES.md").read_text().split("## Collections")[1].split("## Every document")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")][2:]
    return {name: rest for name, *rest in rows}


def test_each_format_is_there_and_all_of_it_is_small():
    assert sorted(path.name for path in SAMPLE.iterdir()) == [
        "SOURCES.md",
        "documents.parquet",
        "pages.warc.gz",
        "pages.warc.wet.gz",
        "web.jsonl.zst",
    ]
    assert sum(path.stat().st_size for path in SAMPLE.iterdir()) < 3_000_000


def test_sources_lists_every_document(texts: list[str], documents: list[list[str]], collections: dict[str, list[str]]):
    assert len(texts) == len(documents) >= 300
    in_files = (len(warc_pages()), len(wet_texts()), len(good_rows()), pq.read_metadata(SAMPLE / "documents.parquet").num_rows)
    names = ("pages.warc.gz", "pages.warc.wet.gz", "web.jsonl.zst", "documents.parquet")
    for at, (name, count) in enumerate(zip(names, in_files, strict=True)):
        assert sum(row[0] == name for row in documents) == count
        assert sum(int(cells[2 + at] or 0) for cells in collections.values()) == count


def test_every_collection_has_an_allowed_licence_and_an_origin(documents: list[list[str]], collections: dict[str, list[str]]):
    assert {row[2] for row in documents} == set(collections)
    assert {cells[0] for cells in collections.values()} <= ALLOWED
    assert all(cells[1].startswith(("https://", "Debian 12 package", "npm package")) for cells in collections.values())


def test_the_documents_are_in_many_languages(texts: list[str]):
    codes = load(model_folder("lid.176")).predict(pa.array(texts))[0].to_pylist()
    counts = {code: codes.count(code) for code in set(codes)}
    assert counts["en"] < len(texts) * 0.6
    least = {"en": 100, "de": 40, "tr": 20, "fr": 15, "es": 15, "zh": 10, "ar": 7, "ja": 5, "ko": 3, "pt": 3, "ru": 3, "pl": 3}
    assert {code: counts.get(code, 0) for code, count in least.items() if counts.get(code, 0) < count} == {}


def test_there_are_bad_documents_of_each_kind(texts: list[str], documents: list[list[str]]):
    assert sum(row[2] == "SpamAssassin" for row in documents) >= 20
    assert sum("BANK OF NIGERIA" in text.upper() or "NIGERIA" in text.upper() for text in texts) >= 3  # advance-fee scams
    assert sum(len(text.strip()) < 300 for text in texts) >= 8
    assert sum("lorem ipsum" in text.lower() for text in texts) >= 4
    repeated = [text for text in texts if len(text) > 500 and len(set(text.splitlines())) < 0.8 * len(text.splitlines())]
    assert len(repeated) >= 10


def test_no_explicit_word_stands_in_any_document(texts: list[str]):
    assert [hit[0] for text in texts if (hit := EXPLICIT.search(text))] == []


def test_exactly_three_records_are_damaged():
    assert members(SAMPLE / "pages.warc.gz").count(None) == 1
    assert None not in members(SAMPLE / "pages.warc.wet.gz")
    undecodable = [line for line in lines() if b"\xff" in line]
    lists = [line for line in lines() if line.startswith(b"[")]
    assert (len(undecodable), len(lists), len(lines()) - len(good_rows())) == (1, 1, 2)
    with pytest.raises(UnicodeDecodeError):
        undecodable[0].decode()


def test_the_script_makes_this_sample(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(ROOT / "training"))
    import make_sample

    make_sample.main(["--data", str(shared_data), "--output", str(tmp_path)])
    assert (tmp_path / "SOURCES.md").read_text() == (SAMPLE / "SOURCES.md").read_text()
    for name in ("pages.warc.gz", "pages.warc.wet.gz"):
        assert members(tmp_path / name) == members(SAMPLE / name), name
    assert pq.read_table(tmp_path / "documents.parquet").equals(pq.read_table(SAMPLE / "documents.parquet"))
    stored = lines()
    monkeypatch.setattr(f"{__name__}.SAMPLE", tmp_path)
    assert lines() == stored

"""Make the demo sample (`pipelines/sample`): 4 small files of real web documents in 20 languages, with spam and with damage.

    python training/make_sample.py --data DIR --output pipelines/sample

DIR holds the public test collections (web_html/, web_text/, harmful/, domain/). The choice is fixed: quotas per collection and
language (`sample_choice.py`), filled in the order of the hash of the documents' ids, pages with an open licence notice of their
own first; documents with a word of the LDNOOBW lists and those in `REFUSED` are passed over. Records of WARC and WET and lines
of JSONL are copied byte for byte. The same input gives the same bytes under the same zlib, zstandard and pyarrow.
"""

import argparse
import gzip
import json
import re
import tarfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
import zstandard
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import bytes_to_str, detect_encoding
from sample_choice import COLLECTIONS, INNOCENT, JSONL, PARQUET, REFUSED, SPAM, TWICE, WARC, WET, Take, take


@dataclass(frozen=True, kw_only=True)
class Document:
    """A candidate for one of the files."""

    id: str
    collection: str
    language: str
    url: str | None
    stored: Any  # what is written: bytes of the record or line, or a row
    size: int  # bytes of it, compressed where the source is
    text: Callable[[], str]  # all that a reader of the page sees
    notice: str = ""  # the open licence that the page names


NOTICE = re.compile(rb"creativecommons\.org/licenses/(by(?:-sa)?)/([\d.]+)", re.I)


def order(text: str) -> int:
    """Where a document stands among others: a hash of its id."""
    return int(xxhash.xxh3_64_intdigest(text.encode()))


def member(data: bytes, offset: int) -> bytes:
    """The gzip member at `offset`, as stored."""
    stream = zlib.decompressobj(31)
    stream.decompress(data[offset:])
    return data[offset : len(data) - len(stream.unused_data)]


def members(data: bytes) -> Iterator[bytes]:
    """All gzip members, as stored."""
    offset = 0
    while offset < len(data):
        yield (found := member(data[offset : offset + (1 << 22)], 0))
        offset += len(found)


def html_text(html: bytes) -> str:
    """All text of a page, navigation included."""
    return str(extract_plain_text(bytes_to_str(html, detect_encoding(html) or "utf-8"), main_content=False))


def language(tag: str) -> str:
    """`pt-BR` -> `pt`, `zh_CN` -> `zh`, `zh-TW` -> `zh-Hant`."""
    return "zh-Hant" if tag == "zh-TW" else re.split("[-_]", tag)[0]


def warc_documents(data: Path) -> Iterator[Document]:
    """HTML responses, each with the request record that follows it in some of the files."""
    rows = [row for file in sorted((data / "web_html/html").glob("pages-*.parquet")) for row in pq.read_table(file).to_pylist()]
    labels = pq.read_table(data / "web_html/html/docs-multilang-labels.parquet").to_pylist()
    rows += [{**row, "page_id": row["warc_record_id"], "cld2_lang": language(row["label_lang"])} for row in labels]
    files = {name: (data / "web_html/warc" / name).read_bytes() for name in {row["warc_file"] for row in rows}}
    for row in rows:
        file = files[row["warc_file"]]
        stored = member(file[row["warc_offset"] : row["warc_offset"] + (1 << 22)], 0)
        following = file[row["warc_offset"] + len(stored) :][: 1 << 16]
        if following and b"WARC-Type: request" in zlib.decompressobj(31).decompress(following, 500):
            stored += member(following, 0)
        html = row.get("html") or zlib.decompress(stored, 31).split(b"\r\n\r\n", 2)[2]
        notice = NOTICE.search(html)
        yield Document(
            id=row["page_id"],
            collection=row["source"],
            language=row["cld2_lang"],
            url=row["url"],
            stored=stored,
            size=len(stored),
            text=partial(html_text, html),
            notice=f"CC {notice[1].decode().upper()} {notice[2].decode()}" if notice else "",
        )


def wet_documents(data: Path, pages: dict[str, Document]) -> Iterator[Document]:
    """WET records of `pages` (by address)."""
    for stored in members((data / "web_text/pages-wet-00000.warc.wet.gz").read_bytes()):
        head, _, text = zlib.decompress(stored, 31).decode().partition("\r\n\r\n")
        address = re.search(r"WARC-Target-URI: (\S+)", head)
        if address and address[1] in pages:
            page = pages[address[1]]
            yield replace(page, stored=stored, size=len(text.encode()), text=partial(str, text))


def web_rows(data: Path) -> list[dict[str, Any]]:
    """All rows of the web text files."""
    return [row for file in sorted((data / "web_text").glob("web-*.parquet")) for row in pq.read_table(file).to_pylist()]


def jsonl_documents(data: Path) -> Iterator[Document]:
    """Lines, each with its newline."""
    languages = {row["id"]: row["cld2_lang"] for row in web_rows(data)}
    lines = zstandard.ZstdDecompressor().decompressobj().decompress((data / "web_text/web-sample.jsonl.zst").read_bytes())
    for line in lines.splitlines(keepends=True):
        row = json.loads(line)
        yield row_document({**row, "language": languages[row["id"]]}, line)


def row_document(row: dict[str, Any], stored: Any = None) -> Document:
    """A document of a row with id, source, language, url and text."""
    wanted = {name: row.get(name) for name in ("id", "url", "text", "source")}
    return Document(
        id=row["id"],
        collection=row["source"],
        language=row["language"],
        url=row.get("url"),
        stored=stored or wanted,
        size=len(row["text"].encode()),
        text=partial(str, row["text"]),
    )


def parquet_documents(data: Path) -> Iterator[Document]:
    """Rows of the documentation, law, abstract and web text files."""
    for file in sorted((data / "web_text").glob("docs-*.parquet")):
        yield from (row_document({**row, "language": row["lang"]}) for row in pq.read_table(file).to_pylist())
    domain = pq.read_table(data / "domain/domain.parquet").to_pylist()
    yield from (row_document({**row, "language": row["lang"]}) for row in domain)
    yield from (row_document({**row, "language": row["cld2_lang"]}) for row in web_rows(data))


def spam_documents(data: Path) -> list[Document]:
    """The mails of `SPAM`, in its order."""
    rows = {row["id"]: row for row in pq.read_table(data / "harmful/harmful-train.parquet").to_pylist()}
    return [row_document({**rows[key], "source": "SpamAssassin", "language": "en"}) for key in SPAM]


def explicit_words(data: Path) -> Callable[[str, str], str | None]:
    """`find(text, language)` -> the first word of the English or the language's list in it, or None."""
    lists: dict[str, list[str]] = {}
    with tarfile.open(data / "harmful/wordlists.tar.gz") as tar:
        for entry in tar:
            if (file := tar.extractfile(entry)) is not None:
                words = [word.strip() for word in file.read().decode().splitlines() if word.strip()]
                lists.setdefault(Path(entry.name).name.split("-")[0], []).extend(words)

    def pattern(language: str) -> re.Pattern[str]:
        words = "|".join(map(re.escape, sorted(lists[language], key=len, reverse=True)))
        return re.compile(words if language in {"zh", "ja", "th", "ko"} else rf"(?<!\w)(?:{words})(?!\w)", re.I)

    patterns = {language: pattern(language) for language in lists}

    def find(text: str, language: str) -> str | None:
        for name in ("en", language.split("-")[0]):
            hits = patterns[name].findall(text) if name in patterns else []
            if bad := [hit for hit in hits if hit not in INNOCENT]:
                return str(bad[0])
        return None

    return find


def choose(
    documents: Iterable[Document], takes: list[Take], used: set[str], explicit: Callable[[str, str], str | None]
) -> list[Document]:
    """Fill the quotas in order; ids chosen are added to `used`. ValueError where a quota cannot be met."""
    pool = sorted(documents, key=lambda d: (not d.notice, order(d.id)))
    chosen: list[Document] = []
    for want in takes:
        left = want.count
        for document in pool:
            if not left:
                break
            if (document.collection, document.language) != (want.collection, want.language) or document.id in {*used, *REFUSED}:
                continue
            if want.smallest <= document.size <= want.largest and not explicit(
                f"{document.url} {document.text()}", document.language
            ):
                chosen.append(document)
                used.add(document.id)
                left -= 1
        if left:
            raise ValueError(f"{left} too few for {want}")
    return sorted(chosen, key=lambda d: order(d.id))


def warcinfo(name: str) -> bytes:
    """The first record of a WARC file, as a gzip member."""
    body = b"software: curricle training/make_sample.py\r\nformat: WARC File Format 1.0\r\n"
    head = (
        f"WARC/1.0\r\nWARC-Type: warcinfo\r\nWARC-Date: 2026-11-24T00:00:00Z\r\nWARC-Filename: {name}\r\n"
        f"WARC-Record-ID: <urn:uuid:00000000-0000-4000-8000-{order(name) % 16**12:012x}>\r\n"
        f"Content-Type: application/warc-fields\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return gzip.compress(head.encode() + body + b"\r\n\r\n", mtime=0)


def damaged(stored: bytes) -> bytes:
    """A gzip member with 64 bytes in its middle inverted: what a bad disk leaves."""
    middle = len(stored) // 2
    return stored[:middle] + bytes(255 - byte for byte in stored[middle : middle + 64]) + stored[middle + 64 :]


def table(rows: Iterable[tuple[object, ...]], *heads: str) -> str:
    """A Markdown table."""
    lines = (
        "| " + " | ".join(str(cell).replace("|", "%7C") for cell in row) + " |" for row in (heads, ("---",) * len(heads), *rows)
    )
    return "\n".join(lines) + "\n"


SOURCES = """# Where the demo's documents come from

{total} real web documents, made into four files by `training/make_sample.py`. Page text stays its publishers'; it is here, as in
the collections named below, to test software. Debian's documentation, statutes and the Declaration of Human Rights are free
works. Everything was checked against the LDNOOBW word lists, and the title and first lines of every web page, abstract and mail
were looked at: nothing sexual, hateful or about a private person's misfortune was kept. Spam and scams are of 2002.

{files}
## Damaged on purpose

- `pages.warc.gz`: one more page ({broken}), whose gzip member has 64 bytes inverted in its middle;
- `web.jsonl.zst`: one more line, the copy of the line before with two bytes that are no UTF-8;
- `web.jsonl.zst`: one more line that is a JSON list.

Three dead letters, then; all other records must survive them. {twice} pages stand twice: in `pages.warc.gz` and, as text, in
`pages.warc.wet.gz`.

## Collections

{collections}
## Every document

`language` is the collection's label, else CLD2's guess (`un` unknown); `notice` is the open licence that the page itself names.

{documents}"""


def sources(files: dict[str, list[Document]], broken: Document) -> str:
    """SOURCES.md."""
    every = [(name, document) for name, documents in files.items() for document in documents]
    counts = Counter((document.collection, name) for name, document in every)
    languages = {name: ", ".join(sorted({document.language for document in documents})) for name, documents in files.items()}
    return SOURCES.format(
        total=len(every),
        files=table(((name, len(files[name]), languages[name]) for name in files), "file", "documents", "languages"),
        broken=broken.url,
        twice=TWICE,
        collections=table(
            ((name, *COLLECTIONS[name], *(counts[name, file] or "" for file in files)) for name in COLLECTIONS),
            *("collection", "licence", "origin", *files),
        ),
        documents=table(
            ((name, d.language, d.collection, d.url or d.id, d.notice) for name, d in every),
            *("file", "language", "collection", "address", "notice"),
        ),
    )


def chosen(data: Path) -> tuple[dict[str, list[Document]], Document]:
    """The documents of each file, in their order, and the page that is damaged."""
    explicit, used = explicit_words(data), set[str]()
    html = list(warc_documents(data))
    pages = choose(html, WARC, used, explicit)
    (broken,) = choose(html, take("installation-guide", de=1), used, explicit)
    wet = choose(wet_documents(data, {str(d.url): d for d in html}), WET, used, explicit)
    wet += [d for d in wet_documents(data, {str(d.url): d for d in pages}) if d.size < 9_000][:TWICE]
    spam = spam_documents(data)
    lines = choose(jsonl_documents(data), JSONL, used, explicit)
    lines += [replace(mail, stored=json.dumps(mail.stored, ensure_ascii=False).encode() + b"\n") for mail in spam[::2]]
    rows = [*choose(parquet_documents(data), PARQUET, used, explicit), *spam[1::2]]
    for documents in (lines, rows):
        documents.sort(key=lambda d: order(d.id))
    return {"pages.warc.gz": pages, "pages.warc.wet.gz": wet, "web.jsonl.zst": lines, "documents.parquet": rows}, broken


def main(arguments: list[str] | None = None) -> None:
    """Write the four files and SOURCES.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(arguments)
    files, broken = chosen(args.data)
    pages, wet, lines, rows = ([document.stored for document in documents] for documents in files.values())
    args.output.mkdir(parents=True, exist_ok=True)
    pages.insert(len(pages) // 3, damaged(broken.stored))
    at = len(lines) // 2
    lines[at:at] = [lines[at - 1].replace(b'"text": "', b'"text": "\xc3\x28\xff ', 1), b'["a", "list", "is", "no", "document"]\n']
    (args.output / "pages.warc.gz").write_bytes(b"".join([warcinfo("pages.warc.gz"), *pages]))
    (args.output / "pages.warc.wet.gz").write_bytes(b"".join([warcinfo("pages.warc.wet.gz"), *wet]))
    (args.output / "web.jsonl.zst").write_bytes(zstandard.ZstdCompressor(level=19).compress(b"".join(lines)))
    pq.write_table(pa.Table.from_pylist(rows), args.output / "documents.parquet", compression="zstd", row_group_size=64)
    (args.output / "SOURCES.md").write_text(sources(files, broken))


if __name__ == "__main__":
    main()

"""Recognizes the format of a file by its name and checks it against the first bytes."""

import re

from curricle.schemas.shards import Format
from curricle.stages.read.compressed import Codec, Gzip, Zstd

_KINDS: dict[str, Format] = {".warc": "warc", ".wet": "warc", ".jsonl": "jsonl", ".ndjson": "jsonl", ".txt": "text"}
SUFFIXES: dict[str, tuple[Format, str]] = {
    **{f"{kind}{end}": (format_, end) for kind, format_ in _KINDS.items() for end in ("", ".gz", ".zst")},
    # C4 and Dolma name their JSON lines .json.gz. A plain .json is usually one document, so it is not read from folders.
    **{f".json{end}": ("jsonl", end) for end in (".gz", ".zst")},
    ".parquet": ("parquet", ""),
    ".pq": ("parquet", ""),
}
"""Known suffixes: format and compression."""

IN_FOLDERS = tuple(suffix for suffix, (format_, _) in SUFFIXES.items() if format_ != "text")
"""Suffixes that are read from folders. A .txt file in a folder is more often a note than a corpus."""

_NAMES = {
    "warc": "WARC",
    "jsonl": "JSON lines",
    "parquet": "Parquet",
    "text": "plain text",
    "": "not compressed",
    ".gz": "gzip",
    ".zst": "zstd",
}
_OTHERS = (
    (rb"PK\x03\x04", "a zip archive"),
    (rb"BZh[1-9]", "bzip2"),
    (rb"\xfd7zXZ", "xz"),
    (rb"\x04\x22\x4d\x18", "lz4"),
    (rb"\x1f\x8b\x08|\x28\xb5\x2f\xfd", "compressed twice"),
    (rb"ARROW1", "Arrow IPC"),
    (rb"Obj\x01", "Avro"),
    (rb"%PDF", "PDF"),
    (rb"\xff\xfe|\xfe\xff", "UTF-16 text"),
    (rb"(?s).{257}ustar", "a tar archive"),
    (rb"\s*<(?i:!doctype|html|\?xml)", "HTML or XML"),
    (rb"\s*\[\s*(?:\{|[\r\n])", "one JSON array, not JSON lines"),
    (rb"\s*\{\s*[\r\n]", "one JSON document over several lines, not JSON lines"),
)


def format_of(name: str, head: bytes) -> Format:
    """The format of a file called `name` that begins with `head` (64 KiB, or the whole file if it is smaller).

    Damage at the start is left to the reader as long as the file may still be what its name says. Raises ValueError, in one
    line, if it is recognizably something else.
    """
    named = SUFFIXES.get(next((end for end in sorted(SUFFIXES, key=len, reverse=True) if name.lower().endswith(end)), ""))
    if not head:
        if named is None:
            raise ValueError("the file is empty, and its name does not tell its format")
        return named[0]
    codec = next((codec for codec in (Gzip(), Zstd()) if codec.at_start(head[:4])), None)
    compression = "" if codec is None else ".gz" if isinstance(codec, Gzip) else ".zst"
    body = codec.probe(head, 1 << 16) if codec else head
    kind, other = _recognize(body.removeprefix(b"\xef\xbb\xbf"))
    if named is None:
        if kind is None:
            seen = f"is {other}" if other else f"begins with {repr(head[:16])[1:]}"
            raise ValueError(f"unknown format (known: WARC, JSON lines, Parquet, .txt): it {seen}")
        return kind
    if compression != named[1] and (compression or kind or other or _codec(named[1]).magic not in head):
        raise ValueError(f"the content does not match the name: it is {_NAMES[compression]}")
    if named[0] == "text" and kind:  # a .txt file may hold anything
        return kind
    if other or kind not in (None, named[0]):
        raise ValueError(f"the content does not match the name: it is {other or _NAMES[kind or '']}")
    magic = {"warc": b"WARC/", "jsonl": b"{", "parquet": b"PAR1", "text": b""}[named[0]]
    if compression == named[1] and body and magic not in body:
        raise ValueError(
            f"the content does not match the name: it is not {_NAMES[named[0]]}, but begins with {repr(body[:16])[1:]}"
        )
    return named[0]


def _codec(compression: str) -> Codec:
    return Gzip() if compression == ".gz" else Zstd()


def _recognize(body: bytes) -> tuple[Format | None, str]:
    """The format, or the name of an unsupported format, or neither."""
    if body.startswith(b"PAR1"):
        return "parquet", ""
    if body.lstrip(b"\r\n").startswith(b"WARC/"):
        return "warc", ""
    other = next((name for pattern, name in _OTHERS if re.match(pattern, body)), "")
    return ("jsonl" if not other and body.lstrip().startswith(b"{") else None), other

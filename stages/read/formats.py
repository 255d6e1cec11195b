"""Recognizes the format of a file by its name and checks it against the first bytes."""

import re

from curricle.schemas.shards import Format
from curricle.stages.read.compressed import ALIASES, CODECS, codec_at

_KINDS: dict[str, Format] = {
    ".warc": "warc",
    ".wet": "warc",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "text",
}
_ENDS = {"": "", **{end: end for end in CODECS}, **ALIASES}
SUFFIXES: dict[str, tuple[Format, str]] = {
    **{f"{kind}{end}": (format_, codec) for kind, format_ in _KINDS.items() for end, codec in _ENDS.items()},
    # C4 and Dolma name their JSON lines .json.gz. A plain .json may be one document: its content decides.
    **{f".json{end}": ("jsonl", codec) for end, codec in _ENDS.items() if end},
    ".parquet": ("parquet", ""),
    ".pq": ("parquet", ""),
}
"""Known suffixes: format and compression."""

NAMED_ONLY = {"text": "plain text", "csv": "a table"}
"""Formats that are read from a folder only if a file is named: such a file is more often a note or a list than a corpus."""

UNFINISHED = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".download", ".swp", ".filepart")
"""Suffixes of files that are still being written."""

_NAMES = {
    "warc": "WARC",
    "jsonl": "JSON lines",
    "parquet": "Parquet",
    "text": "plain text",
    "": "not compressed",
    ".gz": "gzip",
    ".zst": "zstd",
    ".bz2": "bzip2",
    ".xz": "xz",
    "csv": "CSV",
}
_OTHERS = (
    (rb"PK\x03\x04", "a zip archive"),
    (rb"\x04\x22\x4d\x18", "lz4"),
    (rb"\x1f\x8b\x08|\x28\xb5\x2f\xfd|BZh[1-9]|\xfd7zXZ", "compressed twice"),
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
    named = named_format(name)
    if not head:
        if named is None:
            raise ValueError("the file is empty, and its name does not tell its format")
        return named[0]
    codec = codec_at(head[:6])
    compression = next((end for end, kind in CODECS.items() if isinstance(codec, kind)), "")
    body = codec.probe(head, 1 << 16) if codec else head
    kind, other = _recognize(body.removeprefix(b"\xef\xbb\xbf"))
    if named is None:
        if kind is None:
            seen = f"is {other}" if other else f"begins with {repr(head[:16])[1:]}"
            raise ValueError(f"unknown format (known: WARC, JSON lines, Parquet, .csv, .tsv, .txt): it {seen}")
        return kind
    if compression != named[1] and (compression or kind or other or CODECS[named[1]].magic not in head):
        raise ValueError(f"the content does not match the name: it is {_NAMES[compression]}")
    if named[0] == "text" and kind:  # a .txt file may hold anything
        return kind
    if named[0] == "csv" and kind is None:  # so may a table
        return "csv"
    if other or kind not in (None, named[0]):
        raise ValueError(f"the content does not match the name: it is {other or _NAMES[kind or '']}")
    magic = {"warc": b"WARC/", "jsonl": b"{", "parquet": b"PAR1", "text": b"", "csv": b""}[named[0]]
    if compression == named[1] and body and magic not in body:
        raise ValueError(
            f"the content does not match the name: it is not {_NAMES[named[0]]}, but begins with {repr(body[:16])[1:]}"
        )
    return named[0]


def named_format(name: str) -> tuple[Format, str] | None:
    """Format and compression that the suffix of a name says; None for another suffix."""
    found = max((end for end in SUFFIXES if name.lower().endswith(end)), key=len, default=None)
    return None if found is None else SUFFIXES[found]


def why_not_in_folder(name: str, head: bytes) -> str | None:
    """Why a file of a folder is not read, in a few words; None if it is an input."""
    named = named_format(name)
    if name.lower().endswith(UNFINISHED):
        return "looks unfinished"
    if named:
        what = NAMED_ONLY.get(named[0])
        return f"{what} is read only if it is named" if what else None
    try:
        kind = format_of(name, head)
    except ValueError as error:
        return "is empty" if not head else str(error).rpartition("): it ")[2]
    if kind == "jsonl" and name.lower().endswith(".json") and head.count(b"\n{") == 0:
        return "is one JSON document"
    return None


def _recognize(body: bytes) -> tuple[Format | None, str]:
    """The format, or the name of an unsupported format, or neither."""
    if body.startswith(b"PAR1"):
        return "parquet", ""
    if body.lstrip(b"\r\n").startswith(b"WARC/"):
        return "warc", ""
    other = next((name for pattern, name in _OTHERS if re.match(pattern, body)), "")
    return ("jsonl" if not other and body.lstrip().startswith(b"{") else None), other

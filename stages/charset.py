"""Bytes of a web page to text: which charset, and a decoding that never fails.

Order: byte order mark, the bytes themselves where they are UTF-8, HTTP header, `<meta>`, detection (uchardet). Labels mean what
the WHATWG Encoding Standard says (https://encoding.spec.whatwg.org/#names-and-labels: `iso-8859-1` is windows-1252, `gb2312` is
gb18030), plus labels that the standard leaves out and pages use.

Deviations from the standard, which trusts the header whatever the bytes say: a page whose bytes are UTF-8 is read as UTF-8 under
any label (9 of the 91 pages with another label in the collection of docs/extraction.md), and a label that the bytes contradict
is ignored.
"""

import re
from typing import Final

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

META_BYTES: Final = 4096
"""Bytes that are searched for a label. The standard says 1024; pages that begin with long comments or scripts need more."""

DETECT_BYTES: Final = 262_144
"""Bytes of a page from which its charset is guessed."""

_BOMS: Final = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))

_WIDER: Final = {
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
    "iso8859-11": "cp874",
}
"""Python's codec of a WHATWG encoding where resiliparse names a narrower one."""

_EXTRA_LABELS: Final = {
    "ansi": "cp1252",
    "cp932": "cp932",
    "cp949": "cp949",
    "euccn": "gb18030",
    "eucjp": "euc_jp",
    "euckr": "cp949",
    "hz-gb-2312": "hz",
    "iso-2022-kr": "iso2022_kr",
    "uhc": "cp949",
    "win-1251": "cp1251",
    "win1251": "cp1251",
    "x-mac-cyrillic": "mac_cyrillic",
    "x-user-defined": "cp1252",
}

_SEVEN_BIT: Final = frozenset({"iso2022_jp", "iso2022_kr", "hz"})
_MULTIBYTE: Final = frozenset({"gb18030", "big5hkscs", "cp932", "euc_jp", "cp949"})
_UTF16: Final = frozenset({"utf-16-le", "utf-16-be"})

_HIGH: Final = bytes(range(0x80, 0x100))

_HEADER = re.compile(r"charset\s*=\s*[\"']?\s*([^\s\"';,]+)", re.IGNORECASE)
_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
_TAG = re.compile(rb"<[^<>]*>")
_META = re.compile(rb"<meta\s[^>]*?charset\s*=\s*[\"']?\s*([^\s\"'/>;]+)", re.IGNORECASE)
_XML = re.compile(rb"^\s*<\?xml\s[^>]*?encoding\s*=\s*[\"']([^\s\"'>]+)", re.IGNORECASE)


def python_codec(label: str) -> str | None:
    """Python's codec for a charset label from a header or page; None for an unknown label."""
    label = label.strip().strip("\"'").lower()
    codec = map_encoding_to_html5(label, fallback_utf8=False)
    if codec is None:
        codec = map_encoding_to_html5(label.replace("_", "-"), fallback_utf8=False) or _EXTRA_LABELS.get(label)
    return None if codec is None else _WIDER.get(codec, codec)


def header_codec(content_type: str | None) -> str | None:
    """Codec named by an HTTP Content-Type header; None if it names no known one."""
    found = _HEADER.search(content_type or "")
    return python_codec(found[1]) if found else None


def meta_codec(payload: bytes) -> str | None:
    """Codec named by `<meta>` (or an XML declaration) at the start of the page; None if it names no known one.

    A page in which the label could be read is not UTF-16: such a label means UTF-8, as in the HTML standard.
    """
    head = payload[:META_BYTES]
    found = _META.search(_COMMENT.sub(b"", head)) or _XML.search(head)
    codec = python_codec(found[1].decode("latin-1")) if found else None
    return "utf-8" if codec in _UTF16 else codec


def decode_html(payload: bytes, content_type: str | None = None) -> tuple[str, str]:
    """The page's text and the Python codec that read it. Bytes that the codec cannot read become U+FFFD; never an exception.

    The text has no byte order mark and no lone surrogates.
    """
    for bom, utf in _BOMS:
        if payload.startswith(bom):
            return payload[len(bom) :].decode(utf, "replace"), utf
    header = header_codec(content_type)
    if header in _UTF16 and b"\0" in payload:  # the `<` of a tag holds one
        return payload.decode(header, "replace"), header
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        return _decode_other(payload, header)
    codec = _short_codec(payload, len(payload) - len(text), header)
    return (text, "utf-8") if codec is None else (payload.decode(codec, "replace"), codec)


def _short_codec(payload: bytes, continuation_bytes: int, header: str | None) -> str | None:
    """The charset of a page that is valid UTF-8 only by chance: ISO-2022 is ASCII, and two Chinese characters can be too."""
    if continuation_bytes >= 8:
        return None
    declared = header or meta_codec(payload)
    if declared in _SEVEN_BIT or (continuation_bytes and declared in _MULTIBYTE):
        return declared
    return "iso2022_jp" if b"\x1b$B" in payload else None


def _decode_other(payload: bytes, header: str | None) -> tuple[str, str]:
    """Decode bytes that are not UTF-8 throughout."""
    text = payload.decode("utf-8", "replace")
    if _is_mostly_read(text, payload.count("\ufffd".encode())):
        return text, "utf-8"
    for codec in (header, meta_codec(payload)):
        if codec is None or codec == "utf-8":
            continue
        text = payload.decode(codec, "replace")
        if codec not in _MULTIBYTE | _SEVEN_BIT or _is_mostly_read(text, 0):
            return text, codec
    codec = _detected_codec(payload)
    return payload.decode(codec, "replace"), codec


def _detected_codec(payload: bytes) -> str:
    """uchardet's guess from the text between the tags (1 % more pages right than with the tags).

    Returns windows-1252, the standard's default, if uchardet has no guess or fewer than ten bytes beyond ASCII: it takes two
    `é` of a Dutch page for windows-1250.
    """
    words = _TAG.sub(b" ", payload[:DETECT_BYTES])
    if len(words) - len(words.translate(None, _HIGH)) < 10:
        return "cp1252"
    detected = python_codec(detect_encoding(words, html5_compatible=False) or "")
    if detected is None or detected in ("utf-8", *_UTF16):
        return "cp1252"
    return "koi8_u" if detected == "koi8-r" else detected  # the same, with Ukrainian letters in place of box drawing


def _is_mostly_read(text: str, true_replacements: int) -> bool:
    """Whether at least five of six characters beyond ASCII were read.

    UTF-8 with a damaged byte or a cut end passes, text in another charset does not: of the collection's pages in GB18030,
    EUC-KR and single-byte charsets none has more than a quarter read as UTF-8.
    """
    failed = text.count("\ufffd") - true_replacements
    beyond_ascii = len(text) - len(text.encode("ascii", "ignore"))
    return beyond_ascii - failed >= 5 * failed

"""Bytes of a web page to text: which charset, and a decoding that never fails.

Order: byte order mark, the bytes themselves where they are UTF-16 or UTF-8, HTTP header, `<meta>`, detection (uchardet). A label
that servers send by default (windows-1252, ISO-8859-15) comes after that of the page.

Labels mean what the WHATWG Encoding Standard says (https://encoding.spec.whatwg.org/#names-and-labels: `iso-8859-1` is
windows-1252, `gb2312` is gb18030), plus labels that the standard leaves out and pages use.

Deviations from the standard, which trusts the header whatever the bytes say: a page whose bytes are UTF-8 is read as UTF-8 under
any label (9 of the 91 pages with another label in the collection of docs/extraction.md), and a label that the bytes contradict
is ignored.
"""

import re
from typing import Final, NamedTuple

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

from curricle.stages.utf16 import utf16_without_mark

META_BYTES: Final = 4096
"""Bytes that are searched for a label. The standard says 1024; pages that begin with long comments or scripts need more."""

DETECT_BYTES: Final = 262_144
"""Bytes of a page from which its charset is guessed."""

JUDGED_BYTES: Final = 16_384
"""Bytes of text by which a label is judged."""

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

_LATIN: Final = frozenset({"cp1252", "iso8859-15"})
"""What servers send by default, whatever the page is in."""

_OTHER_LATIN: Final = frozenset({"cp1250", "cp1254", "cp1257", "cp1258", "iso8859-2", "iso8859-4", "iso8859-10", "iso8859-13"})
_CYRILLIC: Final = frozenset({"cp1251", "koi8-r", "koi8_u", "iso8859-5", "mac_cyrillic", "cp866"})
_USUAL_CYRILLIC: Final = ("cp1251", "koi8_u", "iso8859-5", "cp866")

_COMMON: Final = {
    "gb18030": re.compile(rb"(?:[\xb0-\xd7][\xa1-\xfe]|\xa1[\xa2-\xbf]|\xa3[\xa1-\xfe])+"),
    "big5hkscs": re.compile(rb"(?:[\xa4-\xc6][\x40-\x7e\xa1-\xfe]|\xa1[\x40-\x7e])+"),
    "cp949": re.compile(rb"(?:[\xb0-\xc8][\xa1-\xfe])+"),
    "euc_jp": re.compile(rb"(?:\xa4[\xa1-\xf3]|\xa5[\xa1-\xf6]|\xa1[\xa2-\xbf]|[\xb0-\xcf][\xa1-\xfe])+"),
    "cp932": re.compile(rb"(?:\x82[\x9f-\xf1]|\x83[\x40-\x96]|\x81[\x41-\x5b]|[\x88-\x97][\x40-\x7e\x80-\xfc])+"),
}
"""Common characters of the multi-byte charsets: frequent ideographs, kana, Hangul, punctuation."""

_ACCENTED = re.compile(
    r"(?<=[A-Za-z])[^\W\d_a-zA-Z]{1,2}|[^\W\d_a-zA-Z]{1,2}(?=[A-Za-z])|[\u00a0\u2013\u2014\u2018-\u201e\u2026\u2022«»©®°§€£·±×÷¥]"
)
_SMALL_CYRILLIC = re.compile("[а-яёіїєґў]+")
_CYRILLIC_LETTER = re.compile("[а-яёіїєґў]", re.IGNORECASE)
_FREQUENT_CYRILLIC = re.compile("[оеаинтсрві]", re.IGNORECASE)
"""Two thirds of the letters of Russian or Bulgarian; a third of those that KOI8-R and windows-1251 make of each other."""
_FREQUENT_THAI = re.compile("[านรอกเง่้ยลวมัี]")
"""Two thirds of the characters of Thai; a quarter of those that windows-874 makes of Chinese and Korean charsets."""
_GOOD = re.compile(r"[^\W\d_a-zA-Z\u00fe\u00ff]|[\u00a0\u2013\u2014\u2018-\u201e\u2026\u2022«»©®°§€£·¡¿ºª´±×÷¢¥™]")
"""Letters beyond ASCII (not the bytes FE and FF, which are more often damage) and common punctuation."""

_CUT = re.compile(rb"(?:[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})?\Z")
"""The start of a character at the end of a page."""

_ENDS = re.compile(rb"[<>\r\n]+")
_SPLIT = re.compile(rb"(?<=[<>\r\n])")
_LABEL = re.compile(r"^cp(\d+)$")
_NAMES: Final = {
    "big5hkscs": "big5",
    "cp932": "shift_jis",
    "cp949": "euc-kr",
    "hz": "hz-gb-2312",
    "mac_cyrillic": "x-mac-cyrillic",
    "mac_roman": "macintosh",
    "utf-16-be": "utf-16be",
    "utf-16-le": "utf-16le",
    "cp866": "ibm866",
    "iso2022_jp": "iso-2022-jp",
    "iso2022_kr": "iso-2022-kr",
}

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


class Decoded(NamedTuple):
    """The text of a page, the Python codec that read it, and what decided: a value of the column `charset_source`."""

    text: str
    codec: str
    source: str


def whatwg_name(codec: str) -> str:
    """The WHATWG Encoding Standard's name of a Python codec that `decode_html` returns."""
    return _NAMES.get(codec) or _LABEL.sub(r"windows-\1", codec.replace("_", "-")).replace("iso8859-", "iso-8859-")


def decode_html(payload: bytes, content_type: str | None = None) -> Decoded:
    """Decode a page. Bytes that the codec cannot read become U+FFFD; never an exception.

    The text has no byte order mark and no lone surrogates.
    """
    for bom, utf in _BOMS:
        if payload.startswith(bom):
            return Decoded(payload[len(bom) :].decode(utf, "replace"), utf, "mark")
    header = header_codec(content_type)
    if header in _UTF16 and b"\0" in payload:  # the `<` of a tag holds one
        return Decoded(payload.decode(header, "replace"), header, "header")
    if b"\0" in payload[:64] and (unmarked := utf16_without_mark(payload[:META_BYTES])):
        return Decoded(payload.decode(unmarked, "replace"), unmarked, "bytes")
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        return _decode_other(payload, header)
    short = _short_codec(payload, len(payload) - len(text), header)
    return Decoded(text, "utf-8", "bytes") if short is None else Decoded(payload.decode(short[0], "replace"), *short)


def _short_codec(payload: bytes, continuation_bytes: int, header: str | None) -> tuple[str, str] | None:
    """The charset of a page that is valid UTF-8 only by chance, and what decided.

    ISO-2022 is ASCII, and two Chinese characters can be UTF-8 too.
    """
    if continuation_bytes >= 8:
        return None
    for declared, source in ((header, "header"), (meta_codec(payload), "meta")):
        if declared and (declared in _SEVEN_BIT or (continuation_bytes and declared in _MULTIBYTE)):
            return declared, source
        if declared:
            break
    return ("iso2022_jp", "bytes") if b"\x1b$B" in payload else None


def _decode_other(payload: bytes, header: str | None) -> Decoded:
    """Decode bytes that are not UTF-8 throughout.

    UTF-8 with damage is mended. Else the first label that the bytes do not contradict, then uchardet's guess; a page that also
    holds stretches of UTF-8 is mended with that charset.
    """
    text, meta = payload.decode("utf-8", "replace"), meta_codec(payload)
    if _is_mostly_read(text, payload.count("\ufffd".encode())):
        return _mended(payload, [*_named(header, meta), "cp1252"])
    words = _TAG.sub(b" ", payload[:DETECT_BYTES])
    codec, source = _believed(words, header, meta)
    if codec not in _MULTIBYTE and _holds_utf8(payload):
        return _mended(payload, [codec])
    return Decoded(payload.decode(codec, "replace"), codec, source)


def _believed(words: bytes, header: str | None, meta: str | None) -> tuple[str, str]:
    """The codec of text without its tags that is not UTF-8, and what decided: a label or detection."""
    labels = [(header, "header"), (meta, "meta")]
    if header in _LATIN:
        # A server's default says little: what the page says of itself, or its bytes, decide.
        if meta in _LATIN | {None, "utf-8"} or _contradicted(words, str(meta)):
            detected = _detected_codec(words)
            return (detected, "header" if detected == header else "detected")
        labels.reverse()
    for label, source in labels:
        if label and label != "utf-8" and not _contradicted(words, label):
            return label, source
    return _detected_codec(words), "detected"


def _holds_utf8(payload: bytes) -> bool:
    """Whether parts of the page are UTF-8: stretches between tags with three or more characters that no other charset gives."""
    found = 0
    for part in _ENDS.split(payload):
        if part.isascii():
            continue
        try:
            length = len(part) - len(part.decode())
        except UnicodeDecodeError:
            continue
        found += length if length >= 3 else 0
        if found >= 16:
            return True
    return False


def _named(*labels: str | None) -> list[str]:
    """The codecs of one byte a character that a page names."""
    return [label for label in labels if label and label not in {"utf-8", *_UTF16, *_SEVEN_BIT, *_MULTIBYTE}]


def _mended(payload: bytes, codecs: list[str]) -> Decoded:
    """UTF-8 in which parts are not: each stretch between tags and line ends that is not UTF-8 is read in one of `codecs`.

    Only if that gives letters and punctuation; single damaged bytes and a cut end stay U+FFFD.
    """
    found = _CUT.search(payload, max(0, len(payload) - 3))
    cut = found[0] if found else b""
    texts, mended = [], False
    for part in _SPLIT.split(payload[: len(payload) - len(cut)]):
        try:
            texts.append(part.decode())
        except UnicodeDecodeError:
            text = part.decode("utf-8", "replace")
            codec = next((codec for codec in codecs if _reads_better(part, text, codec)), None)
            texts.append(part.decode(codec) if codec else text)
            mended = mended or codec is not None
    return Decoded("".join(texts) + "\ufffd" * bool(cut), "utf-8", "mixed" if mended else "bytes")


def _reads_better(part: bytes, as_utf8: str, codec: str) -> bool:
    """Whether a stretch that is not UTF-8 is text in another charset: it holds no UTF-8, and all its bytes are read well."""
    high = _high_bytes(part)
    if as_utf8.count("\ufffd") < high or high == 0:  # some of it is UTF-8, or a character is cut
        return False
    text = part.decode(codec, "replace")
    if len(_GOOD.findall(text)) < _beyond_ascii(text):
        return False
    return not _contradicted(part, codec)


def _contradicted(words: bytes, codec: str) -> bool:
    """Whether text in this charset would hardly be these bytes (the page without its tags)."""
    words = words[:JUDGED_BYTES]
    text = words.decode(codec, "replace")
    high = _high_bytes(words)
    if not _is_mostly_read(text, 0) or (codec in _UTF16 and b"\0" not in words):
        return True
    accented = sum(map(len, _ACCENTED.findall(text))) * 2
    if codec in _CYRILLIC and high >= 4 and accented <= high and (frequent := _frequent_cyrillic(words, codec)):
        return max(_frequent_cyrillic(words, other) for other in _USUAL_CYRILLIC) > 1.25 * frequent
    if codec == "cp874" and len(_FREQUENT_THAI.findall(text)) * 2 > high:
        return False
    if codec in _MULTIBYTE:
        best = max(_MULTIBYTE, key=lambda other: (_common_share(words, other), other == codec))
        return high >= 20 and _common_share(words, codec) < 0.4 and _common_share(words, best) > 0.7
    if high >= 20 and max(_common_share(words, other) for other in _MULTIBYTE) > 0.8:
        return True
    # In words of the Latin script most letters are ASCII; other scripts read as Latin give words of accents and symbols, and the
    # other way around.
    if codec in _LATIN or codec in _OTHER_LATIN:
        return accented < high and high >= 4
    return accented > high or (codec in _CYRILLIC and sum(map(len, _SMALL_CYRILLIC.findall(text))) * 2 < high)


def _frequent_cyrillic(words: bytes, codec: str) -> int:
    """Number of frequent Cyrillic letters, small or capital; 0 unless most characters beyond ASCII are Cyrillic letters."""
    text = words[:JUDGED_BYTES].decode(codec, "replace")
    letters = len(_CYRILLIC_LETTER.findall(text))
    return len(_FREQUENT_CYRILLIC.findall(text)) if letters * 5 > _beyond_ascii(text) * 4 else 0


def _common_share(words: bytes, codec: str) -> float:
    """Share of the bytes beyond ASCII that are common characters of a multi-byte charset, 0..1."""
    high = _high_bytes(words)
    found = sum(map(_high_bytes, _COMMON[codec].findall(words)))
    return found / max(high, 1)


def _detected_codec(words: bytes) -> str:
    """uchardet's guess from the text between the tags (1 % more pages right than with the tags).

    Returns windows-1252, the standard's default, if uchardet has no guess or fewer than ten bytes beyond ASCII: it takes two
    `é` of a Dutch page for windows-1250.
    """
    if _high_bytes(words) < 10:
        return "cp1252"
    detected = python_codec(detect_encoding(words, html5_compatible=False) or "")
    if detected is None or detected in ("utf-8", *_UTF16):
        return "cp1252"
    if detected in _CYRILLIC and _contradicted(words, detected):  # uchardet takes capitals in windows-1251 for KOI8-R
        detected = max(_USUAL_CYRILLIC, key=lambda codec: _frequent_cyrillic(words, codec))
    return "koi8_u" if detected == "koi8-r" else detected  # the same, with Ukrainian letters in place of box drawing


def _is_mostly_read(text: str, true_replacements: int) -> bool:
    """Whether at least five of six characters beyond ASCII were read.

    UTF-8 with a damaged byte or a cut end passes, text in another charset does not: of the collection's pages in GB18030,
    EUC-KR and single-byte charsets none has more than a quarter read as UTF-8.
    """
    failed = text.count("\ufffd") - true_replacements
    return _beyond_ascii(text) - failed >= 5 * failed


def _high_bytes(data: bytes) -> int:
    return len(data) - len(data.translate(None, _HIGH))


def _beyond_ascii(text: str) -> int:
    return len(text) - len(text.encode("ascii", "ignore"))

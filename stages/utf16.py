"""UTF-16 that neither a byte order mark nor a label announces."""

from collections.abc import Iterator


def utf16_without_mark(head: bytes) -> str | None:
    """The codec of the start of a page or text in UTF-16, `utf-16-le` or `utf-16-be`; None for other bytes.

    Such bytes are printable characters and hold markup, or every second byte of a quarter of them is zero. Read in the other
    byte order, the tags would be ideographs.
    """
    if b"\0" not in head or len(head) < 8:
        return None
    found = max(_readings(head), default=None)
    return found[1] if found else None


def _readings(head: bytes) -> Iterator[tuple[int, str]]:
    """Number of ASCII characters, and codec, of each byte order that gives text."""
    for codec, high in (("utf-16-le", 1), ("utf-16-be", 0)):
        try:
            text = head[: len(head) // 2 * 2].decode(codec, "strict")
        except UnicodeDecodeError as error:
            if error.start < len(head) - 4:  # not the second half of a character behind the end
                continue
            text = head[: error.start].decode(codec)
        ascii_characters = len(text.encode("ascii", "ignore"))
        marked = ("<" in text and ">" in text) or head[high::2].count(0) * 4 > len(text)
        if marked and all(map(str.isprintable, text.split())):
            yield ascii_characters, codec

"""One rendering of a formula: its TeX where the page has it, or else MathML as one line with ^, _ and /."""

import re
from typing import Final

_TAGS: Final = re.compile(rb"<[^>]*>")
_TEX: Final = re.compile(rb'<annotation[^>]*encoding="[^"]*tex[^"]*"[^>]*>(.*?)</annotation>', re.DOTALL | re.IGNORECASE)
_TOKEN: Final = re.compile(rb"<(/?)([a-zA-Z]+)[^>]*?(/?)>|([^<]+)")
_OPERATORS: Final = {  # parent and place of a child -> what is written before it
    (b"msup", 2): b"^", (b"msubsup", 3): b"^", (b"msub", 2): b"_", (b"msubsup", 2): b"_", (b"munder", 2): b"_",
    (b"munderover", 2): b"_", (b"munderover", 3): b"^", (b"mover", 2): b"^", (b"mfrac", 2): b"/",
}  # fmt: skip
_ORDINALS: Final = frozenset(
    (b"st", b"nd", b"rd", b"th", b"er", b"re", b"e", b"o", b"a", b"me", b"nde", b"tm", b"sm", b"TM", b"SM")
)
_MINUS: Final = "\u2212".encode()


def formula(inner: bytes) -> bytes:
    """The content of a `<math>` element as a line of text, still with entities."""
    tex = _TEX.search(inner)
    if tex:
        return b" ".join(_TAGS.sub(b"", tex[1]).split())
    out: list[bytes] = []
    stack: list[list[bytes | int]] = []
    skipped = 0
    for end, name, empty, text in _TOKEN.findall(inner):
        if text:
            if not skipped:
                out.append(text if stack and stack[-1][0] == b"mtext" else b"".join(text.split()))
        elif end:
            if stack and str(stack.pop()[0], "ascii").startswith("annotation"):  # type: ignore[arg-type]
                skipped -= 1
        else:
            if stack:
                stack[-1][1] += 1  # type: ignore[operator]
                out.append(_OPERATORS.get((stack[-1][0], stack[-1][1]), b""))  # type: ignore[arg-type]
            if name.startswith(b"annotation"):
                skipped += 1
            if not empty:
                stack.append([name, 0])
    return b"".join(out)


def is_script(inside: bytes, before: bytes) -> bool:
    """Whether a superscript or subscript after the byte `before` is part of a formula or unit: not a footnote, not an ordinal."""
    if not 0 < len(inside) <= 6 or inside in _ORDINALS or not (before.isalnum() or before in (b")", b"]") or before >= b"\x80"):
        return False
    return inside.replace(_MINUS, b"-").lstrip(b"+-").isalnum()


def script(inside: bytes, *, above: bool) -> bytes:
    """A superscript or subscript as text: ^ or _, and a minus of ASCII."""
    return (b"^" if above else b"_") + inside.replace(_MINUS, b"-")

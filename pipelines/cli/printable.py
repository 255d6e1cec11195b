"""Texts of documents on a terminal."""

import re

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """The text with U+FFFD for control characters, so that a page cannot send commands to the terminal or reorder its lines."""
    return _CONTROL.sub("\ufffd", text)

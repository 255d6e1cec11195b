"""Files that are no SentencePiece model, or a damaged one."""

from pathlib import Path

import pytest
from curricle.models.kenlm.unigram import read_unigram

HUGE = b"\xff" * 8 + b"\x7f"  # 2^63 - 1


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"no model" * 40, b"\x0a" + HUGE + b"x", b"\x0a\x0c\x0a" + HUGE + b"xx", b"\x0a\x03\x15"]
)
def test_what_is_no_model_is_none(tmp_path: Path, data: bytes):
    (tmp_path / "sp.model").write_bytes(data)
    assert read_unigram(tmp_path / "sp.model") is None

"""SentencePiece files: what is read from one, and files that are damaged or not a model."""

from pathlib import Path

import numpy as np
import pytest
import sentencepiece

from curricle.models.catalog import model_folder
from curricle.models.kenlm.table import hash_token
from curricle.models.kenlm.unigram import read_unigram
from curricle.models.kenlm.words import MAX_WORD_BYTES, WordCache

HUGE = b"\xff" * 8 + b"\x7f"  # 2^63 - 1


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"no model" * 40, b"\x0a" + HUGE + b"x", b"\x0a\x0c\x0a" + HUGE + b"xx", b"\x0a\x03\x15"]
)
def test_what_is_no_model_is_none(tmp_path: Path, data: bytes):
    (tmp_path / "sp.model").write_bytes(data)
    assert read_unigram(tmp_path / "sp.model") is None


@pytest.mark.parametrize("name", ["en-clean", "tr-clean", "ru-clean"])
def test_each_piece_and_its_best_segmentation_are_sentencepiece_s(name: str):
    path = model_folder(name) / "sp.model"
    theirs = sentencepiece.SentencePieceProcessor(model_file=str(path))
    pieces = [theirs.id_to_piece(i) for i in range(theirs.get_piece_size())]
    unigram = read_unigram(path)
    assert unigram is not None
    assert unigram.hashes.tolist() == [hash_token(piece.encode()) for piece in pieces]
    words = [word for a, b in zip(pieces, reversed(pieces), strict=True) if (word := (a + b).replace("▁", "")).isalpha()]
    data = " ".join(words).encode()
    tokens, _, _ = WordCache(unigram).tokens(np.frombuffer(data, np.uint8), np.array([0]), np.array([len(data)]))
    assert tokens[tokens < len(pieces)].tolist() == [
        piece for row in theirs.encode(words) for piece in row if piece != theirs.unk_id()
    ]


def test_bytes_that_are_not_text_are_cut_like_any_word():
    unigram = read_unigram(model_folder("en-clean") / "sp.model")
    assert unigram is not None
    data = np.full(3 * MAX_WORD_BYTES, 0x80, np.uint8)  # only bytes from the inside of characters
    tokens, offsets, _ = WordCache(unigram).tokens(data, np.array([0]), np.array([len(data)]))
    assert offsets.tolist() == [0, len(tokens)]
    assert len(tokens) >= 3

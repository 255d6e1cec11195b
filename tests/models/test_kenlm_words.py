"""Remembered words: the same tokens as SentencePiece's own, however long a word is and wherever it stands in the buffer."""

import random

import numpy as np
import pyarrow as pa

from curricle.models.catalog import model_folder
from curricle.models.kenlm.profiles import string_buffers
from curricle.models.kenlm.table import hash_token, hash_tokens
from curricle.models.kenlm.tokenizer import SentencePiece
from curricle.models.kenlm.words import MAX_WORD_BYTES


def _word(rng: random.Random) -> str:
    begin = rng.choice(("", "same_be8", "the", "ü"))
    return begin + "".join(rng.choices("abcdeeest\x00\n.é語😀", k=rng.randrange(1, rng.choice((4, 12, 40)))))


def _rows(rng: random.Random) -> list[str]:
    """4,000 words, most of them seen once, and words about as long as a word may be."""
    words = [_word(rng) for _ in range(4_000)]
    rows = [" ".join(words[i : i + size]) for i in range(0, len(words), 400) for size in (400, rng.randrange(9))]
    long = [character * (MAX_WORD_BYTES // len(character.encode()) + more) for character in "aé語😀" for more in (-1, 0, 1, 2000)]
    return ["", " ", "  a   b ", *rows, *long, "a " + "é" * MAX_WORD_BYTES + "  b"]


def test_tokens_are_those_of_sentencepiece_cold_and_warm():
    rng = random.Random(5)
    pieces = SentencePiece(model_folder("en-clean") / "sp.model", per_word=True)
    rows = _rows(rng)
    for last in ("", *("abcdefghijklmnopq"[:size] for size in range(1, 18))):
        texts = pa.array([*rows, last] if not last else [*rows[:6], last], pa.string())
        expected = [row.split(" ") if row else [] for row in pieces.joined(texts).to_pylist()]
        for _ in range(2):
            tokens, offsets, hashes = pieces.tokens(*string_buffers(texts))
            assert offsets.tolist() == [sum(map(len, expected[:i])) for i in range(len(expected) + 1)]
            assert hashes[tokens].tolist() == [hash_token(piece.encode()) for row in expected for piece in row]


def test_words_that_differ_only_after_their_first_bytes_are_told_apart_though_their_hashes_are_one():
    rng = random.Random(6)  # 300,000 hashes of 32 bits: ten pairs are equal; and all tables grow
    row = " ".join("same_beg" + "".join(rng.choices("abcdefghijklmnopqrst", k=8)) for _ in range(300_000))
    pieces = SentencePiece(model_folder("en-clean") / "sp.model", per_word=True)
    data, offsets = string_buffers(pieces.joined(pa.array([row])))
    expected, _ = hash_tokens(data, offsets[:-1], offsets[1:])
    tokens, _, hashes = pieces.tokens(*string_buffers(pa.array([row])))
    assert np.array_equal(hashes[tokens], expected)

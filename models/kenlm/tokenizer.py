"""Splits normalized text into the tokens that a KenLM was trained on: SentencePiece pieces, or words.

SentencePiece has one id for all unknown pieces, but a model trained on pieces knows the frequent ones. Tokens are therefore told
apart by their surface, never by SentencePiece's id.
"""

from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import sentencepiece

from curricle.models.cards import ModelError
from curricle.models.kenlm.normalizer import Bytes, Offsets
from curricle.models.kenlm.profiles import string_buffers
from curricle.models.kenlm.table import Hashes, Ids, hash_tokens
from curricle.models.kenlm.unigram import read_unigram
from curricle.models.kenlm.words import WordCache, split_words


class Tokenizer(Protocol):
    """Splits normalized text into a model's tokens."""

    def joined(self, texts: pa.Array) -> pa.Array:
        """Tokens of each normalized text, joined by one space: the lines of a training file, and what `kenlm` scores."""

    def tokens(self, data: Bytes, offsets: Offsets) -> tuple[Ids, Offsets, Hashes]:
        """Tokens of the normalized rows `data[offsets[i]:offsets[i + 1]]`.

        Returns a number for each token, offsets (rows + 1), and the KenLM hash of each number. The numbers are valid for this
        call only.
        """


class Words:
    """Words between ASCII white space, as KenLM splits them. A NUL separates too: `kenlm`'s Python call would stop there."""

    def joined(self, texts: pa.Array) -> pa.Array:
        """See `Tokenizer`. The text itself: KenLM splits it."""
        return pa.array([text.replace("\0", " ") for text in texts.to_pylist()], pa.string())

    def tokens(self, data: Bytes, offsets: Offsets) -> tuple[Ids, Offsets, Hashes]:
        """See `Tokenizer`."""
        return _numbered(*hash_tokens(data, offsets[:-1], offsets[1:]))


class SentencePiece:
    """Pieces of a SentencePiece model, which reads the whole text or, if `per_word`, each word between spaces on its own.

    Per word, tokens do not depend on the length of the text, and words seen before are remembered. SentencePiece adds up float32
    scores over the whole text, so near ties can be decided differently in a long one (in 61 of 3,545 web pages).
    """

    def __init__(self, path: Path, *, per_word: bool) -> None:
        self._path = path
        self._proto = path.read_bytes()  # the file may be gone when the model is first needed
        self._per_word = per_word
        unigram = read_unigram(path) if per_word else None
        self._cache = WordCache(unigram) if unigram is not None else None
        if unigram is None:
            self._model  # noqa: B018  a file that is not a model is rejected here, not at the first text

    @cached_property
    def _model(self) -> sentencepiece.SentencePieceProcessor:
        try:
            return sentencepiece.SentencePieceProcessor(model_proto=self._proto, num_threads=1)
        except (RuntimeError, OSError) as error:
            raise ModelError(f"{self._path} is not a SentencePiece model: {str(error).splitlines()[0]}") from None

    def forget(self) -> None:
        """Forget the remembered words: for benchmarks."""
        if self._cache is not None:
            self._cache.forget()

    def pieces(self, texts: list[str]) -> list[list[str]]:
        """Pieces of each text; unknown ones are given by their surface."""
        return self._model.encode(texts, out_type=str, num_threads=1)

    def joined(self, texts: pa.Array) -> pa.Array:
        """See `Tokenizer`."""
        rows = texts.to_pylist()
        if not self._per_word:
            return pa.array([" ".join(pieces) for pieces in self.pieces(rows)], pa.string())
        split = [split_words(row) for row in rows]
        words = list({word: None for row in split for word in row})
        known = dict(zip(words, (" ".join(pieces) for pieces in self.pieces(words)), strict=True))
        return pa.array([" ".join(known[word] for word in row) for row in split], pa.string())

    def tokens(self, data: Bytes, offsets: Offsets) -> tuple[Ids, Offsets, Hashes]:
        """See `Tokenizer`."""
        if self._cache is not None:
            return self._cache.tokens(data, offsets[:-1], offsets[1:])
        rows = [data[start:end].tobytes().decode() for start, end in pairwise(offsets)]
        joined, places = string_buffers(self.joined(pa.array(rows, pa.large_string())))
        return _numbered(*hash_tokens(joined, places[:-1], places[1:]))


def _numbered(hashes: Hashes, offsets: Offsets) -> tuple[Ids, Offsets, Hashes]:
    return np.arange(len(hashes), dtype=np.int32), offsets, hashes

"""A training corpus: held-out documents, a sample of limited size for SentencePiece, and lines of tokens as word ids."""

import heapq
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from numpy.typing import NDArray

from curricle.models.kenlm.ngrams import EOS, SPECIALS, U32

HELD_OUT_OF = 100
SAMPLE_SENTENCE_CHARS = 1000  # SentencePiece skips sentences over 4,192 bytes


def held_out(texts: pa.Array) -> NDArray[np.bool_]:
    """True for about one document in 100, by the hash of its text: the same ones in any run and order, with their duplicates."""
    return np.array([xxhash.xxh3_64_intdigest(text.encode()) % HELD_OUT_OF == 0 for text in texts.to_pylist()], np.bool_)


def split_units(texts: pa.Array, unit: str) -> pa.Array:
    """What the model treats as sentences: the documents, or their lines."""
    return texts if unit == "document" else pc.list_flatten(pc.split_pattern(texts, "\n"))


class Sample:
    """Sentences of at most `limit` bytes in all: those with the lowest hashes, in whatever order they are added."""

    def __init__(self, limit: int) -> None:
        self.limit, self.size = limit, 0
        self.heap: list[tuple[int, str]] = []  # greatest hash first

    def add(self, texts: pa.Array) -> None:
        """Add normalized texts; long ones are cut at a space after about `SAMPLE_SENTENCE_CHARS` characters."""
        for text in texts.to_pylist():
            for sentence in _sentences(text):
                key = -xxhash.xxh3_64_intdigest(sentence.encode())
                if self.size < self.limit or key > self.heap[0][0]:
                    heapq.heappush(self.heap, (key, sentence))
                    self.size += len(sentence.encode())
                while self.size > self.limit:
                    self.size -= len(heapq.heappop(self.heap)[1].encode())

    def sentences(self) -> list[str]:
        """The sample, by hash."""
        return [sentence for _, sentence in sorted(self.heap, reverse=True)]


def _sentences(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > SAMPLE_SENTENCE_CHARS:
        space = text.find(" ", start + SAMPLE_SENTENCE_CHARS)
        end = min(len(text) if space < 0 else space, start + 2 * SAMPLE_SENTENCE_CHARS)
        yield text[start:end]
        start = end
    if text[start:].strip():
        yield text[start:]


class Numbering:
    """Gives ids to words in order of first appearance, after <unk>, <s>, </s>."""

    def __init__(self) -> None:
        self.ids = {word: number for number, word in enumerate(SPECIALS)}

    def number(self, lines: pa.Array) -> U32:
        """Ids of the tokens of all lines, with EOS after each line that has tokens."""
        ids, rows = self.tokens(lines)
        ends = np.flatnonzero(np.diff(rows, append=-1)) + 1
        return np.insert(ids, ends, EOS) if len(ids) else ids

    def tokens(self, lines: pa.Array) -> tuple[U32, NDArray[np.int64]]:
        """Ids of all tokens (separated by ASCII white space), uint32 (n,), and the line of each, int64 (n,).

        Tokens that KenLM reserves (<s>, </s>, <unk>, <UNK>) count as white space, as with lmplz's --skip_symbols.
        """
        lists = pc.ascii_split_whitespace(lines)
        tokens = lists.flatten().dictionary_encode()
        rows = np.repeat(np.arange(len(lists)), pc.list_value_length(lists).to_numpy(zero_copy_only=False))
        surfaces = tokens.dictionary.to_pylist()
        numbers = np.array([self._id(surface) for surface in surfaces], np.uint32)
        ids = numbers[tokens.indices.to_numpy()] if len(surfaces) else np.empty(0, np.uint32)
        real = ids > EOS
        return ids[real], rows[real]

    def _id(self, surface: str) -> int:
        if surface in ("", "<UNK>"):
            return 0
        return self.ids.setdefault(surface, len(self.ids))

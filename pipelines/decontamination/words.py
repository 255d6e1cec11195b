"""The words of texts in their normal form, as hashes, with their places in the texts."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curricle.pipelines.decontamination.folding import Folding, folding
from curricle.pipelines.decontamination.word_hashes import split_words
from curricle.stages.heuristics.texts import text_groups

Places = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class Words:
    """Words of texts, one text after the other."""

    hashes: npt.NDArray[np.uint64]
    starts: Places  # first byte of each in its text
    ends: Places
    offsets: npt.NDArray[np.int64]  # of text d: words offsets[d] to offsets[d + 1]

    def of(self, text: int) -> npt.NDArray[np.uint64]:
        """The hashes of the words of one text."""
        return self.hashes[self.offsets[text] : self.offsets[text + 1]]


EMPTY = np.empty(0, np.uint64), np.empty(0, np.uint32), np.empty(0, np.uint32), np.zeros(1, np.int64)


def word_groups(texts: pa.StringArray, table: Folding | None = None) -> Iterator[Words]:
    """The words of groups of texts, in order, small enough for a processor's cache. A null has no words.

    The arrays are those of the next group, too: copy what must last.
    """
    table = table or folding()
    room = 0
    arrays = np.empty(0, np.uint64), np.empty(0, np.uint32), np.empty(0, np.uint32)
    for group in text_groups(texts.fill_null("")):
        if (size := int(group.offsets[-1] - group.offsets[0])) > room:
            room = size
            arrays = np.empty(room, np.uint64), np.empty(room, np.uint32), np.empty(room, np.uint32)
        offsets = np.empty(group.offsets.size, np.int64)
        count = split_words(group, table, *arrays, offsets)
        yield Words(arrays[0][:count], arrays[1][:count], arrays[2][:count], offsets)


def find_words(texts: pa.StringArray) -> Words:
    """The words of all texts at once."""
    groups = [(words.hashes.copy(), words.starts.copy(), words.ends.copy(), words.offsets) for words in word_groups(texts)]
    counts = np.concatenate([np.zeros(1, np.int64), *(np.diff(offsets) for *_, offsets in groups)])
    hashes, starts, ends, _ = zip(EMPTY, *groups, strict=True)
    return Words(np.concatenate(hashes), np.concatenate(starts), np.concatenate(ends), np.cumsum(counts))

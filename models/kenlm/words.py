"""Pieces of whole words, remembered: a word that was seen before costs a hash and a lookup, not a search.

In 30 MB of English web text, 95 of 100 words were seen before.
"""

from threading import Lock

import numpy as np

from curricle.models.kenlm.normalizer import Bytes, Offsets
from curricle.models.kenlm.table import Hashes, Ids
from curricle.models.kenlm.unigram import Unigram
from curricle.models.kenlm.word_table import MAX_WORD_BYTES, WordTable

MAX_WORDS = 1 << 18
MAX_BYTES = 1 << 24
"""When more words, or bytes of words, are remembered, all are forgotten before the next batch."""

_BYTES_PER_TOKEN = 3  # fewer than in real text, so that the tokens of a batch rarely need more room


def split_words(text: str) -> list[str]:
    """Words between spaces. A run of more than MAX_WORD_BYTES bytes is cut, between characters, into several words."""
    words: list[str] = []
    for word in text.split(" "):
        data = word.encode()
        while len(data) > MAX_WORD_BYTES:
            cut = MAX_WORD_BYTES
            while data[cut] & 0xC0 == 0x80:
                cut -= 1
            words.append(data[:cut].decode())
            data = data[cut:]
        if data:
            words.append(data.decode())
    return words


class WordCache:
    """The pieces of each word (see `split_words`) under `unigram`; thread-safe. About 20 MB when full."""

    def __init__(self, unigram: Unigram) -> None:
        self._unigram = unigram
        self._lock = Lock()
        self.forget()

    def tokens(self, data: Bytes, starts: Offsets, ends: Offsets) -> tuple[Ids, Offsets, Hashes]:
        """Tokens of the rows `data[starts[i]:ends[i]]`, whose words are separated by spaces.

        Returns a number for each token, offsets (rows + 1), and the KenLM hash of each number. The numbers are valid for this
        call only; those of the model's pieces are their places in the model.
        """
        with self._lock:
            if self._table.words > MAX_WORDS or self._table.word_bytes > MAX_BYTES:
                self.forget()
            offsets = np.zeros(len(starts) + 1, np.int64)
            tokens = self._table.tokenize(data, starts, ends, offsets, int((ends - starts).sum()) // _BYTES_PER_TOKEN)
            return tokens, offsets, self._table.hashes()

    def forget(self) -> None:
        """Remember no word, as at the start."""
        self._table = WordTable(self._unigram.trie, self._unigram.hashes)

"""KenLM's probing binary, mapped and read in place: word ids and scores of whole batches.

Layout: kpu/kenlm lm/binary_format.cc, lm/vocab.cc, lm/search_hashed.hh, util/probing_hash_table.hh (format version 5). A score
equals `kenlm.Model.score` except for rounding: KenLM adds up in float32, this module in float64.
"""

import math
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curricle.models.cards import ModelError
from curricle.models.kenlm.hashing import hash_each_token, hash_token
from curricle.models.kenlm.probing import MOST_ORDER, ProbingLookup

Ids = npt.NDArray[np.int32]
Hashes = npt.NDArray[np.uint64]

_MAGIC = b"mmap lm http://kheafield.com/code format version 5\n\0"
SANITY = _MAGIC.ljust(56, b"\0") + struct.pack("<fffIIIQ", 0.0, 1.0, -0.5, 1, 0xFFFFFFFF, 0, 1)
"""First bytes of a binary: KenLM's magic and numbers that show byte order and types."""

_PROBING = 0
_VOCABULARY_BYTES, _UNIGRAM_BYTES, _MIDDLE_BYTES, _LONGEST_BYTES = 12, 8, 16, 12  # of an entry


class Scored(NamedTuple):
    """For each sentence: log10 p, including its end, and the number of unknown tokens.

    `each`: log10 p of each token in order, every sentence's end after its tokens; float32, empty unless asked for.
    """

    log10: npt.NDArray[np.float64]
    unknown: npt.NDArray[np.int64]
    each: npt.NDArray[np.float32]


@dataclass(frozen=True)
class ProbingTable:
    """A mapped file."""

    path: Path
    counts: tuple[int, ...]  # n-grams of each order
    lookup: ProbingLookup

    @property
    def order(self) -> int:
        """Words of its longest n-grams."""
        return len(self.counts)

    def ids(self, hashes: Hashes) -> Ids:
        """Word id of each token, by `hash_token`; 0 where the model does not know it.

        Raises ModelError if the file gives an id that it has no unigram for.
        """
        out = np.empty(len(hashes), np.uint32)
        self.lookup.find_ids(hashes, out)
        if len(out) and (most := int(out.max())) > self.counts[0]:
            raise ModelError(f"{self.path} is damaged: a word has the id {most}, and there are {self.counts[0]} words")
        return out.view(np.int32)

    def score(self, tokens: Ids, offsets: npt.NDArray[np.int64], ids: Ids, each: bool = False) -> Scored:
        """Each row `tokens[offsets[i]:offsets[i + 1]]` as one sentence; `ids[token]` is a token's word id.

        Raises ValueError for offsets, tokens or ids outside their range.
        """
        rows = len(offsets) - 1
        if offsets[0] < 0 or (np.diff(offsets) < 0).any() or offsets[-1] > len(tokens):
            raise ValueError(f"offsets must be in increasing order from 0 to {len(tokens)}")
        if len(tokens) and not 0 <= tokens.min() <= tokens.max() < len(ids):
            raise ValueError(f"tokens must be in the range 0 to {len(ids) - 1}")
        if len(ids) and not 0 <= ids.min() <= ids.max() <= self.counts[0]:
            raise ValueError(f"word ids must be in the range 0 to {self.counts[0]}")
        out = Scored(
            np.zeros(rows, np.float64), np.zeros(rows, np.int64), np.zeros((len(tokens) + rows) if each else 0, np.float32)
        )
        self.lookup.score_sentences(tokens, offsets, ids, *out)
        return out


def map_table(path: Path) -> ProbingTable | None:
    """The file, mapped (processes share its pages); None unless it is a probing binary (it may be an ARPA file or a trie).

    Raises ModelError if it is a probing binary that is damaged or cut short.
    """
    with path.open("rb") as file:
        if file.read(len(SANITY)) != SANITY:
            return None
        order, multiplier, kind, _has_vocabulary, version = struct.unpack("<B3xfIB3xI", file.read(20))
        if kind != _PROBING or version != 0 or not 2 <= order <= MOST_ORDER:
            return None
        counts = struct.unpack(f"<{order}Q", file.read(8 * order))
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if not math.isfinite(multiplier):
        raise ModelError(f"{path} is damaged: its header says {multiplier} buckets per entry")
    buckets = [_buckets(count, multiplier) for count in counts]
    vocabulary = -(-(len(SANITY) + 20 + 8 * order) // 8) * 8 + 8
    unigrams = vocabulary + _VOCABULARY_BYTES * buckets[0]
    tables = [unigrams + _UNIGRAM_BYTES * (counts[0] + 1)]
    for middle in buckets[1:-1]:
        tables.append(tables[-1] + _MIDDLE_BYTES * middle)
    if len(mapped) < (needed := tables[-1] + _LONGEST_BYTES * buckets[-1]):
        raise ModelError(f"{path} is cut short: it has {len(mapped):,} bytes, but its header promises {needed:,}")
    lookup = ProbingLookup(
        np.frombuffer(mapped, np.uint8), vocabulary, unigrams, np.array(tables, np.int64), np.array(buckets, np.uint64)
    )
    table = ProbingTable(path, counts, lookup)
    lookup.set_marks(*table.ids(np.array([hash_token(b"<s>"), hash_token(b"</s>")], np.uint64)).tolist())
    return table


def _buckets(entries: int, multiplier: float) -> int:
    return max(entries + 1, int(np.float32(multiplier) * np.float32(entries)))


def hash_tokens(
    data: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]
) -> tuple[Hashes, npt.NDArray[np.int64]]:
    """Hashes of the tokens of each row, separated by ASCII white space or NUL, and offsets (rows + 1).

    White space separates tokens in KenLM too. At a NUL, KenLM's Python call stops reading.
    """
    offsets = np.zeros(len(starts) + 1, np.int64)
    hashes = np.empty(int((ends - starts).sum()) // 2 + len(starts) + 1, np.uint64)
    return hashes[: hash_each_token(data, starts, ends, hashes, offsets)], offsets

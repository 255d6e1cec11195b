"""A small file for shipping a model: its counts, from which probabilities are computed again; nothing is rounded.

Kneser-Ney probabilities follow from the counts and a dozen discounts. Most counts follow from the trie: the adjusted count of
an n-gram is the number of its left extensions. The trie itself is cheap to store: every word seen before (w2 .. wn) was also
seen before (w2 .. wn-1), so a position in that shorter list identifies it. What remains are four columns of small numbers,
nearly all 0 or 1, in a flat Parquet table (one row per n-gram: unigrams first, then each order in suffix order; bytes are split
by significance and compressed with zstd):

  word        text of a unigram; null for longer n-grams
  gap         position of the first word among the words seen before the suffix's context, minus that of the left neighbor
  extensions  number of n-grams of the next order that end in this one
  count       adjusted count minus what `extensions` explains (1 for the highest order, 0 after <s>)
  total       what pruning took from the sum of adjusted counts of the n-grams that begin with this one

Schema metadata `curricle-ngrams`: JSON with version, n-grams per order, discounts, tokens, and vocabulary if one was given.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise, zip_longest
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curricle.errors import CompactError as CompactError
from curricle.models.kenlm.binary import write_probing
from curricle.models.kenlm.compact_kernels import contexts_to_gaps, gaps_to_contexts
from curricle.models.kenlm.ngrams import BOS, U32, Discount, Level, NgramModel, context_rows
from curricle.models.kenlm.smoothing import context_sums, smooth
from curricle.models.kenlm.spill import Spill
from curricle.storage.whole_file import whole_file

KEY = b"curricle-ngrams"
VERSION = 1
NUMBERS = ("gap", "extensions", "count", "total")


def explained_counts(word: U32, extensions: U32 | None) -> U32:
    """The part of the adjusted counts that need not be stored; `extensions` is None for the highest order."""
    if extensions is None:
        return np.ones(len(word), np.uint32)
    return np.where(word == BOS, np.uint32(0), extensions)


def columns(levels: Sequence[Level]) -> list[list[U32]]:
    """The four number columns of each order."""
    contexts = [np.zeros(len(levels[0].word), np.uint32), *context_rows(levels)]
    out: list[list[U32]] = []
    for n, (level, longer) in enumerate(zip_longest(levels, levels[1:])):
        nothing = np.zeros(len(level.word), np.uint32)
        gaps = nothing
        if n:
            gaps = np.empty(len(level.word), np.uint32)
            contexts_to_gaps(level.begin, contexts[n], levels[n - 1].begin, contexts[n - 1], gaps)
        extensions = None if longer is None else np.diff(longer.begin)
        total = level.total - context_sums(contexts[n + 1], longer.count, len(level.word))[:, 0] if len(level.total) else nothing
        out.append(
            [gaps, nothing if extensions is None else extensions, level.count - explained_counts(level.word, extensions), total]
        )
    return out


def pack(model: NgramModel, path: Path) -> None:
    """Write `model` to `path`, whole or not at all. Raises OSError."""
    numbers = [np.concatenate(column) for column in zip(*columns(model.orders), strict=True)]
    words = pa.concat_arrays([model.words, pa.nulls(sum(model.counts[1:]), pa.string())])
    about = {"version": VERSION, "counts": model.counts, "discounts": model.discounts, "tokens": model.tokens}
    table = pa.table({"word": words} | dict(zip(NUMBERS, map(pa.array, numbers), strict=True)))
    if model.vocabulary:
        about["vocabulary"] = model.vocabulary
    with whole_file(path) as temp_path:
        pq.write_table(
            table.replace_schema_metadata({KEY: json.dumps(about).encode()}),
            temp_path,
            row_group_size=max(1, len(table)),
            data_page_size=1 << 30,
            use_dictionary=False,
            column_encoding=dict.fromkeys(NUMBERS, "BYTE_STREAM_SPLIT"),
            compression="zstd",
            compression_level=15,
            write_statistics=False,
            write_page_checksum=True,
        )


def read_compact(path: Path) -> NgramModel:
    """The model in `path`, equal to the one that was packed. Raises CompactError, one line, and OSError."""
    try:
        table = pq.read_table(path, page_checksum_verification=True)
        about = json.loads((table.schema.metadata or {})[KEY])
        if about["version"] != VERSION:
            raise CompactError(f"{path} has version {about['version']} of the compact format; this program reads {VERSION}")
        numbers = [table[name].combine_chunks().to_numpy() for name in NUMBERS]
        words = table["word"].combine_chunks().slice(0, about["counts"][0])
    except (pa.ArrowInvalid, OSError, KeyError, ValueError) as error:
        if isinstance(error, FileNotFoundError | CompactError):
            raise
        raise CompactError(f"{path} is not a compact model, or is damaged: {str(error).splitlines()[0]}") from None
    discounts = tuple(Discount(*discount) for discount in about["discounts"])
    levels = _levels(path, about["counts"], numbers)
    vocabulary = about.get("vocabulary", 0)
    orders = smooth(levels, discounts, Spill(path.parent), vocabulary)
    return NgramModel(words, orders, discounts, about["tokens"], vocabulary)


def _levels(path: Path, counts: list[int], numbers: list[NDArray[np.uint32]]) -> list[Level]:
    """Levels from the number columns; CompactError where they do not fit each other."""
    ends = np.cumsum([0, *counts])
    if any(len(column) != ends[-1] for column in numbers):
        raise CompactError(f"{path} is damaged: it has {len(numbers[0])} n-grams, not {ends[-1]}")
    levels: list[Level] = []
    contexts = np.zeros(counts[0], np.uint32)
    begin, word = np.array([0, counts[0]], np.uint32), np.arange(counts[0], dtype=np.uint32)
    for n, (start, end) in enumerate(pairwise(ends)):
        gaps, extensions, count, total = (column[start:end].astype(np.uint32) for column in numbers)
        fits = True
        if n:
            lower_contexts, contexts = contexts, np.empty(len(gaps), np.uint32)
            fits = gaps_to_contexts(begin, gaps, levels[-1].begin, lower_contexts, contexts)
            word = levels[-1].word[contexts] if fits else word
        last = n + 1 == len(counts)
        if not fits or int(extensions.sum(dtype=np.uint64)) != (0 if last else counts[n + 1]):
            raise CompactError(f"{path} is damaged: its n-grams of order {n + 1} do not fit together")
        levels.append(
            Level(word, begin, count + explained_counts(word, None if last else extensions), total if total.any() else total[:0])
        )
        if n and len(levels[-2].total):
            sums = context_sums(contexts, levels[-1].count, len(levels[-2].word))
            levels[-2] = replace(levels[-2], total=levels[-2].total + sums[:, 0])
        begin = np.append(np.uint32(0), np.cumsum(extensions, dtype=np.uint32))
    return levels


def unpack(compact: Path, binary: Path) -> None:
    """Write the model in `compact` as KenLM's probing binary. Raises CompactError and OSError."""
    write_probing(read_compact(compact), binary)

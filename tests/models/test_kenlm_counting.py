"""Counting, levels, pruning and packing against plain Python, on corpora that fit in memory and on merged runs."""

import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curricle.models.kenlm import compact
from curricle.models.kenlm.binary import find_buckets
from curricle.models.kenlm.ngrams import BOS, EOS, Level
from curricle.models.kenlm.smoothing_kernels import log10_at_most_0
from curricle.models.kenlm.spill import Spill
from curricle.models.kenlm.train import counting
from curricle.models.kenlm.train.counting import count_ngrams, sort_rows
from curricle.models.kenlm.train.estimator import adjusted_counts, count_of_counts, estimate
from curricle.models.kenlm.train.levels import build_levels, prune_levels

Grams = dict[tuple[int, ...], int]


def plain_counts(sentences: Sequence[Sequence[int]], order: int) -> list[Grams]:
    """How often each n-gram of each order occurs, with one <s> before a sentence."""
    counts = []
    for n in range(1, order + 1):
        rows = [(BOS, *sentence, EOS) for sentence in sentences]
        counts.append(Counter(row[i : i + n] for row in rows for i in range(len(row) - n + 1)))
    counts[0][(0,)] = counts[0][(BOS,)] = 0
    return counts


def suffix_order(grams: Grams) -> list[tuple[int, ...]]:
    return sorted(grams, key=lambda gram: gram[::-1])


def ngrams(levels: Sequence[Level]) -> list[list[tuple[int, ...]]]:
    """All n-grams of each order, in the order of their rows."""
    orders: list[list[tuple[int, ...]]] = []
    above: list[tuple[int, ...]] = [()]
    for level in levels:
        bounds = zip(level.begin[:-1].tolist(), level.begin[1:].tolist(), strict=True)
        above = [
            (int(level.word[row]), *suffix)
            for suffix, (start, end) in zip(above, bounds, strict=True)
            for row in range(start, end)
        ]
        orders.append(above)
    return orders


def built(sentences: list[list[int]], order: int, vocabulary: int, tmp_path, memory_bytes: int = 1 << 20):
    """Levels of the sentences, and the sentences in the levels' own ids."""
    spill = Spill(tmp_path)
    arrays = [np.array(sentence, np.uint32) for sentence in sentences]
    counts = count_ngrams(arrays, vocabulary, order, memory_bytes, spill)
    levels, length = build_levels(counts.blocks, counts.layout, spill)
    assert (counts.tokens, counts.sentences) == (sum(map(len, sentences)), len(sentences))
    renumbered = [[int(counts.numbers[word]) for word in sentence] for sentence in sentences]
    seen = list(dict.fromkeys(word for sentence in renumbered for word in sentence))
    assert seen == list(range(EOS + 1, EOS + 1 + len(seen))), "ids are in order of first appearance"
    return levels, length, renumbered


def check_levels(levels: list[Level], length: int, sentences: list[list[int]], order: int) -> None:
    expected = plain_counts(sentences, order)
    for level, grams, counts in zip(levels, ngrams(levels), expected, strict=True):
        assert grams == suffix_order(counts)
        assert level.count.tolist() == [counts[gram] for gram in grams]
    longest = max((gram[::-1] for grams in ngrams(levels) for gram in grams if len(gram) == order or gram[0] == BOS), default=())
    assert length == len(longest)


@settings(max_examples=60, deadline=None)
@given(
    sentences=st.lists(st.lists(st.integers(3, 9), max_size=8), min_size=1, max_size=12),
    order=st.integers(2, 6),
    vocabulary=st.sampled_from([10, 1 << 11, 1 << 16]),
)
def test_levels_hold_every_ngram_and_its_count(tmp_path_factory, sentences, order, vocabulary):
    """Word ids of 4, 11 and 16 bits: one key, two keys, keys that are not full."""
    sentences = [*sentences, [3]]
    levels, length, renumbered = built(sentences, order, vocabulary, tmp_path_factory.getbasetemp())
    check_levels(levels, length, renumbered, order)
    orders, counts = ngrams(levels), plain_counts(renumbered, order)
    for n, (level, longer) in enumerate(zip(levels, [*levels[1:], None], strict=True)):
        before = Counter(gram[1:] for gram in (counts[n + 1] if longer else ()))
        expected = [counts[n][gram] if longer is None or gram[0] == BOS else before[gram] for gram in orders[n]]
        assert adjusted_counts(level, longer).tolist() == expected


@pytest.mark.parametrize(("order", "vocabulary"), [(3, 300), (5, 1 << 20)], ids=["one key", "two keys"])
@pytest.mark.parametrize("block", [64, 1 << 20], ids=["small blocks", "one block"])
def test_runs_on_disk_are_merged_to_the_same_counts(tmp_path, monkeypatch, order, vocabulary, block):
    """1,024 n-grams a run; equal n-grams are in several runs, at the ends of blocks too."""
    monkeypatch.setattr(counting, "MERGE_ROWS", block)
    random = np.random.default_rng(order)
    words = np.minimum(random.geometric(0.02, 7000) + 2, vocabulary - 1)
    cuts = np.sort(random.choice(7000, 600, replace=False))
    sentences = [part.tolist() for part in np.split(words, cuts)]
    levels, length, renumbered = built(sentences, order, vocabulary, tmp_path, memory_bytes=1)
    check_levels(levels, length, renumbered, order)
    assert not list(tmp_path.iterdir())


def test_rows_are_sorted_by_their_keys_in_order():
    random = np.random.default_rng(0)
    rows = np.column_stack([random.integers(0, 1 << 13, 5000, np.uint64), random.integers(0, 1 << 40, 5000, np.uint64)])
    rows[::3] = rows[0]
    expected = sorted(rows.tolist())
    assert sort_rows(rows, [13, 40]).tolist() == expected


def test_the_last_ngram_of_a_lower_order_is_counted_by_its_plain_count():
    """As lmplz does (AdjustCounts::Run, after its loop); counts over 4 belong to no class."""
    plain = np.array([7, 2, 2, 9, 3], np.uint32)
    level = Level(plain, plain, plain, plain[:0])
    adjusted = np.array([1, 1, 2, 6, 1], np.uint32)
    assert count_of_counts(adjusted, level, last_is_plain=False) == [0, 3, 1, 0, 0]
    assert count_of_counts(adjusted, level, last_is_plain=True) == [0, 2, 1, 1, 0]


def test_pruned_levels_keep_what_occurs_often_enough_and_the_totals_before(tmp_path):
    random = np.random.default_rng(1)
    sentences = [(random.geometric(0.2, random.integers(1, 9)) + 2).clip(3, 12).tolist() for _ in range(200)]
    levels, _, renumbered = built(sentences, 3, 13, tmp_path)
    counts = plain_counts(renumbered, 3)
    adjusted = [adjusted_counts(level, longer) for level, longer in zip(levels, [*levels[1:], None], strict=True)]
    before = [dict(zip(grams, values.tolist(), strict=True)) for grams, values in zip(ngrams(levels), adjusted, strict=True)]
    pruned = prune_levels(levels, adjusted, [0, 1, 2])
    for n, (level, grams) in enumerate(zip(pruned, ngrams(pruned), strict=True)):
        assert grams == [gram for gram in suffix_order(counts[n]) if not n or counts[n][gram] > n]
        assert level.count.tolist() == [before[n][gram] for gram in grams]
        if n < 2:
            totals = Counter[tuple[int, ...]]()
            for gram, count in before[n + 1].items():
                totals[gram[:-1]] += count
            assert level.total.tolist() == [totals[gram] for gram in grams]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(3, 9), max_size=8), min_size=1, max_size=12), st.integers(2, 6), st.booleans())
def test_packed_models_are_read_back_whole(tmp_path_factory, sentences, order, prune):
    folder = tmp_path_factory.mktemp("packed")
    words = ["<unk>", "<s>", "</s>", *"abcdefg"]
    arrays = [np.array([*sentence, 3], np.uint32) for sentence in sentences]
    model = estimate(arrays, words, order, (0, 1) if prune else (0,), discount_fallback=True)
    compact.pack(model, folder / "m")
    again = compact.read_compact(folder / "m")
    assert (again.words, again.discounts, again.tokens, again.counts) == (
        model.words,
        model.discounts,
        model.tokens,
        model.counts,
    )
    for level, same in zip(model.orders, again.orders, strict=True):
        for name in ("word", "begin", "count", "log10_prob", "log10_backoff"):
            assert np.array_equal(getattr(level, name), getattr(same, name)), name


@pytest.mark.parametrize("column", ["gap", "extensions"])
def test_a_compact_file_whose_numbers_do_not_fit_is_rejected(tmp_path, monkeypatch, column):
    arrays = [np.array([3, 4, 3, 5, 4], np.uint32)]
    model = estimate(arrays, ["<unk>", "<s>", "</s>", "a", "b", "c"], 3, discount_fallback=True)
    right = compact.columns

    def wrong(levels: Sequence[Level]) -> list[list[np.ndarray]]:
        numbers = right(levels)
        numbers[1][compact.NUMBERS.index(column)][-1] += 100
        return numbers

    monkeypatch.setattr(compact, "columns", wrong)
    compact.pack(model, tmp_path / "m")
    with pytest.raises(compact.CompactError, match="do not fit together"):
        compact.read_compact(tmp_path / "m")


def test_keys_go_to_the_next_free_bucket_in_order():
    keys = np.array([4, 9, 14, 3, 8, 1 << 63], np.uint64)
    taken: dict[int, int] = {}
    for key in keys.tolist():
        bucket = key % 7
        while bucket in taken:
            bucket = (bucket + 1) % 7
        taken[bucket] = key
    assert [taken[bucket] for bucket in find_buckets(keys, 7).tolist()] == keys.tolist()


def test_log10_is_that_of_lmplz_on_every_processor():
    """The hash is of glibc 2.36's log10f at every 4,099th float up to 1."""
    values = np.arange(1, 0x3F800001, 4099, dtype=np.uint32).view(np.float32)
    ours = np.empty_like(values)
    log10_at_most_0(values, ours)
    assert hashlib.sha256(ours.tobytes()).hexdigest() == "12e048ab6ec573d28b9105ac2a5fc3403af6fef92b0b89f342d6b1e8fdd325f7"
    assert np.abs(ours - np.log10(values.astype(np.float64))).max() < 4e-6
    special = np.array([0, 1, 1.5, np.inf, -1, np.nan], np.float32)
    out = np.empty_like(special)
    log10_at_most_0(special, out)
    assert np.array_equal(out, np.array([-np.inf, 0, 0, 0, np.nan, np.nan], np.float32), equal_nan=True)

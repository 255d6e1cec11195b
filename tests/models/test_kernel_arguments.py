"""Kernels of models reject arguments of the wrong type or size instead of reading or writing out of bounds."""

import numpy as np
import pytest

from curricle.models.kenlm import (
    binary_kernels,
    compact_kernels,
    hashing,
    ngram_kernels,
    normalize_rows,
    paragraph_cuts,
    piece_trie,
    probing,
    sentencepiece_file,
    smoothing_kernels,
    token_mixture,
    word_table,
)
from curricle.models.kenlm.normalizer import Table
from curricle.models.kenlm.train import counting_kernels, interpolation_kernels, levels_kernels
from curricle.models.raters import feature_kernels, layer_kernels, ngrams
from curricle.models.raters.features import HEAD, LIMIT, STATISTICS, TAIL


def bytes_(*shape):
    return np.zeros(shape, np.uint8)


def longs(*values):
    return np.array(values, np.int64)


def ints(*values):
    return np.array(values, np.int32)


def numbers(*values):
    return np.array(values, np.uint32)


def hashes(*shape):
    return np.zeros(shape, np.uint64)


def floats(*shape):
    return np.zeros(shape, np.float32)


def featurize(offsets=(0, 4), indptr=2, room=99, stats=(1, STATISTICS), values=99, characters=65536):
    arrays = np.zeros(indptr, np.int64), np.zeros(room, np.int32), floats(values), floats(*stats)
    return feature_kernels.featurize(bytes_(4), longs(*offsets), np.zeros((2, characters), np.uint16), *arrays)


def add_ngrams(indptr=(0, 1), indices=(0,), values=1, table=(5, 16), scale=16, out=(1, 16)):
    levels = np.zeros(table, np.int8)
    layer_kernels.add_ngrams(longs(*indptr), ints(*indices), floats(values), levels, floats(scale), floats(*out))


def embed(pieces=(0,), offsets=(0, 1), rows=(0,), scale=16, center=16):
    vectors = np.zeros((1, 16), np.int8)
    arrays = vectors, floats(scale), floats(center), floats(1, 16)
    layer_kernels.embed_pieces(ints(*pieces), longs(*offsets), ints(*rows), *arrays)


def normalize(starts=(0,), ends=(4,), offsets=2, context=1, blocks=1 << 13, entries=256, replacements=0):
    entry = np.full(entries, normalize_rows.REPLACE | 1 << normalize_rows.LENGTH_SHIFT, np.uint32)
    table = Table(
        blocks=np.zeros(blocks, np.uint16),
        entries=entry,
        replacements=bytes_(replacements),
        ascii=np.full(128, normalize_rows.SLOW, np.uint16),
        strip=False,
        number=False,
        collapse=False,
    )
    return normalize_rows.normalize_rows(
        table, bytes_(4), longs(*starts), longs(*ends), bytes_(999), np.zeros(offsets, np.int64), bytes_(context)
    )


def splice(offsets=(0, 2), other_offsets=(0, 3), out_offsets=(0, 3), out=3):
    arrays = longs(*other_offsets), bytes_(out), longs(*out_offsets)
    normalize_rows.splice_rows(np.ones(1, np.uint8), bytes_(2), longs(*offsets), bytes_(3), *arrays)


def fill_trie(ends=(2,), usable=1, slots=8, children=8, nodes=3):
    arrays = np.full(slots, -1, np.int64), np.zeros(children, np.int32), np.full(nodes, -1, np.int32)
    return piece_trie.fill_trie(
        np.arange(2, dtype=np.uint8), longs(0), longs(*ends), np.ones(usable, np.uint8), bytes_(1), *arrays
    )


def trie(keys=(-1, -1), children=(0, 0), pieces=(-1,)):
    return piece_trie.PieceTrie(longs(*keys), ints(*children), ints(*pieces), floats(1), -1.0)


def lookup(tables=(40,), buckets=(2, 2), size=64):
    return probing.ProbingLookup(bytes_(size), 0, 24, longs(*tables), np.array(buckets, np.uint64))


def score(offsets=(0, 1), tokens=(0,), ids=(0,), log10=1, each=0):
    arrays = np.zeros(log10), np.zeros(1, np.int64), floats(each)
    lookup().score_sentences(ints(*tokens), longs(*offsets), ints(*ids), *arrays)


def merge(heads=(0, 1), ends=(1, 2), heap=(0, 1), size=2, keys=1, sums=2):
    arrays = longs(*ends), longs(*heap), size, hashes(2, keys), np.zeros(sums, np.uint32)
    return counting_kernels.merge_runs(hashes(2, 1), numbers(1, 1), longs(*heads), *arrays)


def grow(last=2, sizes=2, nodes=3, added=2, words=2):
    level = np.zeros((2, nodes), np.uint32)
    arrays = np.zeros(last, np.uint32), 0, np.zeros(words, np.uint32), np.zeros(sizes, np.int64)
    levels = level, level.copy(), level.copy(), np.zeros(added, np.int64)
    levels_kernels.grow_levels(hashes(3, 1), np.ones(3, np.uint32), 2, 32, *arrays, *levels)


def interpolate(begin=(0, 1), contexts=(0,), lower=1, discounts=4):
    sizes = floats(discounts), numbers(1), floats(1), floats(lower), floats(1)
    smoothing_kernels.interpolate(numbers(*begin), numbers(*contexts), numbers(1), *sizes)


def shares(document=(0, 0), weights=(1, 2), draws=(1, 1), sums=(1, 2)):
    interpolation_kernels.add_shares(floats(2, 2), longs(*document), floats(*weights), floats(*draws), np.zeros(sums))


def link(begin=(0, 1), lower_begin=(0, 1), lower_contexts=(0,), contexts=1):
    arrays = numbers(0), numbers(*lower_begin), numbers(*lower_contexts), np.zeros(contexts, np.uint32)
    return ngram_kernels.link_contexts(numbers(0), numbers(*begin), *arrays)


RIGHT = (
    featurize,
    add_ngrams,
    embed,
    lambda: normalize(replacements=1),
    splice,
    fill_trie,
    trie,
    lookup,
    score,
    merge,
    grow,
    interpolate,
    shares,
    link,
)

WRONG = {
    "text": (lambda: featurize(offsets=(0, 5)), "offsets must be ascending"),
    "descending text": (lambda: featurize(offsets=(4, 0)), "offsets must be ascending"),
    "indptr": (lambda: featurize(indptr=1), "indptr has 1 rows"),
    "values of features": (lambda: featurize(values=98), "values has 98 rows"),
    "statistics": (lambda: featurize(stats=(1, STATISTICS - 1)), "stats has"),
    "rows of statistics": (lambda: featurize(stats=(0, STATISTICS)), "stats has 0 rows"),
    "characters": (lambda: featurize(characters=128), "characters has 128 columns"),
    "cut text": (lambda: feature_kernels.cut(bytes_(4), longs(0, 5), bytes_(9), longs(0, 0)), "offsets must be ascending"),
    "ends of cut texts": (lambda: feature_kernels.cut(bytes_(4), longs(0, 4), bytes_(9), longs(0)), "ends has 1 rows"),
    "room of a whole text": (lambda: feature_kernels.cut(bytes_(4), longs(0, 4), bytes_(3), longs(0, 0)), "out has 3 bytes"),
    "room of a cut text": (
        lambda: feature_kernels.cut(bytes_(LIMIT + 1), longs(0, LIMIT + 1), bytes_(HEAD + 7 + TAIL - 1), longs(0, 0)),
        f"at least {HEAD + 7 + TAIL} are needed",
    ),
    "counted words": (lambda: ngrams.count_words(longs(0, 2), ints(0), bytes_(1), np.zeros((1, 2), np.int64)), "indptr"),
    "negative word": (lambda: ngrams.count_words(longs(0, 1), ints(-1), bytes_(1), np.zeros((1, 2), np.int64)), "indices"),
    "n-grams": (lambda: add_ngrams(indptr=(0, 2)), "indptr must be ascending"),
    "n-gram of no row": (lambda: add_ngrams(indices=(5,)), "indices must be at least 0 and below 5"),
    "negative n-gram": (lambda: add_ngrams(indices=(-1,)), "indices must be at least 0 and below 5"),
    "values": (lambda: add_ngrams(values=0), "values has 0 rows"),
    "scale": (lambda: add_ngrams(scale=15), "scale has 15 rows"),
    "narrow": (lambda: add_ngrams(table=(5, 15), out=(1, 15)), "at least 16 are needed"),
    "another width": (lambda: add_ngrams(table=(5, 17)), "out has 16 columns, 17 are needed"),
    "linear": (lambda: layer_kernels.add_linear(floats(1, 3), floats(2, 16), floats(1, 16)), "inputs has 3 columns"),
    "lengths": (lambda: layer_kernels.squared_lengths(floats(3, 2), floats(3)), "landmarks has 2 columns"),
    "landmarks": (
        lambda: layer_kernels.add_kernel(floats(1, 3), floats(3, 2), floats(3), floats(3, 16), floats(1, 16)),
        "landmarks has 2 columns",
    ),
    "pieces": (lambda: embed(offsets=(0, 2)), "offsets must be ascending"),
    "negative piece": (lambda: embed(pieces=(-1,)), "the least piece is -1"),
    "row without a vector": (lambda: embed(rows=(1,)), "the last row 1"),
    "center": (lambda: embed(center=15), "center has 15 rows"),
    "normalized row": (lambda: normalize(ends=(5,), replacements=1), "within 4 elements"),
    "backward row": (lambda: normalize(starts=(4,), ends=(0,), replacements=1), "within 4 elements"),
    "offsets of rows": (lambda: normalize(offsets=1, replacements=1), "offsets has 1 rows"),
    "blocks": (lambda: normalize(blocks=4352, replacements=1), "blocks has 4352 rows"),
    "entries": (lambda: normalize(entries=255, replacements=1), "entries has 255 rows"),
    "replacements": (normalize, "replacements has 0 rows, 1 are needed"),
    "spliced rows": (lambda: splice(out_offsets=(0, 2)), "row 0 has 3 bytes, room is for 2"),
    "other rows": (lambda: splice(other_offsets=(0, 4)), "other_offsets must be ascending"),
    "text of a piece": (lambda: fill_trie(ends=(3,)), "within 2 elements"),
    "nodes": (lambda: fill_trie(nodes=2), "the pieces need more than 2 nodes"),
    "slots": (lambda: fill_trie(slots=6), "6 slots are not a power of two"),
    "child of each slot": (lambda: fill_trie(children=7), "children has 7 rows"),
    "full trie": (lambda: trie(keys=(0, 1)), "no free slot"),
    "child that is not there": (lambda: trie(keys=(0, -1), children=(1, 0)), "a node or piece"),
    "piece that is not there": (lambda: trie(pieces=(1,)), "a node or piece"),
    "table after the file": (lambda: lookup(size=63), "2 entries of 12 bytes from byte 40 on, in a file of 63 bytes"),
    "empty table": (lambda: lookup(buckets=(0, 2)), "0 entries of 12 bytes"),
    "marks": (lambda: lookup().set_marks(0, 2), "there is room for 2 words"),
    "token": (lambda: score(tokens=(1,)), "tokens must be at least 0 and below 1"),
    "word id": (lambda: score(ids=(2,)), "ids must be at least 0 and below 2"),
    "sentences": (lambda: score(offsets=(0, 2)), "offsets must be ascending"),
    "score of each sentence": (lambda: score(log10=0), "log10 has 0 rows"),
    "score of each token": (lambda: score(each=1), "each has 1 rows, 2 are needed"),
    "tokens of rows": (lambda: hashing.hash_each_token(bytes_(4), longs(0), longs(5), hashes(9), longs(0, 0)), "within 4"),
    "hashes": (lambda: hashing.hash_each_token(bytes_(4), longs(0), longs(4), hashes(1), longs(0, 0)), "hashes has 1 rows"),
    "words of rows": (
        lambda: word_table.WordTable(trie(), hashes(1)).tokenize(bytes_(4), longs(0), longs(5), longs(0, 0), 9),
        "within 4 elements",
    ),
    "mixed sentences": (
        lambda: token_mixture.mix_sentences(floats(1), floats(1), 0.5, longs(0, 2), np.zeros(1)),
        "offsets must be ascending",
    ),
    "paragraphs": (lambda: paragraph_cuts.cut_paragraphs(bytes_(4), longs(0, 5), 1, longs(0), longs(0)), "offsets must be"),
    "room of paragraphs": (
        lambda: paragraph_cuts.cut_paragraphs(np.full(4, 10, np.uint8), longs(0, 4), 1, longs(0, 0), longs(0)),
        "more than 1 paragraphs",
    ),
    "pieces of a file": (
        lambda: sentencepiece_file.scan_pieces(
            bytes_(4), longs(0), longs(0, 0), floats(2), longs(0, 0), np.zeros((2, 2), np.int64)
        ),
        "starts has 1 rows",
    ),
    "contexts": (lambda: link(lower_contexts=(1,)), "lower_contexts must be at least 0 and below 1"),
    "suffixes": (lambda: link(begin=(0, 2)), "begin must be ascending"),
    "room of contexts": (lambda: link(contexts=0), "contexts has 0 rows"),
    "sums": (lambda: smoothing_kernels.add_to_sums(numbers(1), numbers(1), np.zeros((1, 4), np.uint32)), "contexts must be"),
    "weights": (
        lambda: smoothing_kernels.interpolation_weights(np.zeros((2, 4), np.uint32), numbers(1), floats(4), floats(2)),
        "totals has 1 rows",
    ),
    "interpolated context": (lambda: interpolate(contexts=(1,)), "contexts must be at least 0 and below 1"),
    "lower order": (lambda: interpolate(lower=0), "lower has 0 rows"),
    "discounts": (lambda: interpolate(discounts=3), "discounts has 3 rows"),
    "logarithms": (lambda: smoothing_kernels.log10_at_most_0(floats(2), floats(1)), "out has 1 rows"),
    "gaps": (
        lambda: compact_kernels.contexts_to_gaps(numbers(0, 1), numbers(0), numbers(0), numbers(1), numbers(0)),
        "lower_contexts must be",
    ),
    "contexts of gaps": (
        lambda: compact_kernels.gaps_to_contexts(numbers(0, 1), numbers(0), numbers(0), numbers(0), numbers(0)),
        "lower_contexts must be",
    ),
    "hashed words": (lambda: binary_kernels.hash_each_word(bytes_(4), ints(0, 5), hashes(1)), "offsets must be ascending"),
    "keys": (lambda: binary_kernels.extend_keys(hashes(0), numbers(0, 1), numbers(0), hashes(1)), "suffix_keys has 0 rows"),
    "buckets": (lambda: binary_kernels.fill_buckets(hashes(2), bytes_(1), np.zeros(2, np.intp)), "taken has 1 rows"),
    "counted token": (
        lambda: counting_kernels.pack_rows(numbers(2), numbers(0, 0), 1, numbers(0), 8, 8, hashes(1, 1)),
        "tokens must be at least 0 and below 2",
    ),
    "digits": (lambda: counting_kernels.count_digits(hashes(1, 1), 0, 0, longs(0, 0, 0)), "3 digits are not a power of two"),
    "key": (lambda: counting_kernels.count_digits(hashes(1, 1), 1, 0, longs(0, 0)), "there is no key 1"),
    "place of a digit": (
        lambda: counting_kernels.scatter_rows(hashes(2, 1), hashes(2, 1), 0, 0, longs(1, 0)),
        "out has 2 rows, a digit goes to row 2",
    ),
    "equal rows": (lambda: counting_kernels.sum_equal_rows(hashes(2, 1), numbers(0)), "counts has 1 rows"),
    "heap": (lambda: counting_kernels.make_heap(hashes(2, 1), longs(0, 1), longs(0, 2)), "heap must be"),
    "runs": (lambda: merge(ends=(1, 3)), "within 2 elements"),
    "empty run": (lambda: merge(heads=(0, 2)), "run 1 has no rows left"),
    "run that is not there": (lambda: merge(heap=(0, 2)), "heap must be"),
    "sums of runs": (lambda: merge(sums=1), "sums has 1 rows"),
    "room of a level": (lambda: grow(nodes=2), "an order has 2 rows, 3 are needed"),
    "sizes": (lambda: grow(sizes=1), "sizes has 1 rows"),
    "scratch": (lambda: grow(words=3), "words has 3 columns, 2 are needed"),
    "extensions": (lambda: levels_kernels.add_extensions(numbers(0, 2), numbers(1), numbers(0)), "begin must be ascending"),
    "models": (lambda: interpolation_kernels.scale_by_best(floats(2, 1), floats(2)), "log10_scores has 1 columns"),
    "totals": (lambda: interpolation_kernels.add_log10(floats(2, 1), floats(1), np.zeros((2, 2)), np.zeros(1)), "totals has 1"),
    "document": (lambda: shares(document=(0, 1)), "document must be at least 0 and below 1"),
    "sums of shares": (lambda: shares(sums=(1, 3)), "sums has 3 columns"),
}


@pytest.mark.parametrize("call", RIGHT)
def test_arguments_of_the_right_size_are_accepted(call):
    call()


@pytest.mark.parametrize(("call", "message"), WRONG.values(), ids=WRONG)
def test_an_argument_of_the_wrong_size_is_rejected(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_arguments_of_another_type_are_rejected():
    with pytest.raises(ValueError, match="Buffer dtype mismatch"):
        layer_kernels.squared_lengths(np.zeros((1, 1)), floats(1))
    with pytest.raises(ValueError, match="wrong number of dimensions"):
        layer_kernels.squared_lengths(floats(1), floats(1))
    with pytest.raises(ValueError, match="not C-contiguous"):
        layer_kernels.squared_lengths(floats(2, 2).T, floats(2))


def test_a_text_of_continuation_bytes_alone_is_survived():
    data = np.full(9000, 0x80, np.uint8)
    arrays = longs(0, 0), np.zeros(9000, np.int32), floats(9000), floats(1, STATISTICS)
    assert feature_kernels.featurize(data, longs(0, 9000), np.zeros((2, 65536), np.uint16), *arrays) > 0

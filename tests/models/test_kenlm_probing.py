"""Lookups in our own kernels against KenLM's, token by token, in tables of all sizes; damaged tables are never read outside."""

import random
import struct
from pathlib import Path

import kenlm
import numpy as np
import pyarrow as pa
import pytest

from curricle.models.cards import ModelError
from curricle.models.kenlm.binary import write_probing
from curricle.models.kenlm.profiles import string_buffers
from curricle.models.kenlm.table import SANITY, ProbingTable, hash_tokens, map_table
from curricle.models.kenlm.train.corpus import Numbering
from curricle.models.kenlm.train.estimator import estimate

LINES = (Path(__file__).parent / "data" / "udhr-en.txt").read_text("utf-8").splitlines()


@pytest.mark.parametrize("order", [2, 3, 6])
@pytest.mark.parametrize("lines", [["a b"], LINES[:1], LINES[:4], LINES], ids=["two words", "one line", "few", "all"])
def test_each_token_has_kenlm_s_probability(tmp_path, lines: list[str], order: int):
    numbering = Numbering()
    sentences = [numbering.number(pa.array([line])) for line in lines]
    path = tmp_path / "model.bin"
    write_probing(estimate(sentences, list(numbering.ids), order, discount_fallback=True), path)
    rng = random.Random(order)
    words = " ".join(lines).split()
    pairs = [" ".join(words[i : i + 2]) for i in range(len(words) - 1)]
    mixed = [" ".join(rng.choices([*pairs, "?"], k=size)) for size in (1, 511, 512, 3000)]
    texts = ["", "nobody knows", *lines, " ".join(words * 3), *mixed]
    table, model = map_table(path), kenlm.Model(str(path))
    assert table is not None
    data, offsets = string_buffers(pa.array(texts))
    hashes, places = hash_tokens(data, offsets[:-1], offsets[1:])
    scored = table.score(np.arange(len(hashes), dtype=np.int32), places, table.ids(hashes), each=True)
    known = [list(model.full_scores(text)) for text in texts]
    assert scored.each.tolist() == pytest.approx([log10 for rows in known for log10, _, _ in rows], abs=1e-5)
    assert scored.log10.tolist() == pytest.approx([sum(log10 for log10, _, _ in rows) for rows in known], abs=1e-2)
    assert scored.unknown.tolist() == [sum(unknown for _, _, unknown in rows) for rows in known]


@pytest.fixture
def model_bytes(tmp_path: Path) -> bytearray:
    """A probing binary of order 3."""
    numbering = Numbering()
    sentences = [numbering.number(pa.array([line])) for line in LINES]
    write_probing(estimate(sentences, list(numbering.ids), 3, discount_fallback=True), tmp_path / "whole.bin")
    return bytearray((tmp_path / "whole.bin").read_bytes())


def _map(folder: Path, data: bytes) -> ProbingTable:
    (folder / "model.bin").write_bytes(data)
    table = map_table(folder / "model.bin")
    assert table is not None
    return table


def _score_all_words(table: ProbingTable) -> list[float]:
    data, offsets = string_buffers(pa.array([" ".join(LINES)]))
    hashes, places = hash_tokens(data, offsets[:-1], offsets[1:])
    return table.score(np.arange(len(hashes), dtype=np.int32), places, table.ids(hashes)).log10.tolist()


@pytest.mark.parametrize(
    ("multiplier", "message"),
    [(float("nan"), "its header says nan buckets"), (float("inf"), "its header says inf buckets"), (1e9, "its header promises")],
)
def test_a_header_that_does_not_fit_the_file_is_rejected(tmp_path, model_bytes, multiplier: float, message: str):
    struct.pack_into("<f", model_bytes, len(SANITY) + 4, multiplier)
    with pytest.raises(ModelError, match=message):
        _map(tmp_path, model_bytes)


def test_a_word_id_without_a_unigram_is_rejected(tmp_path, model_bytes):
    table = _map(tmp_path, model_bytes)
    vocabulary = len(SANITY) + 20 + 8 * 3 + 8
    entries = np.frombuffer(model_bytes, np.dtype([("key", "<u8"), ("id", "<u4")]), offset=-(-vocabulary // 8) * 8, count=300)
    assert set(entries["id"][entries["key"] != 0].tolist()) <= set(range(table.counts[0] + 1))
    entries["id"][entries["key"] != 0] = table.counts[0] + 1
    with pytest.raises(ModelError, match=f"a word has the id {table.counts[0] + 1}, and there are {table.counts[0]} words"):
        _map(tmp_path, model_bytes)


def test_a_table_without_a_free_entry_ends_the_search(tmp_path, model_bytes):
    table = _map(tmp_path, model_bytes)
    begin = len(SANITY) + 20 + 8 * 3 + 8
    model_bytes[begin:] = np.random.default_rng(1).integers(1, 256, len(model_bytes) - begin, np.uint8).tobytes()
    damaged = _map(tmp_path, model_bytes)  # it knows no word, so all of its keys are compared for each
    assert damaged.counts == table.counts
    assert len(_score_all_words(damaged)) == 1


def test_arguments_out_of_range_are_rejected(tmp_path, model_bytes):
    table = _map(tmp_path, model_bytes)
    tokens, offsets, ids = np.array([0, 1], np.int32), np.array([0, 2], np.int64), np.array([3, 4], np.int32)
    assert len(table.score(tokens, offsets, ids).log10) == 1
    with pytest.raises(ValueError, match="offsets must be in increasing order from 0 to 2"):
        table.score(tokens, offsets + 1, ids)
    with pytest.raises(ValueError, match="tokens must be in the range 0 to 1"):
        table.score(tokens + 1, offsets, ids)
    with pytest.raises(ValueError, match=f"word ids must be in the range 0 to {table.counts[0]}"):
        table.score(tokens, offsets, ids + table.counts[0])

"""Lookups in our own kernels against KenLM's, token by token, in tables of all sizes."""

import random
from pathlib import Path

import kenlm
import numpy as np
import pyarrow as pa
import pytest
from curricle.models.kenlm.binary import write_probing
from curricle.models.kenlm.profiles import string_buffers
from curricle.models.kenlm.table import hash_tokens, map_table
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

"""Paragraphs: every byte in exactly one, and the aggregates against their definition."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curricle.models.kenlm.paragraphs import mean_and_worst, paragraphs


@pytest.mark.parametrize(
    ("text", "min_bytes", "expected"),
    [
        pytest.param("a\nbb\n\nc", 1, ["a\n", "bb\n", "\n", "c"], id="each line"),
        pytest.param("a\nbb\n\nc", 4, ["a\nbb\n\nc"], id="lines are joined, and a short rest goes to the last"),
        pytest.param("aaaa\nb", 4, ["aaaa\nb"], id="a long line and a short rest"),
        pytest.param("a", 100, ["a"], id="a short text"),
        pytest.param("é\né\n", 3, ["é\n", "é\n"], id="bytes, not characters"),
        pytest.param("", 1, [], id="empty"),
        pytest.param(None, 1, [], id="null"),
    ],
)
def test_whole_lines_with_at_least_so_many_bytes(text: str | None, min_bytes: int, expected: list[str]):
    found, rows = paragraphs(pa.array([None, text, "x"], pa.string())[1:], min_bytes)
    assert found.to_pylist() == [*expected, "x"]
    assert rows.tolist() == [0] * len(expected) + [1]


@given(
    texts=st.lists(st.none() | st.text("ab\né", max_size=30), max_size=6), min_bytes=st.integers(1, 12), start=st.integers(0, 3)
)
def test_no_byte_is_lost_and_only_a_document_s_only_paragraph_is_short(texts, min_bytes, start):
    array = pa.array(texts, pa.string())[start:]
    found, rows = paragraphs(array, min_bytes)
    pieces: dict[int, list[str]] = {}
    for piece, row in zip(found.to_pylist(), rows.tolist(), strict=True):
        pieces.setdefault(row, []).append(piece)
    assert {row: "".join(part) for row, part in pieces.items()} == {i: t for i, t in enumerate(array.to_pylist()) if t}
    for part in pieces.values():
        assert len(part) == 1 or all(len(piece.encode()) >= min_bytes for piece in part)
        assert all(piece.endswith("\n") for piece in part[:-1])


@given(
    rows=st.lists(st.lists(st.tuples(st.none() | st.floats(-3, 3), st.integers(1, 50)), max_size=5), max_size=5),
    worst=st.integers(1, 3),
)
def test_mean_and_worst_are_their_definition(rows, worst):
    flat = [(i, value, size) for i, row in enumerate(rows) for value, size in row]
    values = np.array([np.nan if value is None else value for _, value, _ in flat], np.float64)
    sizes, owners = (np.array([entry[k] for entry in flat], np.int64) for k in (2, 0))
    means, lowest = mean_and_worst(values, sizes, owners, len(rows), worst)
    for row, mean, low in zip(rows, means.to_pylist(), lowest.to_pylist(), strict=True):
        there = [(value, size) for value, size in row if value is not None]
        if not there:
            assert mean is low is None
            continue
        assert mean == pytest.approx(np.average([v for v, _ in there], weights=[s for _, s in there]), abs=1e-9)
        assert low == pytest.approx(np.mean(sorted(v for v, _ in there)[:worst]), abs=1e-9)

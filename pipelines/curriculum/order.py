"""The order of a phase, and whether an interleaved one keeps its mixture all along."""

import numpy as np

from curricle.pipelines.curriculum.documents import Documents
from curricle.pipelines.curriculum.draw import PhaseRows
from curricle.pipelines.curriculum.kernels import FloatArray, HashArray, IntArray, keyed, ordered, salt
from curricle.schemas.curriculum import Phase


def order_rows(documents: Documents, phase: Phase, seed: int, rows: PhaseRows) -> IntArray:
    """Positions in `rows` in the phase's order, int64 (rows,); independent of the order of the documents."""
    chance = _chance(documents, phase, seed, rows)
    if phase.order.method == "sorted" and phase.order.by:
        values = documents.number(phase.order.by)[rows.document]
        return np.lexsort((chance, ordered(values, descending=phase.order.direction == "down")))
    if phase.order.method == "interleaved":
        return np.lexsort((chance, _progress(documents, rows, chance)))
    return np.argsort(chance, kind="stable")


def _chance(documents: Documents, phase: Phase, seed: int, rows: PhaseRows) -> HashArray:
    ids = keyed(documents.id_hash[rows.document], salt(seed, phase.name, "order"))
    return keyed(ids + rows.repeat.astype(np.uint64), np.uint64(0))


def _progress(documents: Documents, rows: PhaseRows, chance: HashArray) -> FloatArray:
    """The share of its cell that comes before the middle of each row, 0..1. Sorted by it, all cells run out together."""
    tokens = documents.tokens[rows.document].astype(np.int64)
    shuffled = np.lexsort((chance, rows.cell))
    cell, ends = rows.cell[shuffled], np.cumsum(tokens[shuffled])
    totals = np.bincount(rows.cell, weights=tokens).astype(np.int64)
    before = (np.cumsum(totals) - totals)[cell]
    progress = np.empty(rows.cell.size)
    progress[shuffled] = (2 * (ends - before) - tokens[shuffled]) / (2 * totals[cell])
    return progress


def worst_window(tokens: IntArray, cell: IntArray, window: int) -> float:
    """The largest difference between a cell's share of all tokens and its share of any run of documents that just reaches
    `window` tokens; 0 for a shorter phase. `tokens` and `cell` are in the phase's order, shape (rows,).
    """
    ends = np.concatenate([[0], np.cumsum(tokens, dtype=np.int64)])
    starts = np.searchsorted(ends, ends[-1] - window, side="right")  # a run may start before this row
    stops = np.searchsorted(ends, ends[:starts] + window, side="left")
    worst = 0.0
    for one in np.unique(cell) if starts else ():
        inside = np.concatenate([[0], np.cumsum(np.where(cell == one, tokens, 0), dtype=np.int64)])
        shares = (inside[stops] - inside[:starts]) / (ends[stops] - ends[:starts])
        worst = max(worst, float(np.abs(shares - inside[-1] / ends[-1]).max()))
    return worst

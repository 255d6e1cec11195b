"""Chooses the documents of held-out sets and phases, and how often each appears, from ids, cells, scores and token counts."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from curricle.pipelines.curriculum.cells import Cells, make_cells, passing
from curricle.pipelines.curriculum.documents import Documents
from curricle.pipelines.curriculum.errors import CurriculumError
from curricle.pipelines.curriculum.kernels import (
    CHUNK,
    NO_SCORE,
    BoolArray,
    HashArray,
    IntArray,
    Ranking,
    keyed,
    salt,
    take,
    totals,
)
from curricle.pipelines.curriculum.quotas import Shares, quotas, shares, spread
from curricle.pipelines.curriculum.scoring import choose
from curricle.pipelines.curriculum.settle import settle
from curricle.schemas.curriculum import POOL, Curriculum, HeldOut, Phase, Repeats

UNUSED, POOLED = -1, 100  # values of `DocumentUse.origin`, in addition to the numbers of phases


@dataclass
class DocumentUse:
    """How the phases so far have used each document, shape (n,)."""

    origin: npt.NDArray[np.int8]  # phase that drew it
    appearances: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class PhaseRows:
    """The rows of a phase, repeats included, before or after they are put in order; shape (rows,)."""

    document: IntArray
    repeat: npt.NDArray[np.int32]  # earlier appearances in the curriculum
    origin: npt.NDArray[np.int8]
    cell: IntArray  # position in the mixture's cells; the number of cells for a replayed document


@dataclass(frozen=True)
class DrawnPhase:
    """A phase with its documents: what was asked of each cell, what is available, and what was taken."""

    phase: Phase
    budget: int  # tokens asked for, replayed ones included
    names: tuple[str, ...]
    share: Shares  # asked for, of the tokens that are not replayed
    quota: IntArray  # tokens asked for
    there: IntArray  # tokens that may be drawn: each document once, or as often as the table says
    met: IntArray  # tokens taken, repeats included
    documents: IntArray  # number of different documents taken
    replay_quota: int
    replay_met: int
    nulls: int  # documents that could not be drawn because they have no score
    rows: PhaseRows
    problems: tuple[str, ...] = field(default=())  # why the plan cannot be met: one line each


def hold_out(documents: Documents, plan: Curriculum) -> npt.NDArray[np.int8]:
    """Position in `plan.heldout` of each held-out document, else -1, int8 (n,).

    All documents with the text of a held-out one, or its value in `together`, are held out with it, whatever their columns. A
    text that two sets would take through different documents goes to the first. CurriculumError if a document matches the `where`
    of two sets.
    """
    held = np.full(documents.tokens.size, UNUSED, np.int8)
    matching: list[tuple[HeldOut, BoolArray]] = []
    for number, part in enumerate(plan.heldout):
        matches = passing(documents, part.where, f"heldout {part.name!r}")
        for other, others in matching:
            if both := int(np.count_nonzero(matches & others)):
                raise CurriculumError(f"heldout: {other.name!r} and {part.name!r} overlap: {both:,} documents match both `where`")
        matching.append((part, matches))
        chosen = _sampled(documents.text_hash, salt(plan.seed, "heldout"), part.share)
        if part.where:
            chosen = np.isin(documents.text_hash, documents.text_hash[chosen & matches])
        if part.together:
            chosen |= _with_the_same(documents, part.together, chosen, f"heldout {part.name!r}")
        held[chosen & (held == UNUSED) & (documents.tokens > 0)] = number
    return held


def _with_the_same(documents: Documents, column: str, chosen: BoolArray, at: str) -> BoolArray:
    """True for documents whose value in this column is that of a chosen one, bool (n,); a null is no value."""
    if column not in documents.labels:
        raise CurriculumError(f"{at}: column {column!r} is a number; `together` needs a column of text")
    label = documents.labels[column]
    values = np.zeros(len(label.names), bool)
    values[label.codes[chosen]] = True
    if "null" in label.names:
        values[label.names.index("null")] = False
    found: BoolArray = values[label.codes]
    return found


def _sampled(hashes: HashArray, key: np.uint64, share: float) -> BoolArray:
    """True for this share of the hashes, chosen by their hash under the key, bool (n,)."""
    under = np.empty(hashes.size, np.bool_)
    for start in range(0, hashes.size, CHUNK):
        part = slice(start, start + CHUNK)
        under[part] = keyed(hashes[part], key) < np.uint64(min(int(share * 2**64), 2**64 - 1))
    return under


def draw_phases(documents: Documents, plan: Curriculum, held: npt.NDArray[np.int8]) -> Iterator[DrawnPhase]:
    """Each phase in turn. CurriculumError for an unknown cell, column or value; what falls short is in `problems`."""
    use = DocumentUse(np.full(held.size, UNUSED, np.int8), np.zeros(held.size, np.uint8))
    living = (held == UNUSED) & (documents.tokens > 0)
    for number, phase in enumerate(plan.phases):
        yield _draw(documents, plan, number, phase, living, use)


def _draw(documents: Documents, plan: Curriculum, number: int, phase: Phase, living: BoolArray, use: DocumentUse) -> DrawnPhase:
    at = f"phase {phase.name!r}"
    cells = make_cells(documents, phase.mixture.by, at)
    size, tokens = len(cells.names), documents.tokens
    among = living & (use.origin == UNUSED) & passing(documents, phase.where, at)
    times, cap = _times(documents, phase.repeats), phase.repeats.most
    weight = tokens if times is None else tokens * times.astype(np.int64)
    share = shares(phase.mixture, cells.names, totals(cells.codes, among, weight, size), at)
    among, ranking, nulls = choose(documents, phase, plan.seed, cells.codes, size, among)
    there = totals(cells.codes, among, weight, size)
    budget = _budget(phase, share, there)
    replay_quota = round(budget * phase.replay.share) if phase.replay else 0
    quota, problems = _quota(phase, budget - replay_quota, share, there, cells, at)
    whole = np.where(quota > there, quota // np.maximum(there, 1), 0)
    whole = np.minimum(whole, cap)
    rest = np.where(whole < cap, quota - whole * there, 0)
    copies = whole.astype(np.uint8)[cells.codes] * among
    last = take(cells.codes, among, ranking, weight, rest)
    settle(cells.codes, among & (whole < cap)[cells.codes], last, ranking, weight, rest)
    copies += last
    if times is not None:
        copies *= times
    fresh = np.flatnonzero(copies)
    use.origin[fresh] = number
    replayed, replay_problems = _replay(documents, plan, number, living, use, replay_quota)
    rows = _rows(fresh, copies[fresh], cells, replayed, size, use)
    taken = tokens[fresh].astype(np.int64)
    met, count = np.zeros(size, np.int64), np.bincount(cells.codes[fresh], minlength=size)
    np.add.at(met, cells.codes[fresh], taken * copies[fresh])
    replay_met = int(tokens[replayed].sum(dtype=np.int64))
    problems += replay_problems
    return DrawnPhase(
        phase, budget, cells.names, share, quota, there, met, count, replay_quota, replay_met, nulls, rows, tuple(problems)
    )  # fmt: skip


def _budget(phase: Phase, share: Shares, there: IntArray) -> int:
    """Tokens of the phase: as asked, or all that its cells hold in their shares, and what is replayed."""
    if phase.tokens != "all":
        return phase.tokens
    fresh = int(there.sum())
    if phase.mixture.weights:
        fresh = min((int(there[cell] / share[cell]) for cell in np.flatnonzero(share)), default=0)
    return round(fresh / (1 - phase.replay.share)) if phase.replay else fresh


def _times(documents: Documents, repeats: Repeats) -> npt.NDArray[np.uint8] | None:
    """How often each document appears if it is drawn, by the table, uint8 (n,); None if there is no table."""
    if repeats.by is None:
        return None
    values = documents.number(repeats.by)
    keys = sorted(repeats.table)
    times = np.array([1, *(repeats.table[key] for key in keys)], np.uint8)
    found = np.empty(values.size, np.uint8)
    for start in range(0, values.size, CHUNK):
        part = values[start : start + CHUNK]
        row = np.searchsorted(np.array(keys, np.float64), part, side="right")
        found[start : start + CHUNK] = times[np.where(np.isnan(part), 0, row)]
    return found


def _quota(phase: Phase, budget: int, share: Shares, there: IntArray, cells: Cells, at: str) -> tuple[IntArray, list[str]]:
    """Tokens by cell, and what falls short: one line for each cell with `error`, one for the phase with `rest`."""
    most, quota = there * phase.repeats.most, quotas(budget, share)
    if phase.mixture.when_short == "rest":
        quota = spread(budget, share, most)
    repeats = f"repeats by {phase.repeats.by}" if phase.repeats.by else f"repeats {phase.repeats.most}"
    problems = [
        f"{at}: cell {cells.names[cell]!r}: {quota[cell]:,} tokens asked, {most[cell]:,} there with {repeats}"
        for cell in np.flatnonzero(quota > most)
    ]
    if (left := budget - int(quota.sum())) > 0:
        problems.append(f"{at}: {budget:,} tokens asked, {budget - left:,} there with {repeats}")
    return quota, problems


def _replay(
    documents: Documents, plan: Curriculum, number: int, living: BoolArray, use: DocumentUse, quota: int
) -> tuple[IntArray, list[str]]:
    """The documents to replay, drawn uniformly, each once. Those of the pool that no phase had drawn count as used now."""
    phase = plan.phases[number]
    if phase.replay is None:
        return np.empty(0, np.int64), []
    if phase.replay.pool:
        among = living & (use.origin != number)
        source = "the pool has"
    else:
        earlier = [position for position, other in enumerate(plan.phases) if other.name in phase.replay.phases]
        among = np.isin(use.origin, np.array(earlier, np.int8))
        source = f"{', '.join(phase.replay.phases)} have" if len(earlier) > 1 else f"{phase.replay.phases[0]} has"
    ranking = Ranking(NO_SCORE, False, documents.id_hash, salt(plan.seed, phase.name, "replay"))
    one = np.zeros(among.size, np.int16)
    there = int(totals(one, among, documents.tokens, 1)[0])
    chosen = np.flatnonzero(take(one, among, ranking, documents.tokens, np.array([quota], np.int64)))
    use.origin[chosen[use.origin[chosen] == UNUSED]] = POOLED
    short = f"phase {phase.name!r}: replay: {quota:,} tokens asked, {source} {there:,}"
    return chosen, [short] if quota > there else []


def _rows(
    fresh: IntArray, copies: npt.NDArray[np.uint8], cells: Cells, replayed: IntArray, size: int, use: DocumentUse
) -> PhaseRows:
    """One row for each appearance; also updates the number of appearances."""
    document = np.repeat(fresh, copies)
    first = np.repeat(np.cumsum(copies, dtype=np.int64) - copies, copies)
    repeat = (np.arange(document.size) - first).astype(np.int32)
    rows = PhaseRows(
        document=np.concatenate([document, replayed]),
        repeat=np.concatenate([repeat, use.appearances[replayed].astype(np.int32)]),
        origin=use.origin[np.concatenate([document, replayed])],
        cell=np.concatenate([cells.codes[document].astype(np.int64), np.full(replayed.size, size)]),
    )
    use.appearances[fresh] += copies
    use.appearances[replayed] += np.uint8(1)
    return rows


def origin_names(plan: Curriculum) -> dict[int, str]:
    """Value of the column `phase_origin` for each value of `PhaseRows.origin`."""
    return {number: phase.name for number, phase in enumerate(plan.phases)} | {POOLED: POOL}

"""Selection, quotas and orders of a curriculum against plain Python over the same documents."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curricle.pipelines.curriculum import radix
from curricle.pipelines.curriculum.cells import make_cells, passing
from curricle.pipelines.curriculum.documents import Documents, TextColumn
from curricle.pipelines.curriculum.draw import UNUSED, draw_phases, hold_out
from curricle.pipelines.curriculum.errors import CurriculumError
from curricle.pipelines.curriculum.kernels import NO_SCORE, Ranking, keyed, ordered, quantiles, salt, take
from curricle.pipelines.curriculum.order import order_rows, worst_window
from curricle.pipelines.curriculum.quotas import quotas, spread
from curricle.pipelines.curriculum.scoring import gumbel, percentile_bins, score, z_scores
from curricle.schemas.condition import Condition
from curricle.schemas.curriculum import Bucket, Curriculum, Order, Phase, Score, Select

MASK = 2**64 - 1
SCORES = st.one_of(st.none(), st.integers(1, 5).map(float), st.floats(-1e6, 1e6, width=32))
ROWS = st.lists(st.tuples(SCORES, st.integers(1, 400), st.integers(0, 2)), min_size=1, max_size=60)


def mix(x: int) -> int:
    """SplitMix64's finaliser, in Python's integers."""
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & MASK
    return x ^ (x >> 31)


def documents(rows: list[tuple[float | None, int, int]]) -> Documents:
    """One document a row (score, tokens, cell), with distinct ids and texts."""
    scores, tokens, cells = zip(*rows, strict=True)
    ids = np.arange(1, len(rows) + 1, dtype=np.uint64)
    values = np.array([np.nan if value is None else value for value in scores], np.float32)
    counts = np.array(tokens, np.uint32)
    labels = TextColumn(np.array(cells, np.int32), ("a", "b", "c"))
    return Documents(keyed(ids, np.uint64(7)), keyed(ids, np.uint64(8)), counts, counts, {"score": values}, {"cell": labels})


def plan(**phase: object) -> Curriculum:
    phase = {"name": "one", "tokens": 1000, "mixture": {"by": "cell", "proportional": True, "when_short": "rest"}} | phase
    return Curriculum.model_validate({"phases": [phase]})


def chosen_plainly(docs: Documents, curriculum: Curriculum, quota: np.ndarray, names: tuple[str, ...]) -> list[set[int]]:
    """Which documents a method takes from each cell for its quota, by sorting lists."""
    phase, select = curriculum.phases[0], curriculum.phases[0].select
    chance = {row: mix(int(docs.id_hash[row]) ^ int(salt(0, "one", "select"))) for row in range(docs.tokens.size)}
    window = {row: mix(int(docs.id_hash[row]) ^ int(salt(0, "one", "window"))) for row in range(docs.tokens.size)}
    noise = gumbel(docs.numbers["score"], docs, salt(0, "one", "gumbel"), select.temperature)
    ranks: list[list[int]] = []
    counts: list[int] = []
    for cell, name in enumerate(names):
        rows = [row for row in chance if docs.labels["cell"].names[docs.labels["cell"].codes[row]] == name]
        value = {row: float(docs.numbers["score"][row]) for row in rows}
        if phase.select.score is not None and select.nulls != "last":
            rows = [row for row in rows if not math.isnan(value[row])]
        if select.method in ("low", "middle", "high") and rows:
            width = max(1, math.floor(select.fraction * len(rows) + 0.5))
            first = {"low": 0, "middle": (len(rows) - width) // 2, "high": len(rows) - width}[select.method]
            rows = sorted(rows, key=lambda row: (value[row], window[row]))[first : first + width]
        if select.method == "equals":
            rows = [row for row in rows if value[row] == select.value]
        sign = {"top": -1, "lowest": 1, "gumbel": -1}.get(select.method, 0)
        ranked = noise if select.method == "gumbel" else docs.numbers["score"]
        null = np.isnan(ranked) & bool(sign)
        places = sorted(
            (bool(null[row]), 0 if null[row] or not sign else sign * float(ranked[row]), chance[row], row) for row in rows
        )
        rows = [row for *_, row in places]
        taken = tokens = 0
        for row in rows:
            weight = int(docs.tokens[row])
            if tokens + weight > quota[cell] and 2 * (quota[cell] - tokens) <= weight:
                break
            taken += 1
            tokens += weight
            if tokens >= quota[cell]:
                break
        ranks.append(rows)
        counts.append(taken)
    _settle_plainly([[int(docs.tokens[row]) for row in rows] for rows in ranks], counts, [int(one) for one in quota])
    return [set(rows[:count]) for rows, count in zip(ranks, counts, strict=True)]


def _settle_plainly(tokens: list[list[int]], counts: list[int], quota: list[int]) -> None:
    """Whole documents more or fewer, at most one a cell and round, the cells that are furthest off first."""
    while True:
        cells = [cell for cell in range(len(quota)) if quota[cell] <= sum(tokens[cell])]
        off = {cell: quota[cell] - sum(tokens[cell][: counts[cell]]) for cell in cells}
        missing, before = sum(off.values()), list(counts)
        sign = 1 if missing > 0 else -1
        left = abs(missing)
        if left * sum(counts[cell] for cell in cells) <= sum(sum(tokens[cell][: counts[cell]]) for cell in cells):
            return
        for cell in sorted((cell for cell in cells if off[cell] * sign > 0), key=lambda cell: (-off[cell] * sign, cell)):
            place = counts[cell] if sign > 0 else counts[cell] - 1
            if left > 0 and 0 <= place < len(tokens[cell]) and tokens[cell][place] < 2 * left:
                counts[cell] += sign
                left -= tokens[cell][place]
        if counts == before:
            return


METHODS = [
    {"method": "uniform"},
    {"method": "top", "score": "score"},
    {"method": "top", "score": "score", "nulls": "last"},
    {"method": "lowest", "score": "score"},
    {"method": "lowest", "score": "score", "nulls": "last"},
    {"method": "low", "score": "score", "fraction": 0.4},
    {"method": "middle", "score": "score", "fraction": 0.5},
    {"method": "high", "score": "score", "fraction": 0.3},
    {"method": "equals", "score": "score", "value": 5},
    {"method": "gumbel", "score": "score", "temperature": 0.5},
]


@pytest.mark.parametrize("select", METHODS, ids=lambda select: "-".join(map(str, select.values())))
@settings(max_examples=60, deadline=None)
@given(rows=ROWS, budget=st.integers(1, 6000))
def test_each_method_takes_what_a_sorted_list_says(select, rows, budget):
    docs, curriculum = documents(rows), plan(select=select, tokens=budget)
    (draw,) = draw_phases(docs, curriculum, hold_out(docs, curriculum))
    wanted = chosen_plainly(docs, curriculum, draw.quota, draw.names)
    assert set(draw.rows.document.tolist()) == set().union(*wanted)
    assert draw.documents.tolist() == [len(one) for one in wanted]
    assert draw.met.tolist() == [sum(int(docs.tokens[row]) for row in one) for one in wanted]


@settings(max_examples=100, deadline=None)
@given(rows=ROWS, data=st.data())
def test_the_choice_does_not_depend_on_the_order_of_the_documents(rows, data):
    docs = documents(rows)
    shuffled = np.array(data.draw(st.permutations(range(len(rows)))))
    moved = Documents(
        docs.id_hash[shuffled],
        docs.text_hash[shuffled],
        docs.text_bytes[shuffled],
        docs.tokens[shuffled],
        {"score": docs.numbers["score"][shuffled]},
        {"cell": TextColumn(docs.labels["cell"].codes[shuffled], docs.labels["cell"].names)},
    )
    curriculum = plan(
        select={"method": "top", "score": {"columns": {"score": 1, "token_count": -0.5}}},
        order={"method": "interleaved", "window": 500},
    )
    found = []
    for one in (docs, moved):
        (draw,) = draw_phases(one, curriculum, hold_out(one, curriculum))
        order = order_rows(one, draw.phase, 0, draw.rows)
        found.append(one.id_hash[draw.rows.document[order]].tolist())
    assert found[0] == found[1]


@settings(max_examples=150, deadline=None)
@given(rows=ROWS, repeats=st.integers(1, 4), budget=st.integers(1, 40_000))
def test_documents_repeat_only_where_their_cell_is_exhausted_and_by_whole_rounds(rows, repeats, budget):
    docs = documents(rows)
    curriculum = plan(tokens=budget, repeats=repeats)
    (draw,) = draw_phases(docs, curriculum, hold_out(docs, curriculum))
    copies = np.bincount(draw.rows.document, minlength=len(rows))
    cells = make_cells(docs, ("cell",), "")
    for cell in range(len(cells.names)):
        mine = copies[cells.codes == cell]
        assert mine.max() <= repeats
        assert mine.max() - mine.min() <= 1
    assert sorted(zip(draw.rows.document.tolist(), draw.rows.repeat.tolist(), strict=True)) == [
        (row, again) for row in range(len(rows)) for again in range(copies[row])
    ]
    assert bool(draw.problems) == (budget > repeats * sum(tokens for _, tokens, _ in rows))


@settings(max_examples=150, deadline=None)
@given(
    rows=ROWS,
    table=st.dictionaries(st.integers(0, 5), st.integers(1, 9), min_size=1),
    budget=st.integers(1, 60_000),
    select=st.sampled_from(METHODS),
)
def test_with_a_table_every_drawn_document_appears_as_often_as_it_says(rows, table, budget, select):
    docs = documents(rows)
    curriculum = plan(tokens=budget, repeats={"by": "score", "table": table}, select=select)
    (draw,) = draw_phases(docs, curriculum, hold_out(docs, curriculum))
    under = [[key for key in table if value is not None and key <= np.float32(value)] for value, _, _ in rows]
    times = np.array([table[max(keys)] if keys else 1 for keys in under])
    copies = np.bincount(draw.rows.document, minlength=len(rows))
    assert ((copies == 0) | (copies == times)).all()
    weighted = replace(docs, tokens=(docs.tokens * times).astype(np.uint32))  # as if each were so long and appeared once
    assert set(draw.rows.document.tolist()) == set().union(*chosen_plainly(weighted, curriculum, draw.quota, draw.names))
    cells = make_cells(docs, ("cell",), "")
    assert draw.met.tolist() == [int((docs.tokens * copies)[cells.codes == cell].sum()) for cell in range(len(cells.names))]


@settings(max_examples=150, deadline=None)
@given(rows=ROWS, shares=st.lists(st.floats(0.01, 0.99), min_size=1, max_size=4))
def test_a_quantile_is_the_smallest_value_with_that_share_of_the_tokens(rows, shares):
    docs = documents(rows)
    known = sorted((value, tokens) for value, tokens, _ in rows if value is not None)
    found = quantiles(docs.numbers["score"], docs.tokens, docs.id_hash, shares)
    if not known:
        assert all(map(math.isnan, found))
        return
    total = sum(tokens for _, tokens in known)
    for share, value in zip(shares, found, strict=True):
        under = sum(tokens for other, tokens in known if np.float32(other) < value)
        at_most = sum(tokens for other, tokens in known if np.float32(other) <= value)
        assert under < math.ceil(share * total) <= at_most


@given(st.integers(0, 10**12), st.lists(st.integers(0, 1000), min_size=1, max_size=30).filter(any))
def test_quotas_sum_to_the_budget_and_are_within_a_token_of_their_share(budget, weights):
    shares = np.array(weights) / sum(weights)
    found = quotas(budget, shares)
    assert found.sum() == budget
    for one, weight in zip(found.tolist(), weights, strict=True):
        assert abs(one - Fraction(budget * weight, sum(weights))) <= 1 + Fraction(budget, 10**15)


@given(st.integers(0, 5000), st.lists(st.tuples(st.integers(0, 9), st.integers(0, 900)), min_size=1, max_size=9))
def test_what_a_cell_lacks_goes_to_the_others(budget, cells):
    weights, most = (np.array(column) for column in zip(*cells, strict=True))
    if not weights.any():
        return
    found = spread(budget, weights / weights.sum(), most)
    assert (found <= most).all()
    assert found.sum() == min(budget, most[weights > 0].sum())


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 2)), min_size=1, max_size=40), st.integers(1, 300))
def test_the_worst_window_is_that_of_a_look_at_every_stretch(rows, window):
    tokens, cells = (np.array(column) for column in zip(*rows, strict=True))
    worst = 0.0
    for start in range(len(rows)):
        for stop in range(start, len(rows)):
            part = slice(start, stop + 1)
            if tokens[part].sum() >= window:
                for cell in set(cells):
                    inside = tokens[part][cells[part] == cell].sum() / tokens[part].sum()
                    worst = max(worst, abs(inside - tokens[cells == cell].sum() / tokens.sum()))
                break
    assert worst_window(tokens, cells, window) == pytest.approx(worst, abs=1e-12)


def test_an_interleaved_phase_keeps_its_mixture_where_a_shuffled_one_does_not():
    rng = np.random.default_rng(1)
    docs = documents(
        [
            (None, int(tokens), int(cell))
            for tokens, cell in zip(rng.integers(50, 150, 4000), rng.integers(0, 3, 4000), strict=True)
        ]
    )
    worst = {}
    for order in ({"method": "shuffled"}, {"method": "interleaved", "window": 5000}):
        (draw,) = draw_phases(docs, plan(tokens=300_000, order=order), np.full(4000, UNUSED, np.int8))
        rows = order_rows(docs, draw.phase, 0, draw.rows)
        worst[order["method"]] = worst_window(docs.tokens[draw.rows.document[rows]].astype(np.int64), draw.rows.cell[rows], 5000)
    assert worst["interleaved"] < 0.03 < 0.1 < worst["shuffled"]


def test_gumbel_draws_in_proportion_to_the_exponential_of_the_score():
    docs = documents([(math.log(3) * (row % 2), 1, 0) for row in range(40_000)])
    (draw,) = draw_phases(
        docs, plan(tokens=2000, select={"method": "gumbel", "score": "score"}), np.full(40_000, UNUSED, np.int8)
    )
    odd = int((draw.rows.document % 2).sum())
    assert abs(odd / 2000 - 0.75) < 0.03


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=50), st.randoms(use_true_random=False))
def test_z_scores_are_the_same_to_the_last_bit_in_any_order(values, random):
    order = list(range(len(values)))
    random.shuffle(order)
    assert z_scores(np.array(values))[order].tobytes() == z_scores(np.array(values)[order]).tobytes()


def test_a_score_of_several_columns_sums_or_takes_the_best_bin():
    docs = documents([(float(row), 10, 0) for row in range(100)])
    bins = percentile_bins(docs, docs.numbers["score"])
    assert bins.tolist() == [row // 5 for row in range(100)]
    best = score(docs, Score(columns={"score": 1, "token_count": 1}, scale="bins", combine="max"))
    assert best.tolist() == bins.tolist()  # equal token counts are all in bin 0
    falling = score(docs, Score(columns={"score": -1}, scale="bins"))
    assert falling.tolist() == bins[::-1].tolist()
    z = (np.arange(100) - 49.5) / np.arange(100).std()
    assert score(docs, Score(columns={"score": 2.0})) == pytest.approx(2 * z)


def test_numbers_rank_as_they_sort_with_one_zero_and_nan_last():
    values = np.array([np.nan, 3, -0.0, 0.0, -np.inf, -2.5, 1e-300])
    places = ordered(values)
    assert np.argsort(places, kind="stable").tolist() == [4, 5, 2, 3, 6, 1, 0]
    assert places[2] == places[3]
    assert np.argsort(ordered(values, descending=True), kind="stable").tolist() == [1, 6, 2, 3, 5, 4, 0]


def test_a_quota_of_nothing_takes_nothing_and_of_more_than_there_is_takes_all():
    docs = documents([(1.0, 5, 0), (2.0, 7, 1)])
    cells = make_cells(docs, ("cell",), "")
    ranking = Ranking(NO_SCORE, False, docs.id_hash, np.uint64(1))
    everyone = np.ones(2, np.bool_)
    assert take(cells.codes, everyone, ranking, docs.tokens, np.array([0, 99], np.int64)).tolist() == [False, True]


def test_cells_are_named_by_values_edges_and_percentiles():
    docs = documents([(1.0, 10, 0), (2.0, 10, 1), (None, 10, 2), (9.0, 10, 0)])
    by = ("cell", Bucket(column="score", edges=(2, 5)))
    cells = make_cells(docs, by, "")
    assert [cells.names[code] for code in cells.codes] == ["a/<2", "b/2..5", "c/null", "a/>=5"]
    cells = make_cells(docs, (Bucket(column="score", quantiles=(0.5,)), "token_count"), "")
    assert [cells.names[code] for code in cells.codes] == ["<p50/10", ">=p50/10", "null/10", ">=p50/10"]
    with pytest.raises(CurriculumError, match=r"mixture.by: score is not a whole number; give {column: score, edges"):
        make_cells(documents([(1.5, 1, 0)]), ("score",), "phase 'one'")


def test_conditions_are_inclusive_and_a_null_never_passes():
    docs = documents([(1.0, 10, 0), (2.0, 20, 1), (None, 30, 2), (0.5, 40, 0)])
    for where, passed in [
        ({"score": Condition(min=1, max=2)}, [True, True, False, False]),
        ({"score": Condition.model_validate(1)}, [True, False, False, False]),
        ({"cell": Condition.model_validate(["a", "c"]), "token_count": Condition(max=30)}, [True, False, True, False]),
        ({"cell": Condition(not_in=["a"])}, [False, True, True, False]),
        ({"score": Condition(not_in=[2])}, [True, False, False, True]),
    ]:
        assert passing(docs, where, "phase 'one'").tolist() == passed


def test_replayed_documents_come_from_the_named_phases_and_count_their_appearances():
    docs = documents([(None, 10, 0)] * 300)
    phases = [
        {"name": "one", "tokens": 500},
        {"name": "two", "tokens": 500, "replay": {"from": ["one"], "share": 0.2}},
        {"name": "three", "tokens": 500, "replay": {"pool": "all", "share": 0.5}},
        {"name": "four", "tokens": 1000, "replay": {"from": ["one", "two"], "share": 0.5}},
    ]
    draws = list(draw_phases(docs, Curriculum.model_validate({"phases": phases}), np.full(300, UNUSED, np.int8)))
    assert not any(draw.problems for draw in draws)
    assert [draw.replay_met for draw in draws] == [0, 100, 250, 500]
    seen: dict[int, int] = {}
    fresh: dict[int, int] = {}
    for number, draw in enumerate(draws):
        rows = draw.rows
        assert len(set(rows.document.tolist())) == rows.document.size
        for document, repeat, origin, cell in zip(rows.document, rows.repeat, rows.origin, rows.cell, strict=True):
            assert repeat == seen.get(document, 0)
            seen[document] = repeat + 1
            if cell == len(draw.names):  # replayed
                assert origin == fresh.get(document, 100)
                assert number != 1 or origin == 0
                assert number != 3 or origin in (0, 1)
            else:
                assert document not in fresh
                assert origin == number
                fresh[document] = number


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"method": "top"}, "method top needs score"),
        ({"method": "uniform", "score": "x"}, "method uniform does not use score"),
        ({"method": "low", "score": "x", "nulls": "last"}, "nulls: last cannot be used with method low"),
    ],
)
def test_a_selection_says_what_it_lacks(content, message):
    with pytest.raises(ValueError, match=message):
        Select.model_validate(content)


def test_the_words_of_a_plan_are_short_where_they_can_be():
    phase = Phase.model_validate({"name": "x", "tokens": 1, "order": "shuffled", "where": {"language": "tr", "n": [1, 2]}})
    assert phase.order == Order.model_validate({"method": "shuffled"})
    assert phase.where["language"].values_in == ("tr",)
    assert phase.where["n"].values_in == (1, 2)


def bounds(cell=(0, 1), among=2, values=2, ids=2, weight=2, quota=(1, 1), bound=(2, 2), closed=2):
    """The bounds of two documents with a weight of 1."""
    arrays = np.zeros(values), False, np.arange(ids, dtype=np.uint64), 0, np.ones(weight, np.int64), np.array(quota, np.int64)
    found = np.zeros(bound, np.uint64), np.zeros(closed, np.uint8)
    radix.find_bounds(np.array(cell, np.int16), np.ones(among, np.uint8), *arrays, *found)
    return found


def within(cell=(0, 1), state=2, taken=2):
    arrays = np.zeros(2), False, np.arange(2, dtype=np.uint64), 0, np.zeros((2, 2), np.uint64), np.zeros(2, np.uint8)
    radix.within(np.array(cell, np.int16), np.ones(2, np.uint8), *arrays, np.ones(state, np.int8), np.zeros(taken, np.uint8))


def totals(cell=(0, 1), among=2, weight=2):
    arrays = np.ones(among, np.uint8), np.ones(weight, np.int64), np.zeros(2, np.int64)
    radix.totals(np.array(cell, np.int16), *arrays)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bounds(cell=(0, 2)), "cell must be at least 0 and below 2"),
        (lambda: bounds(cell=(-1, 0)), "cell must be at least 0 and below 2"),
        (lambda: bounds(among=1), "among has 1 rows, 2 are needed"),
        (lambda: bounds(values=1), "values has 1 rows"),
        (lambda: bounds(ids=1), "id_hash has 1 rows"),
        (lambda: bounds(weight=1), "weight has 1 rows"),
        (lambda: bounds(bound=(1, 2)), "bound has 1 rows"),
        (lambda: bounds(bound=(2, 1)), "bound has 1 columns"),
        (lambda: bounds(closed=1), "closed has 1 rows"),
        (lambda: within(cell=(0, 2)), "cell must be"),
        (lambda: within(state=3), "bound has 2 rows, 3 are needed"),
        (lambda: within(taken=1), "taken has 1 rows"),
        (lambda: totals(cell=(0, 2)), "cell must be"),
        (lambda: totals(among=1), "among has 1 rows"),
        (lambda: totals(weight=1), "weight has 1 rows"),
        (lambda: radix.keyed(np.zeros(2, np.uint64), 0, np.zeros(1, np.uint64)), "out has 1 rows"),
        (lambda: radix.sort_keys(np.zeros(2), False, np.zeros(1, np.uint64)), "out has 1 rows"),
    ],
)
def test_an_array_of_the_wrong_size_is_rejected(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_quota_over_the_total_ends_at_the_last_place():
    found, closed = bounds(quota=(9, 1))
    assert found[0].tolist() != found[1].tolist()
    assert closed.tolist() == [1, 1]
    within()
    totals()

"""Thresholds from scores: against definitions, brute force and known mixtures."""

import xml.etree.ElementTree as ElementTree
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curricle.pipelines.thresholds.labeled import LabeledScores, best_threshold, f_beta, macro_f1, recall_at, report
from curricle.pipelines.thresholds.plot import Panel, draw, ticks
from curricle.pipelines.thresholds.quantiles import quantiles
from curricle.pipelines.thresholds.valley import Valley, bandwidth, exact_in_sums, find_valley


@st.composite
def labelled_sets(draw):
    """Two to 30 documents with ties, a positive and a negative among them."""
    rows = draw(
        st.lists(st.tuples(st.integers(-3, 3) | st.floats(-3, 3), st.booleans(), st.integers(0, 4)), min_size=0, max_size=28)
    )
    rows += [(draw(st.integers(-3, 3)), True, 0), (draw(st.integers(-3, 3)), False, 0)]
    score, positive, group = zip(*rows, strict=True)
    return LabeledScores(np.array(score, float), np.array(positive), np.unique(group, return_inverse=True)[1])


def by_hand(data: LabeledScores, threshold: float) -> dict[str, float]:
    """Every figure from its definition."""
    called, positive = data.score < threshold, data.positive
    tp, fp = (called & positive).sum(), (called & ~positive).sum()
    fn, tn = (~called & positive).sum(), (~called & ~positive).sum()
    return {
        "recall": tp / (tp + fn),
        "fpr": fp / (fp + tn),
        "precision": tp / (tp + fp) if tp + fp else np.nan,
        "macro_f1": (2 * tp / (2 * tp + fp + fn) + 2 * tn / (2 * tn + fp + fn)) / 2,
        "f2": 5 * tp / (5 * tp + 4 * fn + fp),
    }


@given(data=labelled_sets())
def test_every_figure_at_every_threshold_is_its_definition(data):
    counts = data.counts()
    figures = {name: getattr(counts, name) for name in ("recall", "fpr", "precision", "macro_f1")} | {"f2": counts.f(2)}
    for at, threshold in enumerate(data.thresholds):
        assert {name: values[at] for name, values in figures.items()} == pytest.approx(by_hand(data, threshold), nan_ok=True)
        assert data.index_of(threshold) == at


@given(data=labelled_sets(), limit=st.sampled_from([0.01, 0.2, 0.5, 1.0]))
def test_the_sweep_finds_what_trying_every_cut_finds(data, limit):
    cuts = [*np.unique(data.score), np.inf]  # a cut just over a score calls the same positive as the next score
    tried = [by_hand(data, cut) for cut in cuts]
    objectives = {
        "macro_f1": (macro_f1, [row["macro_f1"] for row in tried]),
        "f2": (f_beta(2), [row["f2"] for row in tried]),
        "recall": (recall_at(limit), [row["recall"] for row in tried if row["fpr"] <= limit]),
    }
    for name, (objective, values) in objectives.items():
        found = by_hand(data, best_threshold(data, objective)[0])
        assert found[name] == pytest.approx(max(values))
        assert name != "recall" or found["fpr"] <= limit


def test_of_several_best_thresholds_the_one_that_calls_fewest_positive_half_way_to_the_next_score():
    data = LabeledScores(np.array([1.0, 2.0, 3.0, 5.0]), np.array([True, False, False, False]), np.arange(4))
    assert best_threshold(data, recall_at(0.5))[0] == 1.5
    neighbours = LabeledScores(np.array([1.0, np.nextafter(1.0, 2)]), np.array([True, False]), np.arange(2))
    assert best_threshold(neighbours, macro_f1)[0] == np.nextafter(1.0, 2)


@given(data=labelled_sets())
def test_auc_is_the_chance_that_a_positive_lies_under_a_negative_and_a_tie_counts_half(data):
    positives, negatives = data.score[data.positive], data.score[~data.positive]
    difference = np.subtract.outer(negatives, positives)
    chance = (np.sum(difference > 0) + np.sum(difference == 0) / 2) / difference.size
    assert data.counts().auc[0] == pytest.approx(chance)


@given(data=labelled_sets())
def test_weights_of_hosts_are_copies_of_their_documents(data):
    weights = np.arange(data.group.max() + 1) % 3
    copies = np.repeat(np.arange(len(data.score)), weights[data.group])
    if {True, False} - set(data.positive[copies].tolist()):
        return
    copied = LabeledScores(data.score[copies], data.positive[copies], data.group[copies])
    weighted = data.counts(weights[None].astype(float))
    for threshold in data.thresholds:
        at, other = data.index_of(threshold), copied.index_of(threshold)
        assert weighted.recall[0, at] == copied.counts().recall[other]
        assert weighted.fpr[0, at] == copied.counts().fpr[other]
    assert weighted.auc[0, 0] == pytest.approx(copied.counts().auc[0])


def mixture(seed=0, rows=600):
    random = np.random.default_rng(seed)
    positive = random.random(rows) < 0.3
    return LabeledScores(np.where(positive, -1.0, 1.0) + random.normal(size=rows), positive, random.integers(0, 200, rows))


def test_intervals_are_the_same_for_any_order_of_rows_and_each_time():
    data = mixture()
    data = LabeledScores(data.score, data.positive, np.unique(data.group, return_inverse=True)[1])
    order = np.random.default_rng(1).permutation(len(data.score))
    shuffled = LabeledScores(data.score[order], data.positive[order], data.group[order])
    names = ("auc", "recall", "fpr", "precision", "macro_f1")
    assert best_threshold(data, macro_f1) == best_threshold(shuffled, macro_f1) == best_threshold(data, macro_f1)
    assert report(data, 0.0, names) == report(shuffled, 0.0, names)


def test_the_interval_of_recall_is_the_binomial_one_for_hosts_of_one_document_and_wider_where_hosts_are_large():
    rows = 2000
    positive = np.arange(rows) % 2 == 0
    score = np.where(np.arange(rows) % 10 < 8, -1.0, 1.0)  # recall 0.8
    single = report(LabeledScores(score, positive, np.arange(rows)), 0.0, ("recall",))["recall"]
    half = 1.96 * np.sqrt(0.8 * 0.2 / 1000)
    assert single[0] == 0.8
    assert single[1:] == pytest.approx((0.8 - half, 0.8 + half), abs=0.004)
    order = np.argsort(score, kind="stable")  # each host is on one side
    large = report(LabeledScores(score[order], positive[order], np.arange(rows) // 50), 0.0, ("recall",))["recall"]
    assert large[2] - large[1] > 3 * (single[2] - single[1])


def test_an_interval_of_the_threshold_holds_the_optimum_of_the_two_distributions():
    positive = np.arange(20_000) % 2 == 0
    score = np.random.default_rng(3).normal(size=20_000) + np.where(positive, -1, 1)  # equal classes cross at 0
    best, (low, high) = best_threshold(LabeledScores(score, positive, np.arange(20_000)), macro_f1)
    assert low <= 0 <= high
    assert abs(best) < 0.15


@given(
    values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), levels=st.lists(st.floats(0.01, 0.99), min_size=1, max_size=3)
)
def test_quantiles_are_numpys_and_intervals_are_two_of_the_values_around_them(values, levels):
    array = np.array(values)
    places, intervals = quantiles(array, levels)
    assert places.tolist() == [np.quantile(array, level) for level in levels]
    assert set(intervals.ravel()) <= set(values)
    assert np.all((intervals[:, 0] <= places) & (places <= intervals[:, 1]))


def test_an_interval_of_a_quantile_holds_the_true_one_19_times_in_20():
    random = np.random.default_rng(4)
    held = [low <= 0.3 <= high for low, high in (quantiles(random.random(400), [0.3])[1][0] for _ in range(1000))]
    assert 0.93 <= np.mean(held) <= 0.99


def two_normals(share: float, distance: float, rows: int = 4000) -> np.ndarray:
    random = np.random.default_rng(5)
    few = int(share * rows)
    return np.concatenate([random.normal(size=few), random.normal(distance, size=rows - few)])


@pytest.mark.parametrize("share", [0.5, 0.2, 0.05])
def test_the_valley_of_two_normal_clusters_lies_where_their_density_is_lowest(share):
    at = np.linspace(0, 6, 6001)
    density = share * np.exp(-(at**2) / 2) + (1 - share) * np.exp(-((at - 6) ** 2) / 2)
    truth = at[1000 + np.argmin(density[1000:5001])]
    valley = find_valley(two_normals(share, 6))
    assert isinstance(valley, Valley)
    assert valley.threshold == pytest.approx(truth, abs=0.4)
    assert valley.modes == pytest.approx((0, 6), abs=0.4)
    assert valley.below == pytest.approx(share, abs=0.01)
    assert valley.interval[0] <= valley.threshold <= valley.interval[1]
    assert find_valley(two_normals(share, 6)[::-1]) == valley


def test_clusters_that_do_not_touch_are_parted_in_the_middle():
    values = np.concatenate([np.linspace(0, 1, 900), np.linspace(99, 100, 100)])  # a density of exactly 0 from 5 to 95
    valley = find_valley(values)
    assert isinstance(valley, Valley)
    assert valley.threshold == pytest.approx(50, abs=1)
    assert valley.below == 0.9


NONE = {
    "one normal cluster": (np.random.default_rng(6).normal(size=2000), "one mode"),
    "two that overlap": (two_normals(0.5, 2.0), "one mode"),
    "a skewed one": (np.random.default_rng(7).gamma(2, size=2000), "smaller cluster|one mode|resamples"),
    "ten far documents of 2,000": (np.concatenate([np.random.default_rng(8).normal(size=1990), np.full(10, 50.0)]), "under 2%"),
    "equal values": (np.ones(50), "the same"),
}


@pytest.mark.parametrize(("values", "reason"), NONE.values(), ids=NONE)
def test_no_valley_where_there_are_no_two_clusters(values, reason):
    found = find_valley(values)
    assert isinstance(found, str)
    assert any(part in found for part in reason.split("|"))


def test_the_bandwidth_is_silvermans_rule_of_thumb():
    values = np.random.default_rng(9).normal(size=1000)
    assert bandwidth(values) == pytest.approx(0.9 * 1000**-0.2, rel=0.1)
    assert bandwidth(np.array([0.0] * 99 + [1.0])) == pytest.approx(0.9 * np.std([0.0] * 99 + [1.0]) * 100**-0.2)


def test_the_plot_is_valid_without_scripts_and_shows_each_series_its_lines_and_labels():
    data = mixture()
    series = (("<adult> & spam", data.score[data.positive]), ("negative", data.score[~data.positive]))
    panels = [Panel("en", series, ((0.25, "0.25"),), apart=True), Panel("tr", (("documents", np.zeros(3)),), (), apart=False)]
    svg = draw([*panels, Panel("empty", (("documents", np.array([])),), (), apart=False)], "ppl_logratio")
    root = ElementTree.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    assert {node.tag.removeprefix(space) for node in root.iter()} == {"svg", "title", "g", "path", "rect", "text"}
    texts = [node.text for node in root.iter(space + "text")]
    assert {"en", "tr", f"<adult> & spam, {len(series[0][1])}", f"negative, {len(series[1][1])}", "0.25"} <= set(texts)
    assert texts.count("ppl_logratio") == 2
    assert "empty" not in texts
    assert draw(panels, "ppl_logratio") == svg


@pytest.mark.parametrize(("low", "high", "expected"), [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (-2.4, 1.5, [-2, -1, 0, 1])])
def test_ticks_are_round(low, high, expected):
    assert ticks(low, high) == expected


def test_a_smoothed_histogram_has_no_rounding_error_so_that_the_order_of_its_sums_is_free():
    random = np.random.default_rng(3)
    counts = random.integers(0, 50_000, 1024).astype(np.float64)
    smooth = np.exp(-0.5 * random.uniform(0, 6, 1024) ** 2)
    kernel = exact_in_sums(smooth, int(counts.sum()))
    exact = sum(Fraction(count) * Fraction(value) for count, value in zip(counts.tolist(), kernel.tolist(), strict=True))
    for order in (np.arange(1024), np.arange(1024)[::-1], random.permutation(1024)):
        assert Fraction(float(np.cumsum(counts[order] * kernel[order])[-1])) == exact
        assert Fraction(float(counts[order] @ kernel[order])) == exact
    assert np.abs(kernel - smooth).max() < 1e-7
    assert float(np.cumsum(counts * smooth)[-1]) != float(np.cumsum((counts * smooth)[::-1])[-1]), "it was not so before"

"""Agreement figures of a table are those of scikit-learn and scipy on the ratings themselves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curricle.models.raters.agreement import (
    count_pairs,
    exact,
    interval,
    plain_kappa,
    quadratic_kappa,
    spearman,
    within_one,
)

PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)


@settings(max_examples=100, deadline=None)
@given(PAIRS)
def test_figures_are_those_of_scikit_learn_and_scipy(pairs: list[tuple[int, int]]):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn (extra train) is not installed")
    stats = pytest.importorskip("scipy.stats", reason="scipy (extra train) is not installed")
    first, second = np.array(pairs).T
    table = count_pairs(first, second, 5)
    assert exact(table) == pytest.approx(metrics.accuracy_score(first, second))
    assert within_one(table) == pytest.approx(np.mean(np.abs(first - second) <= 1))
    if len({*first, *second}) > 1:
        assert quadratic_kappa(table) == pytest.approx(
            metrics.cohen_kappa_score(first, second, labels=range(5), weights="quadratic")
        )
        assert plain_kappa(table) == pytest.approx(metrics.cohen_kappa_score(first, second))
    if len(set(first)) > 1 and len(set(second)) > 1:
        assert spearman(table) == pytest.approx(stats.spearmanr(first, second).statistic)


def test_a_stack_of_tables_gives_the_figures_of_each():
    tables = np.random.default_rng(3).integers(0, 9, (4, 5, 5))
    for figure in (exact, within_one, quadratic_kappa, plain_kappa, spearman):
        assert figure(tables) == pytest.approx([float(figure(table)) for table in tables])


def test_a_figure_that_is_not_defined_is_nan():
    nothing, constant = np.zeros((5, 5), np.int64), count_pairs([2, 2, 2], [1, 2, 3], 5)
    assert all(np.isnan(figure(nothing)) for figure in (exact, within_one, quadratic_kappa, spearman))
    assert np.isnan(spearman(constant))
    assert np.isnan(interval(constant, spearman)).all()
    assert np.isnan(interval(nothing, exact)).all()


def test_the_interval_is_that_of_resampled_documents():
    rng = np.random.default_rng(5)
    first = rng.integers(0, 5, 300)
    second = np.clip(first + rng.integers(-1, 2, 300), 0, 4)
    low, high = interval(count_pairs(first, second, 5), exact)
    share = np.mean(first == second)
    wide = 1.96 * np.sqrt(share * (1 - share) / 300)  # the normal approximation
    assert (low, high) == pytest.approx((share - wide, share + wide), abs=0.012)
    assert interval(count_pairs(first, second, 5), exact) == (low, high)

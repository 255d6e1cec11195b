"""Interpolation weights by EM: the optimum, which no step leaves, with bounds and without."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curricle.models.kenlm.train.interpolation import TokenScores, fit, fit_resampled, step, water_fill


def scores(models: int, tokens: int = 4000, documents: int = 40, seed: int = 0) -> TokenScores:
    """Tokens of which each model knows another share well."""
    random = np.random.default_rng(seed)
    log10 = random.normal(-3, 1, (models, tokens)).astype(np.float32)
    share = random.dirichlet(np.full(models, 0.8))
    log10[random.choice(models, tokens, p=share), np.arange(tokens)] += 1.5
    return TokenScores.of(np.minimum(log10, 0), np.sort(random.integers(0, documents, tokens)))


def simplex(step: float) -> np.ndarray:
    """All weights of three models that are multiples of `step`."""
    count = round(1 / step)
    return np.array([(a, b, count - a - b) for a in range(count + 1) for b in range(count + 1 - a)]) / count


@pytest.mark.parametrize("seed", range(3))
def test_of_two_models_the_weights_are_the_best_of_a_fine_grid(seed):
    ours = scores(2, seed=seed)
    first = np.linspace(0.0005, 0.9995, 1000)
    grid = np.column_stack([first, 1 - first])
    fitted = fit(ours)
    assert fitted == pytest.approx(grid[ours.log10(grid).argmax()], abs=0.001)
    assert ours.log10(fitted[None])[0] >= ours.log10(grid).max() - 1e-6


@pytest.mark.parametrize("most", [[1, 1, 1], [0.3, 1, 1], [0.3, 0.4, 0.9], [0.2, 0.2, 0.6]], ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_of_three_models_the_weights_are_the_best_of_a_grid_under_the_bounds(most, seed):
    ours = scores(3, seed=seed)
    grid = simplex(0.01)
    grid = grid[(grid <= np.array(most) + 1e-9).all(axis=1) & (grid > 0).all(axis=1)]
    fitted = fit(ours, np.array(most, np.float64))
    assert fitted.sum() == pytest.approx(1, abs=1e-12)
    assert (fitted <= np.array(most) + 1e-12).all()
    assert fitted == pytest.approx(grid[ours.log10(grid).argmax()], abs=0.011)
    assert ours.log10(fitted[None])[0] >= ours.log10(grid).max() - 1e-6


@pytest.mark.parametrize("most", [np.ones(6), np.array([0.1, 0.15, 0.3, 0.2, 0.5, 0.4])], ids=["free", "bounded"])
def test_no_step_lowers_the_likelihood(most):
    ours = scores(6, seed=4)
    weights = water_fill(np.full((1, 6), 1 / 6), most)
    likelihoods = []
    for _ in range(60):
        likelihoods.append(ours.log10(weights)[0])
        weights = step(ours, weights, most, np.ones((1, ours.documents)))
    assert (np.diff(likelihoods) >= -1e-9 * abs(likelihoods[0])).all()
    assert likelihoods[-1] > likelihoods[0] + 1


def test_nothing_is_left_to_gain_at_the_end():
    """With a concave likelihood no mixture is better than this one by more than log(max_i mean_t p_i(t) / p(t)) a token."""
    ours = scores(8, seed=5)
    weights = fit(ours)[None]
    assert (ours.shares(weights, np.ones((1, ours.documents))) / weights).max() < 1 + 1e-4


def test_log10_is_that_of_the_interpolated_probabilities():
    random = np.random.default_rng(6)
    log10 = random.uniform(-6, 0, (3, 500)).astype(np.float32)
    weights = np.array([[0.2, 0.5, 0.3], [1, 0, 0]])
    expected = np.log10(weights @ 10 ** log10.astype(np.float64)).sum(axis=1)
    assert TokenScores.of(log10.copy(), np.zeros(500, np.int64)).log10(weights) == pytest.approx(expected, rel=1e-5)


def test_a_resample_is_the_fit_of_the_documents_drawn():
    """Ten documents that all say the same leave nothing to resample; two camps of documents do."""
    one = scores(3, tokens=300, documents=1, seed=7)
    same = TokenScores(np.tile(one.relative, 10), np.tile(one.best, 10), np.repeat(np.arange(10), 300))
    assert np.abs(fit_resampled(same, None, 20, 0) - fit(one)).max() < 1e-3
    camps = np.full((2, 1000), -4, np.float32)
    camps[0, :600], camps[1, 600:] = -1, -1
    drawn = fit_resampled(TokenScores.of(camps, np.arange(1000) // 10), None, 400, 0)
    assert drawn.mean(axis=0) == pytest.approx([0.6, 0.4], abs=0.01)
    assert drawn.std(axis=0) == pytest.approx(np.sqrt(0.6 * 0.4 / 100), rel=0.15)
    assert (fit_resampled(TokenScores.of(camps, np.arange(1000) // 10), np.array([0.5, 1]), 5, 0)[:, 0] <= 0.5 + 1e-6).all()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.01, 1)), min_size=1, max_size=6))
def test_water_filling_meets_the_conditions_of_the_maximum(pairs):
    """Sum 1, none over its bound, and the free ones in proportion to their shares, with those at their bound above them."""
    shares, most = np.array(pairs).T
    most = np.minimum(1, most / min(1, most.sum()))
    shares = shares + 1e-9
    weights = water_fill(shares[None], most)[0]
    assert weights.sum() == pytest.approx(1, abs=1e-9)
    assert (weights <= most + 1e-12).all()
    price = shares / weights
    free = weights < most * (1 - 1e-9)
    if free.any():
        assert price[free] == pytest.approx(price[free][0], rel=1e-6)
        assert (price[~free] >= price[free][0] * (1 - 1e-6)).all()


@pytest.mark.parametrize("tokens", [1, 7, 8, 511, 512, 513, 1300])
@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_shares_and_log10_are_those_of_the_matrix_products(tokens: int, precision: type):
    random = np.random.default_rng(tokens)
    ours = TokenScores.of(random.uniform(-6, 0, (5, tokens)).astype(np.float32), np.sort(random.integers(0, 4, tokens)))
    weights = random.dirichlet(np.ones(5), 3)
    draws = random.integers(0, 5, (3, ours.documents)).astype(precision)
    draws[:, 0] += 1
    mixed = weights @ ours.relative.astype(np.float64)
    shares = weights * (draws[:, ours.document] / mixed @ ours.relative.T) / draws[:, ours.document].sum(axis=1)[:, None]
    assert ours.shares(weights, draws) == pytest.approx(shares, rel=1e-5 if precision is np.float32 else 1e-12)
    assert ours.log10(weights) == pytest.approx((np.log10(mixed) + ours.best).sum(axis=1), rel=1e-9)


def test_weights_have_the_same_bits_on_every_processor():
    """Scores without a logarithm or exponential of NumPy, which differ between processors."""
    log10 = -np.random.default_rng(8).integers(0, 4096, (7, 5000)).astype(np.float32) / np.float32(1024)
    ours = TokenScores.of(log10, np.arange(5000) // 50)
    fitted = fit(ours)
    drawn = fit_resampled(ours, np.full(7, 0.3), 5, 1)
    content = b"".join(values.tobytes() for values in (ours.relative, fitted, drawn, ours.log10(fitted[None])))
    assert hashlib.sha256(content).hexdigest() == "b720bd8b762f8105104497f371823b3cdd63c1a055733dd1cf2a5fd87adf14d7"

"""Figures of tags: the calibration error, accuracy and macro-F1 with their intervals, and probabilities scaled on other folds."""

import numpy as np
import pytest

pytest.importorskip("scipy", reason="scipy (extra train) is not installed")

from curricle.models.raters.train.evaluation import Resamples, calibration_error, tag_figures


def test_the_calibration_error_is_the_mean_gap_of_the_bins_by_their_rows():
    odds = np.array([0.95, 0.95, 0.95, 0.95, 0.45, 1.0])
    hits = np.array([True, True, True, False, False, True])
    assert calibration_error(odds, hits) == pytest.approx((abs(4 - 4.8) + 0.45) / 6)
    assert calibration_error(np.full(10, 0.7), np.arange(10) < 7) == pytest.approx(0)
    assert np.isnan(calibration_error(odds[:0], hits[:0]))


def test_an_interval_covers_its_figure_and_is_wider_where_groups_hold_rows_together():
    hits = np.repeat(np.random.default_rng(2).random(40) < 0.6, 10)
    together = Resamples([str(row // 10) for row in range(400)]).figure(lambda rows: float(hits[rows].mean()))
    alone = Resamples([str(row) for row in range(400)]).figure(lambda rows: float(hits[rows].mean()))
    assert together.value == alone.value == hits.mean()
    assert together.low < hits.mean() < together.high
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_probabilities_are_honest_on_folds_that_did_not_choose_their_sharpness():
    rng = np.random.default_rng(5)
    logits = rng.standard_normal((4000, 6)) * 2
    odds = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = np.array([rng.choice(6, p=row) for row in odds])
    folds = np.arange(4000) % 4
    figures = tag_figures((logits / 5).astype(np.float32), truth, folds, Resamples([str(row) for row in range(4000)]))
    assert figures.calibration_error.value < 0.03
    assert figures.second_calibration_error.value < 0.03
    assert figures.accuracy.value == pytest.approx((odds.argmax(axis=1) == truth).mean())
    assert figures.accuracy.value < figures.top_two.value < 1
    assert "expected calibration error 0.0" in str(figures)


def test_rows_without_a_class_count_nowhere():
    scores = np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2, 0, 0]]
    truth = np.array([0, 1, 2, 0, 1, 2, 1, 1])
    figures = tag_figures(scores, truth, np.arange(8) % 2, Resamples([str(row) for row in range(8)]), np.arange(6))
    assert figures.accuracy.value == figures.macro_f1.value == 1

"""Thresholds from labels: none is given if the score does not place the positives, which are rejected, on the right side."""

import numpy as np
import pytest

from curricle.pipelines.thresholds.methods import LabelsMethod, Scored


def scored(shift: float) -> Scored:
    """600 documents of 200 hosts, half of them positive, with normal scores; those of positives are larger by `shift`."""
    random = np.random.default_rng(0)
    positive = np.arange(600) % 2 == 0
    labels = tuple(np.where(positive, "spam", "page").tolist())
    return Scored(random.standard_normal(600) + shift * positive, labels, tuple(f"{row // 3}.example" for row in range(600)))


@pytest.mark.parametrize("keep", ["above", "below"])
@pytest.mark.parametrize(("shift", "has_threshold"), [(0.36, True), (-0.36, False), (-1.5, False)])
def test_positives_on_the_side_that_is_kept_give_no_threshold(keep, shift, has_threshold):
    method = LabelsMethod(column="harm_spam_score", label="kind", positives=("spam",), keep=keep)
    found = method.find("en", scored(-shift if keep == "above" else shift))
    assert bool(found.bounds) == has_threshold
    assert any("is under 0.5: positives do not lie" in warning for warning in found.warnings) != has_threshold
    assert (found.figures["auc"][0] > 0.5) == has_threshold

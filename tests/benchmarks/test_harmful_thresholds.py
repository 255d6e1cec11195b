"""The arithmetic of benchmarks/harmful_thresholds.py."""

from importlib import import_module
from pathlib import Path

import pyarrow as pa
import pytest


def test_expected_precision_follows_the_prevalence(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    module = import_module("harmful_thresholds")
    assert module.expected_precision(0.5, 0.01) == pytest.approx(0.005 / (0.005 + 0.0099))
    assert module.expected_precision(0.5, 0.01, 0.5) == pytest.approx(0.5 / 0.51)
    assert module.expected_precision(0.0, 0.0) == 0
    assert module.under(pa.table({"x": [-1.0, 0.0, None, -2.0]}), "x", 0) == (2, 4)

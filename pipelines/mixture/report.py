"""Prints fitted weights and ranked candidates as tables."""

import math

from rich.console import Console
from rich.table import Table

from curricle.pipelines.curriculum.report import WIDTH
from curricle.pipelines.mixture.fit import Fitted
from curricle.pipelines.mixture.predict import FEWEST, Predicted
from curricle.pipelines.mixture.units import Trained

SHOWN = 20  # names of left-out units in a message


def print_fitted(trained: Trained, fitted: Fitted) -> None:
    """Print a row for each unit, the heaviest first, then the target's bits per byte and all notes."""
    console = _console()
    table = Table("unit")
    for name in ("tokens there", "weight", "95 % interval", "bound"):
        table.add_column(name, justify="right")
    bounds = [
        f"{most:.4f}{' reached' if at else ''}" if most < 1 else "" for most, at in zip(fitted.most, fitted.bound, strict=True)
    ]
    rows = zip(trained.units.cells, fitted.weights, fitted.low, fitted.high, bounds, strict=True)
    for cell, weight, low, high, bound in sorted(rows, key=lambda row: (-row[1], row[0].name)):
        table.add_row(cell.name, f"{cell.tokens:,}", f"{weight:.4f}", f"{low:.4f} .. {high:.4f}", bound)
    console.print(table)
    shown = ", ".join(f"{name} {value:.4f}" for name, value in fitted.bits_per_byte.items())
    console.print(f"bits per byte of the target under weights: {shown}", markup=False)
    _notes(console, trained)


def print_predicted(trained: Trained, predicted: Predicted) -> None:
    """Print a row for each candidate, the best first, then the result of the check."""
    console = _console()
    table = Table("candidate")
    for name in ("predicted bits per byte", "really trained"):
        table.add_column(name, justify="right")
    for name, bits in predicted.bits.items():
        table.add_row(name, f"{bits:.4f}", f"{predicted.real[name]:.4f}" if name in predicted.real else "")
    console.print(table)
    count = len(predicted.real)
    if not count:
        console.print("nothing was checked: no candidate was really trained (--check 0)")
    else:
        says = "not defined" if math.isnan(predicted.correlation) else f"{predicted.correlation:.3f}"
        between = f"95 % interval {predicted.low:.3f} .. {predicted.high:.3f}, resampling candidates"
        if math.isnan(predicted.low):
            between = f"no interval: fewer than {FEWEST} candidates" if count < FEWEST else "no interval"
        console.print(f"rank correlation (Spearman) of predicted and real, {count} candidates: {says} ({between})", markup=False)
    _notes(console, trained)


def _notes(console: Console, trained: Trained) -> None:
    units, target = trained.units, trained.units.target
    if target.bytes < target.whole_bytes:
        console.print(f"of the target's {target.whole_bytes:,} bytes a sample of {target.bytes:,} was used")
    if trained.unknown:
        console.print(f"of the target's tokens {trained.unknown:.2%} are in no unit")
    if units.left_out:
        largest = sorted(units.left_out, key=lambda cell: -cell.sample_bytes)
        small = ", ".join(f"{cell.name} ({cell.sample_bytes:,})" for cell in largest[:SHOWN])
        more = f", and {len(largest) - SHOWN} smaller ones" if len(largest) > SHOWN else ""
        console.print(f"left out, under {units.config.unit_bytes:,} bytes of text for a sample: {small}{more}", markup=False)


def _console() -> Console:
    console = Console(highlight=False, soft_wrap=True)
    console.width = max(console.width, WIDTH)
    return console

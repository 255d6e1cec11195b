"""Histograms with threshold lines as one SVG: the same bytes for the same values."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

import numpy as np

from curricle import portable_math
from curricle.pipelines.output.svg_sheet import COLORS, INK, LINE, sheet
from curricle.pipelines.thresholds.quantiles import FloatArray

WIDTH, HEIGHT, COLUMNS = 460, 260, 2  # of a panel, in pixels; panels in a row
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 48, 44  # margins of the plot in its panel
BINS = 60
TAIL = 0.005  # share of a series that is not drawn at either end


@dataclass(frozen=True)
class Panel:
    """One language: up to two named series of values, and thresholds in the same unit, each with a label."""

    title: str
    series: tuple[tuple[str, FloatArray], ...]
    lines: tuple[tuple[float, str], ...]
    apart: bool  # True: bars are shares of the series; False: of all series together


def draw(panels: Sequence[Panel], x_label: str) -> str:
    """The content of the SVG file; panels without values are left out."""
    panels = [panel for panel in panels if any(len(values) for _, values in panel.series)]
    title = f"{x_label}: {', '.join(panel.title for panel in panels)}"
    return sheet([_panel(panel, x_label) for panel in panels], WIDTH, HEIGHT, COLUMNS, title)


def _panel(panel: Panel, x_label: str) -> str:
    series = [(name, values) for name, values in panel.series if len(values)]
    ends = np.concatenate([np.quantile(values, [TAIL, 1 - TAIL]) for _, values in series] + [[at for at, _ in panel.lines]])
    low, high = float(ends.min()), float(ends.max())
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)
    together = sum(len(values) for _, values in series)
    shares = [np.histogram(values, edges)[0] / (len(values) if panel.apart else together) for _, values in series]
    top = max(float(share.max()) for share in shares) or 1.0
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def x(value: float) -> str:
        return f"{LEFT + (value - low) / (high - low) * (right - LEFT):.1f}"

    def y(value: float) -> str:
        return f"{bottom - value / top * (bottom - TOP):.1f}"

    out = [f'<text x="{LEFT}" y="16" font-size="13" font-weight="bold">{escape(panel.title)}</text>']
    for number, ((name, values), share) in enumerate(zip(series, shares, strict=True)):
        color, at = COLORS[number], LEFT + number * (right - LEFT) // 2
        steps = "".join(f"L{x(edges[i])} {y(share[i])}L{x(edges[i + 1])} {y(share[i])}" for i in range(BINS))
        path = f"M{x(low)} {bottom}{steps}L{x(high)} {bottom}Z"
        out.append(f'<path d="{path}" fill="{color}" fill-opacity="0.35" stroke="{color}"/>')
        out.append(f'<rect x="{at}" y="24" width="10" height="10" fill="{color}"/>')
        out.append(f'<text x="{at + 14}" y="33">{escape(name)}, {len(values):,}</text>')
    out.append(f'<path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" stroke="{INK}"/>')
    for tick in ticks(low, high):
        out.append(f'<path d="M{x(tick)} {bottom}v4" stroke="{INK}"/>')
        out.append(f'<text x="{x(tick)}" y="{bottom + 16}" text-anchor="middle">{tick:g}</text>')
    for tick in ticks(0.0, top, 4):
        out.append(f'<text x="{LEFT - 6}" y="{float(y(tick)) + 4:.1f}" text-anchor="end">{tick:.3g}</text>')
    for number, (value, text) in enumerate(panel.lines):
        # the label of the first of two lines goes to the left, others to the side that has room
        left = number < len(panel.lines) - 1 or (value - low) / (high - low) > 0.8
        out.append(f'<path d="M{x(value)} {TOP}V{bottom}" stroke="{LINE}" stroke-width="1.5"/>')
        anchor, shift = ("end", -4) if left else ("start", 4)
        out.append(
            f'<text x="{float(x(value)) + shift:.1f}" y="{TOP + 10}" text-anchor="{anchor}" fill="{LINE}">{escape(text)}</text>'
        )
    middle = (TOP + bottom) // 2
    unit = "share of its documents" if panel.apart else "share of documents"
    out.append(f'<text x="{(LEFT + right) // 2}" y="{HEIGHT - 10}" text-anchor="middle">{escape(x_label)}</text>')
    out.append(f'<text transform="translate(14 {middle}) rotate(-90)" text-anchor="middle">{unit}</text>')
    return "\n".join(out)


def ticks(low: float, high: float, about: int = 6) -> list[float]:
    """About `about` round numbers in [low, high]."""
    rough = (high - low) / about
    power = portable_math.exp10(float(np.floor(portable_math.log10(rough))))
    step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [float(round(step * i, 12)) for i in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]

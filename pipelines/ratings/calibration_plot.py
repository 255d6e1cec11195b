"""A student's calibration as one SVG: for each criterion, the teacher's mean rating by tenths of the student's raw score.

The same bytes for the same values.
"""

import numpy as np

from curricle.models.raters.train.distil import BLOCKS, Documents, Trained
from curricle.pipelines.output.svg_sheet import COLORS, INK, LINE, sheet
from curricle.schemas.columns import QUALITY_CRITERIA

PANEL, COLUMNS, BINS = 220, 4, 10  # pixels, panels in a row, groups of equally many documents
LEFT, TOP, SIDE = 36, 30, 160  # position and size of the plot in its panel
TITLE = (
    "Teacher's mean rating (up) over the student's score (right), cross-validated; bars: share of each rating, "
    "teacher left, student right"
)


def draw_calibration(trained: Trained, documents: Documents) -> str:
    """The content of the SVG file. Points are tenths; bars show how often the teacher and the student give each integer."""
    ratings = documents.targets[documents.rated][:, BLOCKS[0]]
    panels = [_panel(name, trained.predictions[:, n], ratings[:, n], trained.cuts[n]) for n, name in enumerate(QUALITY_CRITERIA)]
    return sheet(panels, PANEL, PANEL, COLUMNS, TITLE)


def _panel(name: str, scores: np.ndarray, ratings: np.ndarray, cuts: np.ndarray) -> str:
    def x(value: float) -> float:
        return round(LEFT + (min(max(value, 0.5), 5.5) - 0.5) / 5 * SIDE, 1)

    def y(value: float) -> float:
        return round(TOP + SIDE - (x(value) - LEFT), 1)

    bottom = TOP + SIDE
    out = [f'<text x="{LEFT}" y="16" font-weight="bold">{name}</text>']
    given = np.stack([ratings, 1 + np.searchsorted(cuts, scores, side="right")])
    for side, color in enumerate(COLORS):
        for rating in range(1, 6):
            tall = round(float(np.mean(given[side] == rating)) * SIDE, 1)
            at = round(x(rating) - 10 + 10 * side, 1)
            out.append(f'<rect x="{at}" y="{bottom - tall:.1f}" width="10" height="{tall}" fill="{color}" fill-opacity="0.35"/>')
    out.append(f'<path d="M{x(0.5)} {y(0.5)}L{x(5.5)} {y(5.5)}" stroke="{INK}" stroke-dasharray="3 3" fill="none"/>')
    bins = np.array_split(np.argsort(scores, kind="stable"), BINS)
    points = [(x(float(scores[rows].mean())), y(float(ratings[rows].mean()))) for rows in bins if len(rows)]
    out.append(f'<path d="M{"L".join(f"{px} {py}" for px, py in points)}" stroke="{LINE}" fill="none"/>')
    out += [f'<circle cx="{px}" cy="{py}" r="2.5" fill="{LINE}"/>' for px, py in points]
    out.append(f'<path d="M{LEFT} {TOP}V{bottom}H{LEFT + SIDE}" fill="none" stroke="{INK}"/>')
    for rating in range(1, 6):
        out.append(f'<text x="{x(rating)}" y="{bottom + 14}" text-anchor="middle">{rating}</text>')
        out.append(f'<text x="{LEFT - 6}" y="{y(rating) + 4}" text-anchor="end">{rating}</text>')
    return "\n".join(out)

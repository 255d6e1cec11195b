"""A bar chart as SVG text: no script, readable on a light and a dark page, the same bytes for the same values."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

WIDTH, ROW, LABEL, VALUE = 760, 30, 330, 70
INK, BAR = "#7d7d7d", "#3b82c4"


def bars(title: str, unit: str, rows: Sequence[tuple[str, float]]) -> str:
    """One horizontal bar for each (label, value), the longest as wide as there is room."""
    longest = max(value for _, value in rows)
    height = 40 + ROW * len(rows)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="12" fill="{INK}" role="img">',
        f'<title>{escape(title)}</title><text x="4" y="20" font-size="14" font-weight="bold">{escape(f"{title}, {unit}")}</text>',
    ]
    for number, (label, value) in enumerate(rows):
        y = 34 + ROW * number
        width = max(1.0, value / longest * (WIDTH - LABEL - VALUE))
        lines.append(f'<text x="{LABEL - 8}" y="{y + 15}" text-anchor="end">{escape(label)}</text>')
        lines.append(f'<rect x="{LABEL}" y="{y}" width="{width:.1f}" height="{ROW - 10}" fill="{BAR}"/>')
        lines.append(f'<text x="{LABEL + width + 6:.1f}" y="{y + 15}">{value:.3g}</text>')
    return "\n".join([*lines, "</svg>\n"])

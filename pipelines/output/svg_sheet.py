"""Arranges panels in rows as one SVG without scripts or font files. The same panels give the same bytes.

The background is transparent, and the colors have a contrast of at least 3 to white and to black, so the picture can be read on
light and dark pages.
"""

from collections.abc import Sequence
from xml.sax.saxutils import escape

INK, LINE, COLORS = "#7d7d7d", "#d0342c", ("#3b82c4", "#cc7a1a")


def sheet(panels: Sequence[str], width: int, height: int, columns: int, title: str) -> str:
    """The text of the SVG file. Each panel is SVG drawn from (0, 0), `width` by `height` pixels large."""
    whole = min(columns, max(len(panels), 1)) * width
    tall = max(-(-len(panels) // columns), 1) * height
    placed = [
        f'<g transform="translate({number % columns * width} {number // columns * height})">\n{panel}\n</g>'
        for number, panel in enumerate(panels)
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole} {tall}" width="{whole}" height="{tall}" '
            f'font-family="sans-serif" font-size="11" fill="{INK}" role="img">',
            f"<title>{escape(title)}</title>",
            *placed,
            "</svg>\n",
        ]
    )

"""Panels in rows as one SVG: no script, no font file, the same bytes for the same panels.

Nothing is drawn behind, and the colours have a contrast of 3 or more to white and to black: it reads on a light and a dark page.
"""

from collections.abc import Sequence
from xml.sax.saxutils import escape

INK, LINE, COLOURS = "#7d7d7d", "#d0342c", ("#3b82c4", "#cc7a1a")


def sheet(panels: Sequence[str], width: int, height: int, columns: int, title: str) -> str:
    """The file's text; a panel is SVG drawn from (0, 0) in `width` by `height` pixels."""
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

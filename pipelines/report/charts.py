"""The charts of a report, as Vega-Lite specifications with their data."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from curricle.pipelines.report.scores import Bin, Correlation
from curricle.pipelines.report.sizes import Size

SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v6.json"  # a name; nothing is loaded from there
KEPT_COLOR, REJECTED_COLOR = "#4c9a6a", "#d9733f"

PALETTE: Final = ("#5a8fd6", "#d9733f", "#4c9a6a", "#b86fc4", "#c2a02c", "#3fa7a7", "#8c8c8c")
"""Colors that can be told apart on white and on black."""

Chart = dict[str, Any]


def funnel_chart(steps: Sequence[tuple[str, int]]) -> Chart:
    """Bars of the documents that are left after each step."""
    return {
        **_head("Documents left after each step", 26 * len(steps)),
        "data": {"values": [{"step": step, "documents": count} for step, count in steps]},
        "mark": {"type": "bar", "color": KEPT_COLOR},
        "encoding": {
            "y": {"field": "step", "type": "nominal", "sort": None, "title": None, "axis": {"labelLimit": 140}},
            "x": {"field": "documents", "type": "quantitative", "title": "documents"},
            "tooltip": [{"field": "step"}, {"field": "documents", "format": ","}],
        },
    }


def sizes_chart(title: str, sizes: Sequence[tuple[str, Size]]) -> Chart:
    """Kept and rejected documents of each value, one bar for both."""
    values = [
        {"value": value, "side": side, "documents": size.documents[side]}
        for value, size in sizes
        for side in ("kept", "rejected")
    ]
    return {
        **_head(title, max(60, 20 * len(sizes))),
        "data": {"values": values},
        "mark": "bar",
        "encoding": {
            "y": {"field": "value", "type": "nominal", "sort": None, "title": None, "axis": {"labelLimit": 140}},
            "x": {"field": "documents", "type": "quantitative", "title": "documents"},
            "color": {
                "field": "side",
                "type": "nominal",
                "scale": {"domain": ["kept", "rejected"], "range": [KEPT_COLOR, REJECTED_COLOR]},
                "legend": {"title": None, "orient": "top"},
            },
            "tooltip": [{"field": "value"}, {"field": "side"}, {"field": "documents", "format": ","}],
        },
    }


def histogram_chart(name: str, bins: Iterable[Bin], languages: Sequence[str], lines: Iterable[tuple[str, float, str]]) -> Chart:
    """A histogram by language. `lines`: rule, bound and language (empty for all) of each threshold."""
    bins, bounds = (
        [*bins],
        [{"rule": rule, "bound": bound, "for": language or "all languages"} for rule, bound, language in lines],
    )
    heights: Counter[float] = Counter()
    for one in bins:
        heights[one.low] += one.documents
    top = max(heights.values(), default=1) * (1 + 0.08 * (2 + len(_labels(bounds)) if bounds else 0.5))  # room for labels
    colors = {"domain": [*languages], "range": [*PALETTE[: len(languages)]]}
    bars: Chart = {
        "data": {"values": [vars(one) for one in bins]},
        "mark": {"type": "bar", "binSpacing": 0},
        "encoding": {
            "x": {
                "field": "low",
                "type": "quantitative",
                "bin": {"binned": True},
                "title": name,
                "scale": {"zero": False},
                "axis": {"tickCount": 8, "labelOverlap": True},
            },
            "x2": {"field": "high"},
            "y": {
                "field": "documents",
                "type": "quantitative",
                "stack": "zero",
                "title": "documents",
                "scale": {"domainMax": top},
            },
            "color": {"field": "language", "type": "nominal", "scale": colors, "legend": {"title": None, "orient": "top"}},
            "order": {"field": "documents", "sort": "descending"},
            "tooltip": [
                {"field": "language"},
                {"field": "low", "title": "from", "format": ".4~g"},
                {"field": "high", "title": "to", "format": ".4~g"},
                {"field": "documents", "format": ","},
            ],
        },
    }
    rules: Chart = {
        "data": {"values": bounds},
        "mark": {"type": "rule", "strokeDash": [5, 3], "size": 2, "color": "currentColor"},
        "encoding": {
            "x": {"field": "bound", "type": "quantitative"},
            "tooltip": [{"field": "rule"}, {"field": "bound"}, {"field": "for", "title": "language"}],
        },
    }
    labels: list[Chart] = [
        {
            "data": {"values": [label]},
            "mark": {"type": "text", "align": "left", "baseline": "top", "dx": 4, "y": 13 * number, "color": "currentColor"},
            "encoding": {"x": {"field": "bound", "type": "quantitative"}, "text": {"field": "label"}},
        }
        for number, label in enumerate(_labels(bounds))
    ]
    return {**_head(f"Histogram of {name} by language", 180), "layer": [bars, rules, *labels] if bounds else [bars]}


def correlation_chart(pairs: Sequence[Correlation], columns: Sequence[str]) -> Chart:
    """A matrix of colors."""
    return {
        **_head("Rank correlation of the scores", 15 * len(columns)),
        "data": {"values": [{**vars(pair), "value": round(pair.value, 3)} for pair in pairs]},
        "mark": "rect",
        "encoding": {
            "x": {"field": "second", "type": "nominal", "sort": [*columns], "title": None, "axis": {"labelAngle": -90}},
            "y": {"field": "first", "type": "nominal", "sort": [*columns], "title": None},
            "color": {
                "field": "value",
                "type": "quantitative",
                "scale": {"domain": [-1, 0, 1], "range": [REJECTED_COLOR, "rgba(128,128,128,0.08)", PALETTE[0]]},
                "legend": {"title": None, "orient": "top"},
            },
            "tooltip": [{"field": "first"}, {"field": "second"}, {"field": "value"}, {"field": "documents", "format": ","}],
        },
    }


def _head(description: str, height: int) -> Chart:
    return {"$schema": SCHEMA, "description": description, "width": "container", "height": height}


def _labels(bounds: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One label for lines at the same place."""
    at: dict[float, list[str]] = {}
    for bound in bounds:
        code = "" if bound["for"] == "all languages" else f" {bound['for']}"
        at.setdefault(bound["bound"], []).append(f"{bound['rule']}{code}")
    return [{"bound": place, "label": ", ".join(names)} for place, names in at.items()]

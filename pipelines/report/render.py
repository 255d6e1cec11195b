"""Makes the page: one HTML file with its style, its charts and the program that draws them; it loads nothing."""

from importlib.resources import files
from itertools import count

import orjson

from curricle.errors import OutputError, one_line
from curricle.installation import install_hint
from curricle.pipelines.output.made_with import recipe_of
from curricle.pipelines.output.manifest import run_record, total
from curricle.pipelines.report.columns import judged
from curricle.pipelines.report.comparison import comparison
from curricle.pipelines.report.outcomes import outcomes
from curricle.pipelines.report.scores import sample
from curricle.pipelines.report.sections import (
    Section,
    composition,
    correlation,
    funnel,
    losses,
    not_judged,
    samples,
    scores,
)
from curricle.pipelines.report.sizes import sizes
from curricle.storage.output import OutputPath

FOLDER = files("curricle.pipelines.report") / "page"


def report(output: OutputPath, other: OutputPath | None = None) -> str:
    """The page about an output; with `other`, also what is different there. OutputError if it cannot be made."""
    draw = _program()  # before the work
    source, recipe = judged(output), recipe_of(output)
    totals = total(source.manifests)
    counted, drawn, decided = sizes(source), sample(source), outcomes(source, recipe.decide)
    sections = [
        funnel(totals, counted, recipe.decide),
        composition(counted),
        scores(drawn, decided),
        correlation(drawn),
        samples(output, recipe, decided),
        not_judged(decided),
        losses(totals, run_record(output)),
    ]
    if other is not None:
        sections.insert(0, comparison(source, judged(other)))
    return _render(f"{recipe.name}: {output}", recipe.description, sections, draw)


def _program() -> str:
    """Vega-Lite, Vega and Vega-Embed as one script."""
    try:
        import jinja2  # noqa: F401
        import vl_convert
    except ImportError as error:
        raise OutputError(f"a report needs more packages ({one_line(error)}): {install_hint('report')}") from None
    return str(vl_convert.javascript_bundle())  # type: ignore[call-arg]  # its stub lacks the default


def _render(title: str, description: str, sections: list[Section], program: str) -> str:
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    numbers = count()
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_read("page.html.j2")).render(
        title=title,
        description=description,
        sections=sections,
        unique=lambda: next(numbers),
        json=lambda chart: Markup(orjson.dumps(chart).decode().replace("<", "\\u003c")),
        style=Markup(_read("page.css")),
        program=Markup(_script(program)),
        script=Markup(_script(_read("page.js"))),
    )


def _read(name: str) -> str:
    return (FOLDER / name).read_text("utf-8")


def _script(text: str) -> str:
    """A program that cannot end the element it is in."""
    return text.replace("</script", "<\\/script").replace("<!--", "<\\!--")

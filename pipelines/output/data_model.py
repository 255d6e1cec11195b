"""docs/data-model.md, from the columns themselves: `python -m curricle.pipelines.output.data_model > docs/data-model.md`."""

from curricle.schemas.column import Column
from curricle.schemas.columns import GROUPS

HEAD = """# Data model

Made from `schemas/columns.py`; do not edit. A null means "not measured", never 0. `kept/` files hold the columns of the recipe's
stages; `rejected/` the same and the decision; `dead/` the document's place and the dead-letter columns. Within a part every
file has one schema, also one without rows.
"""

WRITERS = {
    "document": "Every reader gives",
    "payload": "Readers of HTML give, and `extract` takes away",
    "dead": "Dead letters",
    "decision": "`decide`",
    "quality": "Stage `quality` (the student; other raters write the 14 and the status too, each under its own `prefix`)",
    "reply": "Stage `quality` with `rater: dataman` or `rater: endpoint`, besides the 14 and the status",
    "classifier": "Stage `quality` with `rater: classifier`",
    "paragraphs": "Stage `perplexity` with `paragraphs: {}`",
}


def table(columns: tuple[Column, ...]) -> str:
    """A Markdown table of columns: name, type, content, null."""
    rows = (f"| `{c.name}` | {c.dtype} | {c.doc.replace('|', '/')} | {c.null} |" for c in columns)
    return "\n".join(["| column | type | what it holds | null |", "|---|---|---|---|", *rows])


def data_model() -> str:
    """The whole page."""
    sections = (f"## {WRITERS.get(name, f'Stage `{name}`')}\n\n{table(columns)}\n" for name, columns in GROUPS.items())
    return "\n".join([HEAD, *sections])


if __name__ == "__main__":
    print(data_model(), end="")

"""Generates docs/data-model.md from the columns: `python -m curricle.pipelines.output.data_model > docs/data-model.md`."""

from curricle.schemas.column import Column
from curricle.schemas.columns import GROUPS

HEAD = """# Data model

This page lists all columns that a run can write. Null means "not measured", never 0.

- Files in `kept/` contain the columns of the recipe's stages.
- Files in `rejected/` contain the same columns and the decision.
- Files in `dead/` contain the origin of each document and the dead-letter columns.

All files of a folder have the same schema, even those without rows. (Generated from the definitions in `schemas/`; do not edit.)
"""

WRITERS = {
    "document": "Every reader",
    "payload": "Readers of HTML (removed by `extract`)",
    "dead": "Dead letters",
    "decision": "`decide`",
    "quality": "Stage `quality` (the student; other raters write the 14 ratings and the status under their own `prefix`)",
    "reply": "Stage `quality` with `rater: dataman` or `rater: endpoint`, in addition to the ratings and the status",
    "classifier": "Stage `quality` with `rater: classifier`",
    "paragraphs": "Stage `perplexity` with `paragraphs: {}`",
}


def table(columns: tuple[Column, ...]) -> str:
    """A Markdown table of columns: name, type, content, meaning of null."""
    rows = (f"| `{c.name}` | {c.dtype} | {c.doc.replace('|', '/')} | {c.null} |" for c in columns)
    return "\n".join(["| column | type | content | null means |", "|---|---|---|---|", *rows])


def data_model() -> str:
    """The whole page."""
    sections = (f"## {WRITERS.get(name, f'Stage `{name}`')}\n\n{table(columns)}\n" for name, columns in GROUPS.items())
    return "\n".join([HEAD, *sections])


if __name__ == "__main__":
    print(data_model(), end="")

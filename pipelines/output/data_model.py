"""Generates docs/data-model.md from the columns: `python -m curricle.pipelines.output.data_model > docs/data-model.md`."""

from curricle.schemas.column import Column
from curricle.schemas.columns import GROUPS

HEAD = """# Data model

Generated from `schemas/columns.py`; do not edit. Null means "not measured", never 0. Files in `kept/` hold the columns of the
recipe's stages; files in `rejected/` hold the same columns and the decision; files in `dead/` hold where the document came from
and the dead-letter columns. All files of a folder have the same schema, even those without rows.
"""

WRITERS = {
    "document": "Every reader",
    "payload": "Readers of HTML (`extract` removes these columns)",
    "dead": "Dead letters",
    "decision": "`decide`",
    "quality": "Stage `quality` (the student; other raters write the same 14 and the status, each under its own `prefix`)",
    "reply": "Stage `quality` with `rater: dataman` or `rater: endpoint`, besides the 14 and the status",
    "classifier": "Stage `quality` with `rater: classifier`",
    "paragraphs": "Stage `perplexity` with `paragraphs: {}`",
}


def table(columns: tuple[Column, ...]) -> str:
    """A Markdown table of columns: name, type, content, meaning of null."""
    rows = (f"| `{c.name}` | {c.dtype} | {c.doc.replace('|', '/')} | {c.null} |" for c in columns)
    return "\n".join(["| column | type | what it holds | null |", "|---|---|---|---|", *rows])


def data_model() -> str:
    """The whole page."""
    sections = (f"## {WRITERS.get(name, f'Stage `{name}`')}\n\n{table(columns)}\n" for name, columns in GROUPS.items())
    return "\n".join([HEAD, *sections])


if __name__ == "__main__":
    print(data_model(), end="")

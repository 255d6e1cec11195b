"""Columns of the stages that change the text: `redact`, `clean_lines`, `datatrove`."""

import pyarrow as pa

from curricle.schemas.column import Column

REDACT = (
    Column(
        name="redacted_emails",
        dtype=pa.int32(),
        doc="e-mail addresses replaced in `text`",
        null="no text, or `emails` is off",
    ),
    Column(
        name="redacted_ips",
        dtype=pa.int32(),
        doc="public IPv4 addresses replaced in `text`",
        null="no text, or `public_ips` is off",
    ),
)

CLEAN_LINES = (
    Column(
        name="symbol_removed_lines",
        dtype=pa.int32(),
        doc="lines of nothing but symbols, removed from `text`",
        null="no text, or `symbol_lines` is off",
    ),
    Column(
        name="c4_removed_lines",
        dtype=pa.int32(),
        doc="lines, blank ones too, that C4's line rules removed",
        null="no text, or `c4` is off",
    ),
    Column(
        name="boilerplate_removed_lines",
        dtype=pa.int32(),
        doc="lines with a phrase of `boilerplate`, removed from `text`",
        null="no text, or no such phrase is given",
    ),
)


def datatrove_column(name: str) -> Column:
    """What the stage `datatrove` writes for a filter."""
    return Column(
        name=f"datatrove_{name}",
        dtype=pa.string(),
        doc="`keep`, or the filter's reason to drop the document (`drop` where it gives none); one column for each filter",
        null="no text, dead or already rejected",
    )


DATATROVE = (datatrove_column("<filter>"),)

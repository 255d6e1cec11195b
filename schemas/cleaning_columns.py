"""Columns of the stages that change the text: `redact`, `clean_lines`, `datatrove`."""

import pyarrow as pa

from curricle.schemas.column import Column

REDACT = (
    Column(
        name="redacted_emails",
        dtype=pa.int32(),
        doc="number of e-mail addresses replaced in `text`",
        null="no text, or `emails` is off",
    ),
    Column(
        name="redacted_ips",
        dtype=pa.int32(),
        doc="number of public IPv4 addresses replaced in `text`",
        null="no text, or `public_ips` is off",
    ),
)

CLEAN_LINES = (
    Column(
        name="symbol_removed_lines",
        dtype=pa.int32(),
        doc="number of lines of only symbols that were removed from `text`",
        null="no text, or `symbol_lines` is off",
    ),
    Column(
        name="c4_removed_lines",
        dtype=pa.int32(),
        doc="number of lines that C4's line rules removed, including blank lines",
        null="no text, or `c4` is off",
    ),
    Column(
        name="boilerplate_removed_lines",
        dtype=pa.int32(),
        doc="number of lines with a phrase of `boilerplate` that were removed from `text`",
        null="no text, or no phrases are given",
    ),
)


def datatrove_column(name: str) -> Column:
    """The column that the stage `datatrove` writes for a filter."""
    return Column(
        name=f"datatrove_{name}",
        dtype=pa.string(),
        doc="`keep`, or the filter's reason for dropping the document (`drop` if it gives none); one column for each filter",
        null="no text, or the row was dead or already rejected",
    )


DATATROVE = (datatrove_column("<filter>"),)

"""Columns of the stages that change the text: `redact`, `clean_lines`, `datatrove`."""

import pyarrow as pa

from schemas.column import Column

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

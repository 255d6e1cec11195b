"""Columns of the stage `url_rules`."""

import pyarrow as pa

from curricle.schemas.column import Column

URL_RULES = (
    Column(name="url_blocked", dtype=pa.int8(), doc="1 if a list blocks the URL, else 0", null="no URL"),
    Column(
        name="url_rule",
        dtype=pa.string(),
        doc="kind and list that block the URL: `domain:adult`, `url:adult`, `word:NAME`, `soft_word:NAME`, `subword:NAME`",
        null="not blocked, or no URL",
    ),
    Column(
        name="url_match",
        dtype=pa.string(),
        doc="the entry of the list; soft words joined by a space",
        null="not blocked, or no URL",
    ),
)

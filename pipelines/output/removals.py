"""Which documents were taken down from an output: their ids, prefixes of URLs and sources, without any text.

The record is in the output folder. Whatever writes a shard there leaves these documents out, so that a later run, which may have
to make a shard again, does not bring them back.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from curricle.errors import OutputError
from curricle.storage.output import OutputPath

REMOVALS = "_removed.json"
STAGED = "_removing"
"""Folder of the files that replace those of an output while documents are removed."""

COLUMNS = ("id", "url", "source")
"""Columns of a document that decide whether it was taken down."""


@dataclass(frozen=True)
class Removals:
    """Documents that are left out: those with one of these ids, with a URL that begins like this, or of one of these sources."""

    ids: frozenset[str] = frozenset()
    url_prefixes: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.ids or self.url_prefixes or self.sources)

    def __or__(self, other: "Removals") -> "Removals":
        return Removals(self.ids | other.ids, self.url_prefixes | other.url_prefixes, self.sources | other.sources)

    def stay(self, batch: pa.RecordBatch) -> npt.NDArray[np.bool_]:
        """Whether each row stays, by those of COLUMNS that it has."""
        stay = np.ones(batch.num_rows, np.bool_)
        for name, values in (("id", self.ids), ("source", self.sources)):
            if values and name in batch.schema.names:
                found = pc.is_in(batch.column(name).cast(pa.string()), value_set=pa.array(sorted(values), pa.string()))
                stay &= ~found.to_numpy(zero_copy_only=False)
        if "url" in batch.schema.names:
            for prefix in sorted(self.url_prefixes):
                found = pc.fill_null(pc.starts_with(batch.column("url").cast(pa.string()), prefix), False)
                stay &= ~found.to_numpy(zero_copy_only=False)
        return stay

    def to_json(self) -> bytes:
        """What `read_removals` reads."""
        content = {name: sorted(getattr(self, name)) for name in ("ids", "url_prefixes", "sources")}
        return orjson.dumps(content, option=orjson.OPT_INDENT_2)


def read_removals(output: OutputPath) -> Removals:
    """What was taken down from an output. Raises OutputError if the record is damaged."""
    path = output / REMOVALS
    try:
        content: dict[str, Iterable[Any]] = orjson.loads(path.read_bytes())
        return Removals(**{name: frozenset(values) for name, values in content.items()})
    except FileNotFoundError:
        return Removals()
    except (orjson.JSONDecodeError, TypeError, AttributeError):
        raise OutputError(f"{path}: damaged: documents that were taken down could come back; restore the file") from None

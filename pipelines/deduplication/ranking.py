"""Which of several copies stays: a ranking of columns, best first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curricle.errors import OutputError, did_you_mean
from curricle.pipelines.output.attribute_tables import ShardDocuments

LENGTH = "length"
"""Number of words, which needs no column."""

OUTPUT = "output"
"""Place of the output on the command line, which needs no column either: earlier outputs first."""

BEST = ("quality_overall_raw", "quality_overall_score")
"""Columns of quality, of which `best` takes the first that all outputs have."""


@dataclass(frozen=True)
class Key:
    """A column by which documents are ranked."""

    column: str
    lowest_first: bool = False

    def __str__(self) -> str:
        return f"-{self.column}" if self.lowest_first else self.column


def parse_ranking(text: str, shards: Sequence[ShardDocuments]) -> tuple[Key, ...]:
    """`best`, or columns such as `date,-perplexity,length`, each highest first unless it has a minus.

    Raises OutputError for a column that an output does not have, or that holds no numbers or strings.
    """
    schemas = _schemas(shards)
    if text == "best":
        quality = next((name for name in BEST if all(name in schema.names for schema in schemas.values())), None)
        return (*((Key(quality),) if quality else ()), Key(LENGTH))
    keys = tuple(Key(name.strip().removeprefix("-"), name.strip().startswith("-")) for name in text.split(","))
    for key in keys:
        if key.column not in (LENGTH, OUTPUT):
            _check(key.column, schemas)
    if len({key.column for key in keys}) < len(keys):
        raise OutputError(f"--keep: a column is named twice in {text!r}")
    return keys


def _schemas(shards: Sequence[ShardDocuments]) -> Mapping[Path, pa.Schema]:
    """Output -> columns of one of its files."""
    first = {shard.output: shard.files[0].path for shard in reversed(shards)}
    return {output: pq.read_schema(path) for output, path in sorted(first.items())}


def _check(column: str, schemas: Mapping[Path, pa.Schema]) -> None:
    kinds = set()
    for output, schema in schemas.items():
        if column not in schema.names:
            names = [*schema.names, LENGTH, OUTPUT, "best"]
            raise OutputError(f"--keep: {output} has no column {column!r}{did_you_mean(column, names)}")
        dtype = schema.field(column).type
        if not (is_number(dtype) or pa.types.is_string(dtype)):
            raise OutputError(f"--keep: column {column!r} of {output} has type {dtype}; a number or a string is required")
        kinds.add(is_number(dtype))
    if len(kinds) > 1:
        raise OutputError(f"--keep: column {column!r} is a number in one output and a string in another")


def is_number(dtype: pa.DataType) -> bool:
    """Whether values of a type are compared as numbers."""
    return bool(pa.types.is_integer(dtype) or pa.types.is_floating(dtype) or pa.types.is_boolean(dtype))


def key_column(values: pa.Array) -> pa.Array:
    """The values of a column as all shards store them: float64 or string; NaN is missing."""
    if not is_number(values.type):
        return values.cast(pa.string())
    numbers = values.cast(pa.int8() if pa.types.is_boolean(values.type) else values.type).cast(pa.float64(), safe=False)
    return pc.if_else(pc.is_nan(numbers), None, numbers)


def in_order(table: pa.Table, keys: Sequence[Key]) -> npt.NDArray[np.int64]:
    """The rows of a table, best first: by `tier` and `place`, the keys (missing values last), `id` and `number`."""
    by = [("tier", "ascending"), ("place", "ascending")]
    by += [(f"by {key.column}", "ascending" if key.lowest_first else "descending") for key in keys]
    by += [("id", "ascending"), ("number", "ascending")]
    order: npt.NDArray[np.int64] = pc.sort_indices(table, sort_keys=by).to_numpy().astype(np.int64)
    return order

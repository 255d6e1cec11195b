"""Reads single columns of the kept and rejected documents of an output; says which hold numbers and which categories."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from curricle.errors import OutputError, one_line
from curricle.pipelines.explain.find import open_file
from curricle.pipelines.explain.percentiles import JUDGED
from curricle.pipelines.output.manifest import Manifest, read_manifests
from curricle.schemas.columns import DOCUMENT
from curricle.storage.output import OutputPath

READER = frozenset(column.name for column in DOCUMENT)
"""Columns that say which document it is, and its text."""

TEXTS = READER | {"title", "reject_value"}
"""Text columns whose values hardly ever repeat."""


@dataclass(frozen=True)
class JudgedFile:
    """A file of kept or rejected documents."""

    split: str
    path: str  # within the output
    rows: int


@dataclass(frozen=True)
class Judged:
    """The kept and rejected documents of an output."""

    output: OutputPath
    manifests: tuple[Manifest, ...]
    files: tuple[JudgedFile, ...]
    schema: pa.Schema  # of rejected/, which has the columns of kept/ too

    @property
    def rows(self) -> int:
        """Number of documents."""
        return sum(file.rows for file in self.files)

    def numbers(self) -> list[str]:
        """The numeric columns that stages, other tools or attribute tables wrote."""
        return [field.name for field in self.schema if is_number(field.type) and field.name not in READER]

    def categories(self) -> list[str]:
        """The columns of text, lists of text and true or false that are not known to hold texts."""
        return [field.name for field in self.schema if is_category(field.type) and field.name not in TEXTS]

    def batches(self, names: Sequence[str]) -> Iterator[tuple[JudgedFile, pa.RecordBatch]]:
        """Those columns of each file, in batches; a column that a file lacks is null."""
        for file in self.files:
            for batch in open_file(self.output, file.path, names):
                missing = [name for name in names if name not in batch.schema.names]
                for name in missing:
                    batch = batch.append_column(name, pa.nulls(batch.num_rows, self.schema.field(name).type))
                yield file, batch.select(names)

    def read(self, name: str) -> pa.ChunkedArray:
        """One whole column."""
        kind = self.schema.field(name).type
        return pa.chunked_array([batch.column(0).cast(kind) for _, batch in self.batches((name,))], kind)


def judged(output: OutputPath) -> Judged:
    """The kept and rejected documents of an output. Raises OutputError if there is no finished shard."""
    manifests = tuple(read_manifests(output))
    if not manifests:
        raise OutputError(f"{output}: no finished shard in this folder")
    files = tuple(
        JudgedFile(split, manifest["files"][split]["path"], manifest["files"][split]["rows"])
        for split in JUDGED
        for manifest in manifests
    )
    path = output / manifests[0]["files"]["rejected"]["path"]
    try:
        with path.open("rb") as stored:
            schema = pq.read_schema(stored)
    except (OSError, pa.ArrowException) as error:
        raise OutputError(f"{path}: {one_line(error)}") from None
    return Judged(output, manifests, files, schema)


def is_number(kind: pa.DataType) -> bool:
    """Whether a column of this type has quantiles."""
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)


def is_category(kind: pa.DataType) -> bool:
    """Whether the values of a column of this type can be counted."""
    if pa.types.is_list(kind):
        return pa.types.is_string(kind.value_type)
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind)

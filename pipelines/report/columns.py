"""Reads columns of the kept and rejected documents of an output, batch by batch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from curricle.errors import OutputError, one_line
from curricle.pipelines.explain.find import BATCH, open_file
from curricle.pipelines.explain.percentiles import JUDGED
from curricle.pipelines.output.manifest import Manifest, read_manifests
from curricle.schemas.columns import DOCUMENT
from curricle.storage.output import OutputPath


@dataclass(frozen=True)
class Batch:
    """Some rows of a file."""

    split: str
    file: str  # within the output
    first: int  # number of the first row in the file
    rows: pa.RecordBatch


@dataclass(frozen=True)
class Judged:
    """The kept and rejected documents of an output."""

    output: OutputPath
    manifests: tuple[Manifest, ...]
    schema: pa.Schema  # of rejected/, which has the columns of kept/ too

    @property
    def documents(self) -> int:
        """Number of kept and rejected documents."""
        return sum(manifest["files"][split]["rows"] for manifest in self.manifests for split in JUDGED)

    def numbers(self) -> list[str]:
        """The numeric columns that stages, other tools or attribute tables wrote."""
        reader = {column.name for column in DOCUMENT}
        return [
            field.name
            for field in self.schema
            if (pa.types.is_integer(field.type) or pa.types.is_floating(field.type)) and field.name not in reader
        ]

    def batches(self, names: Sequence[str], rows: int = BATCH) -> Iterator[Batch]:
        """Those columns of all files; null where kept/ lacks a column of rejected/. A name that neither has is left out."""
        names = [name for name in dict.fromkeys(names) if name in self.schema.names]
        for split in JUDGED:
            for manifest in self.manifests:
                file, first = manifest["files"][split]["path"], 0
                for batch in open_file(self.output, file, names, rows):
                    for name in set(names) - set(batch.schema.names):
                        batch = batch.append_column(name, pa.nulls(batch.num_rows, self.schema.field(name).type))
                    yield Batch(split, file, first, batch)
                    first += batch.num_rows


def judged(output: OutputPath) -> Judged:
    """The kept and rejected documents of an output. Raises OutputError if there is no finished shard."""
    manifests = tuple(read_manifests(output))
    if not manifests:
        raise OutputError(f"{output}: no finished shard in this folder")
    path = output / manifests[0]["files"]["rejected"]["path"]
    try:
        with path.open("rb") as stored:
            schema = pq.read_schema(stored)
    except (OSError, pa.ArrowException) as error:
        raise OutputError(f"{path}: {one_line(error)}") from None
    return Judged(output, manifests, schema)

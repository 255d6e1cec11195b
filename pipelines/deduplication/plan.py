"""What a deduplication knows before a text is read: documents, ranking, levels and indexes."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curricle.pipelines.deduplication.groups import Documents, Numbers
from curricle.pipelines.deduplication.index import Index, is_written, open_index
from curricle.pipelines.deduplication.ranking import LENGTH, OUTPUT, Key, parse_ranking
from curricle.pipelines.output.attribute_tables import (
    ShardDocuments,
    find_shards,
    sources_sha256,
)
from curricle.pipelines.plan.fingerprint import PACKAGE, code_sha256, fingerprint_sha256

LEVELS = ("exact", "near", "url")


@dataclass(frozen=True)
class Planned:
    """Everything that is known before a text is read."""

    shards: tuple[ShardDocuments, ...]  # by name
    outputs: tuple[Path, ...]  # in the order of the command line
    ranking: tuple[Key, ...]
    levels: tuple[str, ...]
    indexes: tuple[Index, ...]  # of what earlier deduplications kept, in their order
    index_out: Path | None

    @property
    def with_urls(self) -> bool:
        """Whether URLs are compared."""
        return "url" in self.levels

    @property
    def documents(self) -> int:
        """Number of documents."""
        return sum(shard.rows for shard in self.shards)

    @property
    def keep(self) -> str:
        """The ranking in words."""
        return ",".join(map(str, self.ranking))

    @cached_property
    def made_by(self) -> dict[str, str]:
        """Everything that the table depends on, by name."""
        order = {"order of outputs": self._order} if any(key.column == OUTPUT for key in self.ranking) else {}
        hashes = {str(number): index.sha256 for number, index in enumerate(self.indexes)}
        indexes = {"indexes": fingerprint_sha256(hashes)} if hashes else {}
        return {
            "documents": sources_sha256(self.shards),
            "ranking": self.keep,
            "levels": ",".join(self.levels),
            **order,
            **indexes,
            "code": code_sha256(),
            f"{PACKAGE}unicodedata": unicodedata.unidata_version,
        }

    @property
    def _order(self) -> str:
        return fingerprint_sha256({str(n): sources_sha256(self._of(output)) for n, output in enumerate(self.outputs)})

    def _of(self, output: Path) -> list[ShardDocuments]:
        return [shard for shard in self.shards if shard.output == output]


def plan(
    outputs: Sequence[Path], keep: str, levels: Sequence[str], against: Sequence[Path] = (), index_out: Path | None = None
) -> Planned:
    """Find the documents. Raises OutputError."""
    absolute = tuple(output.absolute() for output in outputs)
    shards = tuple(sorted(find_shards(absolute), key=lambda shard: shard.name))
    indexes = tuple(open_index(path.absolute(), with_urls="url" in levels) for path in against)
    used = tuple(level for level in LEVELS if level in levels)
    planned = Planned(shards, absolute, parse_ranking(keep, shards), used, indexes, index_out and index_out.absolute())
    if planned.index_out:
        is_written(planned.index_out, fingerprint_sha256(planned.made_by))
    return planned


def ranking_table(planned: Planned, documents: Documents, numbers: Numbers) -> pa.Table:
    """The columns that `in_order` ranks documents by."""
    tables = documents.table_of(numbers)
    old = tables < len(planned.indexes)
    kept = np.array([*(index.rows for index in planned.indexes), *(shard.files[0].rows for shard in planned.shards)], np.int64)
    columns: dict[str, Any] = {
        "tier": np.where(old, 0, np.where(numbers - documents.starts[tables] < kept[tables], 1, 2)).astype(np.int8),
        "place": np.where(old, numbers, 0),
        "id": documents.take("id", numbers),
        "number": numbers,
    }
    for key in planned.ranking:
        if key.column == LENGTH:
            columns["by length"] = documents.take("words", numbers)
        elif key.column == OUTPUT:
            order = [-planned.outputs.index(shard.output) for shard in planned.shards]
            columns["by output"] = np.array([*(0 for _ in planned.indexes), *order])[tables]
        else:
            columns[f"by {key.column}"] = documents.take(f"by {key.column}", numbers)
    return pa.table(columns)

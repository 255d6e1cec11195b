"""What the reports of attribute tables have in common: texts of some documents, and cells of Markdown tables."""

import html
from collections.abc import Iterable, Mapping

import pyarrow.parquet as pq

from curricle.pipelines.output.attribute_tables import ShardDocuments


def read_texts(places: Iterable[tuple[str, int]], shards: Mapping[str, ShardDocuments]) -> dict[tuple[str, int], str]:
    """(shard, row of its part) -> the text of the document, read by row group."""
    found: dict[tuple[str, int], str] = {}
    wanted = set(places)
    for name in sorted({shard for shard, _ in wanted}):
        rows = sorted(row for shard, row in wanted if shard == name)
        start = 0
        for file in shards[name].files:
            with pq.ParquetFile(file.path) as parquet:
                for group in range(parquet.num_row_groups):
                    count = parquet.metadata.row_group(group).num_rows
                    inside = [row for row in rows if start <= row < start + count]
                    if inside:
                        texts = parquet.read_row_group(group, columns=["text"]).column(0)
                        found.update({(name, row): texts[row - start].as_py() for row in inside})
                    start += count
    return found


def cell(text: str) -> str:
    """A text as one cell of a Markdown table."""
    escaped = html.escape(text, quote=False).replace("|", "&#124;").replace("\\", "&#92;")
    for mark in "*`[]$":
        escaped = escaped.replace(mark, f"&#{ord(mark)};")
    return "<br>".join(escaped.splitlines())

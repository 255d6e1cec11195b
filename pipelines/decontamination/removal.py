"""After documents were removed from an output: its table of evaluation items, the hits and the report without them."""

from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curricle.pipelines.decontamination.report import without_documents, write_report
from curricle.pipelines.output.attribute_tables import hold_table
from curricle.pipelines.output.remove import follow_removal, renew_table
from curricle.storage.whole_file import whole_file


def remove_from_table(table: Path, output: Path) -> None:
    """Leave out the documents that `output` has no more. Raises OutputError if it is not a finished table of this output."""
    with hold_table(table):
        follow_removal(table, output)
        hits = pq.read_table(table / "hits.parquet")
        documents, left = 0, [pa.array([], pa.string())]
        for part in sorted(table.glob("part-*.parquet")):
            ids = pq.read_table(part, columns=["id"])["id"]
            documents += len(ids)
            left.append(pc.filter(ids, pc.is_in(ids, value_set=hits["id"])).combine_chunks())
        hits = hits.filter(pc.is_in(hits["id"], value_set=pa.concat_arrays(left)))
        with whole_file(table / "hits.parquet") as path:
            pq.write_table(hits, path, compression="zstd")
        counted = [hit for hit in hits.to_pylist() if hit["contaminated"]]
        report = without_documents(orjson.loads((table / "report.json").read_bytes()), documents, counted)
        write_report(table, report)
        renew_table(table, **{key: report[key] for key in ("documents", "contaminated", "benchmarks")})

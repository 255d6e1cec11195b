"""The report of a deduplication: clusters by size, duplicates by source, and the largest clusters with two texts side by side."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curricle.pipelines.deduplication.parts import PartTask
from curricle.pipelines.output.attribute_tables import ShardDocuments, part_path
from curricle.pipelines.output.table_report import cell, read_texts
from curricle.storage.whole_file import whole_file

SHOWN = 20  # clusters with texts
SOURCES = 50  # in report.md
CHARS = 600  # of a text


def make_report(shards: Sequence[ShardDocuments], tasks: Sequence[PartTask], compared: Mapping[str, int]) -> dict[str, Any]:
    """Counts of clusters, evidence and sources, and the largest clusters: what stays beside what differs most from it."""
    evidence: Counter[str] = Counter()
    sources: dict[str, list[int]] = {}
    members = []
    kept = duplicates = 0
    for task in tasks:
        rows = pq.read_table(part_path(task.table, task.name))
        own = rows.slice(0, task.shard.files[0].rows)
        kept += own.num_rows
        gone = own.filter(pc.invert(own["keep"]))
        duplicates += gone.num_rows
        evidence.update(gone["evidence"].to_pylist())
        numbered = rows.append_column("row", pa.array(range(rows.num_rows), pa.int64()))
        numbered = numbered.append_column("shard", pa.array([task.name] * rows.num_rows, pa.string()))
        members.append(numbered.filter(pc.greater(numbered["cluster_size"], 1)))
        for source, counts in orjson.loads(task.sources.read_bytes()).items():
            total = sources.setdefault(source, [0, 0])
            total[0], total[1] = total[0] + counts[0], total[1] + counts[1]
    clusters = pa.concat_tables(members)
    sizes = clusters.group_by("cluster_id").aggregate([("id", "count")])
    return {
        "documents": sum(shard.rows for shard in shards),
        "kept": kept,
        "duplicates": duplicates,
        "evidence": dict(sorted(evidence.items())),
        "clusters": sizes.num_rows,
        "clusters_by_size": _by_size(sizes["id_count"].to_pylist()),
        **compared,
        "sources": [
            {"source": source, "documents": documents, "duplicates": removed, "share": removed / documents}
            for source, (documents, removed) in sorted(sources.items(), key=lambda item: (-item[1][1] / item[1][0], item[0]))
        ],
        "largest": _largest(clusters, {shard.name: shard for shard in shards}),
    }


def _by_size(sizes: Iterable[int]) -> dict[str, int]:
    """`2`, `3-4`, `5-8`, ... -> how many clusters have this size."""
    powers = Counter((size - 1).bit_length() for size in sizes)
    return {f"{(1 << power - 1) + 1}-{1 << power}" if power > 1 else "2": count for power, count in sorted(powers.items())}


def _largest(clusters: pa.Table, shards: Mapping[str, ShardDocuments]) -> list[dict[str, Any]]:
    sizes = clusters.group_by("cluster_id").aggregate([("id", "count")])
    sizes = sizes.sort_by([("id_count", "descending"), ("cluster_id", "ascending")]).slice(0, SHOWN)
    shown = []
    for name, size in zip(sizes["cluster_id"].to_pylist(), sizes["id_count"].to_pylist(), strict=True):
        rows = clusters.filter(pc.equal(clusters["cluster_id"], name))
        gone = rows.filter(pc.and_(pc.invert(rows["keep"]), pc.is_in(rows["duplicate_of"], value_set=rows["id"])))
        if gone.num_rows:
            least = gone.sort_by([("similarity", "ascending"), ("id", "ascending")]).slice(0, 1).to_pylist()[0]
            stays = rows.filter(pc.equal(rows["id"], least["duplicate_of"])).to_pylist()[0]
            evidence = Counter(rows.filter(pc.invert(rows["keep"]))["evidence"].to_pylist())
            shown.append((name, size, evidence, stays, least))
    texts = read_texts(((row["shard"], row["row"]) for *_, stays, least in shown for row in (stays, least)), shards)
    return [
        {
            "cluster_id": name,
            "documents": size,
            "evidence": dict(sorted(evidence.items())),
            "stays": _side(stays, texts),
            "differs_most": {**_side(least, texts), "similarity": least["similarity"], "evidence": least["evidence"]},
        }
        for name, size, evidence, stays, least in shown
    ]


def _side(row: Mapping[str, Any], texts: Mapping[tuple[str, int], str]) -> dict[str, str]:
    text = texts[row["shard"], row["row"]] or ""
    return {"id": row["id"], "text": text if len(text) <= CHARS else text[:CHARS] + "..."}


def write_report(table: Path, report: Mapping[str, Any]) -> None:
    """Write report.json, and report.md for people."""
    with whole_file(table / "report.json") as part:
        part.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))
    with whole_file(table / "report.md") as part:
        part.write_text("\n".join(_lines(report)) + "\n", "utf-8")


def _lines(report: Mapping[str, Any]) -> Iterable[str]:
    yield from (
        "# Duplicates",
        "",
        f"{report['duplicates']:,} of {report['kept']:,} kept documents are duplicates of others that stay. "
        "`pairs.parquet` lists what was measured.",
        "",
        "| evidence | documents |",
        "|---|---|",
        *(f"| {name} | {count:,} |" for name, count in report["evidence"].items()),
        "",
        "| documents in a cluster | clusters |",
        "|---|---|",
        *(f"| {size} | {count:,} |" for size, count in report["clusters_by_size"].items()),
    )
    if report["not_compared"]:
        yield from (
            "",
            f"{report['hot_buckets']:,} buckets were too large: {report['not_compared']:,} comparisons were left out.",
        )
    yield from ("", "| source | kept documents | duplicates | share |", "|---|---|---|---|")
    for one in report["sources"][:SOURCES]:
        yield f"| {cell(one['source'])} | {one['documents']:,} | {one['duplicates']:,} | {one['share']:.1%} |"
    if len(report["sources"]) > SOURCES:
        yield from ("", f"{len(report['sources']) - SOURCES:,} more sources are in report.json.")
    if report["largest"]:
        yield from ("", "## The largest clusters", "", "| stays | differs most from it |", "|---|---|")
    for one in report["largest"]:
        other = one["differs_most"]
        measured = "" if other["similarity"] is None else f" {other['similarity']:.2f}"
        stays = f"**{cell(one['stays']['id'])}**, {one['documents']:,} documents"
        yield f"| {stays} | **{cell(other['id'])}**, {other['evidence']}{measured} |"
        yield f"| {cell(one['stays']['text'])} | {cell(other['text'])} |"

"""The report of a decontamination: how many items of each benchmark were found, and the strongest hits with both texts."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from curricle.pipelines.decontamination.items import Item
from curricle.pipelines.output.attribute_tables import ShardDocuments
from curricle.pipelines.output.table_report import cell, read_texts
from curricle.storage.whole_file import whole_file

SHOWN = 10  # hits of each benchmark
CHARS = 600  # of a text
AROUND = 60  # characters before and after a place


def make_report(
    items: Sequence[Item], shards: Sequence[ShardDocuments], hits: pa.Table, too_short: Mapping[str, int]
) -> dict[str, Any]:
    """Counts by benchmark and the strongest hits; of an item that many documents hold, one hit is shown."""
    by_name = {(item.benchmark, item.name): item for item in items}
    by_shard = {shard.name: shard for shard in shards}
    counted = [hit for hit in hits.to_pylist() if hit["contaminated"]]
    benchmarks, shown = [], []
    for benchmark, total in sorted(Counter(item.benchmark for item in items).items()):
        own = [hit for hit in counted if hit["benchmark"] == benchmark]
        benchmarks.append(benchmark_counts(benchmark, total, too_short.get(benchmark, 0), own))
        shown += _strongest(own)
    texts = read_texts(((hit["shard"], hit["row"]) for hit in shown), by_shard)
    return {
        "documents": sum(shard.rows for shard in shards),
        "contaminated": len({hit["id"] for hit in counted}),
        "benchmarks": benchmarks,
        "hits": [
            {
                **{name: hit[name] for name in ("id", "benchmark", "item", "form", "overlap", "bits", "span_start", "span_end")},
                "item_text": _item_text(by_name[hit["benchmark"], hit["item"]]),
                "document_text": _excerpt(texts[hit["shard"], hit["row"]], hit["span_start"], hit["span_end"]),
            }
            for hit in shown
        ],
    }


def benchmark_counts(benchmark: str, items: int, too_short: int, hits: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a report says of a benchmark, from its hits that count."""
    return {
        "benchmark": benchmark,
        "items": items,
        "items_too_short": too_short,
        "items_found": len({hit["item"] for hit in hits}),
        "documents": len({hit["id"] for hit in hits}),
        "forms": dict(sorted(Counter(hit["form"] for hit in hits).items())),
    }


def without_documents(report: Mapping[str, Any], documents: int, hits: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The report after documents were removed: `hits` are those that are left of all that count."""
    ids = {hit["id"] for hit in hits}
    benchmarks = [
        benchmark_counts(
            one["benchmark"],
            one["items"],
            one["items_too_short"],
            [hit for hit in hits if hit["benchmark"] == one["benchmark"]],
        )
        for one in report["benchmarks"]
    ]
    shown = [hit for hit in report["hits"] if hit["id"] in ids]
    return {"documents": documents, "contaminated": len(ids), "benchmarks": benchmarks, "hits": shown}


def _strongest(hits: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for hit in sorted(hits, key=lambda hit: (-hit["bits"] * hit["overlap"], hit["item"], hit["id"])):
        found.setdefault(hit["item"], hit)
    return list(found.values())[:SHOWN]


def _item_text(item: Item) -> str:
    answers = "\n".join(item.answers)
    return _cut("\n".join(filter(None, (item.passage, item.question, answers))))


def _excerpt(text: str, start: int, end: int) -> str:
    before, after = max(0, start - AROUND), min(len(text), end + AROUND)
    shown = text[before:after] if after - before <= CHARS else text[before : before + CHARS] + "..."
    return ("..." if before else "") + shown + ("..." if after < len(text) and after - before <= CHARS else "")


def _cut(text: str) -> str:
    return text if len(text) <= CHARS else text[:CHARS] + "..."


def write_report(table: Path, report: Mapping[str, Any]) -> None:
    """Write report.json, and report.md for people."""
    with whole_file(table / "report.json") as part:
        part.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))
    with whole_file(table / "report.md") as part:
        part.write_text("\n".join(_lines(report)) + "\n", "utf-8")


def _lines(report: Mapping[str, Any]) -> Iterable[str]:
    yield from (
        "# Items of evaluation sets in the documents",
        "",
        f"{report['contaminated']:,} of {report['documents']:,} documents hold an item. `hits.parquet` lists every hit.",
        "",
        "| benchmark | items | found | questions under 5 words | documents | question | answer | both |",
        "|---|---|---|---|---|---|---|---|",
    )
    for one in report["benchmarks"]:
        forms = " | ".join(f"{one['forms'].get(form, 0):,}" for form in ("question", "answer", "both"))
        yield (
            f"| {cell(one['benchmark'])} | {one['items']:,} | {one['items_found']:,} | {one['items_too_short']:,}"
            f" | {one['documents']:,} | {forms} |"
        )
    for one in report["benchmarks"]:
        hits = [hit for hit in report["hits"] if hit["benchmark"] == one["benchmark"]]
        if hits:
            yield from ("", f"## {one['benchmark']}: the strongest hits", "", "| item | document |", "|---|---|")
        for hit in hits:
            yield f"| **{cell(hit['item'])}**, {hit['form']}, overlap {hit['overlap']:.2f} | **{cell(hit['id'])}** |"
            yield f"| {cell(hit['item_text'])} | {cell(hit['document_text'])} |"

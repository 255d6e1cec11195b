"""Finds too many dead letters in files and runs: a wrong setting, such as another text column, makes all documents dead."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from curricle.pipelines.output.manifest import Manifest, Totals, total
from curricle.schemas.dead_limits import DeadLimits

FEW: Final = 10
"""Fewer dead letters than this are never too many, as long as the run has other documents."""

SHOWN: Final = 5  # files that are named one by one


def over_limits(manifests: Iterable[Manifest], limits: DeadLimits) -> Iterator[str]:
    """One line for each input file with too many dead letters, up to SHOWN, and one for the run; nothing if all is well."""
    by_source: dict[str, list[Manifest]] = defaultdict(list)
    for manifest in manifests:
        by_source[manifest["shard"]["source"]].append(manifest)
    everything = total(manifest for shards in by_source.values() for manifest in shards)
    bad = [(source, totals) for source, totals in _totals(by_source) if _too_many(totals, limits.file)]
    for source, totals in bad[:SHOWN]:
        yield _line(source, totals, limits.file)
    if len(bad) > SHOWN:
        yield f"{len(bad) - SHOWN} more files have over {limits.file:.0%} dead letters"
    if _too_many(everything, limits.run) or (everything.records and everything.rows["dead"] == everything.records):
        yield _line("the run", everything, limits.run)


def _totals(by_source: dict[str, list[Manifest]]) -> Iterator[tuple[str, Totals]]:
    for source, shards in by_source.items():
        yield source, total(shards)


def _too_many(totals: Totals, limit: float) -> bool:
    return totals.rows["dead"] >= FEW and totals.rows["dead"] > limit * totals.records


def _line(name: str, totals: Totals, limit: float) -> str:
    reason, count = totals.dead.most_common(1)[0]
    dead = totals.rows["dead"]
    share = (
        f"{dead:,} of {totals.records:,} documents are dead letters ({dead / totals.records:.0%}, over the limit of {limit:.0%})"
    )
    if dead == totals.records:
        share = f"all {dead:,} documents are dead letters"
    return f"{name}: {share}; {count:,} of them: {reason}"

"""Decides again about a whole output: what would change, or a new output."""

import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import yaml

from curricle.errors import OutputError
from curricle.pipelines.output.dataset_card import dataset_card
from curricle.pipelines.output.difference import differences, read_recipe
from curricle.pipelines.output.manifest import Manifest, Totals, read_manifests, run_record, total
from curricle.pipelines.output.removals import REMOVALS
from curricle.pipelines.output.write import SPLITS
from curricle.pipelines.redecide.decision import NOT_MEASURED
from curricle.pipelines.redecide.files import read_columns
from curricle.pipelines.redecide.measure import measure
from curricle.pipelines.redecide.plan import Redecision
from curricle.pipelines.redecide.shard import Rows, Shard, judge_shard
from curricle.pipelines.redecide.write import write_shard
from curricle.storage.files import StoreError
from curricle.storage.output import Output, OutputPath, output_at

Moves = Counter[tuple[str | None, str | None]]
"""Documents by the reason before and the reason now; None: kept."""

EXAMPLES = 10


@dataclass(frozen=True, kw_only=True)
class Example:
    """A document about which the decision is another one now; None: kept."""

    id: str
    url: str | None
    before: str | None
    now: str | None
    value: str | None  # that the rule judged which rejects it now, or rejected it before


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What the new rules change."""

    before: Totals
    moves: Moves
    examples: tuple[Example, ...]
    unmatched: int  # documents without a row in a table
    notes: tuple[str, ...]

    @property
    def rejected(self) -> Counter[str]:
        """Documents that are rejected now, by rule."""
        found: Counter[str] = Counter()
        for (_, now), count in self.moves.items():
            if now is not None:
                found[now] += count
        return found

    @property
    def kept(self) -> int:
        """Documents that are kept now."""
        return sum(count for (_, now), count in self.moves.items() if now is None)

    def sides(self) -> tuple[Counter[str], Counter[str]]:
        """Documents rejected now that were kept, by the rule; and documents kept now that were rejected, by the old rule."""
        out: Counter[str] = Counter()
        back: Counter[str] = Counter()
        for (before, now), count in self.moves.items():
            if before is None and now is not None:
                out[now] += count
            elif before is not None and now is None:
                back[before] += count
        return out, back

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "before": self.before.to_dict(),
            "kept": self.kept,
            "rejected_by": dict(self.rejected.most_common()),
            "moves": [
                {"before": before, "now": now, "documents": count}
                for (before, now), count in self.moves.most_common()
                if before != now
            ],
            "not_measured": self.not_measured,
            "unmatched": self.unmatched,
            "examples": [asdict(example) for example in self.examples],
            "notes": list(self.notes),
        }

    @property
    def not_measured(self) -> int:
        """Documents that no rule rejects, and that stay rejected because a stage never measured them."""
        return self.rejected[NOT_MEASURED]


Watch = Callable[[Iterator[Any]], Iterable[Any]]
"""Passes the results of the shards on, one by one, to show how far the work is."""


def preview(plan: Redecision, examples: int = EXAMPLES, watch: Watch = iter) -> Changes:
    """What the new rules would change; writes nothing."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        summaries = pool.map(lambda manifest: _summary(plan, _judge(plan, manifest), examples), plan.manifests)
        return _changes(plan, watch(summaries), examples)


def redecide(plan: Redecision, path: OutputPath, examples: int = EXAMPLES, watch: Watch = iter) -> Changes:
    """Write a new output by the new rules, and say what changed. One that was stopped is continued.

    OutputError before anything starts if the folder cannot be used.
    """
    started = time.monotonic()
    output = output_at(path.absolute())
    if str(output.path) == str(output_at(plan.source.absolute()).path):
        raise OutputError(f"{path}: is the output itself; choose another output folder")
    if not plan.measure and preview(plan, 0).not_measured:
        plan = plan.incomplete()
    made_from = {"output": str(plan.source), "fingerprint": plan.record["fingerprint"], "files": _files_sha256(plan.manifests)}
    with _locked(output):
        _check(plan, output, made_from)
        done = _committed(output)
        if (removals := plan.source / REMOVALS).is_file():
            output.write(REMOVALS, removals.read_bytes())
        output.write("recipe.yaml", yaml.safe_dump(plan.new.recipe.resolved(), sort_keys=False, allow_unicode=True).encode())
        _write_record(plan, output, made_from, Totals(), None)

        def work(manifest: Manifest) -> "_Summary":
            shard = _judge(plan, manifest)
            if shard.name not in done:
                write_shard(plan, shard, output)
            return _summary(plan, shard, examples)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            changes = _changes(plan, watch(pool.map(work, plan.manifests)), examples)
        totals = total(read_manifests(output.path, [manifest["shard"]["name"] for manifest in plan.manifests]))
        if not totals.balanced() or totals.records != changes.before.records:
            raise RuntimeError(f"{path}: in = kept + rejected + dead does not hold: {totals.to_dict()}")
        _write_record(plan, output, made_from, totals, time.monotonic() - started)
        output.write("README.md", dataset_card(plan.new, totals).encode())
    return changes


def _judge(plan: Redecision, manifest: Manifest) -> Shard:
    shard = judge_shard(plan, manifest)
    return measure(plan, shard) if plan.measure else shard


@contextmanager
def _locked(output: Output) -> Iterator[None]:
    try:
        with output.hold():
            yield
    except StoreError as error:
        raise OutputError(str(error)) from None
    except OSError as error:
        raise OutputError(f"{output.path}: cannot be written: {error.strerror or error}") from None


def _check(plan: Redecision, output: Output, made_from: dict[str, str]) -> None:
    """OutputError if the folder holds another output."""
    record = run_record(output.path)
    if record is None:
        return
    if record.get("redecided_from") is None:
        raise OutputError(f"{output.path}: made by `curricle run`; choose another output folder")
    if record["fingerprint"] != plan.new.fingerprint:
        what = differences(record["made_by"], plan.new.fingerprint_inputs, read_recipe(output.path), plan.new.recipe.resolved())
        raise OutputError(f"{output.path}: made with {what}; choose another output folder")
    if record["redecided_from"]["files"] != made_from["files"]:
        raise OutputError(
            f"{output.path}: made from another output, or {plan.source} changed since; choose another output folder"
        )


def _committed(output: Output) -> set[str]:
    """Names of the shards whose manifest and files are there."""
    manifests = read_manifests(output.path)
    sizes = {
        split: output.sizes(split, [manifest["files"][split]["path"].rpartition("/")[2] for manifest in manifests])
        for split in SPLITS
    }
    return {
        manifest["shard"]["name"]
        for manifest in manifests
        if all(sizes[split].get(file["path"].rpartition("/")[2]) == file["bytes"] for split, file in manifest["files"].items())
    }


def _files_sha256(manifests: tuple[Manifest, ...]) -> str:
    """One hash over the files of an output."""
    lines = [" ".join(file["sha256"] for file in manifest["files"].values()) for manifest in manifests]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _write_record(plan: Redecision, output: Output, made_from: dict[str, str], totals: Totals, seconds: float | None) -> None:
    record: dict[str, Any] = {
        **plan.record,
        "recipe": plan.new.recipe.name,
        "made_by": plan.new.fingerprint_inputs,
        "fingerprint": plan.new.fingerprint,
        "counts": totals.to_dict(),
        "finished": seconds is not None,
        "seconds": None if seconds is None else round(seconds, 3),
        "stage_cpu_seconds": {},
        "redecided_from": made_from,
    }
    output.write("run.json", orjson.dumps(record, option=orjson.OPT_INDENT_2))


@dataclass(frozen=True)
class _Summary:
    """What changed in one shard."""

    moves: Moves
    examples: tuple[Example, ...]
    unmatched: int


def _summary(plan: Redecision, shard: Shard, examples: int) -> _Summary:
    return _Summary(shard.moves(), tuple(_examples(plan, shard, examples)), shard.unmatched)


def _changes(plan: Redecision, shards: Iterable[_Summary], examples: int) -> Changes:
    moves: Moves = Counter()
    shown: list[Example] = []
    unmatched = 0
    for shard in shards:
        moves.update(shard.moves)
        shown += shard.examples
        unmatched += shard.unmatched
    return Changes(
        before=total(plan.manifests),
        moves=moves,
        examples=tuple(_mixed(shown, examples)),
        unmatched=unmatched,
        notes=plan.notes(),
    )


def _examples(plan: Redecision, shard: Shard, most: int) -> Iterator[Example]:
    """Documents of a shard that change sides, up to `most` for each pair of reasons."""
    rows = _picked(shard, most)
    kept = int(np.count_nonzero(shard.kept_before))
    for split, first, some in (("kept", 0, rows[rows < kept]), ("rejected", kept, rows[rows >= kept])):
        if not len(some):
            continue
        table = read_columns(plan.source / shard.manifest["files"][split]["path"], ("id", "url"))
        for row, found in zip(some.tolist(), table.take(pa.array(some - first)).to_pylist(), strict=True):
            before, now = shard.before.reason[row].as_py(), shard.now.reason[row].as_py()
            value = shard.now.value if now is not None else shard.before.value
            yield Example(**found, before=before, now=now, value=value[row].as_py())


def _picked(shard: Shard, most: int) -> Rows:
    """The first rows that change sides, up to `most` for each pair of reasons."""
    moved = np.flatnonzero(shard.kept != shard.kept_before)
    reasons = shard.now.reason.take(pa.array(moved)).fill_null(""), shard.before.reason.take(pa.array(moved)).fill_null("")
    pairs = pc.binary_join_element_wise(*reasons, "").dictionary_encode()
    codes = pairs.indices.to_numpy(zero_copy_only=False)
    firsts = [np.flatnonzero(codes == code)[:most] for code in range(len(pairs.dictionary))]
    return moved[np.sort(np.concatenate(firsts))] if firsts else moved


def _mixed(examples: list[Example], most: int) -> Iterator[Example]:
    """Up to `most` examples: the pairs of reasons take turns."""
    turns: Moves = Counter()
    keyed = []
    for number, example in enumerate(examples):
        turns[example.before, example.now] += 1
        keyed.append((turns[example.before, example.now], number, example))
    return islice((example for _, _, example in sorted(keyed, key=lambda one: one[:2])), most)

"""What is left to do in an output folder: shards that are not committed, or whose committed files are gone or cut."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

import xxhash

from curricle.errors import OutputError
from curricle.pipelines.execute.shard_task import ShardTask
from curricle.pipelines.output.difference import differences, read_recipe
from curricle.pipelines.output.manifest import Manifest, run_record
from curricle.pipelines.output.write import SPLITS, Sink, manifest_path, split_path
from curricle.pipelines.plan.run_plan import Plan
from curricle.schemas.shards import Shard
from curricle.stages.read.content import shard_content
from curricle.storage.output import Output

SHOWN = 3  # sources that a message names


@dataclass(frozen=True)
class Resumed:
    """The tasks of a run, what is committed, and what to say about the output that was found, one line each."""

    tasks: tuple[ShardTask, ...]
    committed: tuple[Manifest, ...]
    notes: tuple[str, ...]


def inputs_hash(shards: Iterable[Shard]) -> str:
    """Hash of the set of shards: what run.json knows of the inputs."""
    return xxhash.xxh3_128_hexdigest("\n".join(sorted(shard.name for shard in shards)).encode())


def resume(plan: Plan, output: Output, manifests: list[Manifest], *, append: bool, prune: bool) -> Resumed:
    """Find the tasks for the shards that are not committed, and remove the manifests of those whose files are gone or cut.

    With `prune`, files and manifests of inputs that the plan does not name are removed too. OutputError if the folder was made in
    another way, an input changed, or there are new inputs and `append` is false.
    """
    _check(plan, output, manifests)
    committed = {manifest["shard"]["name"]: manifest for manifest in manifests}
    planned = {shard.name for shard in plan.shards}
    earlier = [manifest for name, manifest in committed.items() if name not in planned]
    record = run_record(output.path) or {}
    added = [shard.source for shard in plan.shards if shard.name not in committed]
    if added and record.get("inputs", inputs_hash(plan.shards)) != inputs_hash(plan.shards) and not append:
        raise OutputError(
            f"{output.path}: made from other inputs; {_named(added)} not among them; add --append to extend it, or choose "
            "another output folder"
        )
    notes = []
    if earlier and prune:
        _remove(output, earlier)
        notes.append(f"removed the documents of {_named(_sources(earlier), ', which')} no longer among the inputs")
    elif earlier:
        notes.append(f"{_named(_sources(earlier))} not among the inputs now; the documents stay (--prune removes them)")
    broken = _broken(output, [manifest for name, manifest in committed.items() if name in planned])
    for shard, _ in broken:
        manifest_path(output.path, shard).unlink()
    if broken:
        many = "1 finished shard is" if len(broken) == 1 else f"{len(broken)} finished shards are"
        notes.append(f"{many} made again: {'; '.join(what for _, what in broken[:SHOWN])}")
    for name in (*(shard for shard, _ in broken), *(manifest["shard"]["name"] for manifest in earlier if prune)):
        del committed[name]
    sink = Sink(output=str(output.path), schemas=plan.schemas, fingerprint=plan.fingerprint)
    tasks = tuple(ShardTask(shard, plan.recipe.read, plan.steps, sink) for shard in plan.shards if shard.name not in committed)
    return Resumed(tasks, tuple(committed.values()), tuple(notes))


def _check(plan: Plan, output: Output, manifests: list[Manifest]) -> None:
    """OutputError if the committed shards were made in another way, or their inputs changed."""
    if manifests and manifests[0]["fingerprint"] != plan.fingerprint:
        made_by = (run_record(output.path) or {}).get("made_by", {})
        what = differences(made_by, plan.fingerprint_inputs, read_recipe(output.path), plan.recipe.resolved())
        raise OutputError(f"{output.path}: made with {what}; choose another output folder")
    committed = {manifest["shard"]["name"]: manifest for manifest in manifests}
    for shard in plan.shards:
        if (manifest := committed.get(shard.name)) and manifest["shard"]["version"] != shard.version:
            if "content" in manifest and manifest["content"] == shard_content(shard):
                continue  # only its time of modification changed
            raise OutputError(f"{shard.source}: changed since it was written to {output.path}; choose another output folder")


def _broken(output: Output, manifests: list[Manifest]) -> list[tuple[str, str]]:
    """Name of each shard of which a file is missing or has another size than its manifest says, and what is wrong."""
    found = {
        split: output.sizes(split, [manifest["files"][split]["path"].rpartition("/")[2] for manifest in manifests])
        for split in SPLITS
    }
    broken: dict[str, str] = {}
    for manifest in manifests:
        for split, file in manifest["files"].items():
            size = found[split].get(file["path"].rpartition("/")[2])
            if size != file["bytes"]:
                what = "is missing" if size is None else f"has {size} bytes, not {file['bytes']}"
                broken.setdefault(manifest["shard"]["name"], f"{file['path']} {what}")
    return list(broken.items())


def _remove(output: Output, manifests: list[Manifest]) -> None:
    """Remove the manifests, then the files: a shard without a manifest is not committed."""
    for manifest in manifests:
        manifest_path(output.path, manifest["shard"]["name"]).unlink(missing_ok=True)
        for split in SPLITS:
            (output.path / split_path(split, manifest["shard"]["name"])).unlink(missing_ok=True)


def _sources(manifests: list[Manifest]) -> list[str]:
    return [manifest["shard"]["source"] for manifest in manifests]


def _named(sources: list[str], link: str = "") -> str:
    """`a.jsonl, b.jsonl and 7 other files are`; with `link` before the verb."""
    unique = list(Counter(sources))
    more = len(unique) - SHOWN
    shown = ", ".join(islice(unique, SHOWN)) + (f" and {more} other files" if more > 0 else "")
    return f"{shown}{link} {'is' if len(unique) == 1 else 'are'}"

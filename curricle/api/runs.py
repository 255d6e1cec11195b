"""Planning and running a recipe from Python."""

import os
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from os import fspath
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from curricle.api.outputs import Output
from curricle.errors import InputError, RecipeError, RunFailedError, RunnerError
from curricle.pipelines.execute.local import local_launcher
from curricle.pipelines.execute.run import run as run_plan
from curricle.pipelines.plan.recipe import Recipe, check_recipe, load_recipe
from curricle.pipelines.plan.run_plan import Plan, make_plan
from curricle.pipelines.plan.settings import apply_settings
from curricle.schemas.dead_limits import DEFAULT_LIMITS, DeadLimits
from curricle.schemas.extensions import look_in
from curricle.storage.output import parse_output

RecipeLike = str | Path | Mapping[str, Any]
"""The name of a shipped recipe, the path of a recipe file, or a recipe's content."""

Settings = Mapping[str, Any]
"""Changes to a recipe by dotted key: `{"stages.quality": False, "decide.adult_like.min.en": -0.1}`."""


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """What a run will do; nothing has been started."""

    recipe: Mapping[str, Any]
    """The recipe with all defaults."""
    steps: tuple[str, ...]
    """Names of the stages in order; `decide` where rules are judged."""
    schemas: Mapping[str, pa.Schema]
    """Columns of the files in `kept`, `rejected` and `dead`."""
    shards: int
    """Units of commit: input files, ranges of large files."""
    input_bytes: int
    """Size of the inputs in storage."""
    fingerprint: str
    """Hash of everything that decides the output except the inputs: recipe, models and code."""


def resolve_recipe(recipe: RecipeLike, settings: Settings) -> Recipe:
    """The checked recipe; RecipeError, one line, for a mistake in it or in `settings`."""
    if not isinstance(settings, Mapping):
        raise RecipeError("settings must be a dictionary, such as {'stages.language.min_score': 0.5}")
    changes = [f"{key}={_as_yaml(key, value)}" for key, value in settings.items()]
    if not isinstance(recipe, Mapping):
        return load_recipe(str(recipe), changes)
    content = deepcopy(dict(recipe))
    rule_changes = apply_settings(content, changes)
    look_in(Path())
    return check_recipe("recipe", content, "recipe", changes=rule_changes)


def _as_yaml(key: str, value: object) -> str:
    try:
        return orjson.dumps(value, default=fspath, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    except TypeError:
        raise RecipeError(
            f"settings: {key} cannot be {value!a:.80}: give a number, a text, true or false, None, a path, a list or a dictionary"
        ) from None


def check_paths(paths: object, what: str) -> list[str]:
    """One path or URL, or several, as a list; InputError for anything else."""
    listed = [paths] if isinstance(paths, str | Path) else paths
    if isinstance(listed, bytes | Mapping) or not isinstance(listed, Iterable):
        raise InputError(f"{what} must be a path, a URL or a list of them, not {paths!a:.80}")
    found = list(listed)
    if not found:
        raise InputError(f"{what}: the list is empty")
    if wrong := [path for path in found if not isinstance(path, str | Path) or not str(path)]:
        raise InputError(f"{what} must be a path, a URL or a list of them, not {wrong[0]!a:.80}")
    return [str(path) for path in found]


def check_path(path: object, what: str) -> str:
    """A path or URL as text; InputError for anything else."""
    if not isinstance(path, str | Path) or not str(path):
        raise InputError(f"{what} must be a path or a URL, not {path!a:.80}")
    return str(path)


def check_workers(workers: object) -> int:
    """The number of worker processes: one for each core if it is None; RunnerError for one that is out of range."""
    if workers is None:
        return os.cpu_count() or 1
    if not isinstance(workers, int) or workers < 1:
        raise RunnerError(f"workers must be a whole number of at least 1, not {workers!a:.80}")
    return workers


def plan(recipe: RecipeLike, inputs: str | Path | Sequence[str | Path], *, settings: Settings | None = None) -> RunPlan:
    """Check a recipe and find its inputs and models, without starting anything.

    `inputs` are files, folders, globs or URLs. Raises RecipeError, InputError or ModelError, each one line.
    """
    made = _plan(recipe, inputs, settings or {})
    return RunPlan(
        recipe=made.recipe.resolved(),
        steps=tuple(step.name for step in made.steps),
        schemas=made.schemas,
        shards=len(made.shards),
        input_bytes=sum(shard.size for shard in made.shards),
        fingerprint=made.fingerprint,
    )


def run(
    recipe: RecipeLike,
    inputs: str | Path | Sequence[str | Path],
    output: str | Path,
    *,
    settings: Settings | None = None,
    workers: int | None = None,
    progress: bool = False,
    append: bool = False,
    prune: bool = False,
    max_dead: float = DEFAULT_LIMITS.run,
    max_dead_per_file: float = DEFAULT_LIMITS.file,
) -> Output:
    """Run a recipe over `inputs` into the folder `output`, in `workers` processes (default: one for each core).

    A run that was stopped continues where it was; a finished one returns at once. `append` allows inputs that earlier runs into
    this folder did not have; `prune` removes the documents of those that are gone. Raises RunFailedError if shards failed, or if
    a larger share of the documents than `max_dead`, or of a file's documents than `max_dead_per_file`, are dead letters (what is
    committed stays), OutputError where the folder holds something else, and what `plan` raises. A script needs no
    `if __name__ == "__main__"`: workers do not import it.
    """
    processes, path = check_workers(workers), parse_output(check_path(output, "output"))
    made = _plan(recipe, inputs, settings or {})
    limits = DeadLimits(max_dead, max_dead_per_file)
    launcher = local_launcher(processes)
    result = run_plan(made, path, launcher, quiet=not progress, append=append, prune=prune, limits=limits)
    if result.failed:
        causes = "; ".join(f"{source}: {cause}" for source, cause in list(result.failed.items())[:3])
        raise RunFailedError(f"{len(result.failed)} of {len(made.shards)} shards failed: {causes}")
    if result.too_many_dead:
        raise RunFailedError(f"too many dead letters: {'; '.join(result.too_many_dead)}")
    return Output(path)


def _plan(recipe: RecipeLike, inputs: str | Path | Sequence[str | Path], settings: Settings) -> Plan:
    return make_plan(resolve_recipe(recipe, settings), check_paths(inputs, "inputs"))

"""Arms of benchmarks/does_it_help.py, made by the product: recipes for `curricle run`, plans for `curricle curriculum`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq
import yaml

from curricle.pipelines.curriculum.run import make_curriculum, write_curriculum
from curricle.pipelines.execute.local import local_launcher
from curricle.pipelines.execute.run import run
from curricle.pipelines.plan.recipe import load_recipe
from curricle.pipelines.plan.run_plan import make_plan
from curricle.schemas.curriculum import Curriculum
from curricle.stages.perplexity import PerplexityConfig

LANGUAGE_ONLY: dict[str, Any] = {
    "description": "Reader and language only.",
    "stages": {"extract": {}, "language": {"model": "lid.176"}},
    "decide": [
        {"name": "empty", "column": "text_chars", "min": 1, "on_null": "reject"},
        {"name": "short", "column": "text_chars", "min": 200},
        {"name": "language_unsure", "column": "language_score", "min": 0.65},
    ],
}
FINEWEB = ("gopher_repetition@datatrove", "gopher_quality@datatrove", "c4@datatrove", "fineweb@datatrove")
FINEWEB2 = ("fineweb2@datatrove",)
"""Published rules: FineWeb's for English, FineWeb2's with their thresholds for each other language."""


def _with_rules(names: tuple[str, ...]) -> dict[str, Any]:
    return {
        "description": f"The same, and {', '.join(names)}.",
        "stages": {**LANGUAGE_ONLY["stages"], "heuristics": {}},
        "decide": [*LANGUAGE_ONLY["decide"], *({"use": name} for name in names)],
    }


RECIPES: dict[str, dict[str, Any] | None] = {
    "language": LANGUAGE_ONLY,
    "fineweb": _with_rules(FINEWEB),
    "fineweb2": _with_rules(FINEWEB2),
    "web": None,  # the shipped one
}

POOL_SHARE = 0.25  # of the documents that a seed's arms may draw from

BY_DOMAIN = {"by": "domain", "proportional": True, "when_short": "rest"}
BOTH = {"columns": {"quality_overall_raw": 1, "ppl_logratio": 1}, "scale": "zscore"}


@dataclass(frozen=True)
class Arm:
    """What a model is trained on: phases (their `tokens` are shares of the budget) over the output of one recipe."""

    name: str
    recipe: str
    phases: tuple[dict[str, Any], ...]
    shuffled: bool = False  # the documents of all phases in one random order

    def recipe_for(self, language: str) -> str:
        """The recipe's name: FineWeb's rules are English ones, and FineWeb2's do not judge English."""
        return "fineweb2" if self.recipe == "fineweb" and language != "en" else self.recipe


def _train(**settings: Any) -> tuple[dict[str, Any], ...]:
    return ({"name": "train", "tokens": 1.0, **settings},)


PHASES = (
    {"name": "broad", "tokens": 0.5, "mixture": BY_DOMAIN},
    {"name": "better", "tokens": 0.3, "mixture": BY_DOMAIN, "select": {"method": "high", "score": BOTH, "fraction": 0.5}},
    {
        "name": "best",
        "tokens": 0.2,
        "mixture": BY_DOMAIN,
        "select": {"method": "top", "score": BOTH},
        "replay": {"from": ["broad"], "share": 0.1},
    },
)

RANDOM = Arm("random", "language", _train())
ARMS = (
    RANDOM,
    Arm("heuristics", "fineweb", _train()),
    Arm("ours", "web", _train(mixture=BY_DOMAIN, select={"method": "top", "score": BOTH})),
    Arm("student alone", "web", _train(mixture=BY_DOMAIN, select={"method": "top", "score": "quality_overall_raw"})),
    Arm("log-ratio alone", "web", _train(mixture=BY_DOMAIN, select={"method": "top", "score": "ppl_logratio"})),
    Arm("overall >= 4", "web", _train(where={"quality_overall_score": {"min": 4}}, mixture=BY_DOMAIN)),
    Arm("phases", "web", PHASES),
    Arm("phases, shuffled", "web", PHASES, shuffled=True),
)
BOTH_JUDGES = ("random", "heuristics", "ours", "phases")
TRANSFORMER_ONLY = ("phases, shuffled",)  # a KenLM counts n-grams, in whatever order they come
"""Which judges see which arms; the others are the KenLM's alone, for the sake of time."""


def run_recipes(
    inputs: Sequence[str], languages: Sequence[str], settings: tuple[str, ...], scratch: Path, workers: int
) -> dict[str, Path]:
    """Outputs of `curricle run` by recipe, for the arms of these languages; `settings` are those of the shipped recipe `web`."""
    outputs = {}
    for name in dict.fromkeys(arm.recipe_for(language) for language in languages for arm in ARMS):
        recipe = RECIPES[name]
        path = scratch / f"{name}.yaml"
        if recipe:
            path.write_text(yaml.safe_dump(recipe, sort_keys=False))
        loaded = load_recipe(str(path)) if recipe else load_recipe("web", settings)
        outputs[name] = scratch / f"run-{name}"
        result = run(make_plan(loaded, inputs), outputs[name], local_launcher(workers), quiet=True)
        if result.failed:
            raise SystemExit(f"{name}: {result.failed}")
    return outputs


def with_clean_model(folder: Path) -> tuple[str, ...]:
    """Settings of `web` that score English with the clean model in `folder`, and all else with the shipped ones."""
    clean = {**dict(PerplexityConfig().clean), "en": str(folder)}
    return ("stages.perplexity.clean=" + orjson.dumps(clean).decode(),)


def plan_of(arm: Arm, language: str, budget: int, seed: int) -> Curriculum:
    """The arm's plan. The seed leaves a quarter of the pool's documents: the same ones to every arm."""
    phases = [
        {**phase, "tokens": round(phase["tokens"] * budget), "where": {"language": language, **phase.get("where", {})}}
        for phase in arm.phases
    ]
    outside = {"name": "outside", "share": 1 - POOL_SHARE}
    return Curriculum.model_validate({"seed": seed, "heldout": outside, "phases": phases})


class InThisProcess:
    """No worker process: starting one takes ten times what a curriculum of a few megabytes does."""

    def run(self, tasks: Sequence[Any], work: Callable[..., None]) -> None:
        """Every task, in order."""
        for task in tasks:
            if not task.commit.exists():
                work(task, lambda *_: None)


def make_arm(arm: Arm, language: str, budget: int, seed: int, runs: dict[str, Path], output: Path) -> list[str]:
    """Texts of the arm in the order of its training, by `curricle curriculum`."""
    workers = InThisProcess()
    planned = make_curriculum(plan_of(arm, language, budget, seed), [runs[arm.recipe_for(language)]], workers)
    write_curriculum(planned, output, workers)
    return [text for path in sorted(output.glob("[0-9]*/part-*.parquet")) for text in pq.read_table(path)["text"].to_pylist()]


def pool_bytes(output: Path, language: str) -> tuple[int, int]:
    """Documents and bytes of this language that a run kept."""
    sizes = [
        len(row["text"].encode())
        for path in sorted((output / "kept").glob("*.parquet"))
        for row in pq.read_table(path, columns=["text", "language"]).to_pylist()
        if row["language"] == language
    ]
    return len(sizes), sum(sizes)

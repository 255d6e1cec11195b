"""curricle turns web crawls into filtered, scored, domain-tagged Parquet shards and training curricula.

    import curricle

    table = curricle.score(["A first text.", "A second one."], recipe="web")  # in this process
    output = curricle.run("web", ["crawl/*.warc.gz"], "OUT")                    # in worker processes, resumable
    output.kept.to_table(columns=["url", "language", "quality_overall_score"])
    curriculum = curricle.make_curriculum("plan.yaml", ["OUT"], "CUR")

Importing this package imports nothing else: each function imports what it needs when it is called. docs/python.md shows all of
it. Every mistake that a user can correct is a `CurricleError` whose message is one line.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from curricle.api.curricula import Curriculum, make_curriculum, open_curriculum
    from curricle.api.outputs import Counts, Output, open
    from curricle.api.runs import RunPlan, plan, run
    from curricle.api.scoring import run_stage, score
    from curricle.errors import CurricleError
    from curricle.schemas.column import Column
    from curricle.schemas.config import Config
    from curricle.schemas.stage import Stage

_HOMES: Final = {
    "Column": "curricle.schemas.column",
    "Config": "curricle.schemas.config",
    "Counts": "curricle.api.outputs",
    "CurricleError": "curricle.errors",
    "Curriculum": "curricle.api.curricula",
    "Output": "curricle.api.outputs",
    "RunPlan": "curricle.api.runs",
    "Stage": "curricle.schemas.stage",
    "make_curriculum": "curricle.api.curricula",
    "open": "curricle.api.outputs",
    "open_curriculum": "curricle.api.curricula",
    "plan": "curricle.api.runs",
    "run": "curricle.api.runs",
    "run_stage": "curricle.api.scoring",
    "score": "curricle.api.scoring",
}
"""Public name -> the module that defines it."""

__all__ = [
    "Column",
    "Config",
    "Counts",
    "CurricleError",
    "Curriculum",
    "Output",
    "RunPlan",
    "Stage",
    "make_curriculum",
    "open",
    "open_curriculum",
    "plan",
    "run",
    "run_stage",
    "score",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'curricle' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return __all__

"""The stages that a recipe may name, in one literal table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, cast

import pyarrow as pa
from curricle.schemas.column import Column
from curricle.schemas.columns import PARAGRAPHS
from curricle.schemas.config import Config
from curricle.schemas.heuristic_columns import VARIANTS
from curricle.stages.clean_lines import CleanLinesConfig, clean_lines
from curricle.stages.datatrove_filter import DatatroveConfig, build_steps, run_datatrove
from curricle.stages.decide import DecideConfig, decide
from curricle.stages.domain import TAG_COLUMNS, DomainConfig, load_model, tag_domain
from curricle.stages.extract import ExtractConfig, extract_text
from curricle.stages.heuristics.config import HeuristicsConfig
from curricle.stages.heuristics.tag import load_kernels, tag_heuristics
from curricle.stages.language import LanguageConfig, tag_language
from curricle.stages.language import load_model as load_language_model
from curricle.stages.perplexity import PerplexityConfig, load_models, tag_perplexity
from curricle.stages.quality import QualityConfig, load_raters, rate_quality
from curricle.stages.redact import RedactConfig, redact
from curricle.stages.url_rules.config import UrlRulesConfig
from curricle.stages.url_rules.tag import UrlRules, tag_url_rules

Steps = tuple[tuple[str, Config], ...]
"""Stage name (or `decide`) and configuration, in order."""


class StageConfig(Protocol):
    """What the planner asks of a stage's configuration."""

    expensive: ClassVar[bool]  # computes living rows only, so a decision is placed before it

    def reads(self) -> tuple[str, ...]:
        """Names of the columns that must be there."""

    def writes(self) -> tuple[Column, ...]:
        """Columns that it appends, in order."""

    def models(self) -> tuple[Path, ...]:
        """Model folders whose hashes belong to the run's fingerprint."""

    def packages(self) -> tuple[str, ...]:
        """Modules of other projects whose versions belong to it."""


@dataclass(frozen=True)
class Stage:
    """A stage: what configures it, and the kernel that runs on every batch (stages/kernel.py)."""

    config: type[Config]
    kernel: Callable[..., pa.RecordBatch]
    load: Callable[[Any], Any] | None = None  # what the kernel needs in memory, by configuration
    on_demand: tuple[tuple[str, tuple[Column, ...]], ...] = ()  # what to set, and the columns that it writes only then


def _by_name(groups: Mapping[str, tuple[Column, ...]], setting: str) -> tuple[tuple[str, tuple[Column, ...]], ...]:
    return tuple((f"add {name!r} to `{setting}`", columns) for name, columns in groups.items())


STAGES: dict[str, Stage] = {
    "extract": Stage(ExtractConfig, extract_text),
    "url_rules": Stage(UrlRulesConfig, tag_url_rules, UrlRules),
    "redact": Stage(RedactConfig, redact),
    "clean_lines": Stage(CleanLinesConfig, clean_lines),
    "language": Stage(LanguageConfig, tag_language, load_language_model),
    "heuristics": Stage(HeuristicsConfig, tag_heuristics, load_kernels, _by_name(VARIANTS, "variants")),
    "perplexity": Stage(PerplexityConfig, tag_perplexity, load_models, (("add `paragraphs: {}` to the settings", PARAGRAPHS),)),
    "datatrove": Stage(DatatroveConfig, run_datatrove, build_steps),
    "quality": Stage(QualityConfig, rate_quality, load_raters),
    "domain": Stage(DomainConfig, tag_domain, load_model, _by_name(TAG_COLUMNS, "tags")),
}

DECIDE = Stage(DecideConfig, decide)
"""Stands in a plan where its decisions can be taken: a recipe does not name it among the stages."""


def writer_of(column: str) -> tuple[str, str | None] | None:
    """The stage that writes `column`, and what must be set for it (None: nothing); None for a reader's or an unknown column."""
    for name, stage in STAGES.items():
        if _has(column, cast(StageConfig, stage.config()).writes()):
            return name, None
        for setting, columns in stage.on_demand:
            if _has(column, columns):
                return name, setting
    return None


def _has(column: str, columns: tuple[Column, ...]) -> bool:
    return any(column == written.name for written in columns)

"""The stages that a recipe may name, in one literal table."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, cast

import apache_beam as beam

from schemas.column import Column
from schemas.columns import PARAGRAPHS
from schemas.config import Config
from schemas.heuristic_columns import VARIANTS
from stages.clean_lines import CleanLines, CleanLinesConfig
from stages.datatrove_filter import DatatroveConfig, RunDatatrove
from stages.domain import TAG_COLUMNS, DomainConfig, TagDomain
from stages.extract import ExtractConfig, ExtractText
from stages.heuristics.config import HeuristicsConfig
from stages.heuristics.tag import TagHeuristics
from stages.language import LanguageConfig, TagLanguage
from stages.perplexity import PerplexityConfig, ScorePerplexity
from stages.quality import QualityConfig, RateQuality
from stages.redact import Redact, RedactConfig
from stages.url_rules.config import UrlRulesConfig
from stages.url_rules.tag import TagUrlRules


class StageConfig(Protocol):
    """What the planner asks of a stage's configuration."""

    expensive: ClassVar[bool]  # computes living rows only, so a decision is placed before it

    def reads(self) -> tuple[str, ...]:
        """Names of the columns that must be there."""

    def writes(self) -> tuple[Column, ...]:
        """Columns that it appends, in order."""

    def models(self) -> tuple[Path, ...]:
        """Model folders whose hashes belong to the run's fingerprint."""


@dataclass(frozen=True)
class Stage:
    """A stage's configuration type and the transform that takes it."""

    config: type[Config]
    transform: type[beam.PTransform]
    on_demand: tuple[tuple[str, tuple[Column, ...]], ...] = ()  # what to set, and the columns that it writes only then


def _by_name(groups: Mapping[str, tuple[Column, ...]], setting: str) -> tuple[tuple[str, tuple[Column, ...]], ...]:
    return tuple((f"add {name!r} to `{setting}`", columns) for name, columns in groups.items())


STAGES: dict[str, Stage] = {
    "extract": Stage(ExtractConfig, ExtractText),
    "url_rules": Stage(UrlRulesConfig, TagUrlRules),
    "redact": Stage(RedactConfig, Redact),
    "clean_lines": Stage(CleanLinesConfig, CleanLines),
    "language": Stage(LanguageConfig, TagLanguage),
    "heuristics": Stage(HeuristicsConfig, TagHeuristics, _by_name(VARIANTS, "variants")),
    "perplexity": Stage(PerplexityConfig, ScorePerplexity, (("add `paragraphs: {}` to the settings", PARAGRAPHS),)),
    "datatrove": Stage(DatatroveConfig, RunDatatrove),
    "quality": Stage(QualityConfig, RateQuality),
    "domain": Stage(DomainConfig, TagDomain, _by_name(TAG_COLUMNS, "tags")),
}


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

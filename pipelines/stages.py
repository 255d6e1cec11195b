"""The stages that a recipe may name, in one literal table."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

import apache_beam as beam

from schemas.column import Column
from schemas.config import Config
from stages.clean_lines import CleanLines, CleanLinesConfig
from stages.datatrove_filter import DatatroveConfig, RunDatatrove
from stages.domain import DomainConfig, TagDomain
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


STAGES: dict[str, Stage] = {
    "extract": Stage(ExtractConfig, ExtractText),
    "url_rules": Stage(UrlRulesConfig, TagUrlRules),
    "redact": Stage(RedactConfig, Redact),
    "clean_lines": Stage(CleanLinesConfig, CleanLines),
    "language": Stage(LanguageConfig, TagLanguage),
    "heuristics": Stage(HeuristicsConfig, TagHeuristics),
    "perplexity": Stage(PerplexityConfig, ScorePerplexity),
    "datatrove": Stage(DatatroveConfig, RunDatatrove),
    "quality": Stage(QualityConfig, RateQuality),
    "domain": Stage(DomainConfig, TagDomain),
}

"""Which paragraph of a text, and which words in it, weigh most in the harmful log-ratio and in the student's overall rating."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curricle.models.kenlm.paragraphs import paragraphs
from curricle.models.raters.backends import StudentConfig
from curricle.pipelines.plan.recipe import Recipe
from curricle.stages.perplexity import Models, ParagraphsConfig, PerplexityConfig, category_ratios, load_models
from curricle.stages.quality import QualityConfig

MOST_WORDS = 10
LONGEST = 400  # words of a paragraph that are tried

Numbers: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Weight:
    """The paragraph of a text whose value is lowest, and the words without which it would be highest."""

    column: str  # whose measure is applied to the paragraph
    value: float
    paragraph: str
    number: int  # of the paragraph, from 1
    paragraphs: int
    words: tuple[tuple[str, float], ...]  # each with what the value would gain without one of it


def harm(text: str, language: str | None, recipe: Recipe, wanted: str | None = None) -> Weight | None:
    """What weighs most in a log-ratio of the recipe's stage `perplexity`; None if it has no models for the language.

    The category is `wanted`, or the one whose log-ratio is lowest in a paragraph. Raises ModelError if a model is missing.
    """
    config = next((step.config for step in recipe.steps if isinstance(step.config, PerplexityConfig)), None)
    if config is None or language is None:
        return None
    only = config.model_copy(
        update={
            "clean": tuple(pair for pair in config.clean if pair[0] == language),
            "harmful": tuple(pair for pair in config.harmful if pair[0] == language),
        }
    )
    models = load_models(only).get(language)
    if models is None or models.clean is None or not models.harmful:
        return None
    pieces = _pieces(text, config.paragraphs or ParagraphsConfig())
    lowest = {category: values for category, values in _ratios(models, pieces).items() if not np.isnan(values).all()}
    if not lowest:
        return None
    category = wanted if wanted in lowest else min(lowest, key=lambda name: np.nanmin(lowest[name]))
    column = f"ppl_logratio_{category}" if category else "ppl_logratio"
    return _weigh(column, pieces, lowest[category], lambda texts: _ratios(models, texts)[category])


def quality(text: str, recipe: Recipe) -> Iterator[Weight]:
    """What weighs most in the overall rating of each student in the recipe. Raises ModelError if one is missing."""
    raters = (rater for step in recipe.steps if isinstance(step.config, QualityConfig) for rater in step.config.raters)
    for rater in raters:
        if isinstance(rater, StudentConfig):
            student = rater.load()

            def rate(texts: pa.Array, predict: Callable[[pa.Array], pa.Table] = student.predict) -> Numbers:
                raw: Numbers = predict(texts).column("overall_raw").to_numpy().astype(np.float64)
                return raw

            pieces = _pieces(text, ParagraphsConfig())
            yield _weigh(f"{rater.prefix}_overall_raw", pieces, rate(pieces), rate)


def _pieces(text: str, config: ParagraphsConfig) -> pa.Array:
    return paragraphs(pa.array([text], pa.string()), config.min_bytes)[0]


def _weigh(column: str, pieces: pa.Array, values: Numbers, measure: Callable[[pa.Array], Numbers]) -> Weight:
    """The lowest of the paragraphs, whose `values` are known; `measure` gives those of other texts."""
    number = int(np.nanargmin(values))
    paragraph = pieces[number].as_py()
    words = paragraph.split()[:LONGEST]
    without = [" ".join(words[:at] + words[at + 1 :]) for at in range(len(words))]
    whole, *others = measure(pa.array([" ".join(words), *without], pa.string()))
    gains: dict[str, float] = {}
    for word, other in zip(words, others, strict=True):
        if other > whole:
            gains[word] = max(gains.get(word, 0.0), float(other - whole))
    return Weight(
        column=column,
        value=float(values[number]),
        paragraph=paragraph,
        number=number + 1,
        paragraphs=len(pieces),
        words=tuple(sorted(gains.items(), key=lambda gain: -gain[1])[:MOST_WORDS]),
    )


def _ratios(models: Models, texts: pa.Array) -> dict[str, Numbers]:
    """The log-ratio of each text by category, NaN where a text has no token."""
    return {category: values.to_numpy(zero_copy_only=False) for category, values in category_ratios(models, texts).items()}

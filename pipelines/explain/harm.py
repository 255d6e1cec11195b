"""Which paragraph of a text, and which words in it, weigh most in the harmful log-ratio."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curricle.models.kenlm.paragraphs import paragraphs
from curricle.pipelines.plan.recipe import Recipe
from curricle.stages.perplexity import Models, ParagraphsConfig, PerplexityConfig, category_ratios, load_models

MOST_WORDS = 10
LONGEST = 400  # words of a paragraph that are tried


@dataclass(frozen=True, kw_only=True)
class Harm:
    """The worst paragraph of a text, and the words whose removal raises its log-ratio most."""

    category: str  # whose log-ratio is lowest in it
    logratio: float
    paragraph: str
    number: int  # of the paragraph, from 1
    paragraphs: int
    words: tuple[tuple[str, float], ...]  # each with what the log-ratio would gain without one of it


def weigh(text: str, language: str, recipe: Recipe, wanted: str | None = None) -> Harm | None:
    """What weighs most in a log-ratio of the recipe's stage `perplexity`; None if it has no models for the language.

    The category is `wanted`, or the one whose log-ratio is lowest in a paragraph. Raises ModelError if a model is missing.
    """
    config = next((step.config for step in recipe.steps if isinstance(step.config, PerplexityConfig)), None)
    if config is None:
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
    pieces, _ = paragraphs(pa.array([text], pa.string()), (config.paragraphs or ParagraphsConfig()).min_bytes)
    lowest = {category: values for category, values in _ratios(models, pieces).items() if not np.isnan(values).all()}
    if not lowest:
        return None
    category = wanted if wanted in lowest else min(lowest, key=lambda name: np.nanmin(lowest[name]))
    number = int(np.nanargmin(lowest[category]))
    paragraph, ratio = pieces[number].as_py(), float(lowest[category][number])
    return Harm(
        category=category,
        logratio=ratio,
        paragraph=paragraph,
        number=number + 1,
        paragraphs=len(pieces),
        words=_words(models, category, paragraph, ratio),
    )


def _words(models: Models, category: str, paragraph: str, ratio: float) -> tuple[tuple[str, float], ...]:
    """The words without which the log-ratio of the paragraph would be higher, those that would change it most first."""
    words = paragraph.split()[:LONGEST]
    without = [" ".join(words[:at] + words[at + 1 :]) for at in range(len(words))]
    whole, *others = _ratios(models, pa.array([" ".join(words), *without], pa.string()))[category]
    gains: dict[str, float] = {}
    for word, other in zip(words, others, strict=True):
        if other > whole:
            gains[word] = max(gains.get(word, 0.0), float(other - whole))
    return tuple(sorted(gains.items(), key=lambda gain: -gain[1])[:MOST_WORDS])


def _ratios(models: Models, texts: pa.Array) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """The log-ratio of each text by category, NaN where a text has no token."""
    return {category: values.to_numpy(zero_copy_only=False) for category, values in category_ratios(models, texts).items()}

"""What the published quality and repetition rules count (Rae et al. 2021, arXiv 2112.11446; Raffel et al. 2020, arXiv 1910.10683;
Penedo et al. 2024, arXiv 2406.17557 and 2506.20920), as datatrove 0.10.1, NeMo Curator 1.4.0 and Dolma 1.2.1 count it.

Deviation: our own splitter, which follows the rules of spaCy's English tokenizer, finds the words; docs/heuristics.md says
how often a decision differs, and what a word is in languages without spaces.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import pyarrow as pa

from curricle.schemas.batches import append_columns, null_columns, scatter
from curricle.schemas.heuristic_columns import VARIANTS
from curricle.schemas.stage import Stage
from curricle.stages.heuristics.config import SPLIT, HeuristicsConfig

Measure = Callable[[pa.StringArray, Sequence[str | None]], Mapping[str, pa.Array]]
"""(texts without nulls, their languages) -> columns."""


def load_kernels(config: HeuristicsConfig) -> tuple[Measure, ...]:
    """The functions that measure the variants."""
    loaded: list[Measure] = []
    if "datatrove" in config.variants:
        from curricle.stages.heuristics import measures

        loaded.append(measures.measure)
    if "curricle" in config.variants:
        from curricle.stages.heuristics import plain_text

        loaded.append(plain_text.measure)
    if not SPLIT.issuperset(config.variants):
        from curricle.stages.heuristics import whitespace_measures

        loaded.append(partial(whitespace_measures.measure, variants=config.variants))
    return tuple(loaded)


def tag_heuristics(batch: pa.RecordBatch, kernels: tuple[Measure, ...], config: HeuristicsConfig) -> pa.RecordBatch:
    """Append the columns of `schemas.heuristic_columns.VARIANTS` that `config` selects: counts are int32, ratios float64; all are
    null where `text` is null.
    """
    columns = config.writes()
    texts = batch.column("text")
    active = texts.is_valid()
    texts = texts.filter(active)
    if not len(texts):
        return append_columns(batch, columns, null_columns(columns, batch.num_rows))
    if "language" not in config.reads():
        languages: list[str | None] = [config.language] * len(texts)
    else:
        languages = batch.column("language").filter(active).to_pylist()
    values = {name: array for measure in kernels for name, array in measure(texts, languages).items()}
    mask = active.to_numpy(zero_copy_only=False)
    return append_columns(batch, columns, {name: scatter(array, mask) for name, array in values.items()})


STAGE: Final = Stage(
    name="heuristics",
    kernel=tag_heuristics,
    config=HeuristicsConfig,
    reads=HeuristicsConfig.reads,
    columns=HeuristicsConfig.writes,
    load=load_kernels,
    packages=("unicodedata",),  # tells letters from punctuation
    preload=("curricle.stages.heuristics.measures", "curricle.stages.heuristics.whitespace_measures"),
    on_demand=tuple((f"add {name!r} to `variants`", columns) for name, columns in VARIANTS.items()),
)

"""What the published quality and repetition rules count (Rae et al. 2021, arXiv 2112.11446; Raffel et al. 2020, arXiv 1910.10683;
Penedo et al. 2024, arXiv 2406.17557 and 2506.20920), as datatrove 0.10.1 counts it, in one pass over the bytes.

Deviation: words are split by our own splitter, which follows the rules of spaCy's English tokenizer; docs/heuristics.md says how
often a decision differs, and what a word is in languages without spaces.
"""

from types import ModuleType

import apache_beam as beam
import pyarrow as pa

from schemas.batches import append_columns, null_columns, scatter
from schemas.heuristic_columns import HEURISTICS
from stages.heuristics.config import HeuristicsConfig
from stages.kernel import RunKernel


def load_kernels(config: HeuristicsConfig) -> ModuleType:
    """The module with the compiled kernels: imported when a recipe needs it (10 s the first time on a machine, then 0.3 s)."""
    from stages.heuristics import measures

    return measures


def tag_heuristics(batch: pa.RecordBatch, measures: ModuleType, config: HeuristicsConfig) -> pa.RecordBatch:
    """Append `schemas.heuristic_columns.HEURISTICS`: counts int32, ratios float64; all null where `text` is null."""
    texts = batch.column("text")
    living = texts.is_valid()
    texts = texts.filter(living)
    if not len(texts):
        return append_columns(batch, HEURISTICS, null_columns(HEURISTICS, batch.num_rows))
    if config.language:
        languages: list[str | None] = [config.language] * len(texts)
    else:
        languages = batch.column("language").filter(living).to_pylist()
    values = measures.columns(measures.count(texts, languages), languages)
    mask = living.to_numpy(zero_copy_only=False)
    return append_columns(batch, HEURISTICS, {name: scatter(array, mask) for name, array in values.items()})


class TagHeuristics(beam.PTransform):
    """Apply `tag_heuristics` to every batch."""

    def __init__(self, config: HeuristicsConfig) -> None:
        super().__init__()
        self.config = config

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[pa.RecordBatch]:
        """Wire the kernel."""
        return batches | "Heuristics" >> beam.ParDo(RunKernel("heuristics", tag_heuristics, self.config, load=load_kernels))

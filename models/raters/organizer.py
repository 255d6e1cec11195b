"""Topic and format of a web page, WebOrganizer's 24 and 24 (Wettig et al. 2025, arXiv 2502.10341), on a CPU.

A linear model over the student's features: hashed n-grams, statistics and static embedding. It imitates WebOrganizer's own
classifiers and learned from English pages only. The student reads its scores beside those features.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from curricle.models.raters.features import STATISTICS, Features
from curricle.models.raters.layer_kernels import add_linear, add_ngrams
from curricle.models.raters.layers import Floats, Weights, join, scale_statistics, top_two
from curricle.models.raters.weights import check_heads, read_weights
from curricle.schemas.columns import FORMATS, TOPICS

TAG_TABLE, TAG_HEADS = "tags.npy", "tags.npz"
TAGS = len(TOPICS) + len(FORMATS)
TAG_SETS = {"topic": (TOPICS, slice(0, len(TOPICS))), "format": (FORMATS, slice(len(TOPICS), TAGS))}
"""For each column its names and the slice of the scores that belongs to them."""


@dataclass(frozen=True, kw_only=True)
class Organizer:
    """Weights in memory; `table` is memory-mapped. Safe to use from several threads."""

    table: Weights  # (SLOTS, 48), each times `table_scale`
    heads: Mapping[str, Floats]

    def scores(self, features: Features, vectors: Floats) -> Floats:
        """Raw scores (rows, 48) of the topics, then of the formats; `vectors` is the embedding of the texts."""
        indptr, indices, values, stats = features
        heads = self.heads
        out = np.repeat(heads["bias"][None], len(stats), axis=0)
        add_ngrams(indptr, indices, values, self.table, heads["table_scale"], out)
        add_linear(join(scale_statistics(stats, heads["mean"], heads["scale"]), vectors), heads["linear"], out)
        return out

    def tag(self, scores: Floats, name: str) -> dict[str, pa.Array]:
        """The columns `<name>` (string) and `<name>_score` (float32, its probability); `name` is topic or format."""
        names, part = TAG_SETS[name]
        best, odds = top_two(scores[:, part], self.heads["sharpness"][list(TAG_SETS).index(name)])
        return {name: pa.array(names, pa.string()).take(pa.array(best[:, 0])), f"{name}_score": pa.array(odds[:, 0])}


def load(folder: Path, dimensions: int) -> Organizer:
    """Load the organizer in `folder` for an embedding of `dimensions`; a ModelError names the file that is missing or wrong."""
    table, heads = read_weights(folder / TAG_TABLE, folder / TAG_HEADS, TAGS)
    wanted = {
        "table_scale": (TAGS,),
        "bias": (TAGS,),
        "mean": (STATISTICS,),
        "scale": (STATISTICS,),
        "linear": (STATISTICS + dimensions, TAGS),
        "sharpness": (len(TAG_SETS),),
    }
    check_heads(folder / TAG_HEADS, heads, wanted)
    return Organizer(table=table, heads=heads)

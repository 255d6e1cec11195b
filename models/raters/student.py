"""The student rates DataMan's 14 criteria and 15 domains (arXiv 2502.19363) on a CPU, thousands of documents per second.

Its card and docs/raters.md say whose ratings it imitates, and how well.

It sums a linear model over hashed n-grams (`models.raters.features`) and two Gaussian-kernel models over the document's distance
to landmark documents (Nystroem's method, Williams and Seeger 2001). One reads statistics and a static embedding
(`models.raters.embedding`), the other statistics and the scores of topics and formats (`models.raters.organizer`). No neural
network runs.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from curricle import portable_math
from curricle.models.cards import Card, read_card
from curricle.models.checked_files import check_once
from curricle.models.raters import encoder
from curricle.models.raters.encoder import Encoder
from curricle.models.raters.features import STATISTICS, Features, utf8
from curricle.models.raters.layer_kernels import add_kernel, add_ngrams
from curricle.models.raters.layers import GAMMA, Floats, Weights, join, landmark_lengths, scale_statistics, top_two
from curricle.models.raters.ngrams import STARTS, FeatureGroup, count_words
from curricle.models.raters.organizer import TAGS
from curricle.models.raters.statistics import Statistic
from curricle.models.raters.weights import check_heads, read_weights
from curricle.schemas.columns import DOMAINS, QUALITY_CRITERIA, RAW

TABLE, HEADS = "table.npy", "heads.npz"
FILES = (TABLE, HEADS, *encoder.FILES)
OUTPUTS = len(QUALITY_CRITERIA) + len(DOMAINS)

EMBEDDED = ("ar", "zh", "en", "fr", "de", "it", "ja", "ko", "nl", "pl", "pt", "es", "th", "tr", "ru")
"""Languages of the multilingual Universal Sentence Encoder, whose pieces and vectors the static embedding has."""

UNKNOWN = "und"


class StudentCard(Card):
    """`documents` is how many rated documents it learned from; `figures` come from cross-validation by host."""

    kind: Literal["rater"] = "rater"
    features: Literal[4] = 4  # version of the features (curricle.models.raters.encoder) that the weights were trained on
    documents: int
    min_chars: int = 150  # shorter texts are out of domain
    min_known: float = 0.35  # so are texts of whose distinct words a smaller share was seen in training
    figures: dict[str, float]


def kernel_inputs(
    stats: Floats, vectors: Floats, tags: Floats, heads: Mapping[str, Floats]
) -> tuple[tuple[str, Floats], tuple[str, Floats]]:
    """The inputs of the two kernels, each with the name of its landmarks in `heads`.

    The first joins scaled statistics and the embedding; the second, scaled statistics and standardized scores of topics and
    formats.
    """
    scaled = scale_statistics(stats, heads["mean"], heads["scale"])
    standard = (tags - heads["tag_mean"]) / heads["tag_scale"] * np.float32(np.sqrt(GAMMA / TAGS))
    return ("landmarks", join(scaled, vectors)), ("tag_landmarks", join(scaled, standard))


class Outputs(NamedTuple):
    """Outputs for a batch of texts: `raw` (rows, 29), `tags` (rows, 48; see `models.raters.organizer`) and `unlike`.

    `unlike` is true for a text that is too short, or most of whose words are unknown.
    """

    raw: Floats
    tags: Floats
    unlike: npt.NDArray[np.bool_]


class _LastBatch(threading.local):
    """The last batch of this thread: `outputs` for the texts that `key` identifies."""

    key: tuple[str, bytes, bytes] | None = None
    outputs: Outputs | None = None


_last_batch = _LastBatch()
"""Shared by all students of this process, and read and written only by `Student.outputs`.

The stages `quality` and `domain` each load a student and ask it for the same texts, one stage right after the other in one
thread. Whichever stage comes second finds the outputs here, which halves the cost of running both. The key holds the model's hash
and a hash of the texts, so outputs are never taken for another model or other texts. What is stored changes how long a run takes,
never its results.
"""


@dataclass(frozen=True, kw_only=True)
class Student:
    """A student's weights. `table` is memory-mapped, so that processes share it. Safe to use from several threads."""

    card: StudentCard
    table: Weights  # (SLOTS, 29): weights of the 14 criteria, then of the 15 domains, each times `table_scale`
    heads: Mapping[str, Floats]
    encoder: Encoder

    def outputs(self, texts: pa.Array) -> Outputs:
        """Outputs for string `texts`; a null counts as an empty text. The last batch of each thread is remembered."""
        data, offsets = utf8(texts)
        key = (
            self.card.sha256,
            xxhash.xxh3_128_digest(data[offsets[0] : offsets[-1]].data),
            (offsets - offsets[0]).tobytes(),
        )
        if _last_batch.outputs is None or _last_batch.key != key:
            _last_batch.outputs = None  # frees the memory before the next batch needs it
            _last_batch.outputs, _last_batch.key = self._compute(texts), key
        return _last_batch.outputs

    def _compute(self, texts: pa.Array) -> Outputs:
        features, vectors, tags = self.encoder.encode(texts)
        indptr, indices, values, stats = features
        heads = self.heads
        out = np.repeat(heads["bias"][None], len(stats), axis=0)
        add_ngrams(indptr, indices, values, self.table, heads["table_scale"], out)
        for name, inputs in kernel_inputs(stats, vectors, tags, heads):
            add_kernel(inputs, heads[name], self._lengths[name], heads[f"{name}_out"], out)
        return Outputs(out, tags, self._unlike(features))

    def rate(self, texts: pa.Array, languages: pa.Array | None = None) -> dict[str, pa.Array]:
        """The columns QUALITY and RAW of `schemas.columns` for string `texts` (no nulls); `languages` are ISO 639 codes."""
        raw, _, unlike = self.outputs(texts)
        columns = {
            f"quality_{name}": pa.array((1 + np.searchsorted(cuts, raw[:, n], side="right")).astype(np.int8))
            for n, (name, cuts) in enumerate(zip(QUALITY_CRITERIA, self.heads["cuts"], strict=True))
        }
        columns["quality_overall_raw"] = pa.array(raw[:, len(QUALITY_CRITERIA) - 1])
        columns |= {column.name: pa.array(raw[:, n]) for n, column in enumerate(RAW)}
        if languages is not None:
            trained = pc.is_in(languages, value_set=pa.array(self.card.languages, languages.type))
            unlike = unlike | ~pc.fill_null(trained, False).to_numpy(zero_copy_only=False)
        columns["quality_status"] = pc.if_else(pa.array(unlike), "out_of_domain", "ok")
        return columns

    def predict(self, texts: pa.Array, languages: pa.Array | None = None) -> pa.Table:
        """`rate` without the prefix: the interface of all raters (`models.raters.rater`)."""
        return pa.table({name.removeprefix("quality_"): values for name, values in self.rate(texts, languages).items()})

    def knows(self, languages: pa.Array) -> npt.NDArray[np.bool_]:
        """True for languages that the student or its embedding was trained on, and for texts whose language is not known."""
        known = pa.array(sorted({*self.card.languages, *EMBEDDED, UNKNOWN}), pa.string())
        found: npt.NDArray[np.bool_] = pc.is_in(languages.cast(pa.string()), known).to_numpy(zero_copy_only=False)
        return found | languages.is_null().to_numpy(zero_copy_only=False)

    def tag(self, texts: pa.Array) -> dict[str, pa.Array]:
        """The columns of `schemas.columns.DOMAIN` for string `texts` (no nulls)."""
        best, odds = top_two(self.outputs(texts).raw[:, len(QUALITY_CRITERIA) :], self.heads["sharpness"])
        names = pa.array(DOMAINS, pa.string())
        return {
            "domain": names.take(pa.array(best[:, 0])),
            "domain_score": pa.array(odds[:, 0]),
            "domain_2": names.take(pa.array(best[:, 1])),
            "domain_2_score": pa.array(odds[:, 1]),
        }

    def organize(self, texts: pa.Array, name: str) -> dict[str, pa.Array]:
        """The columns `<name>` and `<name>_score` for string `texts` (no nulls); `name` is topic or format."""
        return self.encoder.organizer.tag(self.outputs(texts).tags, name)

    @cached_property
    def _lengths(self) -> dict[str, Floats]:
        """Squared lengths of the landmarks, by their name in `heads`."""
        return {name: landmark_lengths(self.heads[name]) for name in ("landmarks", "tag_landmarks")}

    @cached_property
    def _known(self) -> npt.NDArray[np.bool_]:
        """Word slots that have any weight."""
        known: npt.NDArray[np.bool_] = np.any(self.table[STARTS[FeatureGroup.WORDS] : STARTS[FeatureGroup.WORDS + 1]], axis=1)
        return known

    def _unlike(self, features: Features) -> npt.NDArray[np.bool_]:
        """True where a text is too short, or too few of its words were seen in training."""
        indptr, indices, _, stats = features
        words = np.empty((len(stats), 2), dtype=np.int64)
        count_words(indptr, indices, self._known.view(np.uint8), words)
        short = portable_math.expm1(stats[:, Statistic.CHARS_LOG]) < self.card.min_chars - 0.5
        unlike: npt.NDArray[np.bool_] = short | (words[:, 1] < self.card.min_known * words[:, 0]) | (words[:, 0] == 0)
        return unlike


def load(folder: Path) -> Student:
    """Load the student in `folder`; a ModelError names the file that is missing or wrong."""
    card = read_card(folder, StudentCard)
    check_once(folder, card)
    table, heads = read_weights(folder / TABLE, folder / HEADS, OUTPUTS)
    shared = encoder.load(folder)
    landmarks, tag_landmarks = (heads[name].shape[0] if name in heads else 0 for name in ("landmarks_out", "tag_landmarks_out"))
    wanted = {
        "table_scale": (OUTPUTS,),
        "bias": (OUTPUTS,),
        "mean": (STATISTICS,),
        "scale": (STATISTICS,),
        "tag_mean": (TAGS,),
        "tag_scale": (TAGS,),
        "landmarks": (STATISTICS + shared.embedding.dimensions, landmarks),
        "landmarks_out": (landmarks, OUTPUTS),
        "tag_landmarks": (STATISTICS + TAGS, tag_landmarks),
        "tag_landmarks_out": (tag_landmarks, OUTPUTS),
        "cuts": (len(QUALITY_CRITERIA), 4),
        "sharpness": (),
    }
    check_heads(folder / HEADS, heads, wanted)
    return Student(card=card, table=table, heads=heads, encoder=shared)

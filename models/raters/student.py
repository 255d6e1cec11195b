"""The student: DataMan's 14 criteria and 15 domains on a CPU, at thousands of documents per second (arXiv 2502.19363 for the
criteria; what it imitates, and how well, stands in its card and in docs/raters.md).

A linear model over hashed n-grams (`models.raters.features`), and two Gaussian-kernel models, by the document's nearness to
landmark documents (Nystroem's method, Williams and Seeger 2001): one over its statistics and its static embedding
(`models.raters.embedding`), one over its statistics and its scores of topic and format (`models.raters.organizer`). No network
runs.
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
from curricle.models.cards import Card, read_card
from curricle.models.raters import encoder
from curricle.models.raters.encoder import Encoder
from curricle.models.raters.features import Features, utf8
from curricle.models.raters.layers import GAMMA, Floats, Weights, add_kernel, add_ngrams, join, scale_statistics, top_two
from curricle.models.raters.ngrams import STARTS, WORDS, count_words
from curricle.models.raters.organizer import TAGS
from curricle.models.raters.statistics import STATISTICS
from curricle.models.raters.weights import check_heads, read_weights
from curricle.schemas.columns import DOMAINS, QUALITY_CRITERIA

TABLE, HEADS = "table.npy", "heads.npz"
FILES = (TABLE, HEADS, *encoder.FILES)
OUTPUTS = len(QUALITY_CRITERIA) + len(DOMAINS)


class StudentCard(Card):
    """`documents`: rated documents it learned from; `figures`: cross-validated, by hosts never seen in training."""

    kind: Literal["rater"] = "rater"
    features: Literal[4] = 4  # version of curricle.models.raters.encoder that the weights belong to
    documents: int
    min_chars: int = 150  # shorter texts (after white space is cut off) are out of domain
    min_known: float = 0.35  # so are texts of which a smaller share of distinct words was seen in training
    figures: dict[str, float]


def kernel_inputs(
    stats: Floats, vectors: Floats, tags: Floats, heads: Mapping[str, Floats]
) -> tuple[tuple[str, Floats], tuple[str, Floats]]:
    """What the two kernels compare, each with the name of its landmarks in `heads`: scaled statistics beside the embedding, and
    beside the standardised scores of topic and format.
    """
    scaled = scale_statistics(stats, heads["mean"], heads["scale"])
    standard = (tags - heads["tag_mean"]) / heads["tag_scale"] * np.float32(np.sqrt(GAMMA / TAGS))
    return ("landmarks", join(scaled, vectors)), ("tag_landmarks", join(scaled, standard))


class Outputs(NamedTuple):
    """Of a batch of texts: `raw` (rows, 29), `tags` (rows, 48; see `models.raters.organizer`), and which texts are too short or
    of unknown words.
    """

    raw: Floats
    tags: Floats
    unlike: npt.NDArray[np.bool_]


_last = threading.local()
"""The outputs of each thread's last batch: the stages quality and domain ask for those of the same texts one after the other."""


@dataclass(frozen=True, kw_only=True)
class Student:
    """Weights in memory; `table` is memory-mapped, so that processes share it. Safe to use from several threads."""

    card: StudentCard
    table: Weights  # (SLOTS, 29): weights of the 14 criteria, then of the 15 domains, each times `table_scale`
    heads: Mapping[str, Floats]
    encoder: Encoder

    def outputs(self, texts: pa.Array) -> Outputs:
        """Raw outputs for string `texts`; a null is an empty text."""
        data, offsets = utf8(texts)
        key = (
            self.card.sha256,
            xxhash.xxh3_128_digest(data[offsets[0] : offsets[-1]].data),
            (offsets - offsets[0]).tobytes(),
        )
        if getattr(_last, "key", None) != key:
            _last.key, _last.outputs = None, self._outputs(texts)
            _last.key = key
        outputs: Outputs = _last.outputs
        return outputs

    def _outputs(self, texts: pa.Array) -> Outputs:
        features, vectors, tags = self.encoder.encode(texts)
        indptr, indices, values, stats = features
        heads = self.heads
        out = np.repeat(heads["bias"][None], len(stats), axis=0)
        add_ngrams(indptr, indices, values, self.table, heads["table_scale"], out)
        for name, inputs in kernel_inputs(stats, vectors, tags, heads):
            landmarks = heads[name]
            add_kernel(inputs, landmarks, np.einsum("dk,dk->k", landmarks, landmarks), heads[f"{name}_out"], out)
        return Outputs(out, tags, self._unlike(features))

    def rate(self, texts: pa.Array, languages: pa.Array | None = None) -> dict[str, pa.Array]:
        """The columns of `schemas.columns.QUALITY` for string `texts` (no nulls); `languages`: ISO 639 codes."""
        raw, _, unlike = self.outputs(texts)
        columns = {
            f"quality_{name}": pa.array((1 + np.searchsorted(cuts, raw[:, n], side="right")).astype(np.int8))
            for n, (name, cuts) in enumerate(zip(QUALITY_CRITERIA, self.heads["cuts"], strict=True))
        }
        columns["quality_overall_raw"] = pa.array(raw[:, len(QUALITY_CRITERIA) - 1])
        if languages is not None:
            trained = pc.is_in(languages, value_set=pa.array(self.card.languages, languages.type))
            unlike = unlike | ~pc.fill_null(trained, False).to_numpy(zero_copy_only=False)
        columns["quality_status"] = pc.if_else(pa.array(unlike), "out_of_domain", "ok")
        return columns

    def predict(self, texts: pa.Array, languages: pa.Array | None = None) -> pa.Table:
        """`rate` without the prefix: the interface of all raters (`models.raters.rater`)."""
        return pa.table({name.removeprefix("quality_"): values for name, values in self.rate(texts, languages).items()})

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
        """The columns `<name>` and `<name>_score` for string `texts` (no nulls); `name`: topic or format."""
        return self.encoder.organizer.tag(self.outputs(texts).tags, name)

    @cached_property
    def _known(self) -> npt.NDArray[np.bool_]:
        """Which word slots carry any weight."""
        known: npt.NDArray[np.bool_] = np.any(self.table[STARTS[WORDS] : STARTS[WORDS + 1]], axis=1)
        return known

    def _unlike(self, features: Features) -> npt.NDArray[np.bool_]:
        """True where the text is unlike the training documents: too short, or of unknown words."""
        indptr, indices, _, stats = features
        words = np.empty((len(stats), 2), dtype=np.int64)
        count_words(indptr, indices, self._known.view(np.uint8), words)
        short = np.expm1(stats[:, 0]) < self.card.min_chars - 0.5
        unlike: npt.NDArray[np.bool_] = short | (words[:, 1] < self.card.min_known * words[:, 0]) | (words[:, 0] == 0)
        return unlike


def load(folder: Path) -> Student:
    """The student in `folder`; ModelError naming the file that is missing or not as it must be."""
    card = read_card(folder, StudentCard)
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

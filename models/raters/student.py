"""The student: DataMan's 14 criteria and 15 domains on a CPU, at thousands of documents per second (arXiv 2502.19363 for the
criteria; what it imitates, and how well, stands in its card and in docs/raters.md).

A linear model over hashed n-grams (`models.raters.features`), and a Gaussian-kernel model over the document's statistics and
its static embedding (`models.raters.embedding`), by its nearness to landmark documents (Nystroem's method, Williams and Seeger
2001): no network runs.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from models.cards import Card, ModelError, read_card
from models.raters import embedding
from models.raters.embedding import PIECES, VECTORS, Embedding
from models.raters.features import SLOTS, STARTS, WORDS, Features, Table, extract, utf8
from models.raters.statistics import STATISTICS
from schemas.columns import DOMAINS, QUALITY_CRITERIA

TABLE, HEADS, CHARACTERS = "table.npy", "heads.npz", "characters.npy"
FILES = (TABLE, HEADS, CHARACTERS, PIECES, VECTORS)
OUTPUTS = len(QUALITY_CRITERIA) + len(DOMAINS)
GAMMA = (
    0.25  # of the statistics in the kernel exp(-|x - y|^2): it sees them times sqrt(GAMMA / STATISTICS); the embedding as it is
)

Floats = npt.NDArray[np.float32]


class StudentCard(Card):
    """`documents`: rated documents it learned from; `figures`: cross-validated, by hosts never seen in training."""

    kind: Literal["rater"] = "rater"
    features: Literal[2] = 2  # version of models.raters.features and .embedding that the weights belong to
    documents: int
    min_chars: int = 150  # shorter texts (after white space is cut off) are out of domain
    min_known: float = 0.35  # so are texts of which a smaller share of distinct words was seen in training
    figures: dict[str, float]


@numba.njit(cache=True, nogil=True)
def _score(indptr, indices, values, table, scale, inputs, landmarks, lengths, weights, out):  # type: ignore[no-untyped-def]
    """Add to every row of `out` its n-grams' weights, and its landmarks' weights times its kernel to them.

    `landmarks`: (inputs, landmarks); `lengths`: their squared lengths.
    """
    outputs = out.shape[1]
    near = np.empty(len(lengths), dtype=np.float32)
    for row in range(len(out)):
        total = np.zeros(outputs, dtype=np.float32)
        for k in range(indptr[row], indptr[row + 1]):
            slot = table[indices[k]]
            value = values[k]
            for c in range(outputs):
                total[c] += value * slot[c]
        square = np.float32(0)
        near[:] = 0
        for d in range(inputs.shape[1]):
            x = inputs[row, d]
            square += x * x
            line = landmarks[d]
            for k in range(len(near)):
                near[k] += x * line[k]
        for c in range(outputs):
            out[row, c] += total[c] * scale[c]
        for k in range(len(near)):
            kernel = np.exp(min(np.float32(0), np.float32(2) * near[k] - square - lengths[k]))
            weight = weights[k]
            for c in range(outputs):
                out[row, c] += kernel * weight[c]


def kernel_inputs(stats: Floats, vectors: Floats, mean: Floats, scale: Floats) -> Floats:
    """What the Gaussian kernel compares: the statistics, standardised and cut at 3 deviations, and the embedding."""
    z = np.clip((stats - mean) / scale, -3, 3) * np.float32(np.sqrt(GAMMA / STATISTICS))
    return np.ascontiguousarray(np.hstack([z, vectors]), dtype=np.float32)


_last = threading.local()
"""The outputs of each thread's last batch: the stages quality and domain ask for those of the same texts one after the other."""


@dataclass(frozen=True, kw_only=True)
class Student:
    """Weights in memory; `table` is memory-mapped, so that processes share it. Safe to use from several threads."""

    card: StudentCard
    table: npt.NDArray[np.int8]  # (SLOTS, 29): weights of the 14 criteria, then of the 15 domains, each times `table_scale`
    heads: Mapping[str, Floats]
    characters: Table
    embedding: Embedding

    def outputs(self, texts: pa.Array) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Raw outputs (rows, 29) of string `texts`, and which are too short or of unknown words; a null is an empty text."""
        data, offsets = utf8(texts)
        key = (
            self.card.sha256,
            xxhash.xxh3_128_digest(data[offsets[0] : offsets[-1]].data),
            (offsets - offsets[0]).tobytes(),
        )
        if getattr(_last, "key", None) != key:
            features = extract(texts, self.characters)
            _last.key, _last.outputs = None, (self._scores(texts, features), self._unlike(features))
            _last.key = key
        outputs: tuple[Floats, npt.NDArray[np.bool_]] = _last.outputs
        return outputs

    def _scores(self, texts: pa.Array, features: Features) -> Floats:
        indptr, indices, values, stats = features
        heads = self.heads
        inputs = kernel_inputs(stats, self.embedding.embed(texts), heads["mean"], heads["scale"])
        out = np.repeat(heads["bias"][None], len(stats), axis=0)
        lengths = np.einsum("dk,dk->k", heads["landmarks"], heads["landmarks"])
        _score(
            indptr,
            indices,
            values,
            self.table,
            heads["table_scale"],
            inputs,
            heads["landmarks"],
            lengths,
            heads["landmark_out"],
            out,
        )
        return out

    def rate(self, texts: pa.Array, languages: pa.Array | None = None) -> dict[str, pa.Array]:
        """The columns of `schemas.columns.QUALITY` for string `texts` (no nulls); `languages`: ISO 639 codes."""
        raw, unlike = self.outputs(texts)
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
        raw = self.outputs(texts)[0][:, len(QUALITY_CRITERIA) :]
        best = raw.argmax(axis=1)
        odds = np.exp((raw - raw.max(axis=1, keepdims=True)) * self.heads["sharpness"]).sum(axis=1)
        names = pa.DictionaryArray.from_arrays(pa.array(best.astype(np.int32)), pa.array(DOMAINS))
        return {"domain": names.cast(pa.string()), "domain_score": pa.array((1 / odds).astype(np.float32))}

    @cached_property
    def _known(self) -> npt.NDArray[np.bool_]:
        """Which word slots carry any weight."""
        known: npt.NDArray[np.bool_] = np.any(self.table[STARTS[WORDS] : STARTS[WORDS + 1]], axis=1)
        return known

    def _unlike(self, features: Features) -> npt.NDArray[np.bool_]:
        """True where the text is unlike the training documents: too short, or of unknown words."""
        indptr, indices, _, stats = features
        rows = np.repeat(np.arange(len(stats)), np.diff(indptr))
        words = indices < STARTS[WORDS + 1]
        known = np.zeros(len(indices), dtype=bool)
        known[words] = self._known[indices[words]]
        n_words = np.bincount(rows[words], minlength=len(stats))
        n_known = np.bincount(rows[known], minlength=len(stats))
        short = np.expm1(stats[:, 0]) < self.card.min_chars - 0.5
        unlike: npt.NDArray[np.bool_] = short | (n_known < self.card.min_known * n_words) | (n_words == 0)
        return unlike


def load(folder: Path) -> Student:
    """The student in `folder`; ModelError naming the file that is missing or not as it must be."""
    card = read_card(folder, StudentCard)
    try:
        table = np.load(folder / TABLE, mmap_mode="r", allow_pickle=False)
        with np.load(folder / HEADS, allow_pickle=False) as file:
            heads = {name: file[name] for name in file.files}
        characters = np.load(folder / CHARACTERS, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder}: {error}") from None
    if table.shape != (SLOTS, OUTPUTS) or table.dtype != np.int8:
        raise ModelError(f"{folder / TABLE} holds {table.dtype} {table.shape}, wanted int8 {(SLOTS, OUTPUTS)}")
    vectors = embedding.load(folder)
    landmarks = heads["landmark_out"].shape[0] if "landmark_out" in heads else 0
    wanted = {
        "table_scale": (OUTPUTS,),
        "bias": (OUTPUTS,),
        "mean": (STATISTICS,),
        "scale": (STATISTICS,),
        "landmarks": (STATISTICS + vectors.dimensions, landmarks),
        "landmark_out": (landmarks, OUTPUTS),
        "cuts": (len(QUALITY_CRITERIA), 4),
        "sharpness": (),
    }
    for name, shape in wanted.items():
        if name not in heads or heads[name].shape != shape or heads[name].dtype != np.float32:
            raise ModelError(f"{folder / HEADS}: {name} must be float32 {shape}")
    if characters.shape != (2, 65536) or characters.dtype != np.uint16:
        raise ModelError(f"{folder / CHARACTERS} holds {characters.dtype} {characters.shape}, wanted uint16 (2, 65536)")
    return Student(card=card, table=table, heads=heads, characters=characters, embedding=vectors)

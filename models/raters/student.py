"""The student: DataMan's 14 criteria and 15 domains on a CPU, at thousands of documents per second (arXiv 2502.19363 for the
criteria; what it imitates, and how well, stands in its card and in docs/raters.md).

A linear model over hashed n-grams (`models.raters.features`) and over cosines of the document's statistics (random Fourier
features, Rahimi and Recht 2007: a ridge regression with a Gaussian kernel, at a fixed price).
"""

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

from models.cards import Card, ModelError, read_card
from models.raters.features import SLOTS, STARTS, WORDS, Features, Table, extract
from models.raters.statistics import STATISTICS
from schemas.columns import DOMAINS, QUALITY_CRITERIA

TABLE, HEADS, CHARACTERS = "table.npy", "heads.npz", "characters.npy"

Floats = npt.NDArray[np.float32]


class StudentCard(Card):
    """`documents`: rated documents it learned from; `figures`: cross-validated, by hosts never seen in training."""

    kind: Literal["rater"] = "rater"
    features: Literal[1] = 1  # version of models.raters.features that the weights belong to
    documents: int
    min_chars: int  # shorter texts (after white space is cut off) are out of domain
    min_known: float  # so are texts of which a smaller share of distinct words was seen in training
    figures: dict[str, float]


@numba.njit(cache=True, nogil=True)
def _score(indptr, indices, values, table, columns, stats, mean, scale, waves, phases, out):  # type: ignore[no-untyped-def]
    """Sums of the chosen `columns` (first, stop) of `table` and the statistics' cosines for every row of `out`."""
    first, stop = columns
    cosines = np.empty(len(phases), dtype=np.float32)
    for row in range(len(out)):
        total = np.zeros(stop - first, dtype=np.float32)
        for k in range(indptr[row], indptr[row + 1]):
            weights = table[indices[k]]
            value = values[k]
            for c in range(stop - first):
                total[c] += value * weights[first + c]
        out[row, : stop - first] = total
        cosines[:] = phases
        for k in range(stats.shape[1]):
            z = (stats[row, k] - mean[k]) / scale[k]
            z = min(np.float32(3), max(np.float32(-3), z))
            wave = waves[k]
            for c in range(len(cosines)):
                cosines[c] += z * wave[c]
        for c in range(len(cosines)):
            out[row, stop - first + c] = np.cos(cosines[c])


@dataclass(frozen=True, kw_only=True)
class Student:
    """Weights in memory; `table` is memory-mapped, so that processes share it. Safe to use from several threads."""

    card: StudentCard
    table: npt.NDArray[np.int8]  # (SLOTS, 29): weights of the 14 criteria, then of the 15 domains, each times `table_scale`
    heads: Mapping[str, Floats]
    characters: Table

    def features(self, texts: pa.Array) -> Features:
        """Features of string `texts`; a null is an empty text."""
        return extract(texts, self.characters)

    def scores(self, features: Features, first: int, stop: int) -> Floats:
        """Raw outputs `first` <= n < `stop` of the 29, float32 of shape (rows, stop - first)."""
        indptr, indices, values, stats = features
        heads = self.heads
        waves = heads["wave_out"]
        out = np.empty((len(stats), stop - first + len(waves)), dtype=np.float32)
        _score(
            indptr,
            indices,
            values,
            self.table,
            (first, stop),
            stats,
            heads["mean"],
            heads["scale"],
            heads["waves"],
            heads["phases"],
            out,
        )
        linear, cosines = out[:, : stop - first], out[:, stop - first :]
        # einsum, not BLAS: a row's sum must not depend on how many rows there are
        nonlinear = np.einsum("rc,co->ro", cosines, waves[:, first:stop])
        return linear * heads["table_scale"][first:stop] + nonlinear + heads["bias"][first:stop]

    def rate(self, texts: pa.Array, languages: pa.Array | None = None) -> dict[str, pa.Array]:
        """The columns of `schemas.columns.QUALITY` for string `texts` (no nulls); `languages`: ISO 639 codes."""
        features = self.features(texts)
        raw = self.scores(features, 0, len(QUALITY_CRITERIA))
        columns = {
            f"quality_{name}": pa.array((1 + np.searchsorted(cuts, raw[:, n], side="right")).astype(np.int8))
            for n, (name, cuts) in enumerate(zip(QUALITY_CRITERIA, self.heads["cuts"], strict=True))
        }
        columns["quality_overall_raw"] = pa.array(raw[:, -1])
        columns["quality_status"] = pc.if_else(pa.array(self._unlike(texts, languages, features)), "out_of_domain", "ok")
        return columns

    def predict(self, texts: pa.Array, languages: pa.Array | None = None) -> pa.Table:
        """`rate` without the prefix: the interface of all raters (`models.raters.rater`)."""
        return pa.table({name.removeprefix("quality_"): values for name, values in self.rate(texts, languages).items()})

    def tag(self, texts: pa.Array) -> dict[str, pa.Array]:
        """The columns of `schemas.columns.DOMAIN` for string `texts` (no nulls)."""
        raw = self.scores(self.features(texts), len(QUALITY_CRITERIA), len(QUALITY_CRITERIA) + len(DOMAINS))
        best = raw.argmax(axis=1)
        odds = np.exp((raw - raw.max(axis=1, keepdims=True)) * self.heads["sharpness"]).sum(axis=1)
        names = pa.DictionaryArray.from_arrays(pa.array(best.astype(np.int32)), pa.array(DOMAINS))
        return {"domain": names.cast(pa.string()), "domain_score": pa.array((1 / odds).astype(np.float32))}

    @cached_property
    def _known(self) -> npt.NDArray[np.bool_]:
        """Which word slots carry any weight."""
        known: npt.NDArray[np.bool_] = np.any(self.table[STARTS[WORDS] : STARTS[WORDS + 1]], axis=1)
        return known

    def _unlike(self, texts: pa.Array, languages: pa.Array | None, features: Features) -> npt.NDArray[np.bool_]:
        """True where the text is unlike the training documents: too short, unknown words, or an untrained language."""
        indptr, indices, _, stats = features
        rows = np.repeat(np.arange(len(stats)), np.diff(indptr))
        words = indices < STARTS[WORDS + 1]
        known = np.zeros(len(indices), dtype=bool)
        known[words] = self._known[indices[words]]
        n_words = np.bincount(rows[words], minlength=len(stats))
        n_known = np.bincount(rows[known], minlength=len(stats))
        short = np.expm1(stats[:, 0]) < self.card.min_chars - 0.5
        unlike = short | (n_known < self.card.min_known * n_words) | (n_words == 0)
        if languages is not None:
            trained = pc.is_in(languages, value_set=pa.array(self.card.languages, languages.type))
            unlike |= ~pc.fill_null(trained, False).to_numpy(zero_copy_only=False)
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
    outputs = len(QUALITY_CRITERIA) + len(DOMAINS)
    if table.shape != (SLOTS, outputs) or table.dtype != np.int8:
        raise ModelError(f"{folder / TABLE} holds {table.dtype} {table.shape}, wanted int8 {(SLOTS, outputs)}")
    waves = heads["wave_out"].shape[0] if "wave_out" in heads else 0
    wanted = {
        "table_scale": (outputs,),
        "bias": (outputs,),
        "mean": (STATISTICS,),
        "scale": (STATISTICS,),
        "waves": (STATISTICS, waves),
        "phases": (waves,),
        "wave_out": (waves, outputs),
        "cuts": (len(QUALITY_CRITERIA), 4),
        "sharpness": (),
    }
    for name, shape in wanted.items():
        if name not in heads or heads[name].shape != shape or heads[name].dtype != np.float32:
            raise ModelError(f"{folder / HEADS}: {name} must be float32 {shape}")
    if characters.shape != (2, 65536) or characters.dtype != np.uint16:
        raise ModelError(f"{folder / CHARACTERS} holds {characters.dtype} {characters.shape}, wanted uint16 (2, 65536)")
    return Student(card=card, table=table, heads=heads, characters=characters)

"""A static embedding of a text: the weighted mean of the vectors of its SentencePiece pieces, scaled to length 1.

A piece has the weight 1 + ln(how often it occurs in the text); its inverse document frequency is already in its vector. The
vectors are looked up, so no network runs. The card of the model that ships them names the table they come from.

The text is normalized by a profile (`models.kenlm.profiles`), not by the rules in the file of pieces. Each word between spaces is
split on its own, once (`models.kenlm.words`).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curricle.models.cards import ModelError
from curricle.models.kenlm.normalizer import Offsets
from curricle.models.kenlm.profiles import Profile, normalize_bytes, string_buffers
from curricle.models.kenlm.table import Ids
from curricle.models.kenlm.unigram import read_unigram
from curricle.models.kenlm.words import WordCache
from curricle.models.raters.features import cut_texts
from curricle.models.raters.layer_kernels import embed_pieces
from curricle.models.raters.layers import Floats

PIECES, VECTORS = "pieces.model", "vectors.npz"
PROFILE = Profile(name="embedding", steps=("nfkc", "invisible", "white", "spaces"), per_word=True)


class Pieces:
    """Splits texts into the pieces of a SentencePiece file. Safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        """Raise ModelError where the file is missing or is not a unigram model."""
        try:
            unigram = read_unigram(path, rules=True)
        except OSError as error:
            raise ModelError(str(error)) from None
        if unigram is None:
            raise ModelError(f"{path} is not a SentencePiece unigram model")
        self.size = len(unigram.hashes)
        self._cache = WordCache(unigram)

    def split(self, texts: pa.Array) -> tuple[Ids, Offsets]:
        """Pieces of the cut texts (`models.raters.features`) and offsets (rows + 1); an unknown piece is `size` or more."""
        data, offsets = string_buffers(cut_texts(texts))
        data, offsets = normalize_bytes(PROFILE, data, offsets[:-1], offsets[1:])
        pieces, offsets, _ = self._cache.tokens(data, offsets[:-1], offsets[1:])
        return pieces, offsets


@dataclass(frozen=True, kw_only=True)
class Embedding:
    """A table of piece vectors in memory. Safe to use from several threads."""

    pieces: Pieces
    rows: npt.NDArray[np.int32]  # by piece: its row of `vectors`, or -1
    vectors: npt.NDArray[np.int8]  # (rows, dimensions), each times `scale`
    scale: Floats
    center: Floats  # subtracted from the sum of a text

    @property
    def dimensions(self) -> int:
        """Length of the vector of a text."""
        return int(self.vectors.shape[1])

    def embed(self, texts: pa.Array) -> Floats:
        """Unit vectors (rows, dimensions) of `texts`; a null counts as an empty text."""
        pieces, offsets = self.pieces.split(texts)
        out = np.empty((len(texts), self.dimensions), dtype=np.float32)
        embed_pieces(pieces, offsets, self.rows, self.vectors, self.scale, self.center, out)
        return out


def load(folder: Path) -> Embedding:
    """Load the embedding in `folder`; a ModelError names the file that is missing or wrong."""
    pieces = Pieces(folder / PIECES)
    try:
        with np.load(folder / VECTORS, allow_pickle=False) as file:
            arrays = {name: np.asarray(file[name], order="C") for name in ("kept", "vectors", "scale", "centre")}
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{folder}: {error}") from None
    kept, vectors = arrays["kept"], arrays["vectors"]
    if (
        vectors.dtype != np.int8
        or vectors.ndim != 2
        or kept.shape != vectors.shape[:1]
        or not np.all((kept >= 0) & (kept < pieces.size))
    ):
        raise ModelError(f"{folder / VECTORS} holds {vectors.dtype} {vectors.shape} for {kept.shape} of {pieces.size} pieces")
    if arrays["scale"].shape != vectors.shape[1:] or arrays["centre"].shape != vectors.shape[1:]:
        raise ModelError(f"{folder / VECTORS}: scale and centre must have {vectors.shape[1]} values")
    rows = np.full(pieces.size, -1, dtype=np.int32)
    rows[kept] = np.arange(len(kept), dtype=np.int32)
    return Embedding(pieces=pieces, rows=rows, vectors=vectors, scale=arrays["scale"], center=arrays["centre"])


def write_vectors(folder: Path, kept: npt.NDArray[np.int32], vectors: Floats, center: Floats) -> None:
    """Write the `vectors` of the pieces `kept`, quantized to int8 by dimension."""
    scale = (np.abs(vectors).max(axis=0) / 127).astype(np.float32)
    np.savez(
        folder / VECTORS,
        kept=kept.astype(np.int32),
        vectors=np.rint(vectors / scale).astype(np.int8),
        scale=scale,
        centre=center.astype(np.float32),
    )

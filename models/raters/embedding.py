"""A static embedding of a text: the weighted mean of its SentencePiece pieces' vectors, of length 1.

A piece counts (1 + ln of how often it stands in the text) times its vector, in which its inverse document frequency is already.
No network runs: the vectors are looked up. Which table they come from stands in the card of the model that ships them.
"""

from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import sentencepiece

from models.cards import ModelError
from models.raters.features import GAP, HEAD, LIMIT, TAIL

PIECES, VECTORS, PIECE_ROWS = "pieces.model", "vectors.npz", "rows"

Floats = npt.NDArray[np.float32]


@numba.njit(cache=True, nogil=True)
def _embed(pieces, offsets, rows, vectors, scale, centre, out):  # type: ignore[no-untyped-def]
    """Fill `out` with unit vectors; `rows` gives a piece's row of `vectors`, -1 where it has none."""
    counts = np.zeros(len(vectors), dtype=np.int32)
    for document in range(len(offsets) - 1):
        total = out[document]
        total[:] = 0
        for k in range(offsets[document], offsets[document + 1]):
            if rows[pieces[k]] >= 0:
                counts[rows[pieces[k]]] += 1
        for k in range(offsets[document], offsets[document + 1]):
            row = rows[pieces[k]]
            if row < 0 or counts[row] == 0:
                continue
            weight = np.float32(1 + np.log(counts[row]))
            counts[row] = 0
            vector = vectors[row]
            for d in range(len(total)):
                total[d] += weight * vector[d]
        squares = np.float32(0)
        for d in range(len(total)):
            total[d] = total[d] * scale[d] - centre[d]
            squares += total[d] * total[d]
        total /= max(np.sqrt(squares), np.float32(1e-6))


@dataclass(frozen=True, kw_only=True)
class Embedding:
    """A table of piece vectors in memory. Safe to use from several threads."""

    pieces: sentencepiece.SentencePieceProcessor
    rows: npt.NDArray[np.int32]  # by piece: its row of `vectors`, or -1
    vectors: npt.NDArray[np.int8]  # (rows, dimensions), each times `scale`
    scale: Floats
    centre: Floats  # subtracted from a text's sum

    @property
    def dimensions(self) -> int:
        """Length of a text's vector."""
        return int(self.vectors.shape[1])

    def embed(self, texts: pa.Array) -> Floats:
        """Unit vectors (rows, dimensions) of the cut texts (`models.raters.features`); a null is an empty text."""
        pieces = self.pieces.encode(cut_texts(texts), num_threads=1)  # else it starts a thread a core
        offsets = np.cumsum([0, *map(len, pieces)])
        flat = np.fromiter(chain.from_iterable(pieces), dtype=np.int32, count=offsets[-1])
        out = np.empty((len(pieces), self.dimensions), dtype=np.float32)
        _embed(flat, offsets, self.rows, self.vectors, self.scale, self.centre, out)
        return out


def cut_texts(texts: pa.Array) -> list[str]:
    """The texts as `models.raters.features` cuts them; an empty string for a null."""
    texts = texts.cast(pa.large_string()).fill_null("")
    sizes = pc.utf8_length(texts).to_numpy(zero_copy_only=False)
    if len(texts) == 0 or sizes.max() <= LIMIT:
        return texts.to_pylist()
    heads = pc.utf8_slice_codeunits(texts, 0, LIMIT).to_pylist()
    tails = pc.utf8_slice_codeunits(texts.filter(pa.array(sizes > LIMIT)), -TAIL).to_pylist()
    for row, tail in zip(np.flatnonzero(sizes > LIMIT), tails, strict=True):
        heads[row] = heads[row][:HEAD] + GAP.astype(np.uint8).tobytes().decode() + tail
    return heads


def load(folder: Path) -> Embedding:
    """The embedding in `folder`; ModelError naming the file that is missing or not as it must be."""
    try:
        pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / PIECES))
        with np.load(folder / VECTORS, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ("kept", "vectors", "scale", "centre")}
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(f"{folder}: {str(error).splitlines()[0]}") from None
    kept, vectors = arrays["kept"], arrays["vectors"]
    size = pieces.get_piece_size()
    if (
        vectors.dtype != np.int8
        or vectors.ndim != 2
        or kept.shape != vectors.shape[:1]
        or not np.all((kept >= 0) & (kept < size))
    ):
        raise ModelError(f"{folder / VECTORS} holds {vectors.dtype} {vectors.shape} for {kept.shape} of {size} pieces")
    if arrays["scale"].shape != vectors.shape[1:] or arrays["centre"].shape != vectors.shape[1:]:
        raise ModelError(f"{folder / VECTORS}: scale and centre must have {vectors.shape[1]} values")
    rows = np.full(size, -1, dtype=np.int32)
    rows[kept] = np.arange(len(kept), dtype=np.int32)
    return Embedding(pieces=pieces, rows=rows, vectors=vectors, scale=arrays["scale"], centre=arrays["centre"])


def write_vectors(folder: Path, kept: npt.NDArray[np.int32], vectors: Floats, centre: Floats) -> None:
    """Write `vectors` of the pieces `kept`, quantised to int8 by dimension."""
    scale = (np.abs(vectors).max(axis=0) / 127).astype(np.float32)
    np.savez(
        folder / VECTORS,
        kept=kept.astype(np.int32),
        vectors=np.rint(vectors / scale).astype(np.int8),
        scale=scale,
        centre=centre.astype(np.float32),
    )

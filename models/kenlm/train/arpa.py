"""ARPA files, the text format of back-off models, written byte for byte as lmplz writes them. Plain, or gzip (`.gz`).

Numbers are the shortest decimals that give the same float32 again.
"""

import gzip
from pathlib import Path
from typing import IO, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curricle.errors import ArpaError as ArpaError
from curricle.models.kenlm.ngrams import F32, NgramModel
from curricle.storage.whole_file import whole_file

WRITE_ROWS = 1 << 18


def write_arpa(model: NgramModel, path: Path) -> None:
    """Write `model` to `path` (gzip where it ends in .gz), whole or not at all. Raises OSError."""
    with whole_file(path) as temp_path, temp_path.open("wb") as raw:
        if path.suffix == ".gz":
            with gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as packed:
                _write(model, cast(IO[bytes], packed))
        else:
            _write(model, raw)


def _write(model: NgramModel, file: IO[bytes]) -> None:
    counts = "".join(f"ngram {order}={count}\n" for order, count in enumerate(model.counts, 1))
    file.write(f"\\data\\\n{counts}\n".encode())
    for order, level in enumerate(model.orders, 1):
        file.write(f"\\{order}-grams:\n".encode())
        for start in range(0, len(level.word), WRITE_ROWS):
            stop = start + WRITE_ROWS
            ids = model.ids(order, start, stop)
            words = [model.words.take(pa.array(ids[:, column])) for column in range(order)]
            fields = [_decimals(level.log10_prob[start:stop]), pc.binary_join_element_wise(*words, " ")]
            if len(level.log10_backoff):
                fields.append(_decimals(level.log10_backoff[start:stop]))
            lines = pc.binary_join_element_wise(
                *(field.cast(pa.large_string()) for field in fields), pa.scalar("\t", pa.large_string())
            )
            _, offsets, data = lines.buffers()
            ends = np.frombuffer(offsets, np.int64)[1 : len(lines) + 1]
            file.write(np.insert(np.frombuffer(data, np.uint8)[: ends[-1]], ends, ord("\n")).data)
        file.write(b"\n")
    file.write(b"\\end\\\n")


def _decimals(values: F32) -> pa.Array:
    return pc.cast(pa.array(values), pa.string())

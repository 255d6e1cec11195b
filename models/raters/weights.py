"""The weights of a model in a folder: an int8 table by n-gram slot, and named float32 arrays."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from curricle.models.cards import ModelError
from curricle.models.raters.layers import Floats, Weights
from curricle.models.raters.ngrams import SLOTS


def read_weights(table_path: Path, heads_path: Path, outputs: int) -> tuple[Weights, dict[str, Floats]]:
    """The memory-mapped table, int8 (SLOTS, outputs), and the arrays; ModelError for a file that is missing or wrong.

    All are in C order, which the kernels require; a table that was saved in another order is read into memory.
    """
    try:
        table: Weights = np.load(table_path, mmap_mode="r", allow_pickle=False)
        with np.load(heads_path, allow_pickle=False) as file:
            heads = {name: np.asarray(file[name], order="C") for name in file.files}
    except (OSError, ValueError) as error:
        raise ModelError(f"{table_path.parent}: {error}") from None
    if table.shape != (SLOTS, outputs) or table.dtype != np.int8:
        raise ModelError(f"{table_path} holds {table.dtype} {table.shape}, wanted int8 {(SLOTS, outputs)}")
    return np.asarray(table, order="C"), heads


def check_heads(path: Path, heads: Mapping[str, Floats], wanted: Mapping[str, tuple[int, ...]]) -> None:
    """Raise ModelError where an array is missing or is not float32 of its shape."""
    for name, shape in wanted.items():
        if name not in heads or heads[name].shape != shape or heads[name].dtype != np.float32:
            raise ModelError(f"{path}: {name} must be float32 {shape}")

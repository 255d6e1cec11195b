import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

def add_ngrams(
    indptr: npt.NDArray[np.int64],
    indices: npt.NDArray[np.int32],
    values: Floats,
    table: npt.NDArray[np.int8],
    scale: Floats,
    out: Floats,
) -> None: ...
def add_linear(inputs: Floats, weights: Floats, out: Floats) -> None: ...
def squared_lengths(landmarks: Floats, out: Floats) -> None: ...
def add_kernel(inputs: Floats, landmarks: Floats, lengths: Floats, weights: Floats, out: Floats) -> None: ...
def embed_pieces(
    pieces: npt.NDArray[np.int32],
    offsets: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int32],
    vectors: npt.NDArray[np.int8],
    scale: Floats,
    center: Floats,
    out: Floats,
) -> None: ...

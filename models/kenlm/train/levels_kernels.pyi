import numpy as np
from numpy.typing import NDArray

from curricle.models.kenlm.ngrams import U32

I64 = NDArray[np.int64]

def grow_levels(
    rows: NDArray[np.uint64],
    counts: U32,
    bits: int,
    per_key: int,
    last: U32,
    last_length: int,
    words: U32,
    sizes: I64,
    word: U32,
    begin: U32,
    count: U32,
    added: I64,
) -> int: ...
def add_extensions(begin: U32, longer: U32, count: U32) -> None: ...

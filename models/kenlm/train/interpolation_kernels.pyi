import numpy as np
from numpy.typing import NDArray

from curricle.models.kenlm.ngrams import F32

F64 = NDArray[np.float64]

def scale_by_best(log10_scores: F32, best: F32) -> None: ...
def add_log10(relative: F32, best: F32, weights: F64, totals: F64) -> None: ...
def add_shares(relative: F32, document: NDArray[np.int64], weights: F32 | F64, draws: F32 | F64, sums: F64) -> None: ...

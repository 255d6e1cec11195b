from typing import Protocol

import numpy as np
import numpy.typing as npt

COPY: int
REPLACE: int
SPACE: int
CONTEXT: int
STRIP: int
DIGIT: int
SEPARATOR: int
LENGTH_SHIFT: int
OFFSET_SHIFT: int
SLOW: int
BLOCK_BITS: int

class _Table(Protocol):
    @property
    def blocks(self) -> npt.NDArray[np.uint16]: ...
    @property
    def entries(self) -> npt.NDArray[np.uint32]: ...
    @property
    def replacements(self) -> npt.NDArray[np.uint8]: ...
    @property
    def ascii(self) -> npt.NDArray[np.uint16]: ...
    @property
    def strip(self) -> bool: ...
    @property
    def number(self) -> bool: ...
    @property
    def collapse(self) -> bool: ...

def normalize_rows(
    table: _Table,
    data: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    out: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    context: npt.NDArray[np.uint8],
) -> int: ...
def splice_rows(
    replaced: npt.NDArray[np.uint8],
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    other: npt.NDArray[np.uint8],
    other_offsets: npt.NDArray[np.int64],
    out: npt.NDArray[np.uint8],
    out_offsets: npt.NDArray[np.int64],
) -> None: ...

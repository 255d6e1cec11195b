import numpy as np
import numpy.typing as npt

from curricle.stages.extraction.walk import Walked

def render(page: Walked, chosen: npt.NDArray[np.bool_], markdown: bool) -> str: ...

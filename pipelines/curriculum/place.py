"""Where every row of a curriculum goes: parts (held-out sets and phases), their output files, and the place in a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from curricle.pipelines.curriculum.documents import Documents
from curricle.pipelines.curriculum.draw import UNUSED, Draw, Rows
from curricle.pipelines.curriculum.kernels import keyed, salt
from curricle.pipelines.curriculum.order import order_rows
from curricle.schemas.curriculum import Curriculum


@dataclass(frozen=True)
class Part:
    """A folder of the output, and its rows in their order."""

    folder: str  # 01-broad, heldout
    name: str  # what the column `phase` says
    rows: Rows


@dataclass(frozen=True)
class OutputFile:
    """A file to be written: `folder/part-NNNNN`, with so many rows."""

    folder: str
    number: int
    rows: int

    @property
    def stem(self) -> str:
        """Path in the output folder, without the ending of the format."""
        return f"{self.folder}/part-{self.number:05}"


PLACES = np.dtype(
    [("document", "i8"), ("file", "i4"), ("place", "i4"), ("repeat", "i4"), ("tokens", "u4"), ("part", "u2"), ("origin", "i1")]
)
"""A row of the curriculum: its document, the output file and the place in that, and what its added columns say."""

Places = npt.NDArray[Any]
"""All rows of the curriculum, PLACES (rows,), by document."""


def make_parts(documents: Documents, plan: Curriculum, held: npt.NDArray[np.int8], draws: Sequence[Draw]) -> list[Part]:
    """Held-out sets, shuffled, and phases, each in its own order."""
    parts = []
    for number, one in enumerate(plan.heldout):
        chosen = np.flatnonzero(held == number)
        chosen = chosen[np.argsort(keyed(documents.id_hash[chosen], salt(plan.seed, "heldout", "order")), kind="stable")]
        zeros = np.zeros(chosen.size, np.int64)
        folder = "heldout" if len(plan.heldout) == 1 else f"heldout/{one.name}"
        parts.append(Part(folder, one.name, Rows(chosen, zeros.astype(np.int32), np.full(chosen.size, UNUSED, np.int8), zeros)))
    for number, draw in enumerate(draws, 1):
        order = order_rows(documents, draw.phase, plan.seed, draw.rows)
        rows = draw.rows
        ordered = Rows(rows.document[order], rows.repeat[order], rows.origin[order], rows.cell[order])
        parts.append(Part(f"{number:02}-{draw.phase.name}", draw.phase.name, ordered))
    return parts


def make_places(documents: Documents, parts: Sequence[Part], shard_bytes: int) -> tuple[list[OutputFile], Places]:
    """Cuts each part into files of about `shard_bytes` of text (at least one file), and sorts all rows by document."""
    files: list[OutputFile] = []
    places = np.empty(sum(part.rows.document.size for part in parts), PLACES)
    start = 0
    for position, part in enumerate(parts):
        size = documents.text_bytes[part.rows.document].astype(np.int64)
        slots = (np.cumsum(size) - size) // shard_bytes
        number = np.cumsum(np.diff(slots, prepend=0) != 0)  # a document over several slots leaves no empty file
        counts = np.bincount(number, minlength=1)
        own = places[start : start + size.size]
        own["document"], own["repeat"], own["origin"] = part.rows.document, part.rows.repeat, part.rows.origin
        own["file"] = number + len(files)
        own["place"] = np.arange(size.size) - (np.cumsum(counts) - counts)[number]
        own["part"] = position
        files += [OutputFile(part.folder, one, int(rows)) for one, rows in enumerate(counts)]
        start += size.size
    places["tokens"] = documents.tokens[places["document"]]
    return files, places[np.argsort(places["document"], kind="stable")]

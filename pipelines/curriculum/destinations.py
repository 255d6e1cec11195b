"""The destination of every row of a curriculum: a folder (a held-out set or a phase), an output file, and a position in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from curricle.pipelines.curriculum.documents import Documents
from curricle.pipelines.curriculum.draw import UNUSED, DrawnPhase, PhaseRows
from curricle.pipelines.curriculum.kernels import keyed, salt
from curricle.pipelines.curriculum.order import order_rows
from curricle.schemas.curriculum import Curriculum


@dataclass(frozen=True)
class OutputFolder:
    """A folder of the output, which holds a phase or a held-out set: its rows, in order."""

    path: str  # in the output folder: 01-broad, heldout
    name: str  # of the phase or set: the value of the column `phase`
    rows: PhaseRows


@dataclass(frozen=True)
class OutputFile:
    """A file to be written, `folder/part-NNNNN`, and its number of rows."""

    folder: str
    number: int
    rows: int

    @property
    def stem(self) -> str:
        """Path in the output folder, without the ending of the format."""
        return f"{self.folder}/part-{self.number:05}"


DESTINATIONS = np.dtype(
    [
        ("document", "i8"),
        ("file", "i4"),
        ("position", "i4"),
        ("repeat", "i4"),
        ("tokens", "u4"),
        ("folder", "u2"),
        ("origin", "i1"),
    ]
)
"""A row of the curriculum: its document, its output file and position in that file, and the values of its added columns."""

Destinations = npt.NDArray[Any]
"""All rows of the curriculum as DESTINATIONS, shape (rows,), sorted by document."""


def make_folders(
    documents: Documents, plan: Curriculum, held: npt.NDArray[np.int8], phases: Sequence[DrawnPhase]
) -> list[OutputFolder]:
    """The held-out sets, shuffled, and the phases, each in its own order."""
    folders = []
    for number, heldout in enumerate(plan.heldout):
        chosen = np.flatnonzero(held == number)
        chosen = chosen[np.argsort(keyed(documents.id_hash[chosen], salt(plan.seed, "heldout", "order")), kind="stable")]
        zeros = np.zeros(chosen.size, np.int64)
        rows = PhaseRows(chosen, zeros.astype(np.int32), np.full(chosen.size, UNUSED, np.int8), zeros)
        path = "heldout" if len(plan.heldout) == 1 else f"heldout/{heldout.name}"
        folders.append(OutputFolder(path, heldout.name, rows))
    for number, drawn in enumerate(phases, 1):
        order = order_rows(documents, drawn.phase, plan.seed, drawn.rows)
        rows = drawn.rows
        ordered = PhaseRows(rows.document[order], rows.repeat[order], rows.origin[order], rows.cell[order])
        folders.append(OutputFolder(f"{number:02}-{drawn.phase.name}", drawn.phase.name, ordered))
    return folders


def make_destinations(
    documents: Documents, folders: Sequence[OutputFolder], shard_bytes: int
) -> tuple[list[OutputFile], Destinations]:
    """Cut each folder into files of about `shard_bytes` of text (at least one file), and sort all rows by document."""
    files: list[OutputFile] = []
    destinations = np.empty(sum(folder.rows.document.size for folder in folders), DESTINATIONS)
    start = 0
    for folder_number, folder in enumerate(folders):
        rows = folder.rows
        size = documents.text_bytes[rows.document].astype(np.int64)
        slots = (np.cumsum(size) - size) // shard_bytes
        number = np.cumsum(np.diff(slots, prepend=0) != 0)  # a document over several slots leaves no empty file
        counts = np.bincount(number, minlength=1)
        own = destinations[start : start + size.size]
        own["document"], own["repeat"], own["origin"] = rows.document, rows.repeat, rows.origin
        own["file"] = number + len(files)
        own["position"] = np.arange(size.size) - (np.cumsum(counts) - counts)[number]
        own["folder"] = folder_number
        files += [OutputFile(folder.path, one, int(count)) for one, count in enumerate(counts)]
        start += size.size
    destinations["tokens"] = documents.tokens[destinations["document"]]
    return files, destinations[np.argsort(destinations["document"], kind="stable")]

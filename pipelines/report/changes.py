"""Which documents of two outputs are on different sides, and by which rules."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curricle.pipelines.explain.find import BATCH, Place, open_file
from curricle.pipelines.output.write import REASONS, SPLITS
from curricle.pipelines.report.columns import Judged

EXAMPLES: Final = 20
PASS: Final = 2_000_000
"""Documents whose ids are in memory at a time."""

KEPT: Final = "kept"
ABSENT: Final = "not in this output"


@dataclass(frozen=True, order=True)
class Change:
    """A document that is kept in one output and not in the other."""

    id: str
    before: str  # `kept`, the rule that rejected it, or why it is a dead letter
    after: str
    place: Place = field(compare=False)  # in the second output, or in the first if only that has it
    second: bool = field(compare=False)  # whether `place` is in the second output


@dataclass
class Changes:
    """All differences between two outputs."""

    moves: Counter[tuple[str, str]] = field(default_factory=Counter)  # documents that changed sides, by before and after
    other_reason: int = 0  # kept in neither, but for another reason
    same: int = 0
    examples: list[Change] = field(default_factory=list)  # those with the smallest ids, which are hashes


def changes(first: Judged, second: Judged) -> Changes:
    """Compares two outputs by document id, in several passes over the ids if there are many."""
    found = Changes()
    passes = max(_documents(first), _documents(second)) // PASS + 1
    edges = [f"{number * (1 << 32) // passes:08x}" for number in range(passes)]
    for low, high in zip(edges, [*edges[1:], None], strict=True):
        before, after = (pa.Table.from_batches([*_read(one, low, high)], _SCHEMA) for one in (first, second))
        _compare(found, before, after)
    return found


_SCHEMA: Final = pa.schema(
    [("id", pa.string()), ("reason", pa.string()), ("split", pa.string()), ("file", pa.string()), ("row", pa.int64())]
)


def _documents(source: Judged) -> int:
    return sum(manifest["records"] for manifest in source.manifests)


def _read(source: Judged, low: str, high: str | None) -> Iterator[pa.RecordBatch]:
    """Id, reason and place of documents of all splits whose ids lie between two."""
    for manifest in source.manifests:
        for split in SPLITS:
            file, first = manifest["files"][split]["path"], 0
            column = REASONS.get(split)
            for batch in open_file(source.output, file, ("id", *([column] if column else [])), BATCH):
                ids = batch.column("id")
                mask = pc.greater_equal(ids, low)
                mask = mask if high is None else pc.and_(mask, pc.less(ids, high))
                reason = batch.column(column) if column else pa.repeat(KEPT, len(ids))
                number = pa.array(np.arange(first, first + len(ids)))
                columns = [ids, reason, pa.repeat(split, len(ids)), pa.repeat(file, len(ids)), number]
                first += len(ids)
                yield pa.RecordBatch.from_arrays(columns, schema=_SCHEMA).filter(mask)


def _compare(found: Changes, before: pa.Table, after: pa.Table) -> None:
    known = pc.index_in(after.column("id"), value_set=before.column("id").combine_chunks())
    earlier = pc.fill_null(before.column("reason").take(known), ABSENT)
    _add(found, earlier, after.column("reason"), after, second=True)
    gone = before.filter(pc.invert(pc.is_in(before.column("id"), value_set=after.column("id").combine_chunks())))
    _add(found, gone.column("reason"), pa.chunked_array([pa.repeat(ABSENT, len(gone)).cast(pa.string())]), gone, second=False)


def _add(found: Changes, before: pa.ChunkedArray, after: pa.ChunkedArray, rows: pa.Table, second: bool) -> None:
    moved = pc.not_equal(pc.equal(before, KEPT), pc.equal(after, KEPT))
    same = pc.equal(before, after)
    found.same += pc.sum(same).as_py() or 0
    found.other_reason += pc.sum(pc.and_(pc.invert(same), pc.invert(moved))).as_py() or 0
    table = rows.append_column("before", before).append_column("after", after).filter(moved)
    pairs = table.group_by(["before", "after"]).aggregate([([], "count_all")]).to_pylist()
    found.moves.update({(pair["before"], pair["after"]): pair["count_all"] for pair in pairs})
    nearest = table.take(pc.sort_indices(table.column("id"))[:EXAMPLES]).to_pylist()
    found.examples = sorted(
        [
            *found.examples,
            *(
                Change(
                    row["id"], row["before"], row["after"], Place(row["split"], row["file"], row["row"], row["id"], None), second
                )
                for row in nearest
            ),
        ]
    )[:EXAMPLES]

"""What becomes of a shard when the work on it raises: reader, kernels and sink tell it here, once, with shard and cause.

The error names the shard, and the whole job ends with it; unless the process around it keeps failures. Workers of an engine
do: the shard is dropped there and then, and the job goes on with the others.
"""

import traceback
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc
from curricle.schemas.shards import Shard, unseal


class ShardError(RuntimeError):
    """Work on a shard raised: `<place>: <stage>, <offsets>: <type>: <message>`, in one line."""


Keeper = Callable[[str, str, Exception], None]
"""Told the name of a shard that is given up, the cause in one line, and the error."""

_keepers: list[Keeper] = []
_given_up: set[str] = set()


def keep_failures(keeper: Keeper | None) -> None:
    """Replace the process's keeper; None takes it away."""
    _keepers[:] = [keeper] if keeper else []


def begin(shard: str) -> None:
    """A new attempt at the shard of this name: what became of an earlier one in this process is forgotten."""
    _given_up.discard(shard)


def given_up(shard: Shard) -> bool:
    """Whether this process's attempt at the shard has failed, so that nothing more of it is to be done."""
    return shard.name in _given_up


def fail(shard: Shard, doing: str, error: Exception) -> None:
    """Have the failure kept, or raise ShardError. `doing`: the stage, and the documents it was at."""
    cause = f"{doing}: {one_line(error)}"
    if not _keepers:
        raise ShardError(f"{shard.place}: {cause}") from error
    _given_up.add(shard.name)
    for keeper in _keepers:
        keeper(shard.name, cause, error)


def fail_batch(batch: pa.RecordBatch, stage: str, error: Exception) -> None:
    """`fail` for the shard of the batch's envelope; raises `error` itself where the batch has none (not our graph)."""
    try:
        shard = unseal(batch).shard
    except ValueError:
        raise error from None
    fail(shard, f"stage {stage!r}{_offsets(batch)}", error)


def one_line(error: BaseException) -> str:
    """Type and message."""
    return " ".join("".join(traceback.format_exception_only(error)).split())


def _offsets(batch: pa.RecordBatch) -> str:
    if not batch.num_rows or "source_offset" not in batch.schema.names:
        return ""
    ends = pc.min_max(batch.column("source_offset")).as_py()
    return f", documents at {ends['min']} to {ends['max']}"

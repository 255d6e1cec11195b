"""Handles an exception in the work on a shard. Reader, kernels and sink report it here, with the shard and the cause.

By default the error names the shard and ends the whole job. If a failure handler is set for the process, the shard is dropped
instead and the job goes on with the others; workers of an engine do that. Both the handler and the set of failed shards
belong to the process, because the transforms of one graph share nothing else.
"""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from curricle.errors import one_line
from curricle.schemas.shards import Shard, unseal


class ShardError(RuntimeError):
    """Work on a shard raised an exception: `<shard>: <stage>, <offsets>: <type>: <message>`, in one line."""


FailureHandler = Callable[[str, str, Exception], None]
"""Called with the name of the failed shard, the cause in one line, and the error."""

_handler: FailureHandler | None = None
_failed_shards: set[str] = set()


def set_failure_handler(handler: FailureHandler | None) -> None:
    """Replace the failure handler of this process; None removes it."""
    global _handler
    _handler = handler


def start_attempt(shard: str) -> None:
    """Forget that an earlier attempt at the shard of this name failed in this process."""
    _failed_shards.discard(shard)


def has_failed(shard: Shard) -> bool:
    """Whether the current attempt at the shard has failed in this process, so that the rest of it must be skipped."""
    return shard.name in _failed_shards


def fail_shard(shard: Shard, doing: str, error: Exception) -> None:
    """Pass the failure to the handler; raise ShardError if there is none. `doing` names the stage and its documents."""
    cause = f"{doing}: {one_line(error, kind=True)}"
    if _handler is None:
        raise ShardError(f"{shard.label}: {cause}") from error
    _failed_shards.add(shard.name)
    _handler(shard.name, cause, error)


def fail_batch(batch: pa.RecordBatch, stage: str, error: Exception) -> None:
    """Call `fail_shard` for the shard in the batch's envelope. Raises `error` itself if there is no envelope."""
    try:
        shard = unseal(batch).shard
    except ValueError:
        raise error from None
    fail_shard(shard, f"stage {stage!r}{_offsets(batch)}", error)


def _offsets(batch: pa.RecordBatch) -> str:
    if not batch.num_rows or "source_offset" not in batch.schema.names:
        return ""
    ends = pc.min_max(batch.column("source_offset")).as_py()
    return f", documents at {ends['min']} to {ends['max']}"

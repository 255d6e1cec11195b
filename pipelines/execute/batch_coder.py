"""Encodes record batches as Arrow IPC wherever Beam moves them between stages or processes.

Pickle would copy the buffers of the whole parent batch: for a 10-row slice of 1,000 rows of 3 MB, 3.03 MB instead of 31 kB.
"""

import copyreg
from collections.abc import Callable
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam import coders


def encode_batch(batch: pa.RecordBatch) -> bytes:
    """The batch as one Arrow IPC stream with its schema."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def decode_batch(data: bytes) -> pa.RecordBatch:
    """The inverse of `encode_batch`, zero-copy over `data`."""
    with pa.ipc.open_stream(data) as reader:
        return reader.read_next_batch()


class RecordBatchCoder(coders.Coder):
    """The Beam coder of `pa.RecordBatch`, registered on import."""

    def encode(self, value: pa.RecordBatch) -> bytes:
        """Arrow IPC bytes."""
        return encode_batch(value)

    def decode(self, encoded: bytes) -> pa.RecordBatch:
        """The batch of Arrow IPC bytes."""
        return decode_batch(encoded)

    def estimate_size(self, value: pa.RecordBatch) -> int:
        """Bytes of the buffers, without encoding them."""
        return value.nbytes

    def is_deterministic(self) -> bool:
        """Equal batches encode to equal bytes."""
        return True

    def to_type_hint(self) -> type:
        """The element type."""
        return pa.RecordBatch

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))


def _reduce(batch: pa.RecordBatch) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    return decode_batch, (encode_batch(batch),)


beam.coders.registry.register_coder(pa.RecordBatch, RecordBatchCoder)
copyreg.pickle(pa.RecordBatch, _reduce)

"""A stage may append columns; rows and envelope of a batch stay."""

import pyarrow as pa
import pytest

from curricle.pipelines.execute.run_stage import RunKernel
from curricle.pipelines.execute.shard_failure import ShardError
from curricle.schemas.column import Column
from curricle.schemas.config import Config
from curricle.schemas.shards import Envelope, Shard, seal
from curricle.schemas.stage import Stage, Step

SHARD = Shard(name="a", source="in/a.jsonl", url="/in/a.jsonl", format="jsonl")
BATCH = seal(pa.record_batch({"text": ["1", "2"]}), Envelope(shard=SHARD, sequence=0))


def append(batch: pa.RecordBatch, config: Config) -> pa.RecordBatch:
    return batch.append_column("column", pa.array([1, 2]))


def drop_a_row(batch: pa.RecordBatch, config: Config) -> pa.RecordBatch:
    return batch.slice(1)


def drop_the_envelope(batch: pa.RecordBatch, config: Config) -> pa.RecordBatch:
    return pa.record_batch(batch.to_pydict())


def change_the_envelope(batch: pa.RecordBatch, config: Config) -> pa.RecordBatch:
    return seal(batch, Envelope(shard=SHARD, sequence=1))


def run(kernel):
    columns = (Column(name="column", dtype=pa.int64(), doc="a number"),)
    run_kernel = RunKernel(Step("s", Stage(name="stage", kernel=kernel, columns=columns), Config()))
    run_kernel.setup()
    return list(run_kernel.process(BATCH))


def test_a_kernel_appends_columns():
    [out] = run(append)
    assert (out.schema.names, out.schema.metadata) == (["text", "column"], BATCH.schema.metadata)


@pytest.mark.parametrize("kernel", [drop_a_row, drop_the_envelope, change_the_envelope])
def test_a_kernel_that_changes_rows_or_envelope_fails_the_shard(kernel):
    with pytest.raises(ShardError, match=r"^in/a\.jsonl: stage 's'.*stage 's' changed the rows or the envelope of a batch$"):
        run(kernel)

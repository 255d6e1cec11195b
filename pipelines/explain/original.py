"""What a document was in the input, before any stage: the page's HTML, or the text as it was read."""

from dataclasses import dataclass
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc

from curricle.errors import InputError
from curricle.pipelines.inputs.find import find_inputs, plan_shards
from curricle.stages.charset import decode_html
from curricle.stages.read.config import ReadConfig
from curricle.stages.read.shard import read_shard


@dataclass(frozen=True, kw_only=True)
class Original:
    """A record of an input."""

    kind: str  # its HTTP Content-Type, or `text`
    bytes: int
    content: str


def read_original(row: pa.RecordBatch, pattern: str, read: ReadConfig) -> Original:
    """The record from which a row of an output was made, in the input `pattern`.

    The file may have been moved, but not renamed. Raises InputError if the record is not there.
    """
    source, offset = row.column("source")[0].as_py(), row.column("source_offset")[0].as_py()
    name = PurePosixPath(source).name
    for shard in plan_shards(find_inputs([pattern]), read):
        if PurePosixPath(shard.source).name != name:
            continue
        for batch in read_shard(shard, read):
            found = pc.indices_nonzero(pc.equal(batch.column("source_offset"), offset))
            if len(found):
                return _original(batch.slice(found[0].as_py(), 1))
    raise InputError(f"{pattern}: holds no file {name} with a record at {offset:,}")


def _original(record: pa.RecordBatch) -> Original:
    payload = record.column("payload")[0].as_py()
    if payload is None:
        text = record.column("text")[0].as_py()
        if text is None:
            text = (record.column("dead_bytes")[0].as_py() or b"").decode("utf-8", "replace")
        return Original(kind="text", bytes=len(text.encode()), content=text)
    kind = record.column("payload_type")[0].as_py()
    return Original(kind=kind or "HTML", bytes=len(payload), content=decode_html(payload, kind).text)

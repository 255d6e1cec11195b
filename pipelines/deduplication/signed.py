"""The signatures of all documents: those of the indexes and of the shards; and that no two documents have the same id."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curricle.errors import OutputError
from curricle.pipelines.deduplication.groups import Documents, group_equal
from curricle.pipelines.deduplication.plan import Planned
from curricle.pipelines.deduplication.ranking import LENGTH, OUTPUT
from curricle.pipelines.deduplication.scan import ScanTask, read_signatures, scan
from curricle.pipelines.execute.commit_tasks import run_uncommitted


def sign_all(planned: Planned, work: Path, workers: int, quiet: bool) -> Documents:
    """The signatures of the indexes and the shards, which are written if need be."""
    columns = tuple(key.column for key in planned.ranking if key.column not in (LENGTH, OUTPUT))
    old = [work / f"{index.name}.signatures" for index in planned.indexes]
    for index, path in zip(planned.indexes, old, strict=True):
        if not path.exists():
            index.write_signatures(path)
    scans = [ScanTask(shard, columns, planned.with_urls, work / f"{shard.name}.signatures") for shard in planned.shards]
    run_uncommitted(scans, scan, workers, quiet)
    documents = Documents(tuple(read_signatures(path) for path in (*old, *(task.signatures for task in scans))))
    check_ids(documents, [*(index.path for index in planned.indexes), *(shard.output for shard in planned.shards)])
    return documents


def check_ids(documents: Documents, places: Sequence[Path]) -> None:
    """Raise OutputError if two documents have the same id. `places`: where the documents of each table are from."""
    ids = pa.chunked_array([chunk for table in documents.tables for chunk in table["id"].chunks], pa.string())
    hashes = np.concatenate([np.empty(0, np.uint64), *(id_hashes(chunk) for chunk in ids.chunks)])
    for group in group_equal(hashes, np.arange(hashes.size)).split():
        seen: dict[str, int] = {}
        for number in group.tolist():
            name = ids[number].as_py()
            if name in seen:
                first, second = (places[int(documents.table_of(n))] for n in (seen[name], number))
                raise OutputError(
                    f"{first} and {second} both hold the document {name}; leave one of them out, or run one of them again"
                    " with its inputs under other names"
                )
            seen[name] = number


def id_hashes(ids: pa.StringArray) -> npt.NDArray[np.uint64]:
    """The first 64 of the 128 bits of each id, which is 32 hex digits."""
    return np.frombuffer(bytes.fromhex("".join(name[:16] for name in ids.to_pylist())), ">u8").astype(np.uint64)

import os
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curricle.pipelines.output.write import SPLITS, ShardWriter, Sink, manifest_path
from curricle.schemas.column import schema_of
from curricle.schemas.columns import DEAD, DECISION, DOCUMENT
from curricle.schemas.shards import Envelope, Shard
from curricle.storage.local import LocalOutput

SHARD = Shard(name="a.jsonl-1", source="a.jsonl", url="/a.jsonl", format="jsonl", size=9)
SCHEMAS = {
    "kept": schema_of(DOCUMENT).with_metadata({"curricle": "f"}),
    "rejected": schema_of((*DOCUMENT, *DECISION)).with_metadata({"curricle": "f"}),
    "dead": schema_of((*(c for c in DOCUMENT if c.name != "text"), *DEAD)).with_metadata({"curricle": "f"}),
}


def rows(*marks: str) -> pa.RecordBatch:
    """One row a mark: 'k' kept, 'r' rejected, 'd' dead."""
    records = [
        {
            "id": f"{number}",
            "source": "a.jsonl",
            "source_offset": number,
            "text": None if mark == "d" else f"text {number}",
            "reject_reason": "short" if mark == "r" else None,
            "reject_value": "1" if mark == "r" else None,
            "failed_rules": {"k": [], "r": ["short"], "d": None}[mark],
            "dead_stage": "read" if mark == "d" else None,
            "dead_reason": "not JSON" if mark == "d" else None,
            "dead_bytes": b"x" if mark == "d" else None,
        }
        for number, mark in enumerate(marks)
    ]
    return pa.RecordBatch.from_pylist(records, schema=schema_of((*DOCUMENT, *DEAD, *DECISION)))


def write(output, batches, *, records=None, sequence=None):
    writer = ShardWriter(Sink(output=str(output), schemas=SCHEMAS, fingerprint="f"), SHARD)
    for number, batch in enumerate(batches):
        writer.write(batch, Envelope(shard=SHARD, sequence=number if sequence is None else sequence[number]))
    total = sum(batch.num_rows for batch in batches) if records is None else records
    return writer.commit(Envelope(shard=SHARD, sequence=len(batches), last=True, records=total, notes=("cut",)))


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_rows_go_where_their_marks_say_and_the_counts_balance(tmp_path):
    manifest = orjson.loads(write(tmp_path, [rows("k", "r", "d", "k")]).read_bytes())
    assert {part: file["rows"] for part, file in manifest["files"].items()} == {"kept": 2, "rejected": 1, "dead": 1}
    assert (manifest["rejected"], manifest["dead"], manifest["notes"]) == ({"short": 1}, {"not JSON": 1}, ["cut"])
    kept = pq.read_table(tmp_path / "kept/part-a.jsonl-1.parquet")
    assert kept.column("text").to_pylist() == ["text 0", "text 3"]
    assert pq.read_table(tmp_path / "dead/part-a.jsonl-1.parquet").column("dead_bytes").to_pylist() == [b"x"]
    assert not any((tmp_path / "_tmp").iterdir())


def test_a_file_without_rows_has_the_same_schema(tmp_path):
    write(tmp_path, [rows("k")])
    for part, schema in SCHEMAS.items():
        assert pq.read_schema(tmp_path / f"{part}/part-a.jsonl-1.parquet").equals(schema, check_metadata=True)


def test_the_same_shard_twice_ends_in_the_same_bytes(tmp_path):
    write(tmp_path, [rows("k", "r"), rows("d")])
    first = files(tmp_path)
    write(tmp_path, [rows("k", "r"), rows("d")])
    assert files(tmp_path) == first


def test_many_batches_are_written_in_row_groups_and_none_is_lost(tmp_path, monkeypatch):
    monkeypatch.setattr("curricle.pipelines.output.write.ROW_GROUP_BYTES", 200)
    write(tmp_path, [rows("k", "k", "r")] * 7)
    kept = pq.ParquetFile(tmp_path / "kept/part-a.jsonl-1.parquet")
    assert kept.metadata.num_rows == 14
    assert kept.metadata.num_row_groups > 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"records": 3}, "3 records read"), ({"sequence": [1]}, "in place of batch 0")],
    ids=["a lost row is not committed", "a lost batch is not committed"],
)
def test_a_shard_that_did_not_arrive_whole_is_not_committed(tmp_path, arguments, message):
    with pytest.raises(RuntimeError, match=message):
        write(tmp_path, [rows("k")], **arguments)
    assert not manifest_path(tmp_path, SHARD.name).exists()


def test_the_manifest_is_moved_last_and_everything_is_synced_before(tmp_path, monkeypatch):
    acts: list[str] = []
    commit, fsync = LocalOutput.commit, os.fsync

    def note_commit(self, file, name):
        acts.append(name)
        commit(self, file, name)

    def note_sync(descriptor):
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        acts.extend([f"sync {path.name}"] * path.is_file())  # not the folders
        fsync(descriptor)

    monkeypatch.setattr(LocalOutput, "commit", note_commit)
    monkeypatch.setattr(os, "fsync", note_sync)
    write(tmp_path, [rows("k", "r", "d")])
    assert acts == [
        *("sync kept.parquet", "sync rejected.parquet", "sync dead.parquet", "sync manifest.json"),
        *(f"{split}/part-{SHARD.name}.parquet" for split in SPLITS),
        f"_manifest/{SHARD.name}.json",
    ]


def test_a_shard_whose_file_cannot_be_moved_has_no_manifest(tmp_path, monkeypatch):
    commit = LocalOutput.commit

    def fail_for_dead(self, file, name):
        if name.startswith("dead/"):
            raise OSError("no space left")
        commit(self, file, name)

    monkeypatch.setattr(LocalOutput, "commit", fail_for_dead)
    with pytest.raises(OSError, match="no space left"):
        write(tmp_path, [rows("k", "r", "d")])
    assert not manifest_path(tmp_path, SHARD.name).exists()


def test_a_batch_is_counted(tmp_path):
    writer = ShardWriter(Sink(output=str(tmp_path), schemas=SCHEMAS, fingerprint="f"), SHARD)
    counts = writer.write(rows("k", "r", "d", "k"), Envelope(shard=SHARD, sequence=0))
    assert counts == (4, len("text 0text 1text 3"), 2)
    assert writer.write(rows(), Envelope(shard=SHARD, sequence=1)) == (0, 0, 0)
    writer.abandon()

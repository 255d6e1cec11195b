"""A shard's batches: sealed, numbered, ended by an empty one with the totals, and the same through a Beam shuffle."""

import gzip
from pathlib import Path

import apache_beam as beam
import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to

from curricle.pipelines.execute.read_shards import ReadShard
from curricle.schemas.columns import READ_SCHEMA
from curricle.schemas.shards import Shard, unseal
from curricle.stages.read.config import ReadConfig
from curricle.stages.read.shard import read_shard

LINES = b'{"text":"a"}\nbad\n{"text":"b"}\n'


def shard_of(path: Path | str, kind: str = "jsonl", **fields: int) -> Shard:
    return Shard(name=f"s-{Path(path).name}", source="in", url=str(path), format=kind, **fields)


def test_batches_are_numbered_and_the_last_is_empty_with_the_totals(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(LINES * 5)
    shard = shard_of(path)
    batches = list(read_shard(shard, ReadConfig(batch_rows=4)))
    assert [batch.num_rows for batch in batches] == [4, 4, 4, 3, 0]
    envelopes = [unseal(batch) for batch in batches]
    assert [envelope.sequence for envelope in envelopes] == [0, 1, 2, 3, 4]
    assert [envelope.last for envelope in envelopes] == [False] * 4 + [True]
    assert [envelope.records for envelope in envelopes] == [0, 0, 0, 0, 15]
    assert all(envelope.shard == shard for envelope in envelopes)
    assert all(batch.schema.remove_metadata() == READ_SCHEMA for batch in batches)


def test_every_batch_has_the_carried_columns_too(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(LINES)
    names = [*READ_SCHEMA.names, "language"]
    assert [batch.schema.names for batch in read_shard(shard_of(path), ReadConfig(carry=("language",)))] == [names, names]


@pytest.mark.parametrize("kind", ["jsonl", "warc", "parquet"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_an_empty_file_has_no_rows_and_a_note(tmp_path: Path, kind: str, suffix: str) -> None:
    path = tmp_path / f"x.{kind}{suffix}"
    path.touch()
    [last] = read_shard(shard_of(path, kind), ReadConfig())
    assert (last.num_rows, unseal(last).records, unseal(last).notes) == (0, 0, ("the file is empty",))


def test_notes_ride_in_the_last_envelope(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl.gz"
    data = gzip.compress(LINES)
    path.write_bytes(data + bytes(9))
    *_, last = read_shard(shard_of(path), ReadConfig())
    assert unseal(last).notes == (f"9 zero bytes at byte {len(data)}",)


def test_a_missing_file_fails_the_shard(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(read_shard(shard_of(tmp_path / "none.jsonl"), ReadConfig()))


@pytest.mark.parametrize("kind", ["jsonl", "jsonl.gz", "warc", "parquet"])
def test_a_remote_file_gives_the_rows_of_a_local_one(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"x.{kind}"
    if kind == "parquet":
        pq.write_table(pa.table({"text": ["a", None, "b"] * 1000}), path, row_group_size=500)
    else:
        warc = (
            b"".join(b"WARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: 1\r\n\r\n%d\r\n\r\n" % n for n in range(9)) + b"bad"
        )
        data = warc if kind == "warc" else LINES * 1000
        path.write_bytes(gzip.compress(data) if kind.endswith(".gz") else data)
    url = f"memory://{tmp_path.name}/x.{kind}"
    with fsspec.open(url, "wb") as file:
        file.write(path.read_bytes())
    local, remote = (list(read_shard(shard_of(at, kind.split(".")[0]), ReadConfig())) for at in (path, url))
    assert [batch.to_pylist() for batch in remote] == [batch.to_pylist() for batch in local]
    assert sum(batch.num_rows for batch in local) == {"parquet": 3000, "warc": 10}.get(kind, 3000)


def rows_of(batch: pa.RecordBatch) -> list[tuple[str, int, str | None, str | None]]:
    name = unseal(batch).shard.name
    columns = (batch.column(column).to_pylist() for column in ("source_offset", "text", "dead_reason"))
    return [(name, *row) for row in zip(*columns, strict=True)]


def totals_of(batch: pa.RecordBatch) -> list[tuple[str, int]]:
    envelope = unseal(batch)
    return [(envelope.shard.name, envelope.records)] if envelope.last else []


def test_a_pipeline_gives_the_same_rows_through_a_shuffle(tmp_path: Path) -> None:
    """All rows of a JSONL file in two ranges and of a Parquet file arrive, after a Reshuffle of shards and of batches."""
    lines, table = tmp_path / "x.jsonl", tmp_path / "x.parquet"
    lines.write_bytes(LINES)
    pq.write_table(pa.table({"text": ["p", None]}), table)
    shards = [
        Shard(name="first", source="l", url=str(lines), format="jsonl", start=0, end=14),
        Shard(name="second", source="l", url=str(lines), format="jsonl", start=14, end=len(LINES)),
        Shard(name="third", source="p", url=str(table), format="parquet"),
    ]
    options = PipelineOptions([], runner="FnApiRunner", direct_running_mode="in_memory")
    with beam.Pipeline(options=options) as pipeline:
        batches = pipeline | beam.Create(shards) | beam.Reshuffle() | ReadShard(ReadConfig()) | "Shuffle" >> beam.Reshuffle()
        assert batches.element_type is pa.RecordBatch  # else Beam would pickle the batches
        expected = [
            ("first", 0, "a", None),
            ("first", 13, None, "not JSON: unexpected character, expected a JSON value"),
            ("second", 17, "b", None),
            ("third", 0, "p", None),
            ("third", 1, None, "'text' is null"),
        ]
        assert_that(batches | beam.FlatMap(rows_of), equal_to(expected), label="Rows")
        totals = [("first", 2), ("second", 1), ("third", 2)]
        assert_that(batches | "Totals" >> beam.FlatMap(totals_of), equal_to(totals), label="Totals are right")

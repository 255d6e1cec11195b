"""Plans that read tables beside the outputs, joined by document id."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

import curricle
from curricle.errors import CurricleError
from curricle.pipelines.output.attribute_tables import commit_part, find_shards, table_folder, write_table_record

sys.path.append(str(Path(__file__).parent))

from curriculum_outputs import rows, store

CLI = [sys.executable, "-c", "from curricle.pipelines.cli.main import main; main()"]


@pytest.fixture
def outputs(tmp_path) -> list[Path]:
    return [store(rows(300, "a.jsonl", 1), tmp_path / "one", 3), store(rows(200, "b.jsonl", 2), tmp_path / "two", 1)]


def table_of(outputs: list[Path], path: Path, seed: int = 0, **columns: Any) -> Path:
    """A Parquet file with the ids of all documents in another order."""
    ids = [id_ for output in outputs for id_ in pq.read_table(output / "kept")["id"].to_pylist()]
    order = np.random.default_rng(seed).permutation(len(ids))
    table = pa.table({"id": ids} | {name: values(len(ids)) for name, values in columns.items()})
    pq.write_table(table.take(pa.array(order)), path)
    return path


def plan(**changes: Any) -> dict[str, Any]:
    return {"phases": [{"name": "one", "tokens": "all", **changes}]}


def test_a_score_of_ones_own_is_ten_lines(outputs, tmp_path):
    ids, scores = [], []
    for output in outputs:  # a model of one's own
        for batch in pq.ParquetDataset(output / "kept").read(["id", "text"]).to_batches():
            ids += batch["id"].to_pylist()
            scores += [len(set(text.split())) / len(text.split()) for text in batch["text"].to_pylist()]
    pq.write_table(pa.table({"id": ids, "variety": pa.array(scores, pa.float32())}), tmp_path / "mine.parquet")
    chosen = plan(select={"method": "top", "score": "variety"})
    chosen["phases"][0]["tokens"] = 5000
    made = curricle.make_curriculum(chosen, outputs, tmp_path / "cur", tables=tmp_path / "mine.parquet")
    taken = set(pq.read_table(made.path / "01-one")["id"].to_pylist())
    worst = min(score for id_, score in zip(ids, scores, strict=True) if id_ in taken)
    assert max(score for id_, score in zip(ids, scores, strict=True) if id_ not in taken) <= worst + 1e-6


def test_where_reads_a_table_and_ids_without_a_row_are_null(outputs, tmp_path):
    path = table_of(outputs[:1], tmp_path / "t.parquet", keep=lambda n: [at % 2 == 0 for at in range(n)])
    made = curricle.make_curriculum(plan(where={"keep": {"min": 1}}), outputs, tmp_path / "cur", tables=[path])
    table = pq.read_table(path)
    wanted = {id_ for id_, keep in zip(table["id"].to_pylist(), table["keep"].to_pylist(), strict=True) if keep}
    assert set(pq.read_table(made.path / "01-one")["id"].to_pylist()) == wanted
    assert "keep" not in pq.read_schema(next((made.path / "01-one").glob("*.parquet"))).names


def test_an_attribute_table_is_read_shard_by_shard(outputs, tmp_path):
    for output in outputs:  # attribute tables have rows for rejected documents too
        (output / "rejected").mkdir()
        for manifest in (output / "_manifest").glob("*.json"):
            record = orjson.loads(manifest.read_bytes())
            path = output / "rejected" / Path(record["files"]["kept"]["path"]).name
            pq.write_table(pq.read_table(output / record["files"]["kept"]["path"]).slice(0, 0), path)
            record["files"]["rejected"] |= {"path": f"rejected/{path.name}"}
            manifest.write_bytes(orjson.dumps(record))
    folder = tmp_path / "attributes"
    wanted = set()
    with table_folder(folder, "dedup", {"x": "1"}):
        for shard in find_shards(outputs):
            ids = [id_ for batch in shard.batches(["id"], 1000) for id_ in batch["id"].to_pylist()]
            keep = [at % 3 == 0 for at in range(len(ids))]
            wanted |= {id_ for id_, stays in zip(ids, keep, strict=True) if stays}
            commit_part(folder, shard, "f", pa.table({"id": ids, "keep": keep, "cluster_id": ids}))
        write_table_record(folder, "dedup", {"x": "1"}, finished=True)
    made = curricle.make_curriculum(plan(where={"keep": {"min": 1}}), outputs, tmp_path / "cur", tables=folder)
    assert set(pq.read_table(made.path / "01-one")["id"].to_pylist()) == wanted


def test_held_out_documents_go_with_their_clusters(outputs, tmp_path):
    path = table_of(
        outputs, tmp_path / "t.parquet", cluster_id=lambda n: [None if at % 7 == 0 else f"c{at // 5}" for at in range(n)]
    )
    heldout = {"share": 0.05, "together": "cluster_id"}
    made = curricle.make_curriculum(plan() | {"heldout": heldout}, outputs, tmp_path / "cur", tables=path)
    cluster = dict(zip(*(pq.read_table(path)[name].to_pylist() for name in ("id", "cluster_id")), strict=True))
    held, phase = ({cluster[id_] for id_ in pq.read_table(made.path / part)["id"].to_pylist()} for part in ("heldout", "01-one"))
    assert held & phase <= {None}
    assert len(held) > 10
    assert None in phase


def test_the_same_table_gives_the_same_curriculum_and_another_one_is_refused(outputs, tmp_path):
    first = table_of(outputs, tmp_path / "a.parquet", 1, score=lambda n: list(range(n)))
    other = table_of(outputs, tmp_path / "b.parquet", 1, score=lambda n: list(range(n, 0, -1)))
    chosen = plan(order={"method": "sorted", "by": "score"})
    curricle.make_curriculum(chosen, outputs, tmp_path / "cur", tables=first)
    curricle.make_curriculum(chosen, outputs, tmp_path / "cur", tables=first)
    with pytest.raises(CurricleError, match="made with another plan or from other documents"):
        curricle.make_curriculum(chosen, outputs, tmp_path / "cur", tables=other)


def test_bad_tables_are_one_line(outputs, tmp_path):
    good = table_of(outputs, tmp_path / "good.parquet", score=lambda n: list(range(n)))
    twice = tmp_path / "twice.parquet"
    pq.write_table(pa.concat_tables([pq.read_table(good), pq.read_table(good).slice(0, 1)]), twice)
    bare = tmp_path / "bare.parquet"
    pq.write_table(pa.table({"score": [1]}), bare)
    (tmp_path / "no.parquet").write_bytes(b"no Parquet")
    (tmp_path / "empty").mkdir()
    clash = table_of(outputs, tmp_path / "clash.parquet", quality=lambda n: [1.0] * n)
    by_score = plan(order={"method": "sorted", "by": "score"})
    for tables, chosen, message in (
        ([twice], by_score, "twice.parquet: the id '.*' occurs twice"),
        ([bare], by_score, "bare.parquet: has no column 'id'"),
        ([tmp_path / "no.parquet"], by_score, r"no.parquet: "),
        ([tmp_path / "empty"], by_score, "empty: no attribute table and no Parquet files"),
        ([good, good], by_score, "column 'score' is in .*good.parquet too; leave one out"),
        ([clash], plan(order={"method": "sorted", "by": "quality"}), "column 'quality' is in the output too; leave one out"),
        ([good], plan(order={"method": "sorted", "by": "scor"}), "no column 'scor'"),
    ):
        with pytest.raises(CurricleError, match=message):
            curricle.make_curriculum(chosen, outputs, tmp_path / "cur", tables=tables)
    assert not (tmp_path / "cur").exists()


def test_the_command_takes_tables(outputs, tmp_path):
    path = table_of(outputs, tmp_path / "t.parquet", keep=lambda n: [at % 2 == 0 for at in range(n)])
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan(where={"keep": {"min": 1}})))
    command = ["curriculum", "plan.yaml", "--from", "one", "--from", "two", "--with", str(path), "--output", "cur", "--quiet"]
    subprocess.run([*CLI, *command], cwd=tmp_path, check=True, capture_output=True)
    assert len(pq.read_table(tmp_path / "cur/01-one")) == 250

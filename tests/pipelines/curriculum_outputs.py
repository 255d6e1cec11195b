"""Small outputs as `curricle run` leaves them, for the tests of curricula."""

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from curricle.models.cards import file_sha256
from curricle.pipelines.curriculum.plan_file import load_plan
from curricle.pipelines.curriculum.run import make_curriculum, write_curriculum
from curricle.pipelines.curriculum.workers import Processes
from curricle.schemas.shards import document_id

QUIET = Processes(1, quiet=True)
CLUSTERS = [None, 1, 2, 3, 4, 5, 99, 100, 999, 1000, 50_000]
DOMAINS = ["Law", "Culture", "Technology", "Medicine"]


def rows(count: int, source: str, seed: int) -> pa.Table:
    """Documents as a run keeps them: a third of the scores null, one text in twenty a copy of another."""
    rng = np.random.default_rng(seed)
    words = ["göl", "yasa", "madde", "word", "sentence", "bilgi"]
    texts = [" ".join(rng.choice(words, rng.integers(5, 80))) + f" {source} {number}" for number in range(count)]
    for copy in rng.choice(count, count // 20, replace=False):
        texts[copy] = texts[int(rng.integers(0, count))]
    score = rng.normal(3, 1, count)
    return pa.table(
        {
            "id": [document_id(source, number) for number in range(count)],
            "source": [source] * count,
            "source_offset": pa.array(range(count), pa.int64()),
            "text": texts,
            "language": rng.choice(["tr", "en"], count, p=[0.7, 0.3]).tolist(),
            "domain": pa.array([None if one < 0.02 else DOMAINS[int(one * 4)] for one in rng.random(count)], pa.string()),
            "ppl": pa.array(np.exp(rng.normal(5, 1, count)), pa.float64()),
            "quality": pa.array(np.where(rng.random(count) < 0.33, None, score), pa.float32()),
            "overall": pa.array(rng.integers(1, 6, count), pa.int8()),
            "cluster": pa.array([CLUSTERS[one] for one in rng.integers(0, len(CLUSTERS), count)], pa.int32()),
        }
    )


def store(table: pa.Table, output: Path, shards: int, order: np.ndarray | None = None, group_rows: int = 137) -> Path:
    """What `curricle run` leaves of these rows, in so many files."""
    if order is not None:
        table = table.take(pa.array(order))
    (output / "_manifest").mkdir(parents=True)
    (output / "kept").mkdir()
    size = -(-table.num_rows // shards)
    for number in range(shards):
        path = f"kept/part-{number}.parquet"
        part = table.slice(number * size, size)
        pq.write_table(part, output / path, row_group_size=group_rows)
        file = {"path": path, "rows": part.num_rows, "sha256": file_sha256(output / path)}
        empty = {"rows": 0, "sha256": "", "bytes": 0, "text_bytes": 0}
        manifest = {
            "shard": {"name": f"{output.name}-{number}", "source": output.name, "version": "1"},
            "fingerprint": f"of {output.name}",
            "records": part.num_rows,
            "notes": [],
            "files": {
                "kept": file | {"bytes": (output / path).stat().st_size, "text_bytes": 0},
                "rejected": {"path": f"rejected/part-{number}.parquet", **empty},
                "dead": {"path": f"dead/part-{number}.parquet", **empty},
            },
            "rejected": {},
            "dead": {},
        }
        (output / "_manifest" / f"{number}.json").write_bytes(orjson.dumps(manifest))
    (output / "run.json").write_bytes(orjson.dumps({"finished": True, "failed": {}, "fingerprint": f"of {output.name}"}))
    return output


def make(plan: dict[str, Any], outputs: list[Path], output: Path) -> dict[str, Any]:
    """The plan made into `output`; its curriculum.json."""
    path = output.parent / f"{output.name}.yaml"
    path.write_text(yaml.safe_dump(plan), "utf-8")
    assert write_curriculum(make_curriculum(load_plan(str(path)), outputs, QUIET), output, QUIET)
    return orjson.loads((output / "curriculum.json").read_bytes())

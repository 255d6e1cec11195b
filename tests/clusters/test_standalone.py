"""A Spark and a Flink cluster, a master and two workers each, on this machine: the local run's bytes, and all of it works."""

from collections import Counter

import pytest
from engine_runs import files, finish, records, start
from standalone import WORKERS

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


def test_a_cluster_writes_the_local_bytes_with_all_its_slots_and_loads_models_once_a_worker(cluster, small, tmp_path):
    inputs, expected = small
    finish(start("web", inputs, tmp_path / "out", cluster.runner, tmp_path, cluster.flags))
    assert files(tmp_path / "out") == expected
    assert not (tmp_path / "out" / "_tmp").exists()
    assert records(tmp_path / "out") == 64 * 160
    commits = cluster.acts("commit")
    assert sorted(shard for _, shard in commits) == sorted(path.stem for path in (tmp_path / "out" / "_manifest").iterdir())
    shares = Counter(process for process, _ in commits)
    assert len(shares) == WORKERS, shares
    loads = [Counter(path for process, path in cluster.acts("open") if process == worker) for worker in shares]
    assert loads[0] == loads[1]  # whatever the number of shards
    assert {count for path, count in loads[0].items() if path.endswith("trees.npz")} == {1}

"""Kills and full disks on the clusters: the local run's bytes, nothing left behind, and counts that balance."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_runs import committed, ended, files, finish, records, start, wait_until
from standalone import Cluster

pytestmark = [pytest.mark.cluster_faults, pytest.mark.timeout(900)]

PLAIN = str(Path(__file__).with_name("plain.yaml"))
KEPT = "--environment_cache_millis=600000"


def whole(out: Path, expected: dict[str, bytes]) -> None:
    assert files(out) == expected
    assert not (out / "_tmp").exists()
    assert records(out) == 16 * 200


def under_way(recipe: str, many: Path, out: Path, cluster: Cluster) -> "subprocess.Popen[str]":
    """A run that has committed its first shard."""
    run = start(recipe, many, out, cluster.runner, out.parent, cluster.quick)
    wait_until(lambda: committed(out), "a first shard is committed")
    return run


@pytest.mark.parametrize(
    ("recipe", "point"),
    [(PLAIN, "begin"), ("web", "written"), pytest.param("web", "commit", marks=pytest.mark.cluster)],
    ids=["a-worker-a-task", "kept-workers", "files-renamed-and-no-manifest"],
)
def test_a_worker_killed_inside_a_shard_costs_no_document(cluster, recipe, point, many, undisturbed, tmp_path):
    out, expected = tmp_path / "out", undisturbed(recipe)
    run = under_way(recipe, many, out, cluster)
    worker, shard = cluster.stopped(point)
    assert (out / "kept" / f"part-{shard}.parquet").exists() == (point == "commit")
    assert not (out / "_manifest" / f"{shard}.json").exists()
    worker.kill()
    finish(run)
    whole(out, expected)


def test_a_dead_machine_costs_no_document(cluster, many, undisturbed, tmp_path):
    out, expected = tmp_path / "out", undisturbed("web")
    run = under_way("web", many, out, cluster)
    cluster.executors()[0].kill()
    finish(run)
    whole(out, expected)


@pytest.mark.parametrize("running", ["SparkRunner"], indirect=True)
def test_a_killed_driver_leaves_no_worker_and_the_same_command_goes_on(cluster, many, undisturbed, tmp_path):
    out, expected = tmp_path / "out", undisturbed("web")
    run = under_way("web", many, out, cluster)
    run.kill()
    run.communicate(timeout=60)
    wait_until(lambda: not cluster.pythons(), "the workers are gone", 120)
    assert 0 < committed(out) < 16
    finish(start("web", many, out, cluster.runner, tmp_path, cluster.quick))
    whole(out, expected)


@pytest.mark.parametrize("running", ["FlinkRunner"], indirect=True)
def test_flink_goes_on_without_its_driver_and_the_same_command_ends_in_the_same_bytes(cluster, many, undisturbed, tmp_path):
    out, expected = tmp_path / "out", undisturbed("web")
    run = under_way("web", many, out, cluster)
    run.kill()
    run.communicate(timeout=60)
    finish(start("web", many, out, cluster.runner, tmp_path, cluster.quick))
    assert files(out) == expected
    wait_until(lambda: cluster.jobs() == 0, "the first job has ended")
    finish(start("web", many, out, cluster.runner, tmp_path, cluster.quick))
    whole(out, expected)


@pytest.mark.parametrize("running", ["SparkRunner"], indirect=True)  # Flink has no such thing
def test_a_stalled_workers_shard_is_run_twice_at_the_same_time_and_ends_in_the_same_bytes(cluster, many, undisturbed, tmp_path):
    out, expected = tmp_path / "out", undisturbed(PLAIN)
    properties = {"speculation": "true", "speculation.multiplier": "1.1", "speculation.quantile": "0.1"}
    flags = [f"--job_server_jvm_properties=-Dspark.{name}={value}" for name, value in properties.items()]
    run = start(PLAIN, many, out, "SparkRunner", tmp_path, (*cluster.quick, KEPT, *flags))
    wait_until(lambda: committed(out) > 2, "the first shards are committed")
    stalled, shard = cluster.stopped("begin")
    wait_until((out / "_manifest" / f"{shard}.json").exists, "another worker commits the shard")
    stalled.resume()
    finish(run)
    whole(out, expected)


@pytest.fixture
def half_a_disk(undisturbed, tmp_path) -> Iterator[Path]:
    """A disk with room for half of the output."""
    disk, room = tmp_path / "disk", sum(map(len, undisturbed(PLAIN).values())) // 2
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={room}", "none", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_ends_the_job_with_the_reason_and_with_room_it_goes_on(cluster, many, undisturbed, half_a_disk, tmp_path):
    out = half_a_disk / "out"
    code, said, err = ended(start(PLAIN, many, out, cluster.runner, tmp_path, (*cluster.quick, KEPT)))
    assert code == 1
    assert "No space left on device" in said + err
    assert "Traceback" not in said + err
    assert 0 < committed(out) < 16
    subprocess.run(["mount", "-o", "remount,size=64m", str(half_a_disk)], check=True)
    finish(start(PLAIN, many, out, cluster.runner, tmp_path, (*cluster.quick, KEPT)))
    whole(out, undisturbed(PLAIN))

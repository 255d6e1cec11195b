"""Inputs, the local run's bytes, and clusters, for the tests in this folder."""

import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from engine_runs import RUNS, files, finish, needs, start, write_inputs
from standalone import Cluster, start_cluster


@pytest.fixture(autouse=True)
def _no_stragglers() -> Iterator[None]:
    """A run that its test did not see end is killed."""
    yield
    for run in RUNS:
        if run.poll() is None:
            run.kill()
            run.communicate(timeout=60)
    RUNS.clear()


@pytest.fixture(params=["PrismRunner", "SparkRunner", "FlinkRunner"])
def engine(request) -> str:
    needs(request.param)
    return request.param


@pytest.fixture(scope="session")
def many(tmp_path_factory) -> Path:
    """16 shards that take a second each."""
    return write_inputs(tmp_path_factory.mktemp("many"), 16, 200)


@pytest.fixture(scope="session")
def undisturbed(many, tmp_path_factory) -> Callable[[str], dict[str, bytes]]:
    """What the local run makes of `many` by a recipe."""

    @cache
    def by(recipe: str) -> dict[str, bytes]:
        folder = tmp_path_factory.mktemp("undisturbed")
        finish(start(recipe, many, folder / "out", "local", folder))
        return files(folder / "out")

    return by


@pytest.fixture(scope="session")
def small(tmp_path_factory) -> tuple[Path, dict[str, bytes]]:
    """64 shards of 160 pages, and what the local run makes of them."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "in").mkdir()
    finish(start("web", write_inputs(folder / "in", 64, 160), folder / "out", "local", folder))
    return folder / "in", files(folder / "out")


@pytest.fixture(scope="session", params=["SparkRunner", "FlinkRunner"])
def running(request, tmp_path_factory) -> Iterator[Cluster]:
    cluster = start_cluster(request.param, tmp_path_factory.mktemp("cluster"))
    yield cluster
    cluster.end()


@pytest.fixture
def cluster(running) -> Cluster:
    """A cluster with all its workers, and no traces."""
    running.fresh()
    return running

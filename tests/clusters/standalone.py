"""A Spark and a Flink cluster on this machine, as their `bin` scripts start them: a master, and two workers that take tasks."""

import json
import os
import subprocess
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psutil
from engine_runs import needs, wait_until

from curricle.pipelines.engines.programs import OPENED, get_jars
from curricle.pipelines.engines.server import free_port

WORKERS = 2
SLOTS = {"SparkRunner": 1, "FlinkRunner": 2}
"""Of a worker. Flink's second ones are spare: a job that restarts after a worker's death needs them at once."""

FLINK = """
jobmanager.rpc.address: 127.0.0.1
jobmanager.rpc.port: {rpc}
jobmanager.bind-host: 127.0.0.1
rest.address: 127.0.0.1
rest.bind-address: 127.0.0.1
rest.port: {rest}
cluster.evenly-spread-out-slots: true
heartbeat.interval: 1000
heartbeat.timeout: 10000
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 3
restart-strategy.fixed-delay.delay: 1 s
taskmanager.host: 127.0.0.1
taskmanager.bind-host: 127.0.0.1
taskmanager.rpc.port: 0
taskmanager.numberOfTaskSlots: {slots}
taskmanager.cpu.cores: {slots}.0
taskmanager.memory.task.heap.size: 512m
taskmanager.memory.task.off-heap.size: 0m
taskmanager.memory.managed.size: 128m
taskmanager.memory.network.min: 64m
taskmanager.memory.network.max: 64m
taskmanager.memory.framework.heap.size: 128m
taskmanager.memory.framework.off-heap.size: 128m
taskmanager.memory.jvm-metaspace.size: 256m
taskmanager.memory.jvm-overhead.min: 192m
taskmanager.memory.jvm-overhead.max: 192m
external-resources: none
io.tmp.dirs: {folder}
blob.storage.directory: {folder}
"""
"""What taskmanager.sh would work out from the machine, and a restart-strategy: without one the first death ends a job."""


@dataclass
class Cluster:
    """A cluster that runs: the flags that name it, its traces (trace/sitecustomize.py), and its processes."""

    runner: str
    folder: Path
    flags: tuple[str, ...] = ()
    workers_there: Callable[[], int | None] = lambda: 0
    jobs: Callable[[], int | None] = lambda: 0  # that run
    master: "subprocess.Popen[bytes] | None" = None
    workers: "list[subprocess.Popen[bytes]]" = field(default_factory=list)
    hire: "Callable[[], subprocess.Popen[bytes]] | None" = None

    @property
    def quick(self) -> tuple[str, ...]:
        """The flags, and one to ship none of Beam's jars, which this cluster has: 300 MB less a job."""
        return (*self.flags, f"--files_to_stage={__file__}")

    @property
    def traces(self) -> Path:
        """What the Python processes of this cluster did."""
        return self.folder / "traces"

    def acts(self, act: str) -> list[tuple[int, str]]:
        """(process, what) of all acts of that name since the last `fresh`."""
        lines = [(int(path.name), line) for path in self.traces.iterdir() if path.name.isdigit() for line in path.open()]
        return [(process, line.split("\t")[1].strip()) for process, line in lines if line.startswith(f"{act}\t")]

    def fresh(self) -> None:
        """Forget the acts, and replace the workers that died."""
        for path in self.traces.iterdir():
            path.unlink()
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < WORKERS:
            self.workers.append(self.hire())
        wait_until(lambda: self.workers_there() == WORKERS, f"{WORKERS} workers", 120)

    def pythons(self) -> list[psutil.Process]:
        """The processes in which our stages run."""
        below = [child for worker in self.workers for child in psutil.Process(worker.pid).children(recursive=True)]
        return [process for process in below if _says(process, "curricle-worker")]

    def stopped(self, point: str) -> tuple[psutil.Process, str]:
        """The next worker that comes to this point of a shard, stopped there, and the shard."""
        (self.traces / f"stop-at-{point}").touch()
        wait_until(lambda: self.acts("stop"), f"a worker comes to {point}")
        [(process, shard)] = self.acts("stop")
        return psutil.Process(process), shard

    def executors(self) -> list[psutil.Process]:
        """The JVMs that run tasks: below a Spark worker; a Flink worker is one itself."""
        if self.runner == "FlinkRunner":
            return [psutil.Process(worker.pid) for worker in self.workers]
        below = [child for worker in self.workers for child in psutil.Process(worker.pid).children()]
        return [process for process in below if _says(process, "CoarseGrainedExecutorBackend")]

    def end(self) -> None:
        """End all processes, and those below them."""
        daemons = [process for process in (*self.workers, self.master) if process is not None]
        alive = [psutil.Process(process.pid) for process in daemons if process.poll() is None]
        below = [child for process in alive for child in process.children(recursive=True)]
        for process in daemons:
            process.terminate()
        for process in daemons:
            process.wait(30)
        for child in below:
            if child.is_running():
                child.kill()


def _says(process: psutil.Process, word: str) -> bool:
    try:
        return any(word in argument for argument in process.cmdline())
    except psutil.NoSuchProcess:
        return False


def start_cluster(runner: str, folder: Path) -> Cluster:
    """A master and WORKERS workers; `end` it. Its Python processes leave traces."""
    needs(runner)
    (folder / "traces").mkdir()
    cluster = Cluster(runner, folder)
    try:
        (_spark if runner == "SparkRunner" else _flink)(cluster, get_jars(runner))
        cluster.fresh()
    except BaseException:
        cluster.end()
        raise
    return cluster


def _spark(cluster: Cluster, jars: Path) -> None:
    folder, port, web = cluster.folder, free_port(), free_port()
    (folder / "home").mkdir()
    (folder / "home" / "jars").symlink_to(jars)
    environment = {"SPARK_HOME": str(folder / "home"), "SPARK_SCALA_VERSION": "2.12"}
    deploy, address = "org.apache.spark.deploy", "127.0.0.1"
    master = ["--host", address, "--port", str(port), "--webui-port", str(web)]
    cluster.master = _java(cluster, jars, environment, f"{deploy}.master.Master", *master)
    cluster.flags = (f"--spark_master_url=spark://{address}:{port}",)
    wait_until(lambda: _json(f"http://{address}:{web}/json/"), "the master answers", 120)
    cluster.workers_there = lambda: _json(f"http://{address}:{web}/json/").get("aliveworkers")

    hosts = count(2)  # a machine each, as Spark sees it: it runs no task twice at a time on one

    def hire() -> "subprocess.Popen[bytes]":
        host, web = f"127.0.0.{next(hosts)}", free_port()
        place = ["-h", host, "-c", "1", "-m", "1500m", "--webui-port", str(web), "-d", str(folder / f"work-{web}")]
        return _java(cluster, jars, environment, f"{deploy}.worker.Worker", f"spark://{address}:{port}", *place)

    cluster.hire = hire


def _flink(cluster: Cluster, jars: Path) -> None:
    folder, rest = cluster.folder, free_port()
    config = FLINK.format(rpc=free_port(), rest=rest, slots=SLOTS["FlinkRunner"], folder=folder)
    (folder / "flink-conf.yaml").write_text(config, "utf-8")
    where = ["--configDir", str(folder)]
    entrypoint = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
    cluster.master = _java(cluster, jars, {}, entrypoint, *where)
    cluster.flags = (f"--flink_master=127.0.0.1:{rest}", f"--parallelism={WORKERS}")
    wait_until(lambda: _json(f"http://127.0.0.1:{rest}/overview"), "the job manager answers", 120)
    cluster.workers_there = lambda: _json(f"http://127.0.0.1:{rest}/overview").get("taskmanagers")
    cluster.jobs = lambda: _json(f"http://127.0.0.1:{rest}/overview").get("jobs-running")
    runner = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
    cluster.hire = lambda: _java(cluster, jars, {}, runner, *where)


def _java(cluster: Cluster, jars: Path, environment: dict[str, str], main: str, *arguments: str) -> "subprocess.Popen[bytes]":
    traced = {"PYTHONPATH": str(Path(__file__).parent / "trace"), "CURRICLE_TRACE": str(cluster.traces)}
    opened = [f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in OPENED]
    with (cluster.folder / "log").open("ab") as log:
        return subprocess.Popen(
            ["java", "-Xmx512m", *opened, "-cp", f"{jars}/*", main, *arguments],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env=os.environ | environment | traced,
            cwd=cluster.folder,
            start_new_session=True,
        )


def _json(url: str) -> dict:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)
    except OSError:
        return {}

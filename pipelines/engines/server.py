"""Runs the program that accepts a job: Prism, or the Java job server of Spark or Flink. It exits with this process."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import grpc

from curricle.pipelines.engines.flags import RunnerError

READY_S = 120.0  # a cold JVM with 260 jars takes 10 s on two busy cores
STOP_S = 10.0
DIE_WITH_PARENT = (
    "import ctypes, os, sys\n"
    "if sys.platform == 'linux':\n"
    "    ctypes.CDLL(None).prctl(1, 15)\n"  # PR_SET_PDEATHSIG, SIGTERM: a JVM stops its workers
    "    if os.getppid() != int(sys.argv[1]): sys.exit(1)\n"
    "os.execvp(sys.argv[2], sys.argv[2:])"
)


def free_port() -> int:
    """An unused TCP port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def job_server(command: Sequence[str], port: int, log: Path) -> Iterator[str]:
    """Start `command`, which listens on `port`, and give its endpoint. Its output goes to `log`.

    Raises RunnerError if it exits or does not answer within READY_S. It is stopped at the end.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", DIE_WITH_PARENT, str(os.getpid()), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # this process handles Ctrl-C
        )
    endpoint = f"localhost:{port}"
    try:
        _wait(process, endpoint, Path(command[0]).name, log)
        yield endpoint
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: "subprocess.Popen[bytes]", endpoint: str, name: str, log: Path) -> None:
    with grpc.insecure_channel(endpoint) as channel:
        ready = grpc.channel_ready_future(channel)
        for _ in range(int(READY_S)):
            with contextlib.suppress(grpc.FutureTimeoutError):
                return ready.result(timeout=1.0)
            if process.poll() is not None:
                break
        ready.cancel()
    state = "did not answer" if process.poll() is None else f"ended with exit code {process.returncode}"
    last = log.read_text("utf-8", "replace").strip().splitlines()[-1:] or ["no output"]
    raise RunnerError(f"{name} {state} ({last[0].strip()[:200]}); its log is {log}")

"""Loaded by every Python that a cluster under test starts: writes down what it does, and stops it where a test wants it.

In the folder CURRICLE_TRACE, `<process id>` gets a line an act: `open` and the path of each file of a model that is read,
`commit` and the shard whose manifest is about to get its name. A file `stop-at-POINT` there stops (SIGSTOP) the first process
that comes to that point of a shard, once, which is the act `stop`: at `begin`, `written` (all rows, not yet synced), `commit`.
"""

import os
import signal
import sys
import threading
from pathlib import Path

FOLDER = os.environ.get("CURRICLE_TRACE")


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if event == "os.mkdir" and "/_tmp/" in str(arguments[0]) and "/_tmp/notes" not in str(arguments[0]):
        _reach("begin", Path(str(arguments[0])).name)
    elif event == "open" and "/_tmp/" in str(arguments[0]) and str(arguments[0]).endswith("/kept.parquet"):
        _reach("written", Path(str(arguments[0])).parent.name)
    elif event == "open" and "/models/starter/" in str(arguments[0]):
        _write("open", str(arguments[0]))
    elif event == "os.rename" and "/_manifest/" in str(arguments[1]):
        _reach("commit", Path(str(arguments[1])).name)
        _write("commit", Path(str(arguments[1])).stem)


def _reach(point: str, name: str) -> None:
    try:
        Path(f"{FOLDER}/stop-at-{point}").unlink()
    except FileNotFoundError:
        return
    _write("stop", name.rpartition(".")[0])
    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)  # sent to the process, it would reach this thread later


def _write(act: str, what: str) -> None:
    with Path(f"{FOLDER}/{os.getpid()}").open("a", encoding="utf-8") as trace:
        trace.write(f"{act}\t{what}\n")


if FOLDER:
    sys.addaudithook(_note)

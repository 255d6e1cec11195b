"""A run with a stage that obeys its documents: it raises, kills its process or stands still where one says so.

    python -c 'import poison_run; poison_run.main()' OUTPUT RUNNER STALL_S INPUT... -- FLAGS

Prints the failures as JSON; exit code 1 if there is one, as `curricle run`. RUNNER `local` is the pool.
"""

import os
import signal
import sys
import time
from pathlib import Path

import orjson
import pyarrow as pa

from curricle.pipelines.engines.job import Engine
from curricle.pipelines.engines.launcher import beam_launcher
from curricle.pipelines.execute.local import local_launcher
from curricle.pipelines.execute.run import run
from curricle.pipelines.plan.recipe import check_recipe
from curricle.pipelines.plan.run_plan import make_plan
from curricle.schemas.config import Config
from curricle.schemas.stage import Stage


def _tries(marker: Path) -> int:
    return marker.stat().st_size if marker.exists() else 0


def obey(batch: pa.RecordBatch, config: Config) -> pa.RecordBatch:
    for text in batch.column("text").to_pylist():
        command, _, argument = text.partition(" ")
        if command == "RAISE":
            raise ValueError(f"told to\n  raise {argument}")
        if command in ("ONCE", "TWICE") and (tries := _tries(Path(argument))) < (1, 2)[command == "TWICE"]:
            Path(argument).write_text("x" * (tries + 1))
            raise OSError("a passing failure")
        if command == "KILL":
            os.kill(os.getpid(), signal.SIGKILL)
        if command == "HANG":
            time.sleep(3600)
        if command == "WORK":
            until = time.process_time() + float(argument)
            while time.process_time() < until:
                pass
    return batch


STAGE = Stage(name="poison", kernel=obey)


def main() -> None:
    split = sys.argv.index("--")
    output, runner, stall_s, *inputs = sys.argv[1:split]
    plan = make_plan(check_recipe("poison", {"stages": {"poison": {"use": "poison_run:STAGE"}}}, "poison"), inputs)
    engine = runner != "local"
    launcher = beam_launcher(Engine(runner, tuple(sys.argv[split + 1 :]), 2, float(stall_s))) if engine else local_launcher(2)
    failed = run(plan, Path(output), launcher, quiet=True).failed
    print(orjson.dumps(failed).decode())
    sys.stdout.flush()
    os._exit(bool(failed))  # with a stage that stands still in this process

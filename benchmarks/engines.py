"""Wall seconds, CPU seconds and peak memory of one job on the local pool, Prism, Spark and Flink, all processes together.

python benchmarks/engines.py [RECIPE INPUT]
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from curricle.pipelines.cli.demo import SAMPLE

COMMAND = str(Path(sys.executable).parent / "curricle")
EVERY_S = 0.1


def measure(runner: str, recipe: str, source: str, folder: Path) -> tuple[float, float, float]:
    """Wall s, CPU s, MiB (proportional set size: shared pages count once) of a run and all processes below it."""
    arguments = [
        "run",
        recipe,
        "--input",
        source,
        "--output",
        str(folder / runner),
        "--workers",
        "2",
        "--quiet",
        "--runner",
        runner,
    ]
    started = time.monotonic()
    run = psutil.Popen([COMMAND, *arguments], stdout=subprocess.DEVNULL)
    cpu: dict[int, float] = {}
    peak = 0.0
    while run.poll() is None:
        memory = 0
        for process in [run, *run.children(recursive=True)]:
            try:
                times = process.cpu_times()
                cpu[process.pid] = times.user + times.system
                memory += process.memory_full_info().pss
            except psutil.Error:
                continue
        peak = max(peak, memory / 2**20)
        time.sleep(EVERY_S)
    if run.returncode:
        sys.exit(f"{runner}: exit code {run.returncode}")
    return time.monotonic() - started, sum(cpu.values()), peak


def main() -> None:
    """The table, as Markdown."""
    recipe, source = sys.argv[1:] or ("demo", str(SAMPLE))
    print("| runner | wall s | CPU s | peak MiB |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for runner in ("local", "PrismRunner", "SparkRunner", "FlinkRunner"):
            wall, cpu, peak = measure(runner, recipe, source, Path(folder))
            print(f"| {runner} | {wall:.1f} | {cpu:.1f} | {peak:,.0f} |", flush=True)


if __name__ == "__main__":
    main()

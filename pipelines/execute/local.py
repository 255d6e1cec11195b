"""The launcher for this machine: our own fork server, each worker with one shard at a time."""

from collections import Counter
from collections.abc import Sequence

from curricle.pipelines.execute.events import Failed, Finished, ReportProgress
from curricle.pipelines.execute.fork_server import run_tasks
from curricle.pipelines.execute.progress_display import show_progress
from curricle.pipelines.execute.run import Launched, Launcher
from curricle.pipelines.execute.shard_task import ShardTask
from curricle.pipelines.plan.stage_table import modules_of

RUN_SHARD = "curricle.pipelines.execute.run_shard"
"""The module that the fork server imports for its workers. It imports Beam, which this process does not need."""


def run_task(task: ShardTask, report_progress: ReportProgress) -> dict[str, int]:
    """Call `run_shard`, in a worker."""
    from curricle.pipelines.execute.run_shard import run_shard

    return run_shard(task, report_progress)


def local_launcher(workers: int) -> Launcher:
    """A launcher with at most `workers` processes, and never more than there are shards."""

    def launch(tasks: Sequence[ShardTask], quiet: bool) -> Launched:
        with show_progress(tasks, quiet=quiet) as on_event:
            preload = [module for step in tasks[0].steps for module in (*sorted(modules_of(step)), *step.stage.preload)]
            processes = min(workers, len(tasks))
            outcomes = run_tasks(tasks, run_task, workers=processes, on_event=on_event, preload=[RUN_SHARD, *preload])
        cpu_us: Counter[str] = Counter()
        for outcome in outcomes:
            if isinstance(outcome, Finished):
                cpu_us.update(outcome.result)
        failed = {outcome.task.shard.label: _cause(outcome) for outcome in outcomes if isinstance(outcome, Failed)}
        return Launched(failed, dict(cpu_us))

    return launch


def _cause(failed: Failed[ShardTask]) -> str:
    """The cause without the shard, which is printed beside it, and without Beam's longer name of the stage."""
    cause = failed.cause.rpartition(" [while running")[0] or failed.cause
    return cause.partition(f"ShardError: {failed.task.shard.label}: ")[2] or cause

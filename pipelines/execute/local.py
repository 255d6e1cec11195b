"""The launcher of this machine: our own pool of worker processes, a shard at a time each."""

from collections import Counter
from collections.abc import Sequence

from curricle.pipelines.execute.events import Failed, Finished
from curricle.pipelines.execute.fork_server import run_tasks
from curricle.pipelines.execute.progress_display import show_progress
from curricle.pipelines.execute.run import Launched, Launcher
from curricle.pipelines.execute.task import WORK, ShardTask, run_task
from curricle.pipelines.plan.stage_table import modules_of


def local_launcher(workers: int) -> Launcher:
    """At most `workers` processes, never more than there are shards."""

    def launch(tasks: Sequence[ShardTask], quiet: bool) -> Launched:
        with show_progress(tasks, quiet=quiet) as on_event:
            preload = [module for step in tasks[0].steps for module in (*sorted(modules_of(step)), *step.stage.preload)]
            hired = min(workers, len(tasks))
            outcomes = run_tasks(tasks, run_task, workers=hired, on_event=on_event, preload=[WORK, *preload])
        cpu_us: Counter[str] = Counter()
        for outcome in outcomes:
            if isinstance(outcome, Finished):
                cpu_us.update(outcome.result)
        failed = {outcome.task.shard.place: _cause(outcome) for outcome in outcomes if isinstance(outcome, Failed)}
        return Launched(failed, dict(cpu_us))

    return launch


def _cause(failed: Failed[ShardTask]) -> str:
    """Without the shard, which is named beside it, and without Beam's name of the stage, which is ours with more words."""
    cause = failed.cause.rpartition(" [while running")[0] or failed.cause
    return cause.partition(f"ShardError: {failed.task.shard.place}: ")[2] or cause

"""`curricle run`."""

import os
import sys
from typing import TYPE_CHECKING

import click
from curricle.pipelines.cli.folders import OutputFolder

if TYPE_CHECKING:
    from curricle.pipelines.execute.run import Launcher

    from curricle.storage.output import OutputPath

inputs = click.option("--input", "inputs", multiple=True, required=True, help="File, folder, glob or URL; repeatable.")
settings = click.option("--set", "settings", multiple=True, help="KEY=YAML, such as stages.language.min_score=0.5; repeatable.")


runner = click.option(
    "--runner", default="local", show_default=True, help="local, PrismRunner, SparkRunner, FlinkRunner or DataflowRunner."
)
flags = click.argument("flags", nargs=-1, type=click.UNPROCESSED, metavar="[-- FLAGS]")
workers = click.option(
    "--workers", type=click.IntRange(1), default=os.cpu_count() or 1, show_default="all cores", help="Processes of this machine."
)


def check_engine(runner: str, flags: tuple[str, ...], output: str | None = None) -> None:
    """RunnerError for a runner or a flag after `--` that there is not, or an output that the runner cannot write."""
    if runner == "local":
        if flags:
            raise click.UsageError(
                f"unexpected argument {flags[0]!r}: quote a pattern, and give a flag of an engine with --runner"
            )
        return
    from curricle.pipelines.engines.dataflow import check_output
    from curricle.pipelines.engines.flags import check_runner, parse_flags

    parse_flags(check_runner(runner), flags)
    if output is not None:
        check_output(runner, output)


@click.command()
@click.argument("recipe")
@inputs
@click.option("--output", required=True, type=OutputFolder(), help="Folder or s3:// prefix to write; a stopped run goes on.")
@workers
@settings
@runner
@click.option("--quiet", is_flag=True, help="No progress.")
@flags
def command(
    recipe: str,
    inputs: tuple[str, ...],
    output: "OutputPath",
    workers: int,
    settings: tuple[str, ...],
    runner: str,
    quiet: bool,
    flags: tuple[str, ...],
) -> None:
    """Run RECIPE (a path, or the name of a shipped recipe) over the inputs.

    FLAGS are those of the runner's engine: --runner SparkRunner -- --spark_master_url=spark://host:7077
    """
    check_engine(runner, flags, str(output))
    sys.exit(execute(recipe, inputs, output, workers, settings, quiet, runner, flags))


def execute(
    recipe: str,
    inputs: tuple[str, ...],
    output: "OutputPath",
    workers: int,
    settings: tuple[str, ...],
    quiet: bool,
    runner: str = "local",
    flags: tuple[str, ...] = (),
) -> int:
    """Plan, run, print the summary; the exit code."""
    from curricle.pipelines.cli.summary import print_summary
    from curricle.pipelines.execute.run import run
    from curricle.pipelines.plan.recipe import load_recipe
    from curricle.pipelines.plan.run_plan import make_plan

    plan = make_plan(load_recipe(recipe, settings), inputs)
    result = run(plan, output, _launcher(runner, flags, workers), quiet)
    print_summary(plan, result, output)
    return 1 if result.failed else 0


def _launcher(runner: str, flags: tuple[str, ...], workers: int) -> "Launcher":
    if runner == "local":
        from curricle.pipelines.execute.local import local_launcher

        return local_launcher(workers)
    from curricle.pipelines.engines.flags import check_runner
    from curricle.pipelines.engines.job import Engine
    from curricle.pipelines.engines.launcher import beam_launcher

    return beam_launcher(Engine(check_runner(runner), flags, workers))

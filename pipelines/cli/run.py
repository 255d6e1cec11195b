"""`curricle run`."""

import os
import sys
from typing import TYPE_CHECKING

import click

from curricle.pipelines.cli.folders import OutputFolder
from curricle.schemas.dead_limits import DEFAULT_LIMITS, DeadLimits

if TYPE_CHECKING:
    from curricle.pipelines.execute.run import Launcher
    from curricle.storage.output import OutputPath

inputs = click.option(
    "--input",
    "inputs",
    multiple=True,
    required=True,
    help="File, folder, glob or URL (s3://, gs://, https://) to read. Can be given several times.",
)
settings = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change one setting of the recipe, such as stages.language.min_score=0.5 or decide.adult_like.min.en=-0.1; decide.-RULE "
    "leaves a rule out. Can be given several times.",
)
runner = click.option(
    "--runner",
    default="local",
    show_default=True,
    help="Where to run: local (this machine), PrismRunner, SparkRunner, FlinkRunner or DataflowRunner.",
)
flags = click.argument("flags", nargs=-1, type=click.UNPROCESSED, metavar="[-- FLAGS]")
workers = click.option(
    "--workers",
    type=click.IntRange(1),
    default=os.cpu_count() or 1,
    show_default="all cores",
    help="Number of processes on this machine.",
)


def check_engine(runner: str, flags: tuple[str, ...], output: str | None = None) -> None:
    """Rejects unknown runners and flags, and an output that the runner cannot write to."""
    if runner == "local":
        if flags:
            advice = "flags of an engine need a --runner" if flags[0].startswith("-") else "quote a pattern"
            raise click.UsageError(f"unexpected argument {flags[0]!r}; {advice}")
        return
    from curricle.pipelines.engines.dataflow import check_output
    from curricle.pipelines.engines.flags import check_runner, parse_flags

    parse_flags(check_runner(runner), flags)
    if output is not None:
        check_output(runner, output)


@click.command()
@click.argument("recipe")
@inputs
@click.option(
    "--output",
    required=True,
    type=OutputFolder(),
    help="Folder, or s3:// or gs:// prefix, to write to. A run that was stopped continues where it was.",
)
@workers
@settings
@runner
@click.option("--append", is_flag=True, help="Allow inputs that earlier runs into this folder did not have.")
@click.option("--prune", is_flag=True, help="Remove the documents of earlier inputs that are not among the inputs now.")
@click.option(
    "--max-dead",
    type=click.FloatRange(0, 1),
    default=DEFAULT_LIMITS.run,
    show_default=True,
    help="Exit with status 1 if a larger share of all documents are dead letters.",
)
@click.option(
    "--max-dead-per-file",
    type=click.FloatRange(0, 1),
    default=DEFAULT_LIMITS.file,
    show_default=True,
    help="Exit with status 1 if a larger share of the documents of an input file are dead letters.",
)
@click.option("--quiet", is_flag=True, help="Do not show progress.")
@flags
def command(
    recipe: str,
    inputs: tuple[str, ...],
    output: "OutputPath",
    workers: int,
    settings: tuple[str, ...],
    runner: str,
    append: bool,
    prune: bool,
    max_dead: float,
    max_dead_per_file: float,
    quiet: bool,
    flags: tuple[str, ...],
) -> None:
    """Run RECIPE over the inputs, and write the kept, rejected and unreadable documents as Parquet.

    RECIPE is a YAML file or the name of a shipped recipe, such as web.

    FLAGS are flags of the engine behind --runner: --runner SparkRunner -- --spark_master_url=spark://host:7077
    """
    check_engine(runner, flags, str(output))
    limits = DeadLimits(max_dead, max_dead_per_file)
    sys.exit(execute(recipe, inputs, output, workers, settings, quiet, runner, flags, append=append, prune=prune, limits=limits))


def execute(
    recipe: str,
    inputs: tuple[str, ...],
    output: "OutputPath",
    workers: int,
    settings: tuple[str, ...],
    quiet: bool,
    runner: str = "local",
    flags: tuple[str, ...] = (),
    *,
    append: bool = False,
    prune: bool = False,
    limits: DeadLimits = DEFAULT_LIMITS,
) -> int:
    """Plan, run and print the summary; returns the exit status."""
    from curricle.pipelines.cli.summary import print_summary
    from curricle.pipelines.execute.run import run
    from curricle.pipelines.plan.recipe import load_recipe
    from curricle.pipelines.plan.run_plan import make_plan

    plan = make_plan(load_recipe(recipe, settings), inputs)
    launcher = _launcher(runner, flags, workers)
    result = run(plan, output, launcher, quiet, append=append, prune=prune, limits=limits)
    print_summary(plan, result, output)
    return 1 if result.failed or result.too_many_dead else 0


def _launcher(runner: str, flags: tuple[str, ...], workers: int) -> "Launcher":
    if runner == "local":
        from curricle.pipelines.execute.local import local_launcher

        return local_launcher(workers)
    from curricle.pipelines.engines.flags import check_runner
    from curricle.pipelines.engines.job import Engine
    from curricle.pipelines.engines.launcher import beam_launcher

    return beam_launcher(Engine(check_runner(runner), flags, workers))

"""`curricle run`."""

import os
import sys
from pathlib import Path

import click

inputs = click.option("--input", "inputs", multiple=True, required=True, help="File, folder, glob or URL; repeatable.")
settings = click.option("--set", "settings", multiple=True, help="KEY=YAML, such as stages.language.min_score=0.5; repeatable.")


def _local(_context: click.Context, _option: click.Parameter, value: str) -> Path:
    if "://" in value:
        raise click.BadParameter(f"{value}: only local folders can be written in this version")
    return Path(value)


@click.command()
@click.argument("recipe")
@inputs
@click.option("--output", required=True, callback=_local, help="Folder to write; a run that was stopped goes on.")
@click.option("--workers", type=click.IntRange(1), default=os.cpu_count() or 1, show_default="all cores", help="Processes.")
@settings
@click.option("--runner", default="local", show_default=True, help="Where to run; only 'local' so far.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(
    recipe: str, inputs: tuple[str, ...], output: Path, workers: int, settings: tuple[str, ...], runner: str, quiet: bool
) -> None:
    """Run RECIPE (a path, or the name of a shipped recipe) over the inputs."""
    if runner != "local":
        raise click.UsageError(f"--runner {runner}: only 'local' works in this version; cluster runners are planned")
    sys.exit(execute(recipe, inputs, output, workers, settings, quiet))


def execute(recipe: str, inputs: tuple[str, ...], output: Path, workers: int, settings: tuple[str, ...], quiet: bool) -> int:
    """Plan, run, print the summary; the exit code."""
    from pipelines.plan import make_plan
    from pipelines.recipe import load_recipe
    from pipelines.run import run
    from pipelines.summary import print_summary

    plan = make_plan(load_recipe(recipe, settings), inputs)
    result = run(plan, output, workers, quiet)
    print_summary(plan, result, output)
    return 1 if result.failed else 0

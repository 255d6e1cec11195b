"""`curricle curriculum`."""

import sys
from pathlib import Path

import click

from curricle.pipelines.cli.folders import LocalFolder
from curricle.pipelines.cli.run import check_engine, flags, runner, workers


@click.command()
@click.argument("plan")
@click.option(
    "--from",
    "outputs",
    multiple=True,
    required=True,
    type=LocalFolder(path_type=Path, exists=True, file_okay=False),
    help="Finished output of `curricle run` to take documents from. Can be given several times.",
)
@click.option(
    "--with",
    "tables",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="Table whose columns the plan may name, found by `id`: an attribute table, or Parquet. Can be given several times.",
)
@click.option("--output", type=LocalFolder(path_type=Path, file_okay=False), help="Folder to write to.")
@click.option("--dry-run", is_flag=True, help="Only show what each phase would get and what falls short; write nothing.")
@workers
@runner
@click.option("--quiet", is_flag=True, help="Do not show progress.")
@flags
def command(
    plan: str,
    outputs: tuple[Path, ...],
    tables: tuple[Path, ...],
    output: Path | None,
    dry_run: bool,
    workers: int,
    runner: str,
    quiet: bool,
    flags: tuple[str, ...],
) -> None:
    """Make ordered phases of training data from the kept documents of finished runs.

    PLAN is a YAML file or the name of a shipped plan. It sets the token budget, mixture, selection and order of each phase.

    With --runner, texts are measured and moved by that engine's workers; FLAGS are the engine's own flags.
    """
    if output is None and not dry_run:
        raise click.UsageError("give --output, or --dry-run to write nothing")
    check_engine(runner, flags, None if output is None else str(output))
    sys.exit(execute(plan, outputs, None if dry_run else output, workers, quiet, runner, flags, tables))


def execute(
    plan: str,
    outputs: tuple[Path, ...],
    output: Path | None,
    workers: int,
    quiet: bool,
    runner: str = "local",
    flags: tuple[str, ...] = (),
    tables: tuple[Path, ...] = (),
) -> int:
    """Plan, and write into `output` if there is one; print what was asked and met; the exit code."""
    from curricle.pipelines.curriculum.plan_file import load_plan
    from curricle.pipelines.curriculum.report import print_report
    from curricle.pipelines.curriculum.run import make_curriculum, write_curriculum
    from curricle.pipelines.curriculum.workers import Processes, Workers

    checked = load_plan(plan)
    hands: Workers = Processes(workers, quiet)
    if runner != "local":
        from curricle.pipelines.curriculum.engine_workers import EngineWorkers
        from curricle.pipelines.engines.flags import check_runner
        from curricle.pipelines.engines.job import Engine

        hands = EngineWorkers(Engine(check_runner(runner), flags, workers), quiet)
    planned = make_curriculum(checked, outputs, hands, tables)
    if output is None:
        print_report(checked, planned.records, planned.heldout, planned.problems)
        return 1 if planned.problems else 0
    if write_curriculum(planned, output, hands):
        print_report(checked, planned.records, planned.heldout, ())
        click.echo(f"wrote {output}")
    else:
        click.echo(f"{output}: already finished, with the same plan from the same documents")
    return 0

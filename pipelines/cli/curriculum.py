"""`curricle curriculum`."""

import os
import sys
from pathlib import Path

import click


@click.command()
@click.argument("plan")
@click.option("--from", "outputs", multiple=True, required=True, type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="Finished output of `curricle run`; repeatable.")  # fmt: skip
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), help="Folder to write.")
@click.option("--dry-run", is_flag=True, help="Show what each phase and cell would get, and what falls short; write nothing.")
@click.option("--workers", type=click.IntRange(1), default=os.cpu_count() or 1, show_default="all cores", help="Processes.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(plan: str, outputs: tuple[Path, ...], output: Path | None, dry_run: bool, workers: int, quiet: bool) -> None:
    """Make ordered phases of training data from kept documents, by PLAN: a YAML file, or the name of a shipped plan."""
    if output is None and not dry_run:
        raise click.UsageError("give --output, or --dry-run")

    from pipelines.curriculum.plan_file import load_plan
    from pipelines.curriculum.report import print_report
    from pipelines.curriculum.run import Workers, make_curriculum, write_curriculum

    processes = Workers(workers, quiet)
    checked = load_plan(plan)
    planned = make_curriculum(checked, outputs, processes)
    if dry_run or output is None:
        print_report(checked, planned.records, planned.heldout, planned.problems)
        sys.exit(1 if planned.problems else 0)
    if write_curriculum(planned, output, processes):
        print_report(checked, planned.records, planned.heldout, ())
        click.echo(f"wrote {output}")
    else:
        click.echo(f"{output}: finished already, by the same plan from the same documents")

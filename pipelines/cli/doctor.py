"""`curricle doctor`."""

import sys
from typing import TYPE_CHECKING

import click
from curricle.pipelines.cli.folders import OutputFolder

if TYPE_CHECKING:
    from curricle.storage.output import OutputPath


@click.command()
@click.option("--runner", required=True, help="PrismRunner, SparkRunner, FlinkRunner or DataflowRunner.")
@click.option("--output", type=OutputFolder(), help="Also see whether this folder can be written.")
@click.option("--get", is_flag=True, help="First get what is missing into the cache: Prism, or the job server's jars.")
def command(runner: str, output: "OutputPath | None", get: bool) -> None:
    """Look for what a runner needs here; exit code 1 and the command that mends it for each thing that is missing."""
    from curricle.pipelines.engines.doctor import examine
    from curricle.pipelines.engines.flags import check_runner
    from curricle.pipelines.engines.programs import get_jars, get_prism

    name = check_runner(runner)
    if get and name != "DataflowRunner":
        get_prism() if name == "PrismRunner" else get_jars(name)
    findings = list(examine(name, output))
    for finding in findings:
        click.echo(f"{'ok' if finding.ok else 'MISSING'}\t{finding.what}" + (f"\t-> {finding.fix}" if finding.fix else ""))
    sys.exit(0 if all(finding.ok for finding in findings) else 1)

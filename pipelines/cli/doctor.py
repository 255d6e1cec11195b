"""`curricle doctor`."""

import sys
from typing import TYPE_CHECKING

import click

from curricle.pipelines.cli.folders import OutputFolder

if TYPE_CHECKING:
    from curricle.storage.output import OutputPath


@click.command()
@click.option("--runner", required=True, help="PrismRunner, SparkRunner, FlinkRunner, DataflowRunner or local.")
@click.option("--output", type=OutputFolder(), help="Also check whether this folder can be written to.")
@click.option("--get", is_flag=True, help="First download what is missing: Prism, or the jars of Beam's job server.")
def command(runner: str, output: "OutputPath | None", get: bool) -> None:
    """Check whether this machine has what a runner needs.

    Each missing thing is listed with the command that fixes it; the exit status is then 1.
    """
    from curricle.pipelines.engines.doctor import Finding, examine, output_finding
    from curricle.pipelines.engines.flags import check_runner
    from curricle.pipelines.engines.programs import get_jars, get_prism

    if runner == "local":
        findings = [Finding(True, "local: runs in processes on this machine and needs no engine")]
        findings += [output_finding(output.absolute())] if output is not None else []
    else:
        name = check_runner(runner)
        if get and name != "DataflowRunner":
            get_prism() if name == "PrismRunner" else get_jars(name)
        findings = list(examine(name, output))
    for finding in findings:
        click.echo(f"{'ok' if finding.ok else 'MISSING'}\t{finding.what}" + (f"\t-> {finding.fix}" if finding.fix else ""))
    sys.exit(0 if all(finding.ok for finding in findings) else 1)

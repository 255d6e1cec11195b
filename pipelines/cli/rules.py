"""`curricle rules`."""

import click

from curricle.pipelines.cli.usage import Commands


@click.group(cls=Commands)
def command() -> None:
    """List and show the published rule sets. A recipe uses one with `decide: [{use: NAME}]`."""


@command.command("list")
def list_rules() -> None:
    """List all rule sets with their number of rules."""
    from curricle.schemas.rule_sets import expand, rule_sets

    for name in rule_sets():
        click.echo(f"{name}\t{len(expand(name))} rules")


@command.command()
@click.argument("name")
def show(name: str) -> None:
    """Show every rule of the set NAME, or of the YAML file at that path: its column, threshold and source."""
    from curricle.schemas.rule_sets import expand

    for rule in expand(name):
        bounds = " ".join(f"{key}={value}" for key, value in rule.items() if key not in ("name", "column", "source"))
        click.echo(f"{rule['name']}\t{rule['column']}\t{bounds}\t{rule.get('source', '')}")

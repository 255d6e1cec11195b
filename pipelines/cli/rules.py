"""`curricle rules`."""

import click


@click.group()
def command() -> None:
    """The published rule sets: `decide: [{use: NAME}]` in a recipe."""


@command.command("list")
def list_rules() -> None:
    """Names of all sets, and how many rules each has."""
    from curricle.schemas.rule_sets import expand, rule_sets

    for name in rule_sets():
        click.echo(f"{name}\t{len(expand(name))} rules")


@command.command()
@click.argument("name")
def show(name: str) -> None:
    """Show every rule of the set NAME, or of the YAML file at that path: column, threshold, source."""
    from curricle.schemas.rule_sets import expand

    for rule in expand(name):
        bounds = " ".join(f"{key}={value}" for key, value in rule.items() if key not in ("name", "column", "source"))
        click.echo(f"{rule['name']}\t{rule['column']}\t{bounds}\t{rule.get('source', '')}")

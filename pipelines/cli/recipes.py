"""`curricle recipes`."""

import click

from curricle.pipelines.cli.usage import Commands


@click.group(cls=Commands)
def command() -> None:
    """List and show the shipped recipes. `curricle recipes init web > mine.yaml` begins one of your own."""


@command.command("list")
def list_recipes() -> None:
    """List all shipped recipes with what they are for."""
    from curricle.pipelines.plan.recipe import SHIPPED, load_recipe
    from curricle.schemas.yaml_file import shipped

    for name in shipped(SHIPPED):
        click.echo(f"{name}\t{load_recipe(name).description}")


@command.command()
@click.argument("name")
def show(name: str) -> None:
    """Show the recipe NAME, or the one in the YAML file at that path, with all defaults and the rules of its sets."""
    import yaml

    from curricle.pipelines.plan.recipe import load_recipe

    content = load_recipe(name).resolved()
    click.echo(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120), nl=False)


@command.command()
@click.argument("name")
def init(name: str) -> None:
    """Print the shipped recipe NAME as it is written, with comments, to change it: `curricle recipes init web > mine.yaml`."""
    from curricle.errors import RecipeError, did_you_mean
    from curricle.pipelines.plan.recipe import SHIPPED
    from curricle.schemas.yaml_file import shipped

    if name not in (names := shipped(SHIPPED)):
        raise RecipeError(f"no shipped recipe named {name!r}{did_you_mean(name, names)}")
    click.echo((SHIPPED / f"{name}.yaml").read_text("utf-8"), nl=False)

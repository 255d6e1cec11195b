"""`curricle`: the command group. Commands are imported when they are called: `--help` loads no Beam and no model library."""

import atexit
import gc
import logging
import sys
from importlib import import_module

import click

COMMANDS = {
    "run": "Run a recipe over input files and commit scored, decided Parquet shards.",
    "plan": "Show stages, columns, shards and models of a run; starts nothing.",
    "doctor": "Look for what a runner needs on this machine, and say how to get it.",
    "verify": "Check an output folder: hashes, rows, schemas, reasons.",
    "models": "List, get, check and train the models that recipes can name.",
    "raters": "Label documents with a rater, distil it into a CPU student, compare raters.",
    "rules": "List and show the published rule sets that recipes can use.",
    "curriculum": "Make ordered phases of training data, with budgets and mixtures, from finished outputs.",
    "mixture": "Mixture weights for a curriculum from a target text, and mixtures ranked by it.",
    "demo": "Run the demo recipe over the sample of real web pages in this package, then make a curriculum of it.",
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"curricle.pipelines.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="curricle")
def group() -> None:
    """Web crawls in, filtered, scored and domain-tagged Parquet shards out."""


def _not_about_apitools(record: logging.LogRecord) -> bool:
    return "apitools" not in record.getMessage()  # Beam misses Google's clients at import; nothing of ours needs them


def _seldom_collect() -> None:
    """Imports make half a million objects that stay: looking among them for garbage, at the end too, was a third of the CPU."""
    gc.set_threshold(50_000, 20, 100)
    atexit.register(gc.freeze)


def main() -> None:
    """Entry point: a user's mistake is one line on stderr and exit code 2."""
    _seldom_collect()
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger().addFilter(_not_about_apitools)
    try:
        group.main(standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("stopped; run the same command again to go on", err=True)
        sys.exit(130)
    except (ValueError, OSError) as error:
        if type(error).__name__ not in (
            "RecipeError",
            "ModelError",
            "InputError",
            "OutputError",
            "RuleSetError",
            "CurriculumError",
            "RunnerError",
            "GraphError",
            "StoreError",
        ):
            raise
        click.echo(f"curricle: {error}", err=True)
        sys.exit(2)

"""`curricle`: the command group. Commands are imported when they are called: `--help` loads no Beam and no model library."""

import atexit
import gc
import logging
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from curricle.errors import CurricleError, one_line
from curricle.pipelines.cli.usage import Commands, usage_line

COMMANDS = {
    "demo": "Run every stage over the sample of real web pages in this package, then make a curriculum of the result.",
    "run": "Run a recipe over input files; write the kept, rejected and unreadable documents as Parquet.",
    "plan": "Show what a run would do: its stages, columns, shards and models. Nothing is started.",
    "verify": "Check a finished output: hashes, row counts, schemas and reasons.",
    "stats": "Show the distribution of every column of a finished output, of all documents and by group.",
    "explain": "Explain why a document was kept or rejected: each rule, by how much, and where its scores stand.",
    "redecide": "Decide again about the documents of a finished output by other rules; nothing is measured again.",
    "curriculum": "Turn finished outputs into ordered phases of training data, with token budgets and mixtures.",
    "decontaminate": "Find items of evaluation sets in the documents of finished outputs; write an attribute table and a report.",
    "dedup": "Find duplicates and near-duplicates in finished outputs; write an attribute table and a report.",
    "remove": "Remove documents from a finished output, by id, URL or source, and record what was removed.",
    "mixture": "Find the weights of a mixture from a target text, or rank candidate mixtures.",
    "models": "List, download, check, train and calibrate the models that recipes use.",
    "raters": "Rate a sample of documents, compare two raters, and distill ratings into a small CPU model.",
    "recipes": "List and show the shipped recipes, and print one to change.",
    "rules": "List and show the published rule sets that recipes can use.",
    "doctor": "Check whether this machine has what a runner needs, and print the command that fixes what is missing.",
}


class _Lazy(Commands):
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

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        """A user's mistake is one line on standard error and exit status 2; any other exception is a bug, with its traceback."""
        logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
        logging.getLogger().addFilter(_not_about_apitools)
        try:
            code = super().main(args, *rest, **{**extra, "standalone_mode": False})
        except click.ClickException as error:
            _fail(usage_line(error))
        except CurricleError as error:
            _fail(f"curricle: {one_line(error)}")
        except (KeyboardInterrupt, click.Abort):
            click.echo("stopped; run the same command again to continue", err=True)
            sys.exit(130)
        sys.exit(code if isinstance(code, int) else 0)


def _fail(line: str) -> None:
    click.echo(line, err=True)
    sys.exit(2)


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="curricle")
def group() -> None:
    """Turn web crawls into filtered, scored and domain-tagged Parquet files for training language models.

    Start with `curricle demo`. Then run a recipe over your own files: `curricle run web --input FILE --output FOLDER`.
    """


def _not_about_apitools(record: logging.LogRecord) -> bool:
    return "apitools" not in record.getMessage()  # Beam misses Google's clients at import; nothing of ours needs them


def _collect_rarely() -> None:
    """Imports create half a million objects that stay; scanning them for garbage, also at exit, took a third of the CPU time."""
    gc.set_threshold(50_000, 20, 100)
    atexit.register(gc.freeze)


def main() -> None:
    """Entry point."""
    _collect_rarely()
    group.main(prog_name="curricle")

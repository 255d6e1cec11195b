"""Mistakes on the command line, in the one form that all errors have: `curricle COMMAND: what is wrong (see ... --help)`."""

import re
from collections.abc import Callable
from typing import Any

import click

from curricle.errors import did_you_mean

SENTENCES: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (r"(?:File|Directory|Path) '(.*)' does not exist\.", lambda said: f"{said[1]}: no such file or folder"),
    (r"(?:File|Path) '(.*)' is a directory\.", lambda said: f"{said[1]} is a folder; a file is required"),
    (r"Directory '(.*)' is a file\.", lambda said: f"{said[1]} is a file; a folder is required"),
    (r"('.*') is not a valid integer(?: range)?\.", lambda said: f"must be a whole number, not {said[1]}"),
    (r"('.*') is not a valid float(?: range)?\.", lambda said: f"must be a number, not {said[1]}"),
    (r"'(.*)' is not one of (.*)\.", lambda said: _choice(said[1], re.findall(r"'([^']+)'", said[2]))),
)
"""What click says of a value, and what we say."""


class Commands(click.Group):
    """A group of commands whose errors are one line on standard error, with exit status 2."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Names the nearest command for an unknown one."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            ctx.fail(f"unknown command {args[0]!r}{did_you_mean(args[0], self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


def usage_line(error: click.ClickException) -> str:
    """The whole line for an error of click's."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "curricle"
    return f"{path}: {_message(error)}" + (" (see --help)" if isinstance(error, click.UsageError) else "")


def language_option(code: str) -> str:
    """The value of --language as a code that the column `language` can hold."""
    from curricle.schemas.languages import canonical

    try:
        return canonical(code)
    except ValueError as error:
        raise click.UsageError(f"--language: {error}") from None


def _message(error: click.ClickException) -> str:
    parameter: Any = getattr(error, "param", None)
    if isinstance(error, click.MissingParameter) and parameter is not None:
        return f"{_name(parameter)} is required"
    if isinstance(error, click.NoSuchOption):
        return f"unknown option {error.option_name}" + did_you_mean(error.option_name, _options(error))
    said = " ".join(error.message.split())
    if parameter is not None:
        sentence = _sentence(said, parameter)
        return f"{_name(parameter)} {sentence}" if sentence.startswith("must ") else f"{_name(parameter)}: {sentence}"
    if extra := re.fullmatch(r"Got unexpected extra arguments? \((.*)\)", said):
        return f"unexpected argument {extra[1].split()[0]!r}; quote a pattern, so that the shell does not expand it"
    if missing := re.fullmatch(r"Option '(.*)' requires an argument\.", said):
        return f"{missing[1]} needs a value"
    return said[:-1] if said.endswith(".") else said


def _name(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Option):
        return max(parameter.opts, key=len)
    return parameter.make_metavar(click.get_current_context(silent=True) or click.Context(click.Command(""))).strip("[].")


def _options(error: click.UsageError) -> list[str]:
    return (
        []
        if error.ctx is None
        else [name for parameter in error.ctx.command.params for name in parameter.opts if name[:2] == "--"]
    )


def _sentence(said: str, parameter: click.Parameter) -> str:
    if found := re.fullmatch(r"(.*) is not in the range .*", said):
        return f"must be {_bounds(parameter.type)}, not {found[1]}"
    for pattern, sentence in SENTENCES:
        if found := re.fullmatch(pattern, said):
            return sentence(found)
    return said


def _bounds(kind: Any) -> str:
    if kind.max is None:
        return f"greater than {kind.min:g}" if kind.min_open else f"at least {kind.min:,}"
    if kind.min is None:
        return f"at most {kind.max:,}"
    return f"between {kind.min:,} and {kind.max:,}"


def _choice(value: str, choices: list[str]) -> str:
    hint = did_you_mean(value, choices)
    return f"unknown value {value!r}{hint}"

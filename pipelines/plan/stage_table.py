"""The stages that a recipe can name: those of this package, those that installed packages provide, and `module:NAME`."""

from collections.abc import Callable, Iterator
from functools import cache, partial
from importlib import import_module
from typing import Any, Final

from curricle.errors import did_you_mean
from curricle.schemas.column import Column
from curricle.schemas.config import Config
from curricle.schemas.extensions import ExtensionError, extension_names, find_extension, module_of
from curricle.schemas.function_stage import FUNCTION, GROUP
from curricle.schemas.stage import Stage, Step

Steps = tuple[Step, ...]
"""What is done with a batch, in order."""

BUILT_IN: Final = {
    "extract": "curricle.stages.extract",
    "url_rules": "curricle.stages.url_rules.tag",
    "redact": "curricle.stages.redact",
    "clean_lines": "curricle.stages.clean_lines",
    "language": "curricle.stages.language",
    "heuristics": "curricle.stages.heuristics.tag",
    "perplexity": "curricle.stages.perplexity",
    "datatrove": "curricle.stages.datatrove_filter",
    "quality": "curricle.stages.quality",
    "domain": "curricle.stages.domain",
}
"""Name -> the module that ends with the stage's object, STAGE. It is imported when a recipe uses the stage."""


@cache
def built_in(name: str) -> Stage:
    """The stage of this package with this name."""
    stage: Stage = import_module(BUILT_IN[name]).STAGE
    return stage


def find_stage(use: str) -> Stage:
    """The stage with this name, of the entry point with this name, or at `module:NAME`; a plain function gives FUNCTION.

    Raises ExtensionError, one line.
    """
    if use in BUILT_IN:
        return built_in(use)
    if ":" not in use and use not in extension_names(GROUP):
        raise ExtensionError(f"unknown stage {use!r}{did_you_mean(use, [*BUILT_IN, *extension_names(GROUP)])}")
    found: Any = find_extension(use, GROUP)
    if isinstance(found, Stage):
        return found
    if callable(found) and not isinstance(found, type):
        return FUNCTION
    what = "a class" if isinstance(found, type) else f"of type {type(found).__name__}"
    raise ExtensionError(f"{use} is {what}, not a Stage or a function")


def outside_module(use: str) -> str | None:
    """The module that provides a stage from outside; None for one of this package."""
    return None if use in BUILT_IN else module_of(use, GROUP)


def modules_of(step: Step) -> set[str]:
    """The modules that decide what the step does: of its stage, its functions, its settings and those inside them."""
    functions = (step.stage.kernel, step.stage.load, step.stage.models)
    modules = {_module(function) for function in functions if function}
    modules |= {kind.__module__ for kind in _configs(step.config)}
    return modules | ({step.module} if step.module else set())


def _module(function: Callable[..., Any]) -> str:
    while isinstance(function, partial):
        function = function.func
    return function.__module__


def _configs(value: Any) -> Iterator[type[Config]]:
    """The classes of a configuration and of all configurations inside it."""
    if isinstance(value, Config):
        yield type(value)
        for name in type(value).model_fields:
            yield from _configs(getattr(value, name))
    elif isinstance(value, tuple):
        for member in value:
            yield from _configs(member)


def writer_of(column: str) -> tuple[str, str | None] | None:
    """The stage of this package that writes `column`, and what must be set for it (None: nothing); None for another column."""
    for name in BUILT_IN:
        stage = built_in(name)
        if _has(column, Step(name, stage, stage.config()).columns):
            return name, None
        for setting, columns in stage.on_demand:
            if _has(column, columns):
                return name, setting
    return None


def _has(column: str, columns: tuple[Column, ...]) -> bool:
    return any(column == written.name for written in columns)

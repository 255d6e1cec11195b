"""The definition of a stage: the object at the end of every stage's file, in this package and outside it."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from typing import Any

import pyarrow as pa

from curricle.errors import ExtensionError, one_line
from curricle.schemas.column import Column
from curricle.schemas.config import Config

Kernel = Callable[..., pa.RecordBatch]
"""`kernel(batch, config)`, or `kernel(batch, loaded, config)` for a stage with `load`."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stage: a kernel that measures every row of a batch, and what the planner must know about it.

    The kernel returns the same rows in the same order with `columns` appended. It may change `text`; it never drops a row, and
    a row never depends on its neighbors. All functions are importable: workers find them by module and name.
    """

    name: str
    kernel: Kernel
    config: type[Config] = Config
    """Its settings; a misspelled key is rejected."""
    columns: tuple[Column, ...] | Callable[[Any], tuple[Column, ...]] = ()
    """The columns that it appends, in order, or a function of the settings that returns them."""
    reads: tuple[str, ...] | Callable[[Any], tuple[str, ...]] = ("text",)
    """Names of the columns that must exist before it runs, or a function of the settings."""
    load: Callable[[Any], Any] | None = None
    """Returns what the kernel needs in memory, from the settings. Runs once in each process."""
    models: Callable[[Any], tuple[Path, ...]] | None = None
    """Returns the folders, from the settings, whose files decide values. Their hashes are part of the run's fingerprint."""
    packages: tuple[str, ...] | Callable[[Any], tuple[str, ...]] = ()
    """Modules of other projects that decide values, or a function of the settings. Their versions are part of the fingerprint."""
    skips_rejected: bool = False
    """True for a slow stage that processes only rows that are not rejected yet. A decision is placed before it."""
    preload: tuple[str, ...] = ()
    """Modules to import once, before workers are forked, in addition to the kernel's own."""
    on_demand: tuple[tuple[str, tuple[Column, ...]], ...] = ()
    """Columns that only some settings write, in groups, each with the advice to give if one is missing."""

    def __post_init__(self) -> None:
        """ExtensionError, one line, for a field of another kind."""
        if not (isinstance(self.config, type) and issubclass(self.config, Config)):
            raise ExtensionError(f"stage {self.name!r}: config must be a subclass of curricle.Config")
        for field, kind in (("columns", Column), ("reads", str), ("packages", str), ("preload", str)):
            if not callable(getattr(self, field)):
                _check_members(f"stage {self.name!r}: {field}", getattr(self, field), kind)
        for field in ("kernel", "load", "models"):
            if not callable(getattr(self, field)) and (field == "kernel" or getattr(self, field) is not None):
                raise ExtensionError(f"stage {self.name!r}: {field} must be a function")


def _check_members(what: str, members: object, kind: type) -> None:
    if not isinstance(members, tuple) or not all(isinstance(member, kind) for member in members):
        name = "texts" if kind is str else f"{kind.__name__} objects"
        raise ExtensionError(f"{what} must be a tuple of {name}, such as (A,) for one")


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # a module inside one that does not exist; a name that is no module's
        return False


@dataclass(frozen=True)
class Step:
    """A stage as a recipe uses it: under the recipe's name for it, with settings."""

    name: str
    stage: Stage
    config: Config
    use: str | None = None
    """The recipe's `use`, if it differs from the name of the step."""
    module: str | None = None
    """The module that provides a stage from outside this package."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the columns that must exist before it runs."""
        reads = self.stage.reads
        return reads(self.config) if callable(reads) else reads

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that it appends, in order."""
        columns = self.stage.columns
        return columns(self.config) if callable(columns) else columns

    @property
    def packages(self) -> tuple[str, ...]:
        """Modules of other projects that decide values."""
        packages = self.stage.packages
        return packages(self.config) if callable(packages) else packages

    def models(self) -> tuple[Path, ...]:
        """Folders whose contents decide values; ModelError, one line, if one is missing."""
        return tuple(Path(folder) for folder in self.stage.models(self.config)) if self.stage.models else ()

    def check(self) -> None:
        """ExtensionError, one line, unless what the stage computes from the settings can be used and its modules exist."""
        for field, kind in (("columns", Column), ("reads", str), ("packages", str)):
            try:
                members = getattr(self, field)
            except Exception as error:  # whatever the stage's function raises
                raise ExtensionError(f"{field} of the stage cannot be computed: {one_line(error, kind=True)}") from error
            _check_members(f"{field} of the stage", members, kind)
        self._check_call()
        for field, modules in (("packages", self.packages), ("preload", self.stage.preload)):
            for module in modules:
                if not _exists(module):
                    raise ExtensionError(f"{field} of the stage name the module {module!r}, which is not installed")

    def _check_call(self) -> None:
        """ExtensionError if the kernel is known to take other arguments than those that it will get."""
        given = ("batch", "config") if self.stage.load is None else ("batch", "loaded", "config")
        try:
            signature(self.stage.kernel).bind(*given)
        except ValueError:
            return  # a compiled function that does not tell its arguments
        except TypeError as error:
            raise ExtensionError(f"the kernel of the stage cannot be called as kernel({', '.join(given)}): {error}") from None

    def settings(self) -> Any:
        """Its settings as plain values, defaults included, as in a recipe."""
        values = self.config.model_dump(mode="json")
        return values if self.use is None else {"use": self.use} | values

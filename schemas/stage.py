"""The definition of a stage: the object at the end of every stage's file, in this package and outside it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

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
        return self.stage.models(self.config) if self.stage.models else ()

    def settings(self) -> Any:
        """Its settings as plain values, defaults included, as in a recipe."""
        values = self.config.model_dump(mode="json")
        return values if self.use is None else {"use": self.use} | values

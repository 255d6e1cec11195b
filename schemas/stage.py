"""What a stage is: the object that every stage's file ends with, in this package and outside it."""

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
    """Modules of other projects that decide values, or a function of the settings. Their versions are part of it too."""
    skips_rejected: bool = False
    """True for a slow stage that computes only rows that are not rejected yet: a decision is placed before it."""
    preload: tuple[str, ...] = ()
    """Modules that are imported once, before workers are forked, besides the kernel's own."""
    on_demand: tuple[tuple[str, tuple[Column, ...]], ...] = ()
    """Columns that only some settings write, each group with the advice that a missing column gets."""


@dataclass(frozen=True)
class Step:
    """A stage as one recipe uses it: under a name of the recipe's own and with its settings."""

    name: str
    stage: Stage
    config: Config
    use: str | None = None
    """How the recipe names the stage, where that is not the step's own name."""
    module: str | None = None
    """The module that provides the stage, where it comes from outside this package."""

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
        """Folders whose contents decide values; ModelError, one line, where one is missing."""
        return self.stage.models(self.config) if self.stage.models else ()

    def settings(self) -> Any:
        """What a recipe says about it, defaults included, as plain values."""
        values = self.config.model_dump(mode="json")
        return values if self.use is None else {"use": self.use} | values

"""Any filter or formatter of datatrove (https://github.com/huggingface/datatrove), run on the rows unchanged.

Deviations: a filter drops nothing; its verdict becomes a column, and later filters see what it rejects. An exception on
one document makes that row a dead letter. Metadata that a filter writes is not kept.
"""

import importlib
import importlib.metadata
import inspect
import re
from typing import Any, Final, Self

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator, model_validator

from curricle.errors import ModelError, did_you_mean, one_line
from curricle.installation import install_hint
from curricle.schemas.batches import append_columns, living_rows, mark_dead, replace_text, scatter
from curricle.schemas.cleaning_columns import datatrove_column
from curricle.schemas.column import Column
from curricle.schemas.columns import DEAD, PAYLOAD
from curricle.schemas.config import Config
from curricle.schemas.stage import Stage

KEEP, DROP = "keep", "drop"
REFUSED: Final = {
    "LambdaFilter": "takes a Python function, which a recipe cannot hold",
    "PIIFormatter": "changes a text depending on earlier ones; use the stage redact",
    "SamplerFilter": "draws at random, so a second run would give another output",
}
_NO_DOCUMENT: Final = frozenset({"id", "text", *(column.name for column in (*PAYLOAD, *DEAD))})


class DatatroveStep(Config):
    """One class of datatrove to run: a filter or a formatter."""

    filter: str | None = None
    """Name of a filter class of datatrove."""
    formatter: str | None = None
    """Name of a formatter class of datatrove, which changes the text."""
    args: dict[str, Any] = Field(default_factory=dict)
    """Arguments of the class."""
    name: str | None = Field(default=None, pattern=r"^[a-z0-9_]+$")
    """Suffix of the column: `datatrove_<name>`. By default it comes from the class."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.filter is None) == (self.formatter is None):
            raise ValueError("give either filter or formatter")
        try:
            self.build()
        except ModelError as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def class_name(self) -> str:
        """The class in datatrove."""
        return self.filter or self.formatter or ""

    @property
    def columns(self) -> tuple[Column, ...]:
        """`datatrove_gopher_quality` for GopherQualityFilter; none for a formatter."""
        if self.filter is None:
            return ()
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", self.filter.removesuffix("Filter")).lower()
        return (datatrove_column(self.name or words),)

    def build(self) -> Any:
        """The object; ModelError, one line, if there is no such class or it does not accept these arguments."""
        kind = "filter" if self.filter else "formatter"
        if self.class_name in REFUSED:
            raise ModelError(f"{self.class_name} {REFUSED[self.class_name]}")
        try:
            module = importlib.import_module(f"datatrove.pipeline.{kind}s")
        except ImportError as error:
            raise ModelError(f"{error}: {install_hint('datatrove')}") from None
        classes = {name: found for name, found in vars(module).items() if isinstance(found, type)}
        if self.class_name not in classes:
            raise ModelError(f"datatrove has no {kind} {self.class_name!r}{did_you_mean(self.class_name, classes)}")
        wanted = classes[self.class_name]
        known = [name for name in inspect.signature(wanted).parameters if name != "exclusion_writer"]
        for name in self.args:
            if name not in known:
                raise ModelError(f"{self.class_name} has no argument {name!r}{did_you_mean(name, known)}")
        try:
            return wanted(**self.args)
        except Exception as error:  # whatever a constructor finds wrong with its arguments
            raise ModelError(f"{self.class_name}: {one_line(error, kind=True)}") from None


class DatatroveConfig(Config):
    """Settings of the stage `datatrove`."""

    steps: tuple[DatatroveStep, ...] = ()
    """The classes to run, in order. The settings may also be one step, or a list of steps."""
    version: str | None = None
    """Version of datatrove. It is filled in, and thus part of the run's fingerprint."""

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, values: Any) -> Any:
        if isinstance(values, dict) and values and not values.keys() & {"steps", "version"}:
            values = [values]
        return {"steps": values} if isinstance(values, list) else values

    @field_validator("version")
    @classmethod
    def _installed(cls, version: str | None) -> str | None:
        try:
            found = importlib.metadata.version("datatrove")
        except importlib.metadata.PackageNotFoundError:
            return version
        if version not in (None, found):
            raise ValueError(f"the recipe was made with datatrove {version}, but {found} is installed")
        return found

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [column.name for column in self.writes()]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two filters write the column {name!r}; give each a name")
        return self

    def __hash__(self) -> int:
        return hash(self.model_dump_json())

    def writes(self) -> tuple[Column, ...]:
        """A column for each filter; `text` changes if a step changes it, and `text_chars` with it."""
        return tuple(column for step in self.steps for column in step.columns)

    def models(self) -> tuple[()]:
        """None. ModelError if there is no step."""
        if not self.steps:
            raise ModelError("datatrove: no step; give filter or formatter, or a list of them")
        return ()


def build_steps(config: DatatroveConfig) -> tuple[Any, ...]:
    """datatrove's objects, one for each step."""
    return tuple(step.build() for step in config.steps)


def run_datatrove(batch: pa.RecordBatch, steps: tuple[Any, ...], config: DatatroveConfig) -> pa.RecordBatch:
    """Append `datatrove_<filter>` (string: `keep` or the reason to drop) for each filter; put changed texts into `text`.

    Null if the row is dead, already rejected or has no text. A row on which a step raises becomes a dead letter; an error of the
    machine (ImportError, OSError, MemoryError) fails the bundle.
    """
    from datatrove.data import Document

    wanted = living_rows(batch) & batch.column("text").is_valid().to_numpy(zero_copy_only=False)
    rows = batch.filter(pa.array(wanted))
    fields = [name for name in rows.schema.names if name not in _NO_DOCUMENT]
    texts: list[str | None] = rows.column("text").to_pylist()
    reasons: list[str | None] = [None] * len(texts)
    verdicts: dict[str, list[str | None]] = {column.name: [None] * len(texts) for column in config.writes()}
    for row, (id_, values) in enumerate(zip(rows.column("id").to_pylist(), rows.select(fields).to_pylist(), strict=True)):
        document = Document(text=texts[row] or "", id=id_, metadata=_metadata(values))
        for step, spec in zip(steps, config.steps, strict=True):
            try:
                if spec.filter:
                    verdicts[spec.columns[0].name][row] = _verdict(step.filter_batch([document])[0])
                else:
                    document.text = step.format(document.text)
                document.text.encode()  # a lone surrogate would cost the whole batch
            except (ImportError, OSError, MemoryError):
                raise
            except Exception as error:  # of foreign code, on any text
                texts[row], reasons[row] = None, f"{spec.class_name}: {one_line(error, kind=True)}"
                break
            texts[row] = document.text
    batch = mark_dead(batch, scatter(pa.array(reasons, pa.string()), wanted), "datatrove", batch.column("text").cast(pa.binary()))
    batch = replace_text(batch, pc.replace_with_mask(batch.column("text"), pa.array(wanted), pa.array(texts, pa.string())))
    columns = {name: scatter(pa.array(values, pa.string()), wanted) for name, values in verdicts.items()}
    return append_columns(batch, config.writes(), columns)


def _metadata(values: dict[str, Any]) -> dict[str, Any]:
    """As datatrove's reader makes it from our files: the input's own fields, then the columns."""
    own = orjson.loads(values.pop("metadata", None) or b"{}")
    return {**own, **{name: value for name, value in values.items() if value is not None}}


def _verdict(answer: Any) -> str:
    """A filter answers True or False, or (False, reason)."""
    kept, reason = answer if isinstance(answer, tuple) else (answer, None)
    return KEEP if kept else str(reason or DROP)


STAGE: Final = Stage(
    name="datatrove",
    kernel=run_datatrove,
    config=DatatroveConfig,
    columns=DatatroveConfig.writes,
    load=build_steps,
    models=DatatroveConfig.models,
    packages=("datatrove", "spacy"),  # most filters split words with spaCy
    skips_rejected=True,
)

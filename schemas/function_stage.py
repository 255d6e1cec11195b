"""A plain function as a stage: `{use: my_module:flag_short, writes: {is_short: bool}}` in a recipe.

The function takes a batch and returns it with the columns appended. The recipe says which columns these are, as they must be
known before anything runs. A function has no settings and no loader; what needs them is a Stage.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

import pyarrow as pa
from pydantic import AfterValidator, BeforeValidator, PlainSerializer

from curricle.errors import did_you_mean
from curricle.schemas.column import Column
from curricle.schemas.config import Config
from curricle.schemas.extensions import find_extension
from curricle.schemas.stage import Stage

GROUP: Final = "curricle.stages"

TYPES: Final = {
    **{str(kind): kind for kind in (pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.string(), pa.binary())},
    "float32": pa.float32(),
    "float64": pa.float64(),
    "list<string>": pa.list_(pa.string()),
}
"""Arrow types by the name that a recipe gives them."""


Function = Callable[[pa.RecordBatch], pa.RecordBatch]


def _pairs(value: Any) -> Any:
    return tuple(value.items()) if isinstance(value, Mapping) else value


def _known(pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    if not pairs:
        raise ValueError("name the columns that the function appends, each with its type, such as {is_short: bool}")
    for name, kind in pairs:
        if kind not in TYPES:
            raise ValueError(f"column {name!r}: unknown type {kind!r}{did_you_mean(kind, TYPES)}")
    return pairs


Columns = Annotated[tuple[tuple[str, str], ...], BeforeValidator(_pairs), AfterValidator(_known), PlainSerializer(dict)]
"""A mapping, column to type, as pairs: hashable."""


class FunctionConfig(Config):
    """What a recipe says about a plain function."""

    use: str
    """The function, as `module:function`."""
    writes: Columns = ()
    """The columns that it appends, each with its type, such as `{is_short: bool}`."""
    reads: tuple[str, ...] = ("text",)
    """Columns that must exist before it runs."""


def call_function(batch: pa.RecordBatch, function: Function, config: FunctionConfig) -> pa.RecordBatch:
    """Append the columns that `writes` names, by whatever the function does."""
    return function(batch)


def _load(config: FunctionConfig) -> Any:
    return find_extension(config.use, GROUP)


def _columns(config: FunctionConfig) -> tuple[Column, ...]:
    return tuple(
        Column(name=name, dtype=TYPES[kind], doc=f"by `{config.use}`", null="as the function says")
        for name, kind in config.writes
    )


def _reads(config: FunctionConfig) -> tuple[str, ...]:
    return config.reads


FUNCTION: Final = Stage(name="function", kernel=call_function, config=FunctionConfig, load=_load, columns=_columns, reads=_reads)

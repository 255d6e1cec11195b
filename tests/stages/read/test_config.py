"""What a recipe may say under `read`, and how a wrong setting is refused."""

import pytest
from pydantic import ValidationError

from curricle.schemas.column import schema_of
from curricle.schemas.columns import COLUMNS, READ_SCHEMA
from curricle.stages.read.config import ReadConfig


def test_the_defaults_write_the_read_schema() -> None:
    config = ReadConfig()
    assert schema_of(config.writes()) == READ_SCHEMA


def test_carried_columns_come_last_in_their_order() -> None:
    config = ReadConfig(carry=("domain", "language"))
    assert [column.name for column in config.writes()] == [*READ_SCHEMA.names, "domain", "language"]
    assert config.carried() == (COLUMNS["domain"], COLUMNS["language"])


def test_own_columns_have_the_types_that_are_given() -> None:
    types = {"size": "int64", "tags": "list<string>"}
    config = ReadConfig(carry=("size", "language", "layer", "tags"), carry_types=types)
    assert [(column.name, str(column.dtype)) for column in config.carried()] == [
        ("size", "int64"), ("language", "string"), ("tags", "list<item: string>"),
    ]  # fmt: skip
    assert config.unknown() == ("layer",)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({"carry": ["text"]}, "every document has the column 'text' already", id="a-reader's-own"),
        pytest.param({"carry": ["a"], "carry_types": {"a": "int46"}}, "a: no type 'int46'; use int64", id="no-type"),
        pytest.param({"carry": ["a"], "carry_types": {"a": "binary"}}, "type binary cannot be carried", id="no-plain-type"),
        pytest.param({"carry": ["domain", "domain"]}, "a column is named twice", id="twice"),
        pytest.param({"batch_bytes": 0}, "greater than or equal to 1", id="no-batch"),
        pytest.param({"batch_rows": 0}, "greater than or equal to 1", id="no-rows"),
        pytest.param({"max_record_bytes": 1 << 31}, "less than 2147483648", id="over-arrow's-limit"),
        pytest.param({"text_column": ""}, "at least 1 character", id="no-text-column"),
        pytest.param({"text_colum": "x"}, "Extra inputs are not permitted", id="unknown-key"),
    ],
)
def test_a_wrong_setting_is_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ReadConfig(**settings)

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


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({"carry": ["langage"]}, "'langage'; did you mean 'language'", id="typo"),
        pytest.param({"carry": ["text"]}, "'text'", id="a-reader's-own"),
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

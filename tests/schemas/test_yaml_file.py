"""Reading YAML."""

import pytest

from curricle.schemas.yaml_file import parse_yaml


def test_brackets_without_end_are_one_line():
    with pytest.raises(ValueError, match=r"^not valid YAML: too many brackets inside each other$"):
        parse_yaml("[" * 3000)

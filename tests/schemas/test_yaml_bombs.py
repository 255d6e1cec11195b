"""YAML that is small as text and large as values ends in one line."""

import pytest

from curricle.schemas.yaml_file import parse_yaml

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(BOMB, "line 5: aliases make this more than 100,000 values", id="aliases"),
        pytest.param("&a [*a]", "line 1: aliases make this more than 100,000 values", id="an alias of itself"),
        pytest.param("[" * 100_000, "not valid YAML: too many brackets inside each other", id="brackets"),
        pytest.param("[" * 100_000 + "]" * 100_000, "not valid YAML: too many brackets inside each other", id="closed brackets"),
        pytest.param("{a: " * 100_000, "not valid YAML: too many brackets inside each other", id="braces"),
        pytest.param("- " * 100_000, "not valid YAML: too many brackets inside each other", id="lists"),
    ],
)
def test_a_bomb_is_one_line(text, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        parse_yaml(text)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", None),
        ("a: &a {b: 1}\nc: {<<: *a, d: *a}", {"a": {"b": 1}, "c": {"b": 1, "d": {"b": 1}}}),
    ],
)
def test_aliases_are_values(text, values):
    assert parse_yaml(text) == values

"""Files whose names are not UTF-8 are left out by name; the others are read."""

import os
from pathlib import Path

import pytest

from curricle.pipelines.inputs.find import InputError, find_inputs

LEFT_OUT = r"\xff\xfe.jsonl (its name is not UTF-8; rename it)"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (b"\xff\xfe.jsonl", b"b.jsonl"):
        Path(os.fsdecode(os.fsencode(tmp_path / os.fsdecode(name)))).write_text('{"text": "a"}\n')
    return tmp_path


@pytest.mark.parametrize("pattern", ["", "*.jsonl"], ids=["a folder", "a pattern"])
def test_a_name_that_is_not_utf8_does_not_stop_the_rest(folder: Path, pattern: str) -> None:
    left_out: list[str] = []
    found = find_inputs([str(folder / pattern) if pattern else str(folder)], left_out)
    assert [Path(file.source).name for file in found] == ["b.jsonl"]
    assert left_out == [f"{folder}/{LEFT_OUT}"]


def test_a_file_named_itself_is_refused_by_name(folder: Path) -> None:
    with pytest.raises(InputError) as error:
        find_inputs([str(folder / os.fsdecode(b"\xff\xfe.jsonl"))])
    assert str(error.value) == rf"{folder}/\xff\xfe.jsonl: its name is not UTF-8; rename it"

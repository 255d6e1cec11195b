"""Evaluation items: which fields hold what, every format, and what is said about files that cannot be read."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from curricle.errors import InputError
from curricle.pipelines.decontamination import read_items as module
from curricle.pipelines.decontamination.items import Item, parse_fields
from curricle.pipelines.decontamination.read_items import read_items
from curricle.pipelines.decontamination.registry import BENCHMARKS

ROWS = [{"question": "What is two and two?", "answer": "four"}, {"question": "What is three and three?", "answer": "six"}]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def items_of(path: Path, **row: object) -> list[Item]:
    path.write_text(json.dumps(row) + "\n")
    return read_items([str(path)], {})


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param({"question": "Q", "answer": "A"}, Item("b", "b#1", "Q", ("A",)), id="GSM8K"),
        pytest.param(
            {"question": "Q", "subject": "s", "choices": ["x", "y"], "answer": 1},
            Item("b", "b#1", "Q", ("y",), ("x", "y")),
            id="MMLU: the answer is an index",
        ),
        pytest.param(
            {"question": "Q", "choices": {"text": ["x", "y"], "label": ["A", "B"]}, "answerKey": "A"},
            Item("b", "b#1", "Q", ("x",), ("x", "y")),
            id="ARC: the answer is a letter, the choices are structured",
        ),
        pytest.param(
            {"ctx": "Q", "endings": ["x", "y"], "label": "1"}, Item("b", "b#1", "Q", ("y",), ("x", "y")), id="HellaSwag"
        ),
        pytest.param({"goal": "Q", "sol1": "x", "sol2": "y", "label": 0}, Item("b", "b#1", "Q", ("x",), ("x", "y")), id="PIQA"),
        pytest.param(
            {"context": "P", "question": "Q", "answers": {"text": ["A", "B"], "answer_start": [1, 2]}},
            Item("b", "b#1", "Q", ("A", "B"), (), "P"),
            id="SQuAD",
        ),
        pytest.param(
            {"question": "Q", "answer": {"value": "A", "aliases": ["A", "B"]}}, Item("b", "b#1", "Q", ("A", "B")), id="TriviaQA"
        ),
        pytest.param({"question": "Q", "passage": "P", "answer": True}, Item("b", "b#1", "Q", ("yes",), (), "P"), id="BoolQ"),
        pytest.param({"task_id": "1", "prompt": "Q", "canonical_solution": "A"}, Item("b", "b#1", "Q", ("A",)), id="HumanEval"),
        pytest.param({"text": "Q", "code": "A"}, Item("b", "b#1", "Q", ("A",)), id="MBPP"),
        pytest.param(
            {"question": "Q", "choices": ["7", "1"], "answer": "7"}, Item("b", "b#1", "Q", ("7",), ("7", "1")), id="text"
        ),
        pytest.param(
            {"question": "Q", "answer": "A", "is_correct": False}, Item("b", "b#1", "Q", (), ("A",)), id="a wrong answer"
        ),
        pytest.param({"soru": "Q", "cevap": "A"}, Item("b", "b#1", "Q", ("A",)), id="Turkish names"),
    ],
)
def test_the_fields_of_usual_benchmarks_are_found(tmp_path, row, expected):
    assert items_of(tmp_path / "b.jsonl", **row) == [expected]


def test_fields_can_be_named(tmp_path):
    path = tmp_path / "b.jsonl"
    path.write_text(json.dumps({"prompt": "P", "stem": "Q", "key": "A"}))
    fields = parse_fields("question=stem, answer=key,passage=prompt")
    assert read_items([str(path)], fields) == [Item("b", "b#1", "Q", ("A",), (), "P")]


def test_rows_with_the_same_question_are_one_item(tmp_path):
    path = tmp_path / "b.jsonl"
    rows = [{"question": "Q", "answer": "A", "is_correct": True}, {"question": "Q", "answer": "B", "is_correct": False}]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert read_items([str(path)], {}) == [Item("b", "b#1", "Q", ("A",), ("B",))]


def test_a_row_without_a_question_is_left_out_and_counted(tmp_path):
    path = tmp_path / "b.jsonl"
    path.write_text('{"question": " "}\n{"question": "Q"}\n')
    assert read_items([str(path)], {}) == [Item("b", "b#2", "Q")]


def write_hub_folder(path: Path) -> None:
    import datasets

    datasets.DatasetDict({"test": datasets.Dataset.from_list(ROWS)}).save_to_disk(path)


def write_parquet_folder(path: Path) -> None:
    path.mkdir()
    for number, row in enumerate(ROWS):
        pq.write_table(pa.Table.from_pylist([row]), path / f"test-{number}.parquet")


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("b.jsonl", lambda path: path.write_bytes(LINES)),
        ("b.jsonl.gz", lambda path: path.write_bytes(gzip.compress(LINES))),
        ("b.jsonl.zst", lambda path: path.write_bytes(zstandard.compress(LINES))),
        ("b.json", lambda path: path.write_text(json.dumps(ROWS))),
        ("b.csv", lambda path: path.write_text("question,answer\n" + "".join(f"{r['question']},{r['answer']}\n" for r in ROWS))),
        ("b.parquet", lambda path: pq.write_table(pa.Table.from_pylist(ROWS), path)),
        ("b", write_hub_folder),
        ("b", write_parquet_folder),
    ],
)
def test_every_format_gives_the_same_items(tmp_path, name, write):
    write(tmp_path / name)
    expected = [Item("b", f"b#{number}", row["question"], (row["answer"],)) for number, row in enumerate(ROWS, 1)]
    assert read_items([str(tmp_path / name)], {}) == expected
    assert [item.benchmark for item in read_items([f"mine={tmp_path / name}"], {})] == ["mine", "mine"]


@pytest.mark.parametrize(
    ("text", "questions"),
    [
        ("one\ntwo\n", ["one", "two"]),
        ("one\nmore\n\ntwo\n", ["one\nmore", "two"]),
        ("one\r\nmore\r\n\r\ntwo", ["one\nmore", "two"]),
    ],
)
def test_a_text_file_has_an_item_a_line_or_a_paragraph(tmp_path, text, questions):
    (tmp_path / "b.txt").write_bytes(text.encode())
    assert [item.question.strip() for item in read_items([str(tmp_path / "b.txt")], {})] == questions


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("b.jsonl", b'{"a": 1, "b": 2}', "no field for the question (fields: a, b); name it with --fields question=FIELD"),
        ("b.jsonl", b'{"question": "Q"}\n{', "line 2: not JSON"),
        ("b.jsonl", b"7\n", "item 1: not an object with named fields"),
        ("b.jsonl", b"\n", "no items in it"),
        ("b.jsonl.gz", b"no gzip", "Not a gzipped file"),
        ("b.parquet", b"no parquet", "b.parquet: "),
        ("b.txt", b"\xff\xfe\xfd", "b.txt: 'utf-8' codec can't decode"),
        ("b.docx", b"", "not a format of items"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_in_one_line(tmp_path, name, data, message):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError) as error:
        read_items([str(tmp_path / name)], {})
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert str(tmp_path / name) in str(error.value)


def test_a_field_that_is_missing_is_named_with_the_nearest_one(tmp_path):
    (tmp_path / "b.jsonl").write_bytes(LINES)
    with pytest.raises(InputError, match="no field 'questoin'; did you mean 'question'"):
        read_items([str(tmp_path / "b.jsonl")], {"question": ("questoin",)})


@pytest.mark.parametrize("fields", ["question", "question=", "key=x"])
def test_fields_that_cannot_be_read_are_rejected(fields):
    with pytest.raises(InputError, match="--fields"):
        parse_fields(fields)


@pytest.mark.parametrize(
    ("name", "message"),
    [("gsm9k", "neither a file nor a known evaluation set; did you mean 'gsm8k'"), ("x/y.jsonl", "x/y.jsonl: no such file")],
)
def test_an_unknown_set_is_rejected(name, message):
    with pytest.raises(InputError, match=message):
        read_items([name], {})


def test_two_sets_of_one_name_are_rejected(tmp_path):
    (tmp_path / "b.jsonl").write_bytes(LINES)
    with pytest.raises(InputError, match="two evaluation sets are called 'b'"):
        read_items([str(tmp_path / "b.jsonl"), f"b={tmp_path / 'b.jsonl'}"], {})


def test_a_known_set_is_loaded_by_datasets(tmp_path, monkeypatch):
    """The hub's files of a data set, here in a folder in its place."""
    import datasets

    folder = tmp_path / "openai" / "gsm8k" / "main"
    folder.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(ROWS), folder / "test-00000-of-00001.parquet")
    real = datasets.load_dataset

    def local(hub: str, config: str | None, split: str) -> object:
        files = {split: f"{tmp_path}/{hub}/{config}/{split}-*.parquet"}
        return real("parquet", data_files=files, split=split, cache_dir=str(tmp_path / "cache"))

    monkeypatch.setattr(datasets, "load_dataset", local)
    assert [item.name for item in read_items(["gsm8k"], {})] == ["gsm8k#1", "gsm8k#2"]


def test_without_the_package_the_command_that_installs_it_is_named(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"install .*benchmarks"):
        read_items(["gsm8k"], {})


def test_the_fields_of_the_registry_name_parts_of_items():
    for benchmark in BENCHMARKS.values():
        assert set(benchmark.fields) <= {"question", "answer", "passage", "choices"}
        assert "/" in benchmark.hub

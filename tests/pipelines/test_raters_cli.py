"""`curricle raters agree`: the join, the figures, groups, and what is refused."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from models.cards import ModelError
from models.raters.ratings import RatingColumns
from pipelines.agreement import compare
from pipelines.cli.raters import command

NAMES = RatingColumns()


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def write(path: Path, **columns: list[object]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return write(
        tmp_path / "a.parquet",
        id=["1", "2", "3", "4", "5"],
        lang=["en", "en", "de", "de", "en"],
        quality_accuracy=[1, 2, 3, None, 5],
        quality_overall_score=[1, 2, 3, 4, 5],
        domain=["Law", "Law", "Coding", "Other", "Law"],
    )


@pytest.fixture
def second(tmp_path: Path) -> Path:
    return write(
        tmp_path / "b.parquet",
        id=["6", "4", "3", "2", "1"],
        quality_accuracy=[1, 1, 5, 3, 1],
        quality_creativity=[1, 1, 1, 1, 1],
        quality_overall_score=[5, 4, 3, 2, 1],
        domain=["Law", "Other", None, "Medicine", "Law"],
    )


def test_rows_are_joined_on_id_whatever_their_order_and_nulls_are_left_out(first: Path, second: Path):
    found = compare(first, second, NAMES, NAMES)
    assert (found.key, found.pairs, found.only_first, found.only_second) == ("id", 4, 1, 1)
    tables = found.tables["all"]
    assert list(tables) == ["accuracy", "overall_score", "domain"]
    assert {tuple(cell) for cell in np.argwhere(tables["accuracy"]) + 1} == {(1, 1), (2, 3), (3, 5)}
    assert np.array_equal(tables["overall_score"], np.diag([1, 1, 1, 1, 0]))
    assert tables["domain"].sum() == 3
    assert tables["domain"][2, 0] == 1  # Law by the first, Medicine by the second


def test_without_ids_rows_are_joined_on_their_text(tmp_path: Path):
    a = write(tmp_path / "a.parquet", text=["x", "y", "z"], quality_accuracy=[1, 2, 3])
    b = write(tmp_path / "b.parquet", id=["1", "2"], text=["y", "w"], quality_accuracy=[4, 4])
    found = compare(a, b, NAMES, NAMES)
    assert (found.key, found.pairs, found.only_first, found.only_second) == ("text", 1, 2, 1)
    assert found.tables["all"]["accuracy"][1, 3] == 1


def test_groups_share_the_pairs_out(first: Path, second: Path):
    found = compare(first, second, NAMES, NAMES, ["lang", "domain"])
    assert list(found.tables) == ["all", "lang=de", "lang=en", "domain=Law", "domain=Coding", "domain=Other"]
    for group in ("lang", "domain"):
        parts = [tables["overall_score"] for name, tables in found.tables.items() if name.startswith(group)]
        assert np.array_equal(sum(parts), found.tables["all"]["overall_score"])


def test_columns_of_two_raters_in_one_file_are_compared_by_their_prefixes(tmp_path: Path):
    file = write(tmp_path / "a.parquet", id=[1, 2], quality_accuracy=[1, 2], other_accuracy=[2, 2])
    result = call("agree", file, file, "--second-prefix", "other_")
    assert result.exit_code == 0
    assert "| accuracy | 2 | 0.500 (0.000 to 1.000) | 1.000 (1.000 to 1.000) |" in result.output


def test_two_passes_over_the_same_documents_agree_as_their_description_says(shared_data: Path):
    folder = shared_data / "ratings"
    result = call("agree", folder / "second-pass.parquet", folder / "ratings.parquet", "--by", "lang")
    assert result.exit_code == 0
    assert "120 documents in both files (joined on id); 0 only in the first, 3,365 only in the second" in result.output
    assert "| overall_score | 120 | 0.842 (" in result.output
    assert "domain, 120 documents: exact 0.933 (" in result.output
    assert "| lang=en | documents |" in result.output


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        pytest.param({"id": ["1"], "quality_acuracy": [1]}, "no ratings: no column 'quality_overall_score'", id="no-rating"),
        pytest.param({"id": ["1"], "quality_accuracy": [6]}, "'quality_accuracy' holds 6..6, wanted 1..5", id="not-1-to-5"),
        pytest.param({"id": ["1"], "quality_accuracy": [1.5]}, "'quality_accuracy' is double, wanted integers", id="fractions"),
        pytest.param({"id": ["1"], "domain": ["Laws"]}, "'domain' holds 'Laws'; did you mean 'Law'?", id="unknown-domain"),
        pytest.param({"id": ["1", "1"], "quality_accuracy": [1, 2]}, "rows 0 and 1 have the same id", id="an-id-twice"),
        pytest.param({"id": ["1", None], "quality_accuracy": [1, 2]}, "`id` is null in row 1", id="no-id"),
        pytest.param({"id": ["77"], "quality_accuracy": [1]}, "no id of", id="no-document-in-common"),
        pytest.param({"quality_accuracy": [1]}, "neither `id` nor `text` in common", id="nothing-to-join-on"),
        pytest.param({"id": ["1"], "quality_creativity": [1]}, "no criterion in common", id="no-criterion-in-common"),
    ],
)
def test_a_file_that_cannot_be_compared_is_refused_in_one_line(
    tmp_path: Path, first: Path, columns: dict[str, list[object]], message: str
):
    bad = write(tmp_path / "bad.parquet", **columns)
    with pytest.raises(ModelError, match=r"bad\.parquet|no criterion") as raised:
        compare(first, bad, NAMES, NAMES)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_unknown_group_and_a_file_that_is_not_parquet_are_refused(tmp_path: Path, first: Path, second: Path):
    with pytest.raises(ModelError, match=r"no column 'langs'; did you mean 'lang'"):
        compare(first, second, NAMES, NAMES, ["langs"])
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"no parquet")
    with pytest.raises(ModelError, match=r"broken\.parquet"):
        compare(first, broken, NAMES, NAMES)

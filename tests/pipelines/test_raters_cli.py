"""`curricle raters agree` and `distil`: the join, figures, groups, the model that is made, and what is refused."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from curricle.errors import RatingsError
from curricle.models.cards import check_files
from curricle.models.raters.ratings import RatingColumns
from curricle.models.raters.student import FILES
from curricle.pipelines.cli.raters import command
from curricle.pipelines.ratings.agreement import compare
from curricle.schemas.columns import QUALITY_CRITERIA
from curricle.stages.quality import QualityConfig, load_raters

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
        pytest.param(
            {"id": ["1"], "quality_accuracy": [6]},
            "'quality_accuracy' has values from 6 to 6; ratings are 1 to 5",
            id="not-1-to-5",
        ),
        pytest.param(
            {"id": ["1"], "quality_accuracy": [1.5]},
            "'quality_accuracy' has type double; integers from 1 to 5 are required",
            id="fractions",
        ),
        pytest.param({"id": ["1"], "domain": ["Laws"]}, "'domain' holds 'Laws'; did you mean 'Law'?", id="unknown-domain"),
        pytest.param({"id": ["1", "1"], "quality_accuracy": [1, 2]}, "rows 0 and 1 have the same id", id="an-id-twice"),
        pytest.param({"id": ["1", None], "quality_accuracy": [1, 2]}, "column 'id' is null in row 1", id="no-id"),
        pytest.param({"id": ["77"], "quality_accuracy": [1]}, "no id of", id="no-document-in-common"),
        pytest.param({"quality_accuracy": [1]}, "neither the column id nor text", id="nothing-to-join-on"),
        pytest.param({"id": ["1"], "quality_creativity": [1]}, "no rating column in common", id="no-criterion-in-common"),
    ],
)
def test_a_file_that_cannot_be_compared_is_refused_in_one_line(
    tmp_path: Path, first: Path, columns: dict[str, list[object]], message: str
):
    bad = write(tmp_path / "bad.parquet", **columns)
    with pytest.raises(RatingsError, match=r"bad\.parquet|no criterion") as raised:
        compare(first, bad, NAMES, NAMES)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_unknown_group_and_a_file_that_is_not_parquet_are_refused(tmp_path: Path, first: Path, second: Path):
    with pytest.raises(RatingsError, match=r"no column 'langs'; did you mean 'lang'"):
        compare(first, second, NAMES, NAMES, ["langs"])
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"no parquet")
    with pytest.raises(RatingsError, match=r"broken\.parquet"):
        compare(first, broken, NAMES, NAMES)


@pytest.fixture(scope="module")
def ratings(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 real rated documents of many hosts, in two files, one rating of them missing."""
    pytest.importorskip("scipy", reason="scipy (extra train) is not installed")
    folder = tmp_path_factory.mktemp("ratings")
    table = pq.read_table(shared_data / "ratings" / "ratings.parquet")
    table = table.take(np.random.default_rng(1).permutation(len(table))[:600])
    table = table.set_column(
        table.schema.get_field_index("quality_coherence"),
        "quality_coherence",
        pa.array([None, *table["quality_coherence"].to_pylist()[1:]], pa.int8()),
    )
    pq.write_table(table.slice(0, 400), folder / "a.parquet")
    pq.write_table(table.slice(400), folder / "b.parquet")
    return folder


@pytest.fixture(scope="module")
def distilled(ratings: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    output = tmp_path_factory.mktemp("models") / "my-student"
    result = call("distil", "--ratings", ratings / "*.parquet", "--language-column", "lang", "--output", output)
    return result, output


def test_distil_makes_a_model_that_a_recipe_can_name_with_its_figures_and_plot(distilled: tuple[Result, Path]):
    result, output = distilled
    assert result.exit_code == 0, result.output
    assert {path.name for path in output.iterdir()} == {"card.json", "figures.md", "calibration.svg", *FILES}
    assert [path.name for path in output.parent.iterdir()] == ["my-student"]
    model = load_raters(QualityConfig(rater=str(output)))[0]
    check_files(output, model.card)
    assert model.card.documents == 599
    assert "en" in model.card.languages
    assert 0.5 < model.card.figures["spearman_overall_score"] < 0.95
    panels = ElementTree.fromstring((output / "calibration.svg").read_text()).findall("{http://www.w3.org/2000/svg}g")
    assert len(panels) == 14


def test_distil_prints_what_stands_in_the_models_folder(distilled: tuple[Result, Path]):
    result, output = distilled
    figures = (output / "figures.md").read_text().removeprefix("# my-student\n\n")
    assert figures in result.output
    assert "1 rows without a text or without one of the 14 ratings were left out" in result.output
    assert "599 rated documents of" in figures
    for name in (*QUALITY_CRITERIA, "domain: accuracy", "teacher \\ student"):
        assert name in figures


def test_the_distilled_students_integers_are_as_frequent_as_the_teachers_on_unseen_texts(
    distilled: tuple[Result, Path], ratings: Path, shared_data: Path
):
    model = load_raters(QualityConfig(rater=str(distilled[1])))[0]
    table = pq.read_table(shared_data / "ratings" / "ratings.parquet")
    table = table.filter(pc.invert(pc.is_in(table["id"], pq.read_table(ratings)["id"].combine_chunks())))
    found = np.array(model.rate(table["text"].combine_chunks().cast(pa.string()))["quality_overall_score"])
    shares = [np.bincount(values, minlength=6)[1:] / len(table) for values in (found, table["quality_overall_score"].to_numpy())]
    assert shares[0] == pytest.approx(shares[1], abs=0.08)


def test_distil_gives_the_same_bytes_again(distilled: tuple[Result, Path], ratings: Path, tmp_path: Path):
    arguments = ("--ratings", ratings / "a.parquet", "--ratings", ratings / "b.parquet", "--language-column", "lang")
    again = call("distil", *arguments, "--output", tmp_path / "my-student")
    assert again.exit_code == 0
    for path in distilled[1].iterdir():
        assert path.read_bytes() == (tmp_path / "my-student" / path.name).read_bytes(), path.name


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        pytest.param({}, "no column 'text'", id="no-text"),
        pytest.param({"text": [None] * 3}, "no row with a text and all 14 ratings", id="only-nulls"),
        pytest.param({"text": ["a", "b", "c"]}, "3 hosts or sources; cross-validation needs at least 10", id="too-few-hosts"),
    ],
)
def test_ratings_that_no_student_can_learn_from_are_refused_and_nothing_is_written(
    tmp_path: Path, columns: dict[str, list[object]], message: str
):
    pytest.importorskip("scipy", reason="scipy (extra train) is not installed")
    file = write(tmp_path / "a.parquet", **{f"quality_{name}": [1, 2, 3] for name in QUALITY_CRITERIA}, **columns)
    result = call("distil", "--ratings", file, "--output", tmp_path / "out" / "s")
    assert isinstance(result.exception, RatingsError)
    assert message in str(result.exception)
    assert [path.name for path in tmp_path.rglob("*")] in (["a.parquet"], ["a.parquet", "out"], ["out", "a.parquet"])


def test_a_missing_criterion_a_pattern_without_files_and_an_existing_output_are_refused(tmp_path: Path, first: Path):
    pytest.importorskip("scipy", reason="scipy (extra train) is not installed")
    lacking = call("distil", "--ratings", first, "--output", tmp_path / "s")
    assert "no column 'quality_coherence'" in str(lacking.exception)
    nothing = call("distil", "--ratings", tmp_path / "*.json", "--output", tmp_path / "s")
    assert "no file matches" in nothing.output
    there = call("distil", "--ratings", first, "--output", tmp_path)
    assert "already exists" in there.output

"""The quality stage: columns, rows that are not rated, refused configurations, and a run through Beam."""

import shutil
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.util import assert_that, equal_to
from pydantic import ValidationError

from curricle.models.cards import ModelError
from curricle.models.catalog import model_folder
from curricle.models.raters.backends import StudentConfig
from curricle.models.raters.rater import Rater
from curricle.pipelines.execute.run_stage import RunStage
from curricle.pipelines.plan.recipe import RecipeError, check_recipe
from curricle.schemas.columns import QUALITY, QUALITY_CRITERIA
from curricle.schemas.shards import Envelope, Shard, seal, unseal
from curricle.schemas.stage import Step
from curricle.stages.quality import STAGE, QualityConfig, load_raters, rate_quality

PROSE = "The river rises in the hills north of the town and flows for ninety miles before it meets the sea. " * 4
NAMES = [column.name for column in QUALITY]


@pytest.fixture(scope="session")
def rater() -> tuple[Rater, ...]:
    return load_raters(QualityConfig())


def batch_of(texts: list[str | None], **columns: pa.Array) -> pa.RecordBatch:
    batch = pa.record_batch({"text": pa.array(texts, pa.string()), **columns})
    return seal(batch, Envelope(shard=Shard(name="s", source="s", url="/s", format="jsonl"), sequence=7))


def test_sixteen_columns_are_appended_and_rows_and_envelope_stay(rater: tuple[Rater, ...]):
    batch = batch_of([PROSE, None, "", "short"])
    out = rate_quality(batch, rater, QualityConfig())
    assert out.schema.names == ["text", *NAMES]
    assert [out.schema.field(column.name) for column in QUALITY] == [column.field for column in QUALITY]
    assert out.column("text").equals(batch.column("text"))
    assert unseal(out).sequence == 7
    assert out.column("quality_status").to_pylist() == ["ok", None, "out_of_domain", "out_of_domain"]
    assert [out.column(name)[1].as_py() for name in NAMES] == [None] * 16


def test_dead_and_rejected_rows_are_not_rated_and_do_not_move_the_others(rater: tuple[Rater, ...]):
    texts = ["rejected before", PROSE, "dead before", PROSE.upper()]
    out = rate_quality(
        batch_of(
            texts,
            dead_reason=pa.array([None, None, "broken", None], pa.string()),
            reject_reason=pa.array(["short", None, None, None], pa.string()),
        ),
        rater,
        QualityConfig(),
    )
    alone = rate_quality(batch_of([PROSE, PROSE.upper()]), rater, QualityConfig())
    for name in NAMES:
        assert out.column(name).to_pylist() == [None, alone.column(name)[0].as_py(), None, alone.column(name)[1].as_py()]


def test_a_language_that_was_not_trained_is_out_of_domain_where_the_column_is_there(rater: tuple[Rater, ...]):
    out = rate_quality(batch_of([PROSE, PROSE], language=pa.array(["en", "xh"])), rater, QualityConfig())
    assert out.column("quality_status").to_pylist() == ["ok", "out_of_domain"]
    assert out.column("quality_overall_raw")[0] == out.column("quality_overall_raw")[1]


@pytest.mark.parametrize("texts", [pytest.param([], id="no-row"), pytest.param([None, None], id="only-nulls")])
def test_a_batch_without_text_gets_the_columns_too(rater: tuple[Rater, ...], texts: list[None]):
    out = rate_quality(batch_of(texts), rater, QualityConfig())
    assert out.schema.names == ["text", *NAMES]
    assert out.column("quality_status").null_count == len(texts)


def test_config_names_what_it_reads_writes_and_depends_on():
    step = Step("quality", STAGE, QualityConfig())
    assert (step.reads, step.columns, step.models()) == (("text",), QUALITY, (model_folder("student"),))
    assert step.stage.skips_rejected


def test_an_empty_or_misspelt_option_is_refused():
    with pytest.raises(ValidationError, match="at least 1 character"):
        QualityConfig.model_validate({"rater": ""})
    with pytest.raises(ValidationError, match="Extra inputs"):
        QualityConfig.model_validate({"ratr": "student"})


def test_an_unknown_rater_is_refused_with_the_nearest_name():
    with pytest.raises(ModelError, match="did you mean 'student'"):
        QualityConfig.model_validate({"rater": "studnet"}).models()


def test_through_beam_the_rows_are_those_of_the_kernel(rater: tuple[Rater, ...]):
    texts = [PROSE, None, "", PROSE.upper()]
    expected = rate_quality(batch_of(texts), rater, QualityConfig()).to_pylist()
    with TestPipeline() as pipeline:
        rows = (
            pipeline
            | beam.Create([batch_of(texts)])
            | beam.Reshuffle()
            | RunStage(Step("quality", STAGE, QualityConfig()))
            | beam.FlatMap(pa.RecordBatch.to_pylist)
        )
        assert_that(rows, equal_to(expected))


ENDPOINT = {"rater": "endpoint", "url": "http://127.0.0.1:9/v1", "model": "m"}


def test_a_student_of_ones_own_is_named_by_its_folder(tmp_path: Path):
    folder = shutil.copytree(model_folder("student"), tmp_path / "mine")
    [rater] = QualityConfig.model_validate({"rater": str(folder)}).raters
    assert rater == StudentConfig(model=str(folder))
    assert rater.models() == (folder,)


def test_several_raters_write_side_by_side_under_their_prefixes(rater: tuple[Rater, ...]):
    config = QualityConfig.model_validate([{"rater": "student"}, {"rater": "student", "prefix": "second"}])
    out = rate_quality(batch_of([PROSE, "short"]), load_raters(config), config)
    assert out.schema.names == ["text", *NAMES, *(name.replace("quality_", "second_") for name in NAMES)]
    assert [out.schema.field(column.name) for column in config.writes()] == [column.field for column in config.writes()]
    alone = rate_quality(batch_of([PROSE, "short"]), rater, QualityConfig())
    for name in NAMES:
        assert out.column(name) == out.column(name.replace("quality_", "second_")) == alone.column(name)


def test_ratings_that_are_there_are_kept_and_only_the_missing_ones_computed(rater: tuple[Rater, ...]):
    """A row counts as rated where none of its ratings is null, whatever they are."""
    fresh = rate_quality(batch_of([PROSE] * 4), rater, QualityConfig())
    carried = {name: [1, 1, None, None] for name in NAMES} | {"quality_status": ["earlier", "earlier", None, "timeout"]}
    carried["quality_creativity"] = [1, None, 1, None]
    types = {column.name: column.dtype for column in QUALITY}
    arrays = {name: pa.array(values, types[name]) for name, values in carried.items()}
    out = rate_quality(batch_of([PROSE] * 4, **arrays), rater, QualityConfig())
    assert out.schema.names == ["text", *NAMES]
    for name in NAMES:
        old, new = arrays[name][0].as_py(), fresh.column(name)[0].as_py()
        assert out.column(name).to_pylist() == [old, new, new, new]


class Counting:
    """A rater that says how long each text is, and notes which it was asked about."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def predict(self, texts: pa.Array, languages: pa.Array | None = None) -> pa.Table:
        self.asked += texts.to_pylist()
        lengths = pa.array([len(text) for text in texts.to_pylist()], pa.int8())
        return pa.table({name.removeprefix("quality_"): lengths for name in NAMES}).set_column(
            15, "status", pa.repeat("ok", len(texts))
        )


def test_no_rater_is_asked_about_a_row_that_is_dead_rejected_rated_or_without_text():
    rater = Counting()
    scores = {f"quality_{name}": pa.array([None, None, 5, None, None], pa.int8()) for name in QUALITY_CRITERIA}
    batch = batch_of(
        ["dead", "rejected", "rated", None, "new"],
        dead_reason=pa.array(["x", None, None, None, None]),
        reject_reason=pa.array([None, "x", None, None, None]),
        **scores,
        quality_overall_raw=pa.array([None, None, 4.5, None, None], pa.float32()),
    )
    out = rate_quality(batch, (rater,), QualityConfig())
    assert rater.asked == ["new"]
    assert out.column("quality_originality").to_pylist() == [None, None, 5, None, 3]
    assert out.column("quality_status").to_pylist() == [None, None, None, None, "ok"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param(
            [{}, {"rater": "dataman"}], "two raters write the column 'quality_accuracy'; give each a prefix", id="same-columns"
        ),
        pytest.param(
            {"rater": "endpont", "url": "http://h/v1"}, "no rater 'endpont'; did you mean 'endpoint'", id="misspelt-rater"
        ),
        pytest.param(
            {**ENDPOINT, "retrys": 1}, "quality.raters.0.retrys: unknown key; did you mean 'retries'", id="misspelt-key"
        ),
        pytest.param({"rater": "endpoint", "url": "http://h/v1"}, "quality.raters.0.model is required", id="missing-key"),
        pytest.param(
            {**ENDPOINT, "key": "sk-secret"}, "quality.raters.0.key: unknown key; did you mean 'key_env'", id="key-in-the-recipe"
        ),
        pytest.param(
            {**ENDPOINT, "key_env": "sk-secret"}, "key_env must be the name of an environment variable", id="key-as-name"
        ),
        pytest.param(
            {"rater": "dataman", "device": "tpu"},
            "quality.raters.0.device must be 'auto', 'cpu' or 'cuda', not 'tpu'",
            id="device",
        ),
        pytest.param({"rater": "classifier", "model": "no/such"}, "no/such: no such folder", id="no-classifier"),
        pytest.param({"prompt": "x"}, "quality.raters.0.prompt: unknown key", id="key-of-another-rater"),
        pytest.param([3], "quality.raters.0 must be a mapping, not 3", id="no-mapping"),
        pytest.param("student", "stages.quality must be a mapping, not 'student'", id="text"),
        pytest.param({"raters": []}, "give at least one rater", id="none"),
    ],
)
def test_a_wrong_recipe_is_refused_in_one_line_without_a_key(settings: object, message: str):
    with pytest.raises(RecipeError, match=message) as caught:
        check_recipe("r", {"stages": {"quality": settings}}, "r.yaml")
    assert "sk-secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "settings", [None, {"rater": "student"}, [ENDPOINT, {"prefix": "s"}], {"rater": "dataman", "prefix": "d"}]
)
def test_the_resolved_recipe_is_the_same_recipe(settings: object):
    recipe = check_recipe("r", {"stages": {"quality": settings}}, "r.yaml")
    assert check_recipe("r", recipe.resolved(), "r.yaml") == recipe


def test_raw_scores_are_written_on_request():
    plain, raw = (QualityConfig.model_validate(given) for given in ({}, {"raw": True}))
    batch = pa.record_batch(
        {"text": ["The court held that the defendant had breached the contract. " * 5, "buy now " * 30, None]}
    )
    first, second = (rate_quality(batch, load_raters(config), config) for config in (plain, raw))
    names = [f"quality_{name}_raw" for name in QUALITY_CRITERIA[:-1]]
    assert second.schema.names == [*first.schema.names, *names]
    assert second.select(first.schema.names).equals(first)
    for name in QUALITY_CRITERIA[:-1]:
        good, bad, none = second.column(f"quality_{name}_raw").to_pylist()
        assert none is None
        assert (good > bad) >= (second.column(f"quality_{name}")[0].as_py() > second.column(f"quality_{name}")[1].as_py())

"""The quality stage: columns, rows that are not rated, refused configurations, and a run through Beam."""

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.util import assert_that, equal_to
from pydantic import ValidationError

from models.cards import ModelError
from models.catalog import model_folder
from models.raters.student import Student
from schemas.columns import QUALITY
from schemas.shards import Envelope, Shard, seal, unseal
from stages.quality import QualityConfig, RateQuality, load_model, rate_quality

PROSE = "The river rises in the hills north of the town and flows for ninety miles before it meets the sea. " * 4
NAMES = [column.name for column in QUALITY]


@pytest.fixture(scope="session")
def rater() -> Student:
    return load_model(QualityConfig())


def batch_of(texts: list[str | None], **columns: pa.Array) -> pa.RecordBatch:
    batch = pa.record_batch({"text": pa.array(texts, pa.string()), **columns})
    return seal(batch, Envelope(shard=Shard(name="s", source="s", url="/s", format="jsonl"), sequence=7))


def test_sixteen_columns_are_appended_and_rows_and_envelope_stay(rater: Student):
    batch = batch_of([PROSE, None, "", "short"])
    out = rate_quality(batch, rater, QualityConfig())
    assert out.schema.names == ["text", *NAMES]
    assert [out.schema.field(column.name) for column in QUALITY] == [column.field for column in QUALITY]
    assert out.column("text").equals(batch.column("text"))
    assert unseal(out).sequence == 7
    assert out.column("quality_status").to_pylist() == ["ok", None, "out_of_domain", "out_of_domain"]
    assert [out.column(name)[1].as_py() for name in NAMES] == [None] * 16


def test_dead_and_rejected_rows_are_not_rated_and_do_not_move_the_others(rater: Student):
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


def test_a_language_that_was_not_trained_is_out_of_domain_where_the_column_is_there(rater: Student):
    out = rate_quality(batch_of([PROSE, PROSE], language=pa.array(["en", "xh"])), rater, QualityConfig())
    assert out.column("quality_status").to_pylist() == ["ok", "out_of_domain"]
    assert out.column("quality_overall_raw")[0] == out.column("quality_overall_raw")[1]


@pytest.mark.parametrize("texts", [pytest.param([], id="no-row"), pytest.param([None, None], id="only-nulls")])
def test_a_batch_without_text_gets_the_columns_too(rater: Student, texts: list[None]):
    out = rate_quality(batch_of(texts), rater, QualityConfig())
    assert out.schema.names == ["text", *NAMES]
    assert out.column("quality_status").null_count == len(texts)


def test_config_names_what_it_reads_writes_and_depends_on():
    config = QualityConfig()
    assert (config.reads(), config.writes(), config.models()) == (("text",), QUALITY, (model_folder("student"),))
    assert config.expensive


def test_an_empty_or_misspelt_option_is_refused():
    with pytest.raises(ValidationError, match="at least 1 character"):
        QualityConfig(rater="")
    with pytest.raises(ValidationError, match="Extra inputs"):
        QualityConfig(ratr="student")  # type: ignore[call-arg]


def test_an_unknown_rater_is_refused_with_the_nearest_name():
    with pytest.raises(ModelError, match="did you mean 'student'"):
        QualityConfig(rater="studnet").models()


def test_through_beam_the_rows_are_those_of_the_kernel(rater: Student):
    texts = [PROSE, None, "", PROSE.upper()]
    expected = rate_quality(batch_of(texts), rater, QualityConfig()).to_pylist()
    with TestPipeline() as pipeline:
        rows = (
            pipeline
            | beam.Create([batch_of(texts)])
            | beam.Reshuffle()
            | RateQuality(QualityConfig())
            | beam.FlatMap(pa.RecordBatch.to_pylist)
        )
        assert_that(rows, equal_to(expected))

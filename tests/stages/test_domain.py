"""The domain stage: columns, rows that are not tagged, refused configurations, and a run through Beam."""

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.util import assert_that, equal_to
from pydantic import ValidationError

from curricle.models.cards import ModelError
from curricle.models.catalog import model_folder
from curricle.models.raters.student import Student
from curricle.pipelines.execute.run_stage import RunStage
from curricle.schemas.columns import DOMAIN, FORMAT, TOPIC
from curricle.schemas.shards import Envelope, Shard, seal, unseal
from curricle.schemas.stage import Step
from curricle.stages.domain import STAGE, DomainConfig, load_model, tag_domain

MEDICINE = "The patients were treated with antibiotics after surgery; the infection in the lung was diagnosed by the doctor. " * 3
COOKING = "Add the onions and the garlic to the pan, stir in the flour and the butter, and bake the recipe for an hour. " * 3
LAW = "The court held that the defendant had breached the contract and that the plaintiff may appeal the judgment. " * 3


@pytest.fixture(scope="session")
def tagger() -> Student:
    return load_model(DomainConfig())


def batch_of(texts: list[str | None], **columns: pa.Array) -> pa.RecordBatch:
    batch = pa.record_batch({"text": pa.array(texts, pa.string()), **columns})
    return seal(batch, Envelope(shard=Shard(name="s", source="s", url="/s", format="jsonl"), sequence=7))


def test_the_first_two_domains_are_appended_and_rows_and_envelope_stay(tagger: Student):
    batch = batch_of([MEDICINE, None, LAW, COOKING, ""])
    out = tag_domain(batch, tagger, DomainConfig())
    assert out.schema.names == ["text", "domain", "domain_score", "domain_2", "domain_2_score"]
    assert [out.schema.field(column.name) for column in DOMAIN] == [column.field for column in DOMAIN]
    assert out.column("text").equals(batch.column("text"))
    assert unseal(out).sequence == 7
    assert out.column("domain").to_pylist()[:4] == ["Medicine", None, "Law", "Culture"]
    scores = out.column("domain_score").to_pylist()
    assert scores[1] is None
    assert all(1 / 15 < scores[n] <= 1 for n in (0, 2, 3, 4))
    for row in out.select(["domain", "domain_score", "domain_2", "domain_2_score"]).take([0, 2, 3, 4]).to_pylist():
        assert row["domain_2"] != row["domain"]
        assert 0 < row["domain_2_score"] <= row["domain_score"]


def test_a_language_that_the_student_does_not_know_has_no_domain(tagger: Student):
    languages = ["en", "it", "sw", "am", "und", None]
    out = tag_domain(batch_of([LAW] * 6, language=pa.array(languages)), tagger, DomainConfig(tags=("topic",)))
    assert out.column("domain").to_pylist() == ["Law", "Law", None, None, "Law", "Law"]
    assert [row is None for row in out.column("topic").to_pylist()] == [False, False, True, True, False, False]


@pytest.mark.parametrize(
    ("tags", "columns"), [(("topic",), TOPIC), (("format",), FORMAT), (("format", "topic"), (*FORMAT, *TOPIC))]
)
def test_tag_sets_are_appended_in_their_order_and_null_where_the_domain_is(tagger: Student, tags, columns):
    config = DomainConfig(tags=tags)
    assert config.writes() == (*DOMAIN, *columns)
    out = tag_domain(batch_of([COOKING, None]), tagger, config)
    assert [out.schema.field(column.name) for column in columns] == [column.field for column in columns]
    assert out.schema.names[-len(columns) :] == [column.name for column in columns]
    first, second = out.to_pylist()
    assert first.get("topic", "Food & Dining") == "Food & Dining"
    assert all(first[column.name] is not None and second[column.name] is None for column in columns)
    assert all(0 < first[f"{name}_score"] <= 1 for name in tags)


def test_dead_and_rejected_rows_are_not_tagged(tagger: Student):
    out = tag_domain(
        batch_of(
            [LAW, LAW, MEDICINE],
            dead_reason=pa.array(["broken", None, None], pa.string()),
            reject_reason=pa.array([None, "short", None], pa.string()),
        ),
        tagger,
        DomainConfig(),
    )
    assert out.column("domain").to_pylist() == [None, None, "Medicine"]
    assert out.column("domain_score").null_count == 2


@pytest.mark.parametrize("texts", [pytest.param([], id="no-row"), pytest.param([None, None], id="only-nulls")])
def test_a_batch_without_text_gets_the_columns_too(tagger: Student, texts: list[None]):
    out = tag_domain(batch_of(texts), tagger, DomainConfig())
    assert out.schema.names == ["text", "domain", "domain_score", "domain_2", "domain_2_score"]
    assert out.column("domain").null_count == len(texts)


def test_config_names_what_it_reads_writes_and_depends_on():
    step = Step("domain", STAGE, DomainConfig())
    assert (step.reads, step.columns, step.models()) == (("text",), DOMAIN, (model_folder("student"),))
    assert step.stage.skips_rejected


def test_an_empty_or_misspelt_option_is_refused():
    with pytest.raises(ValidationError, match="at least 1 character"):
        DomainConfig(model="")
    with pytest.raises(ValidationError, match="Extra inputs"):
        DomainConfig(modle="student")  # type: ignore[call-arg]
    with pytest.raises(ValidationError, match="'topic' or 'format'"):
        DomainConfig(tags=("topics",))  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="tags must not repeat"):
        DomainConfig(tags=("topic", "topic"))


def test_an_unknown_model_is_refused():
    with pytest.raises(ModelError, match="no model named"):
        DomainConfig(model="nothing-like-it").models()


def test_through_beam_the_rows_are_those_of_the_kernel(tagger: Student):
    texts = [MEDICINE, None, "", LAW]
    expected = tag_domain(batch_of(texts), tagger, DomainConfig()).to_pylist()
    with TestPipeline() as pipeline:
        rows = (
            pipeline
            | beam.Create([batch_of(texts)])
            | beam.Reshuffle()
            | RunStage(Step("domain", STAGE, DomainConfig()))
            | beam.FlatMap(pa.RecordBatch.to_pylist)
        )
        assert_that(rows, equal_to(expected))

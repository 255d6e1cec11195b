"""The language stage: columns, threshold, refused configurations, and a run through Beam."""

from pathlib import Path

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.util import assert_that, equal_to
from pydantic import ValidationError

from curricle.models.cards import ModelError
from curricle.models.catalog import model_folder
from curricle.models.language_id import LanguageId
from curricle.pipelines.execute.run_stage import RunStage
from curricle.schemas.columns import LANGUAGE
from curricle.schemas.shards import Envelope, Shard, seal, unseal
from curricle.schemas.stage import Step
from curricle.stages.language import STAGE, LanguageConfig, load_model, tag_language

TEXTS = ["Bugün hava çok güzel,\nbirlikte parka gidelim mi?", None, "", " \n", "This is a plain English sentence."]


@pytest.fixture(scope="session")
def lid() -> LanguageId:
    return load_model(LanguageConfig())


def batch_of(texts: list[str | None]) -> pa.RecordBatch:
    batch = pa.record_batch({"id": pa.array([str(i) for i in range(len(texts))]), "text": pa.array(texts, pa.string())})
    return seal(batch, Envelope(shard=Shard(name="s", source="s", url="/s", format="jsonl"), sequence=7))


def test_two_columns_are_appended_and_rows_and_envelope_stay(lid: LanguageId):
    batch = batch_of(TEXTS)
    out = tag_language(batch, lid, LanguageConfig())
    assert out.schema.names == ["id", "text", *[column.name for column in LANGUAGE]]
    assert [out.schema.field(column.name) for column in LANGUAGE] == [column.field for column in LANGUAGE]
    assert out.select(["id", "text"]).equals(batch.select(["id", "text"]))
    assert unseal(out).sequence == 7
    assert out.column("language").to_pylist() == ["tr", None, "und", "und", "en"]
    scores = out.column("language_score").to_pylist()
    assert scores[1:4] == [None, 0.0, 0.0]
    assert min(scores[0], scores[4]) > 0.7


def test_scripts_and_directions_are_columns(lid: LanguageId):
    texts = [
        "Plain words",
        "Привет, мир",
        "שלום עולם",
        "مرحبا بالعالم",
        "今日は良い天気です",
        "今天天气很好",
        "안녕하세요",
        "12 !",
        None,
    ]
    out = tag_language(batch_of(texts), lid, LanguageConfig())
    assert out.column("script").to_pylist() == ["Latn", "Cyrl", "Hebr", "Arab", "Jpan", "Hani", "Hang", "Zyyy", None]
    assert out.column("text_direction").to_pylist() == ["ltr", "ltr", "rtl", "rtl", "ltr", "ltr", "ltr", None, None]


def test_an_empty_batch_gets_the_columns_too(lid: LanguageId):
    out = tag_language(batch_of([]), lid, LanguageConfig())
    assert (out.num_rows, out.schema.names) == (
        0,
        ["id", "text", *[column.name for column in LANGUAGE]],
    )


def test_under_min_score_the_language_is_und_and_the_score_stays(lid: LanguageId):
    text = "ok hotel taxi internet"
    score = tag_language(batch_of([text]), lid, LanguageConfig()).column("language_score")[0].as_py()
    above = float(np.nextafter(np.float32(score), np.float32(1)))
    decimal = float(np.nextafter(score, 1.0))  # a float64 that the column's float32 cannot hold, as 0.65 is
    for min_score, und in ((score, False), (decimal, False), (above, True), (1.0, True)):
        out = tag_language(batch_of([text]), lid, LanguageConfig(min_score=min_score))
        assert (out.column("language")[0].as_py() == "und") is und
        assert out.column("language_score")[0].as_py() == score


def test_min_score_leaves_nulls_null(lid: LanguageId):
    out = tag_language(batch_of([None, ""]), lid, LanguageConfig(min_score=1.0))
    assert out.column("language").to_pylist() == [None, "und"]


def test_max_chars_is_what_the_model_reads(lid: LanguageId):
    text = "This is a plain English sentence. " + "Bugün hava çok güzel, parka gidelim mi? " * 20
    start = LanguageConfig(max_chars=33, windows=1)
    assert tag_language(batch_of([text]), lid, start).column("language").to_pylist() == ["en"]
    assert tag_language(batch_of([text]), lid, LanguageConfig()).column("language").to_pylist() == ["tr"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"max_chars": 0}, "greater than or equal to 1"),
        ({"min_score": 1.1}, "less than or equal to 1"),
        ({"min_score": -0.1}, "greater than or equal to 0"),
        ({"model": ""}, "at least 1 character"),
        ({"min_scores": 0.5}, "Extra inputs are not permitted"),
    ],
)
def test_refused_configurations(fields: dict[str, object], message: str):
    with pytest.raises(ValidationError, match=message):
        LanguageConfig(**fields)  # type: ignore[arg-type]


def test_the_planner_learns_columns_and_model_and_an_unknown_model_is_an_error():
    step = Step("language", STAGE, LanguageConfig())
    assert (step.reads, step.columns, step.models()) == (
        ("text",),
        LANGUAGE,
        (model_folder("languages"), model_folder("lid.176")),
    )
    assert not step.stage.skips_rejected
    with pytest.raises(ModelError, match=r"no model named 'lid.167'; did you mean 'lid.176'\?"):
        LanguageConfig(model="lid.167").models()


def rows(batch: pa.RecordBatch) -> list[tuple[str, str | None, bool]]:
    columns = (batch.column(name).to_pylist() for name in ("id", "language", "language_score"))
    return [(id_, language, bool(score and score > 0.7)) for id_, language, score in zip(*columns, strict=True)]


def test_through_beam_and_a_reshuffle():
    batches = [batch_of(TEXTS), batch_of([TEXTS[4]]), batch_of([])]
    stage = RunStage(Step("language", STAGE, LanguageConfig()))
    with TestPipeline("FnApiRunner") as pipeline:
        out = pipeline | beam.Create(batches) | beam.Reshuffle() | stage | beam.FlatMap(rows)
        expected = [
            ("0", "tr", True),
            ("1", None, False),
            ("2", "und", False),
            ("3", "und", False),
            ("4", "en", True),
            ("0", "en", True),
        ]
        assert_that(out, equal_to(expected))


def test_a_model_folder_given_by_path_is_used(tmp_path: Path):
    folder = tmp_path / "mine"
    folder.mkdir()
    for file in model_folder("lid.176").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    config = LanguageConfig(model=str(folder))
    assert config.models() == (folder,)
    assert tag_language(batch_of(TEXTS), load_model(config), config).column("language").to_pylist() == [
        "tr",
        None,
        "und",
        "und",
        "en",
    ]

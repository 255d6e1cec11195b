"""The perplexity stage: which model scores which row, the columns, refused configurations, and a run through Beam."""

import math
import pickle
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pytest
import yaml
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from curricle.models.cards import ModelError, file_sha256, write_card
from curricle.models.catalog import model_folder, starter_models
from curricle.models.kenlm.card import KenlmCard
from curricle.pipelines.execute.run_stage import RunStage
from curricle.schemas.columns import PARAGRAPHS, PERPLEXITY
from curricle.schemas.shards import Envelope, Shard, seal, unseal
from curricle.schemas.stage import Step
from curricle.stages.perplexity import STAGE, Models, ParagraphsConfig, PerplexityConfig, load_models, tag_perplexity

ARPA = """\\data\\
ngram 1=5
ngram 2=3

\\1-grams:
-1.5\t<unk>
0\t<s>\t-0.1
-1\t</s>
-0.7\ta\t-0.25
-0.9\tb\t-0.15

\\2-grams:
{start}\t<s> a
-0.3\ta b
-0.4\tb </s>

\\end\\
"""


def make_model(folder: Path, start: float, **fields: Any) -> str:
    """A bigram model over the words a and b; the name of its folder."""
    folder.mkdir()
    (folder / "model.arpa").write_text(ARPA.format(start=start))
    card = {
        "name": folder.name, "version": "1", "licence": "none", "source": "by hand", "languages": ("en",), "order": 2,
        "role": "clean", "profile": "oscar-harmful", "tokenizer": "words", "model": "model.arpa",
        "files": {"model.arpa": file_sha256(folder / "model.arpa")},
    }  # fmt: skip
    write_card(folder, KenlmCard(**(card | fields)))
    return str(folder)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> PerplexityConfig:
    root = tmp_path_factory.mktemp("kenlm")
    clean, german = make_model(root / "clean", -0.2), make_model(root / "de", -0.5, languages=("de",))
    harmful = make_model(root / "harmful", -0.1, role="harmful")
    spam = make_model(root / "spam", -0.4, role="harmful", category="spam", weight=0.25)
    return PerplexityConfig(clean={"en": clean, "de": german}, harmful={"en": [harmful, spam]})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def models(config: PerplexityConfig) -> dict[str, Models]:
    return load_models(config)


ROWS: list[tuple[str | None, str | None]] = [
    ("a b", "en"), ("a\nb", "de"), (None, "en"), ("a b", None), ("a b", "fr"), (" \n ", "en"), ("", "en"),
    ("zzz", "en"), ("a\0b", "en"),
]  # fmt: skip


def batch_of(rows: list[tuple[str | None, str | None]]) -> pa.RecordBatch:
    columns = {name: pa.array([row[i] for row in rows], pa.string()) for i, name in enumerate(("text", "language"))}
    return seal(pa.record_batch(columns), Envelope(shard=Shard(name="s", source="s", url="/s", format="jsonl"), sequence=7))


def test_the_row_s_language_chooses_the_models_and_the_values_are_kenlm_s_by_hand(config, models):
    out = tag_perplexity(batch_of(ROWS), models, config)
    assert out.schema.names == ["text", "language", *(column.name for column in PERPLEXITY)]
    assert [out.schema.field(column.name) for column in PERPLEXITY] == [column.field for column in PERPLEXITY]
    assert unseal(out).sequence == 7
    rows = [{key: value for key, value in row.items() if key.startswith("ppl")} for row in out.to_pylist()]
    nothing = dict.fromkeys(column.name for column in PERPLEXITY)
    ab = {"ppl_clean": 10**0.3, "ppl_harmful": 10 ** (0.8 / 3), "ppl_logratio": -0.1 / 3, "ppl_tokens": 3, "ppl_oov_ratio": 0.0}
    # the spam model is a quarter of a mixture, and differs in the first token only: 10 ** -0.4 where the clean one has 10 ** -0.2
    spam = -math.log10(0.25 * 10**-0.2 + 0.75) / 3
    assert rows[0] == pytest.approx(nothing | ab | {"ppl_logratio_spam": spam}, abs=1e-6)
    assert round(rows[0]["ppl_clean"], 4) == 1.9953
    assert rows[1] == nothing | {"ppl_clean": pytest.approx(10**0.4), "ppl_tokens": 3, "ppl_oov_ratio": 0}
    assert rows[2:7] == [nothing] * 5
    # an unknown word: back-off of <s>, then <unk>, then the sentence end
    assert rows[7]["ppl_clean"] == pytest.approx(10 ** ((0.1 + 1.5 + 1) / 2), rel=1e-6)
    assert (rows[7]["ppl_tokens"], rows[7]["ppl_oov_ratio"]) == (2, 1.0)
    assert rows[8] == rows[0]


def test_an_empty_batch_and_one_without_any_model_s_language_get_the_columns(config, models):
    for rows in ([], [("a", "fr"), (None, None)]):
        out = tag_perplexity(batch_of(rows), models, config)
        assert out.schema.names[2:] == [column.name for column in PERPLEXITY]
        assert all(out.column(column.name).null_count == len(rows) for column in PERPLEXITY)


@given(
    rows=st.lists(st.tuples(st.none() | st.text("ab z\n"), st.sampled_from([None, "en", "de", "fr"])), max_size=8),
    cut=st.integers(0, 8),
)
def test_a_row_does_not_see_its_neighbours(config, models, rows, cut):
    whole = tag_perplexity(batch_of(rows), models, config).to_pylist()
    parts = [tag_perplexity(batch_of(part), models, config).to_pylist() for part in (rows[:cut], rows[cut:])]
    assert whole == parts[0] + parts[1]


def test_the_configuration_reads_yaml_is_hashable_travels_and_goes_back_to_yaml(config):
    read = PerplexityConfig(**yaml.safe_load("clean: {eng: x/en, tr: x/tr}\nharmful: {}"))
    assert (read.clean, read.harmful) == ((("en", "x/en"), ("tr", "x/tr")), ())
    several = PerplexityConfig(**yaml.safe_load("harmful: {en: [a, b], tr: c}"))
    assert several.harmful == (("en", ("a", "b")), ("tr", ("c",)))
    assert PerplexityConfig(**several.model_dump(mode="json")) == several
    assert read == PerplexityConfig(clean={"tr": "x/tr", "en": "x/en"}, harmful={})
    assert len({read, pickle.loads(pickle.dumps(read))}) == 1
    assert read.model_dump(mode="json") == {"clean": {"en": "x/en", "tr": "x/tr"}, "harmful": {}, "paragraphs": None}
    assert PerplexityConfig(**read.model_dump()) == read


def test_the_planner_learns_columns_and_models(config):
    step = Step("perplexity", STAGE, config)
    assert (step.reads, step.columns, step.stage.skips_rejected) == (("text", "language"), PERPLEXITY, False)
    assert [folder.name for folder in step.models()] == ["de", "clean", "harmful", "spam"]


def test_left_out_it_is_the_starter_models():
    config = PerplexityConfig()
    assert dict(config.harmful) == {
        "en": ("en-adult", "en-hate", "en-spam"), "de": ("de-hate",), "pt": ("pt-hate",), "tr": ("tr-hate",)
    }  # fmt: skip
    names = [name for _, name in config.clean] + [name for _, names in config.harmful for name in names]
    assert sorted(names) == [name for name in starter_models() if name not in ("extractor", "languages", "lid.176", "student")]
    assert [model_folder(name) for name in names] == list(config.models())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"clean": {"xx": "a"}}, "unknown language code 'xx'"),
        ({"clean": {"en": "a", "eng": "b"}}, "language 'en' is named twice"),
        ({"clean": "en-clean"}, "must be a mapping of language codes to models"),
        ({"clean": {"en": 1}}, "valid string"),
        ({"cleen": {}}, "Extra inputs are not permitted"),
    ],
)
def test_refused_configurations(fields: dict[str, Any], message: str):
    with pytest.raises(ValidationError, match=message):
        PerplexityConfig(**fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"role": "harmful"}, "is a harmful model, but clean for 'en' names it"),
        ({"languages": ("tr", "az")}, "is a model for tr, az, but clean names it for 'en'"),
    ],
)
def test_a_model_of_another_role_or_language_is_refused(tmp_path: Path, fields: dict[str, Any], message: str):
    name = make_model(tmp_path / "m", -0.2, **fields)
    with pytest.raises(ModelError, match=message):
        PerplexityConfig(clean={"en": name}, harmful={}).models()  # type: ignore[arg-type]


def test_a_model_of_an_unknown_profile_is_refused(tmp_path: Path):
    name = make_model(tmp_path / "m", -0.2)
    card = tmp_path / "m" / "card.json"
    card.write_text(card.read_text().replace("oscar-harmful", "oscar"))
    with pytest.raises(ModelError, match="profile: no profile named 'oscar'"):
        load_models(PerplexityConfig(clean={"en": name}, harmful={}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("harmful", "clean", "message"),
    [
        ([{}, {}], {}, "are both without a category, and both are named for 'en'"),
        ([{"category": "spam"}, {"category": "spam"}], {}, "are both of the category spam, and both are named for 'en'"),
        ([{"weight": 0.5}], None, "is scored together with a clean model, but clean names none for 'en'"),
        ([{"weight": 0.5}], {"profile": "edugp"}, "which has another profile, tokenizer or unit"),
    ],
)
def test_harmful_models_that_do_not_go_together_are_refused(tmp_path: Path, harmful: Any, clean: Any, message: str):
    names = [make_model(tmp_path / f"h{i}", -0.2, role="harmful", **fields) for i, fields in enumerate(harmful)]
    pairs = {} if clean is None else {"en": make_model(tmp_path / "clean", -0.2, **clean)}
    with pytest.raises(ModelError, match=message):
        PerplexityConfig(clean=pairs, harmful={"en": names}).models()  # type: ignore[arg-type]


def test_paragraphs_show_one_bad_paragraph_in_a_clean_page(config, models):
    lines = config.model_copy(update={"paragraphs": ParagraphsConfig(min_bytes=1)})
    assert [column.name for column in lines.writes()] == [column.name for column in (*PERPLEXITY, *PARAGRAPHS)]
    page = "b b b b b b\n\na b\n"  # under the harmful model `a` at the start is likelier, `b` is not
    rows = [(page, "en"), ("a b", "en"), (" \n", "en"), (None, "en"), ("a b", "de"), ("a b", None)]
    out = tag_perplexity(batch_of(rows), models, lines).to_pylist()
    single = tag_perplexity(batch_of([("b b b b b b", "en"), ("a b", "en")]), models, config).to_pylist()
    b, ab = (row["ppl_logratio"] for row in single)
    assert ab < out[0]["ppl_logratio"] == b == 0, "the page as a whole begins with b: not seen"
    assert (out[0]["ppl_logratio_worst"], out[0]["ppl_logratio_spam_worst"]) == (ab, single[0]["ppl_logratio_spam"])
    # 12 and 4 bytes: a line has its newline, and the empty one no score
    assert out[0]["ppl_logratio_mean"] == pytest.approx((12 * b + 4 * ab) / 16)
    assert out[1]["ppl_logratio_worst"] == out[1]["ppl_logratio_mean"] == ab
    assert all(row[column.name] is None for row in out[2:] for column in PARAGRAPHS)
    assert out[0]["ppl_logratio_adult_worst"] is None
    two = config.model_copy(update={"paragraphs": ParagraphsConfig(min_bytes=1, worst=2)})
    assert tag_perplexity(batch_of(rows[:1]), models, two).to_pylist()[0]["ppl_logratio_worst"] == pytest.approx((b + ab) / 2)


def values(batch: pa.RecordBatch) -> list[tuple[str | None, float | None, float | None]]:
    rounded = [
        [None if value is None else round(value, 4) for value in batch.column(name).to_pylist()]
        for name in ("ppl_clean", "ppl_harmful")
    ]
    return list(zip(batch.column("text").to_pylist(), *rounded, strict=True))


def test_through_beam_and_a_reshuffle(config):
    batches = [batch_of(ROWS[:5]), batch_of(ROWS[5:7]), batch_of([])]
    stage = RunStage(Step("perplexity", STAGE, config))
    with TestPipeline("FnApiRunner") as pipeline:
        out = pipeline | beam.Create(batches) | beam.Reshuffle() | stage | beam.FlatMap(values)
        expected = [
            ("a b", round(10**0.3, 4), round(10 ** (0.8 / 3), 4)),
            ("a\nb", round(10**0.4, 4), None),
            (None, None, None),
            ("a b", None, None),
            ("a b", None, None),
            (" \n ", None, None),
            ("", None, None),
        ]
        assert_that(out, equal_to(expected))
    assert math.isclose(expected[0][1], 1.9953)  # type: ignore[arg-type]

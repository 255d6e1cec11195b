"""Sequence classifiers and regressors through transformers, on tiny Berts that the tests make and save."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from curricle.models.cards import ModelError
from curricle.models.raters.classifier import Classifier, ClassifierConfig

TEXTS = [
    "The heart pumps blood through the body, and the arteries carry it on. " * 4,
    "short",
    "Ein kurzer Satz über die Straße.",
    "שלום עולם مرحبا بالعالم",
    "😀🎉👩‍👩‍👧" * 5,
    "\x00\x01\ufffd binary",
    "BUY NOW cheap pills click here",
    "the river rises in the hills north of the town",
]


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    pytest.importorskip("torch", reason="classifiers need the extra `torch`")
    pytest.importorskip("transformers", reason="classifiers need the extra `torch`")
    sys.path.insert(0, str(Path(__file__).parent))
    try:
        from tiny_models import save_tiny_bert
    finally:
        sys.path.pop(0)
    return lambda *arguments: save_tiny_bert(tmp_path_factory.mktemp("bert"), TEXTS, *arguments)


@pytest.fixture(scope="session")
def folder(make: Callable[..., Path]) -> Path:
    return make(["Good Page", "bad-page", "3"])


def load(folder: Path, **options: object) -> Classifier:
    rater = ClassifierConfig.model_validate({"model": str(folder), "device": "cpu", **options}).load()
    assert isinstance(rater, Classifier)
    return rater


def test_labels_become_float_columns_of_probabilities(folder: Path):
    config = ClassifierConfig(model=str(folder))
    assert [column.name for column in config.writes()] == ["classifier_good_page", "classifier_bad_page", "classifier_label_3"]
    table = load(folder).predict(pa.array(TEXTS))
    assert table.schema == pa.schema([(name, pa.float32()) for name in ("good_page", "bad_page", "label_3")])
    rows = np.array([column.to_pylist() for column in table.columns])
    assert np.allclose(rows.sum(axis=0), 1, atol=1e-6)
    assert rows.min() > 0
    assert len(np.unique(rows[0].round(3))) > 4


def test_outputs_are_those_of_the_library_for_one_text_at_a_time(folder: Path):
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForSequenceClassification.from_pretrained(folder)
    with torch.inference_mode():
        expected = [
            model(**tokenizer(text, return_tensors="pt", truncation=True, max_length=64)).logits.softmax(-1)[0].tolist()
            for text in TEXTS
        ]
    found = list(zip(*load(folder).predict(pa.array(TEXTS)).to_pydict().values(), strict=True))
    assert np.allclose(found, expected, atol=1e-5)


def test_a_batch_of_1_equals_a_batch_of_64_and_rows_keep_their_order(folder: Path):
    rater = load(folder)
    texts = [f"{text} {n}" for n in range(8) for text in TEXTS]
    together = rater.predict(pa.array(texts))
    apart = pa.concat_tables([rater.predict(pa.array([text])) for text in texts])
    small = load(folder, batch_tokens=1).predict(pa.array(texts))
    assert together.num_rows == 64
    for name in together.column_names:
        assert np.abs(together[name].to_numpy() - apart[name].to_numpy()).max() < 1e-4
        assert np.abs(together[name].to_numpy() - small[name].to_numpy()).max() < 1e-4


def test_a_regressor_gives_its_raw_value(make: Callable[..., Path]):
    folder = make(["LABEL_0"])
    values = load(folder, columns=["edu"]).predict(pa.array(TEXTS))["edu"].to_numpy()
    assert values.dtype == np.float32
    assert (values.min() < 0) or (values.max() > 1)
    assert len(np.unique(values)) > 4


def test_labels_that_do_not_exclude_each_other_are_probabilities_by_themselves(make: Callable[..., Path]):
    table = load(make(["toxic", "insult"], "multi_label_classification")).predict(pa.array(TEXTS))
    rows = np.array([column.to_pylist() for column in table.columns])
    assert 0 <= rows.min() <= rows.max() <= 1
    assert not np.allclose(rows.sum(axis=0), 1, atol=1e-3)


def test_several_raw_values(make: Callable[..., Path]):
    rows = load(make(["a", "b"], "regression")).predict(pa.array(TEXTS))
    assert max(abs(value) for column in rows.columns for value in column.to_pylist()) > 1


@pytest.mark.parametrize("text", ["", " ", "\n\t\u3000"])
def test_a_blank_text_is_null(folder: Path, text: str):
    table = load(folder).predict(pa.array([TEXTS[0], text]))
    assert all(column.is_valid().to_pylist() == [True, False] for column in table.columns)
    assert load(folder).predict(pa.array([], pa.string())).num_rows == 0


def test_only_the_first_tokens_are_read_and_ten_megabytes_are_no_trouble(folder: Path):
    words = "the river rises in the hills north of the town " * 20
    rater = load(folder, max_tokens=16)
    assert rater.predict(pa.array([words])).equals(rater.predict(pa.array([words + "pills " * 1_700_000])))
    assert load(folder, max_tokens=512).max_tokens == 64  # of the model


def test_another_number_of_labels_than_the_recipe_says_is_refused(folder: Path):
    config = ClassifierConfig(model=str(folder), columns=("good", "bad"))
    with pytest.raises(ModelError, match=r"has 3 labels \(Good Page, bad-page, 3\), but columns names 2$"):
        config.models()


def test_labels_of_one_name_are_refused_until_the_recipe_names_them(make: Callable[..., Path]):
    folder = make(["Yes!", "yes"])
    with pytest.raises(ValidationError, match="two labels are named 'yes'; give columns"):
        ClassifierConfig(model=str(folder))
    assert load(folder, columns=["a", "b"]).predict(pa.array(["x"])).column_names == ["a", "b"]


def test_the_columns_of_a_configuration_do_not_need_the_folder_again(folder: Path):
    config = ClassifierConfig(model=str(folder))
    assert ClassifierConfig.model_validate(config.model_dump()) == config
    assert hash(config) == hash(ClassifierConfig.model_validate(config.model_dump()))


def test_a_language_model_or_a_bare_encoder_is_no_classifier(folder: Path, tmp_path: Path):
    from safetensors.torch import load_file, save_file

    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = {name: tensor for name, tensor in load_file(tmp_path / "model.safetensors").items() if "classifier" not in name}
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"not a classifier: its weights lack classifier\.bias, classifier\.weight"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_missing_file_is_one_line_that_names_the_folder(folder: Path, tmp_path: Path, name: str):
    for path in folder.iterdir():
        if path.name != name:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ModelError) as caught:
        load(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_tokenizer_of_another_model_is_refused(folder: Path, tmp_path: Path):
    from transformers import BertForSequenceClassification

    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    model = BertForSequenceClassification.from_pretrained(folder)
    model.resize_token_embeddings(100)
    model.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"its tokenizer has [\d,]+ tokens, but its model only 100; they do not belong together"):
        load(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", '{"id2label": {"1": "a"}}', '{"id2label": 3}', '{"num_labels": "x"}'])
def test_a_config_without_labels_is_refused(tmp_path: Path, content: str):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ValidationError, match=r"config\.json: it has no classifier labels"):
        ClassifierConfig(model=str(tmp_path))


def test_labels_are_read_without_torch(tmp_path: Path):
    (tmp_path / "config.json").write_text(json.dumps({"id2label": {"1": "B", "0": "A"}}))
    assert ClassifierConfig(model=str(tmp_path)).columns == ("a", "b")

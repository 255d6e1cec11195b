"""Training: a model folder that scores, the same bytes each time, whole or not at all."""

import gzip
from pathlib import Path

import kenlm
import pyarrow as pa
import pytest

from curricle.models.cards import ModelError, file_sha256, read_card
from curricle.models.catalog import STARTER, model_folder
from curricle.models.kenlm.card import KenlmCard
from curricle.models.kenlm.model import load, model_path, verify
from curricle.models.kenlm.scorer import score
from curricle.models.kenlm.train.corpus import held_out
from curricle.models.kenlm.train.perplexity_model import TrainConfig, train

LINES = (Path(__file__).parent / "data/udhr-en.txt").read_text("utf-8").splitlines()
TEXTS = pa.array([f"{number}. {line}" for number in range(20) for line in LINES])
CONFIG = TrainConfig(name="t", language="en", role="clean", source="UDHR", licence="none", order=3, pieces=300)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CURRICLE_CACHE", str(tmp_path / "cache"))


def documents():
    yield TEXTS.slice(0, 300)
    yield TEXTS.slice(300)


def test_a_trained_folder_verifies_scores_and_says_what_it_is(tmp_path):
    card = train(documents, tmp_path / "m", CONFIG)
    assert verify(tmp_path / "m") == card
    seen, unseen = score(load(tmp_path / "m"), pa.array([LINES[0], "zxq vvk jjw qqp"])).perplexity().to_pylist()
    assert seen < unseen / 5
    assert card.heldout_ppl > 1
    assert card.tokens > 1000


def test_training_twice_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        train(documents, tmp_path / name, CONFIG)
    files = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("a", "b")]
    assert files[0] == files[1]


def test_another_models_pieces_or_words_can_be_used(tmp_path):
    train(documents, tmp_path / "m", CONFIG)
    again = train(documents, tmp_path / "again", CONFIG, tmp_path / "m/sp.model")
    assert again.files["sp.model"] == load(tmp_path / "m").card.files["sp.model"]
    words = train(documents, tmp_path / "words", CONFIG, "words")
    assert (words.tokenizer, set(words.files)) == ("words", {"model.bin"})
    assert score(load(tmp_path / "words"), pa.array(["everyone has the right"])).tokens.tolist() == [5]


def test_binary_compact_and_arpa_hold_the_same_model(tmp_path):
    binary = train(documents, tmp_path / "binary", CONFIG.model_copy(update={"arpa": True}))
    compact = train(documents, tmp_path / "compact", CONFIG.model_copy(update={"format": "compact"}))
    assert set(binary.files) == {"model.bin", "model.arpa.gz", "sp.model"}
    assert set(compact.files) == {"model.compact", "sp.model"}
    assert model_path(tmp_path / "compact", compact).read_bytes() == (tmp_path / "binary/model.bin").read_bytes()
    (tmp_path / "arpa").write_bytes(gzip.decompress((tmp_path / "binary/model.arpa.gz").read_bytes()))
    mapped, parsed = kenlm.Model(str(tmp_path / "binary/model.bin")), kenlm.Model(str(tmp_path / "arpa"))
    pieces = load(tmp_path / "binary").tokenizer.joined(TEXTS.slice(0, 50)).to_pylist()
    assert [mapped.score(line) for line in pieces] == [parsed.score(line) for line in pieces]
    assert (binary.documents, len(binary.corpus)) == (len(TEXTS) - held_out(TEXTS).sum(), 32)
    changed = pa.concat_arrays([TEXTS, pa.array(["one more document"])])
    assert train(lambda: [changed], tmp_path / "more", CONFIG).corpus != binary.corpus == compact.corpus


def test_a_compact_model_must_unpack_to_the_bytes_that_its_card_states(tmp_path, monkeypatch):
    card = train(documents, tmp_path / "m", CONFIG.model_copy(update={"format": "compact"}))
    assert card.unpacked_sha256 == file_sha256(model_path(tmp_path / "m", card))
    other = card.model_copy(update={"unpacked_sha256": "0" * 64})
    with pytest.raises(ModelError, match=r"unpacked model has SHA-256 \w{12}\.\.\., the card says 000000000000\.\.\.") as error:
        model_path(tmp_path / "m", other)
    assert "\n" not in str(error.value)
    assert not [path for path in (tmp_path / "cache").rglob("*0000*/model*") if path.is_file()]


def test_every_starter_model_unpacks_to_the_bytes_that_its_card_states():
    names = sorted(path.parent.name for path in STARTER.glob("*/model.compact"))
    assert len(names) == 16
    for name in names:
        card = read_card(STARTER / name, KenlmCard)
        assert len(card.unpacked_sha256) == 64
        model_path(STARTER / name, card)


def test_an_empty_corpus_is_rejected_and_leaves_nothing_behind(tmp_path):
    with pytest.raises(ValueError, match="SentencePiece cannot learn"):
        train(lambda: [pa.array([], pa.string())], tmp_path / "m", CONFIG)
    assert not list(tmp_path.glob("*m*"))


def test_a_corpus_of_one_word_is_learned_with_the_fallback(tmp_path):
    assert train(lambda: [pa.array(["a"])], tmp_path / "m", CONFIG).tokens == 2


def test_an_existing_folder_is_not_overwritten(tmp_path):
    (tmp_path / "m").mkdir()
    with pytest.raises(ValueError, match="m already exists"):
        train(documents, tmp_path / "m", CONFIG)


def test_about_one_document_in_100_is_held_out_whatever_its_neighbors():
    texts = pa.array([f"document {number}" for number in range(20_000)])
    whole = held_out(texts)
    assert 150 < whole.sum() < 250
    assert held_out(texts.slice(7, 100)).tolist() == whole[7:107].tolist()


@pytest.mark.parametrize("name", ["en-clean", "en-adult", "tr-clean"])
def test_starter_models_are_whole_and_tell_language_apart(name):
    folder = model_folder(name)
    card = verify(folder)
    texts = {
        "en": "The committee will meet again next week to discuss the report.",
        "tr": "Komisyon raporu görüşmek üzere toplanacak.",
    }
    other = {"en": "tr", "tr": "en"}[card.languages[0]]
    own, foreign = score(load(folder), pa.array([texts[card.languages[0]], texts[other]])).perplexity().to_pylist()
    assert own < foreign

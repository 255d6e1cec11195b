"""Foreign KenLM files become model folders: every format, scored as `kenlm` scores it; what does not fit is refused."""

import gzip
import math
import shutil
from pathlib import Path
from typing import Any

import kenlm
import numpy as np
import pyarrow as pa
import pytest

from curricle.models.cards import ModelError, read_card
from curricle.models.catalog import STARTER, cached_models, model_cache, model_folder
from curricle.models.kenlm.add import AddConfig, add, file_name, ngram_counts
from curricle.models.kenlm.card import KenlmCard
from curricle.models.kenlm.model import load, verify
from curricle.models.kenlm.profiles import PROFILES, normalize
from curricle.models.kenlm.scorer import score
from curricle.models.kenlm.tokenizer import SentencePiece
from curricle.stages.perplexity import PerplexityConfig, load_models, tag_perplexity

DATA = Path(__file__).parent / "data"
TEXTS = pa.array(["everyone has the right to life , liberty and the security of person", "zzz and\nzzz", "", "the the the"])
FORMATS = {
    "ARPA": "o3.arpa",
    "ARPA, gzip": "o3.arpa.gz",
    "trie": "o3.trie.bin",
    "quantised trie": "o3.qtrie.bin",
    "probing, 2.5 buckets": "o3.probing25.bin",
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CURRICLE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"


def config(**fields: Any) -> AddConfig:
    return AddConfig(**({"name": "foreign", "language": "en", "role": "harmful", "profile": "oscar-harmful"} | fields))


@pytest.fixture
def file(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A model of the words of the Declaration, in the format that the test names."""
    name = FORMATS[request.param]
    path = tmp_path / name
    if name == "o3.arpa":
        path.write_bytes(gzip.decompress((DATA / "o3.arpa.gz").read_bytes()))
    else:
        shutil.copy(DATA / name, path)
    return path


every_format = pytest.mark.parametrize("file", FORMATS, indirect=True)


@every_format
def test_a_foreign_file_scores_as_kenlm_scores_it(file, cache):
    card = add(file, model_cache() / "foreign", config(licence="CC0", source="UDHR", category="adult"), None)
    folder = model_folder("foreign")
    assert (card.order, card.ngrams, card.languages, card.category) == (3, (218, 443, 495), ("en",), "adult")
    assert verify(folder) == card == read_card(folder, KenlmCard)
    assert cached_models() == ["foreign"]
    model = load(folder)
    assert (model.table is None) == (file.name not in {"o3.probing25.bin"})
    original = kenlm.Model(str(file)) if not file.name.endswith(".gz") else kenlm.Model(str(model.path))
    expected = [original.score(text.replace("\n", " ")) if text else 0.0 for text in TEXTS.to_pylist()]
    scores = score(model, TEXTS)
    assert scores.log10.tolist() == pytest.approx(expected, abs=1e-5)
    assert scores.oov.tolist() == [0, 2, 0, 0]


@pytest.mark.parametrize("file", ["trie", "probing, 2.5 buckets"], indirect=True)
def test_an_added_model_works_in_the_perplexity_stage(file, cache):
    add(file, model_cache() / "foreign", config(), None)
    stage = PerplexityConfig(clean={}, harmful={"en": "foreign"})  # type: ignore[arg-type]
    batch = pa.record_batch({"text": TEXTS, "language": pa.array(["en", "en", "en", "tr"])})
    out = tag_perplexity(batch, load_models(stage), stage)
    plain = kenlm.Model(str(file))
    expected = [plain.perplexity(text) for text in (TEXTS[0].as_py(), "zzz and zzz")]
    values = out.column("ppl_harmful").to_pylist()
    assert values[:2] == pytest.approx(expected, rel=1e-5)
    assert values[2:] == [None, None]


@every_format
def test_a_file_that_is_cut_short_is_one_line_and_leaves_nothing(file, cache):
    whole = file.read_bytes()
    for size in (len(whole) - len(whole) // 10, len(whole) // 2, 120, 30):
        file.write_bytes(whole[:size])
        with pytest.raises(ModelError, match=str(file)) as error:
            add(file, cache / "foreign", config(), None)
        assert "\n" not in str(error.value)
        assert not cache.exists() or list(cache.iterdir()) == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is not a KenLM file"),
        (b"PK\x03\x04 something else", "is not a KenLM file"),
        (gzip.compress(b"not an ARPA file"), "is not an ARPA file of order 2 or more"),
        (b"mmap lm http://kheafield.com/code format version 4\n\0" + bytes(60), "of another version or processor type"),
    ],
    ids=["empty", "zip", "gzip of text", "KenLM of an older version"],
)
def test_a_foreign_file_of_another_kind_is_refused(tmp_path, cache, data, message):
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(ModelError, match=message):
        add(tmp_path / "x", cache / "foreign", config(), None)
    assert not cache.exists()


@pytest.mark.parametrize(
    ("name", "kind"), [("o3.arpa.gz", "model.arpa.gz"), ("o3.trie.bin", "model.bin"), ("o3.probing25.bin", "model.bin")]
)
def test_formats_are_told_by_their_bytes(tmp_path, name, kind):
    shutil.copy(DATA / name, tmp_path / "anything")
    assert (file_name(tmp_path / "anything"), ngram_counts(tmp_path / "anything")) == (kind, (218, 443, 495))


# Tokenisers: a starter model as the foreign one, unpacked to KenLM's own binary


@pytest.fixture
def english(cache: Path) -> Path:
    return load(STARTER / "en-clean").path


def test_a_model_of_pieces_scores_as_with_its_own_tokenizer(english, cache):
    pieces = STARTER / "en-clean" / "sp.model"
    card = add(english, cache / "foreign", config(role="clean", profile="edugp"), pieces)
    assert (card.tokenizer, card.unit) == ("sp.model", "document")
    assert set(card.files) == {"model.bin", "sp.model"}
    joined = SentencePiece(pieces, per_word=False).joined(normalize(PROFILES["edugp"], pa.array(["The house is red, in 1999."])))
    plain = kenlm.Model(str(english))
    [value] = score(load(cache / "foreign"), pa.array(["The house is red, in 1999."])).perplexity().to_pylist()
    assert math.isclose(value, plain.perplexity(joined[0].as_py()), rel_tol=1e-5)


def test_the_tokeniser_of_another_model_is_refused(english, cache):
    with pytest.raises(ModelError, match=r"foreign knows 11% of the pieces of sp\.model: it was trained with another tokenizer"):
        add(english, cache / "foreign", config(role="clean", profile="curricle-v1"), STARTER / "de-clean" / "sp.model")
    assert list(cache.iterdir()) == []


def test_a_model_of_pieces_is_no_model_of_words(english, cache):
    with pytest.raises(ModelError, match="foreign was trained on SentencePiece pieces"):
        add(english, cache / "foreign", config(), None)
    assert list(cache.iterdir()) == []


def test_a_tokenizer_of_which_the_model_knows_half_is_doubtful(tmp_path, cache):
    words = kenlm_vocabulary(STARTER / "en-clean" / "sp.model")
    known = words[: int(len(words) * 0.6)]
    lines = "".join(f"-3\t{word}\t-0.1\n" for word in known)
    head = f"\\data\\\nngram 1={len(known) + 3}\nngram 2=1\n\n\\1-grams:\n-3\t<unk>\n0\t<s>\t-0.1\n-1\t</s>\n"
    (tmp_path / "half.arpa").write_text(f"{head}{lines}\n\\2-grams:\n-1\t<s> {known[0]}\n\n\\end\\\n")
    said: list[str] = []
    add(tmp_path / "half.arpa", cache / "foreign", config(profile="curricle-v1"), STARTER / "en-clean" / "sp.model", said.append)
    assert said == ["foreign knows only 60% of the pieces of sp.model: is it the file it was trained with?"]


def kenlm_vocabulary(path: Path) -> list[str]:
    from sentencepiece import SentencePieceProcessor

    model = SentencePieceProcessor(model_file=str(path))
    return [model.id_to_piece(i) for i in range(3, model.get_piece_size())]


def test_a_file_that_is_no_sentencepiece_model_is_one_line(english, tmp_path, cache):
    (tmp_path / "sp.model").write_text("no model")
    with pytest.raises(ModelError, match="is not a SentencePiece model") as error:
        add(english, cache / "foreign", config(profile="ccnet"), tmp_path / "sp.model")
    assert "\n" not in str(error.value)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("profile", PROFILES)
def test_profile_and_tokenizer_must_go_together(profile, english, cache):
    pieces = STARTER / "en-clean" / "sp.model"
    if profile == "oscar-harmful":
        with pytest.raises(ModelError, match="models of the profile oscar-harmful read words, not SentencePiece pieces"):
            add(english, cache / "foreign", config(profile=profile), pieces)
    else:
        add(english, cache / "foreign", config(profile=profile), pieces)
    if profile in ("ccnet", "edugp", "datatrove"):
        with pytest.raises(ModelError, match=f"models of the profile {profile} read SentencePiece pieces, not words"):
            add(DATA / "o3.trie.bin", cache / "other", config(profile=profile), None)
    else:
        add(DATA / "o3.trie.bin", cache / "other", config(profile=profile), None)


def test_a_folder_that_is_there_is_left_alone(cache):
    add(DATA / "o3.trie.bin", cache / "foreign", config(), None)
    before = (cache / "foreign" / "card.json").read_bytes()
    with pytest.raises(ModelError, match="foreign already exists"):
        add(DATA / "o3.arpa.gz", cache / "foreign", config(), None)
    assert (cache / "foreign" / "card.json").read_bytes() == before


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match=r".*/file/foreign cannot be written: "):
        add(DATA / "o3.trie.bin", tmp_path / "file" / "foreign", config(), None)


def test_the_stored_binaries_are_those_of_the_arpa_file(tmp_path):
    (tmp_path / "o3.arpa").write_bytes(gzip.decompress((DATA / "o3.arpa.gz").read_bytes()))
    arpa = kenlm.Model(str(tmp_path / "o3.arpa"))
    lines = (DATA / "udhr-en.txt").read_text().splitlines()
    for name, tolerance in (("o3.trie.bin", 1e-4), ("o3.probing25.bin", 1e-4), ("o3.qtrie.bin", 0.3)):
        stored = kenlm.Model(str(DATA / name))
        differences = [abs(stored.score(line) - arpa.score(line)) for line in lines]
        assert np.max(differences) < tolerance * max(len(line.split()) for line in lines)

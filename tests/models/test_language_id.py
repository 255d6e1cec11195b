"""Language identification: labels, blanks, where the text is cut, what is refused, and accuracy on real text."""

from pathlib import Path

import fasttext
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curricle.models.cards import ModelError, check_files, file_sha256, read_card, write_card
from curricle.models.catalog import model_folder
from curricle.models.language_id import LanguageId, LanguageIdCard, known_codes, lines, load
from curricle.schemas.languages import LABELS, canonical

GERMAN = "Das ist ein ganz normaler deutscher Satz über das Wetter."
TURKISH = "Bugün hava çok güzel, birlikte parka gidelim mi?"


@pytest.fixture(scope="session")
def lid() -> LanguageId:
    return load(model_folder("lid.176"))


def write_model(
    folder: Path, *, labels: tuple[str, ...] = ("eng_Latn", "zul_Latn"), card_languages: tuple[str, ...] = ("*",)
) -> Path:
    """A tiny fastText classifier with its card."""
    texts = {labels[0]: "the house is red and the door is open", labels[1]: "indlu ibomvu futhi umnyango uvuliwe manje"}
    corpus = folder / "train.txt"
    corpus.write_text("".join(f"__label__{label} {text}\n" for label, text in texts.items() for _ in range(50)))
    model = fasttext.train_supervised(str(corpus), dim=8, epoch=20, minn=2, maxn=3, bucket=500, thread=1, verbose=0)
    model.save_model(str(folder / "tiny.bin"))
    card = LanguageIdCard(
        name="tiny",
        version="1",
        licence="CC0",
        source="two sentences",
        languages=card_languages,
        files={"tiny.bin": file_sha256(folder / "tiny.bin")},
    )
    write_card(folder, card)
    return folder


def test_the_starter_models_card_is_true_and_gives_the_licence():
    folder = model_folder("lid.176")
    card = read_card(folder, LanguageIdCard)
    check_files(folder, card)
    assert card.licence.startswith("CC BY-SA 3.0")
    assert (folder / "LICENSE").read_text().startswith("lid.176.ftz")
    assert known_codes(folder) == frozenset(LABELS)
    labels = fasttext.load_model(str(folder / "lid.176.ftz")).f.getLabels("strict")[0]
    assert sorted(label.removeprefix("__label__") for label in labels) == list(card.languages) == list(LABELS)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param(GERMAN, "de", id="German"),
        pytest.param(TURKISH, "tr", id="Turkish"),
        pytest.param("今天天气很好，我们一起去公园吧。", "zh", id="Chinese"),
        pytest.param("\n\n \u3000" + GERMAN, "de", id="white space at the start is skipped"),
        pytest.param(" " * 2000 + GERMAN, "de", id="even more of it than max_chars"),
        pytest.param("</s> " + GERMAN, "de", id="fastText's end-of-sentence token does not end the text"),
        pytest.param("__label__en " + GERMAN, "de", id="a label in the text is no label"),
        pytest.param("a\x00b " + GERMAN, "de", id="NUL does not end the text"),
        pytest.param("", "und", id="empty"),
        pytest.param(" \n\t\u2028\u3000", "und", id="white space only"),
        pytest.param("12345 67.8", "und", id="digits only"),
        pytest.param("\x00", "und", id="NUL only"),
        pytest.param("</s>", "und", id="end-of-sentence token only"),
        pytest.param(None, None, id="null"),
    ],
)
def test_labels(lid: LanguageId, text: str | None, code: str | None):
    codes, scores = lid.predict(pa.array([text], pa.string()))
    assert (codes.type, scores.type) == (pa.string(), pa.float32())
    assert codes.to_pylist() == [code]
    score = scores[0].as_py()
    assert score is None if code is None else score == 0.0 if code == "und" else 0.3 < score <= 1.0


def test_a_score_is_a_probability_even_where_fasttext_gives_more_than_1(lid: LanguageId):
    raw = fasttext.load_model(str(model_folder("lid.176") / "lid.176.ftz")).f.predict("Das ist gut\n", 1, 0.0, "strict")
    assert raw[0][0] > 1.0
    assert lid.predict(pa.array(["Das ist gut"]))[1].to_pylist() == [1.0]


def test_no_texts_give_no_labels(lid: LanguageId):
    codes, scores = lid.predict(pa.array([], pa.string()))
    assert (len(codes), len(scores)) == (0, 0)


def test_a_newline_becomes_a_space_and_never_glues_words():
    assert lines(pa.array(["one\ntwo\r\nthree\n\n"]), 1000).to_pylist() == ["one two\r three\n"]


def test_what_is_read_is_cut_in_code_points_after_leading_white_space():
    assert lines(pa.array(["  üçöğş", "今天天气", None]), 3).to_pylist() == ["üçö\n", "今天天\n", None]


def test_text_after_max_chars_counts_for_nothing(lid: LanguageId):
    text = GERMAN + " " + TURKISH * 50
    assert lid.predict(pa.array([text]), len(GERMAN))[0].to_pylist() == ["de"]
    assert lid.predict(pa.array([text]), 1000)[0].to_pylist() == ["tr"]


@given(st.lists(st.one_of(st.none(), st.text(max_size=60), st.sampled_from([GERMAN, TURKISH, "", "\n"])), max_size=6), st.data())
def test_a_row_does_not_see_its_neighbours(lid: LanguageId, texts: list[str | None], data: st.DataObject):
    at = data.draw(st.integers(0, len(texts)))
    whole = lid.predict(pa.array(texts, pa.string()))
    parts = [lid.predict(pa.array(part, pa.string())) for part in (texts[:at], texts[at:])]
    for column in (0, 1):
        assert whole[column].equals(pa.concat_arrays([part[column] for part in parts]))


def test_a_slice_of_a_column_is_read_from_its_own_start(lid: LanguageId):
    assert lid.predict(pa.array(["x", GERMAN, TURKISH]).slice(1))[0].to_pylist() == ["de", "tr"]


def test_a_flores_labelled_model_gives_short_codes_where_there_are_such(tmp_path: Path):
    folder = write_model(tmp_path)
    codes, _ = load(folder).predict(pa.array(["the door is red", "umnyango ubomvu futhi", ""]))
    assert codes.to_pylist() == ["en", "zul_Latn", "und"]
    assert known_codes(folder) == {"en", "zul_Latn"}
    assert canonical("eng", known_codes(folder)) == "en"


def test_the_cards_languages_are_taken_as_the_codes_that_a_model_gives(tmp_path: Path):
    assert known_codes(write_model(tmp_path, card_languages=("eng_Latn", "zul_Latn"))) == {"en", "zul_Latn"}


def test_a_damaged_file_is_refused_before_fasttext_sees_it(tmp_path: Path):
    folder = write_model(tmp_path)
    (folder / "tiny.bin").write_bytes((folder / "tiny.bin").read_bytes()[:-10])
    with pytest.raises(ModelError, match=r"tiny\.bin: the SHA-256 is"):
        load(folder)


@pytest.mark.parametrize("content", [b"", b"no fastText file at all, but long enough to be one"])
def test_a_file_that_is_no_fasttext_model_is_refused(tmp_path: Path, content: bytes):
    folder = write_model(tmp_path)
    (folder / "tiny.bin").write_bytes(content)
    card = read_card(folder, LanguageIdCard)
    write_card(folder, card.model_copy(update={"files": {"tiny.bin": file_sha256(folder / "tiny.bin")}}))
    with pytest.raises(ModelError, match=r"tiny\.bin: .*"):
        load(folder)


def test_word_vectors_are_no_classifier(tmp_path: Path):
    folder = write_model(tmp_path)
    vectors = fasttext.train_unsupervised(str(folder / "train.txt"), dim=4, epoch=1, minCount=1, bucket=100, thread=1, verbose=0)
    vectors.save_model(str(folder / "tiny.bin"))
    card = read_card(folder, LanguageIdCard)
    write_card(folder, card.model_copy(update={"files": {"tiny.bin": file_sha256(folder / "tiny.bin")}}))
    with pytest.raises(ModelError, match=r"tiny\.bin: Model needs to be supervised"):
        load(folder)


def test_a_card_without_exactly_one_model_file_is_refused(tmp_path: Path):
    folder = write_model(tmp_path)
    card = read_card(folder, LanguageIdCard)
    write_card(folder, card.model_copy(update={"files": {}}))
    with pytest.raises(ModelError, match=r"needs exactly one fastText file \(\.bin or \.ftz\), but its card names \[\]"):
        load(folder)


def test_loading_prints_nothing(capfd: pytest.CaptureFixture[str]):
    load(model_folder("lid.176"))
    assert capfd.readouterr() == ("", "")


def test_right_on_99_in_100_real_documents_of_well_known_languages(lid: LanguageId, shared_data: Path):
    table = pq.read_table(shared_data / "web_text" / "docs-00000.parquet", columns=["text", "lang"])
    table = table.filter(
        pc.is_in(table["lang"], pa.array(["ar", "de", "en", "es", "fr", "it", "ja", "ko", "pl", "ru", "tr", "vi", "zh"]))
    )
    codes, _ = lid.predict(table["text"].combine_chunks())
    assert len(codes) > 500
    assert pc.mean(pc.equal(codes, table["lang"].combine_chunks()).cast(pa.int8())).as_py() > 0.99


def test_the_start_of_a_page_gives_the_whole_pages_label(lid: LanguageId, shared_data: Path):
    table = pq.read_table(shared_data / "web_text" / "web-00000.parquet", columns=["text"])
    texts = table["text"].combine_chunks().slice(0, 300)
    same = pc.equal(lid.predict(texts)[0], lid.predict(texts, 10**9)[0])
    assert pc.sum(same.cast(pa.int32())).as_py() >= 297

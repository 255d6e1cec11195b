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
from curricle.models.language_id import LanguageId, LanguageIdCard, cut_windows, known_codes, letters, load, normalized
from curricle.schemas.languages import LABELS, canonical

GERMAN = "Das ist ein ganz normaler deutscher Satz über das Wetter."
SURE = "das ist ein haus und das ist gut und das ist auch gut"
TURKISH = "Bugün hava çok güzel, birlikte parka gidelim mi?"


@pytest.fixture(scope="session")
def lid() -> LanguageId:
    return load(model_folder("lid.176"))


@pytest.fixture(scope="session")
def pair() -> LanguageId:
    return load(model_folder("languages"))


def write_model(
    folder: Path, *, labels: tuple[str, ...] = ("eng_Latn", "ssw_Latn"), card_languages: tuple[str, ...] = ("*",)
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
    assert len(known_codes(folder)) == 176
    assert known_codes(folder) < frozenset(LABELS)
    labels = fasttext.load_model(str(folder / "lid.176.ftz")).f.getLabels("strict")[0]
    assert sorted(label.removeprefix("__label__") for label in labels) == list(card.languages)


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
    codes, scores, *_ = lid.predict(pa.array([text], pa.string()))
    assert (codes.type, scores.type) == (pa.string(), pa.float32())
    assert codes.to_pylist() == [code]
    score = scores[0].as_py()
    assert score is None if code is None else score == 0.0 if code == "und" else 0.3 < score <= 1.0


def test_a_score_is_a_probability_even_where_fasttext_gives_more_than_1(lid: LanguageId):
    raw = fasttext.load_model(str(model_folder("lid.176") / "lid.176.ftz")).f.predict(f"{SURE}\n", 1, 0.0, "strict")
    assert raw[0][0] > 1.0
    assert lid.predict(pa.array([SURE]))[1].to_pylist() == [1.0]


def test_no_texts_give_no_labels(lid: LanguageId):
    assert [len(column) for column in lid.predict(pa.array([], pa.string()))] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("window", "line"),
    [
        ("One\ntwo\r\nTHREE\n\n", "one two three"),
        ("a\u00a0b\u3000c\u2009d\u2028e", "a b c d e"),
        ("Donau\u00addampf\u200bschiff\ufeff", "donaudampfschiff"),
        ("ＨＥＬＬＯ ｗｏｒｌｄ", "hello world"),
        ("İSTANBUL", "istanbul"),
        ("see https://example.com/über?x=1 and www.example.org, jo@example.com now", "see and now"),
        ("</s> a\0b", "a b"),
        (" \n\t", ""),
    ],
)
def test_a_window_is_written_as_the_models_were_trained(window: str, line: str):
    assert normalized(window) == line


def test_windows_lie_at_the_start_in_the_middle_and_at_the_end():
    text = "a" * 400 + "b" * 400 + "c" * 400
    assert cut_windows(f"  {text} ", 30, 3) == ["a" * 10, "b" * 10, "c" * 10]
    assert cut_windows(text, 30, 1) == ["a" * 30]
    assert cut_windows("abc", 30, 3) == ["abc"]
    assert cut_windows("abcdefghijkl", 30, 3) == ["abcdefghij", "bcdefghijk", "cdefghijkl"]
    assert cut_windows("", 30, 3) == [""]


@given(st.text(max_size=300), st.integers(0, 20))
def test_letters_are_counted_until_there_are_enough(text: str, enough: int):
    true = sum(map(str.isalpha, text))
    found = letters([text[:100], text[100:]], enough)
    assert found <= true
    assert (found >= enough) == (true >= enough)


def test_a_text_with_too_few_letters_outside_urls_is_undetermined(pair: LanguageId):
    texts = [
        "https://example.com/das-ist-ein-deutscher-satz",
        "*** 12,50 €!!! ***",
        "ok",
        "😀😀",
        "今天天气很好，我们一起去公园吧",
    ]
    codes, scores, *_ = pair.predict(pa.array(texts), min_letters=4)
    assert codes.to_pylist()[:4] == ["und"] * 4
    assert scores.to_pylist()[:4] == [0.0] * 4
    assert codes[4].as_py() == "zh"


CAPITALS = {
    "The harbour was built by fishermen two hundred years ago.": "en",
    "Der Hafen wurde vor zweihundert Jahren von Fischern gebaut.": "de",
    "Le port a été construit par des pêcheurs il y a deux cents ans.": "fr",
    "Гавань была построена рыбаками двести лет назад.": "ru",
    "Liman iki yüz yıl önce balıkçılar tarafından inşa edildi.": "tr",
}


@pytest.mark.parametrize(("text", "code"), CAPITALS.items())
def test_capitals_no_break_spaces_and_wide_letters_change_nothing(pair: LanguageId, text: str, code: str):
    wide = "".join(chr(ord(letter) + 0xFEE0) if letter.isascii() and letter.isalpha() else letter for letter in text)
    spellings = [text, text.upper(), text.replace(" ", "\u00a0"), "\u200b".join(text), wide]
    codes, scores, *_ = pair.predict(pa.array(spellings))
    assert codes.to_pylist() == [code] * 5
    assert min(scores.to_pylist()) >= 0.65


OPENING = "We use cookies to make this site work and to improve your experience. Read more about them in our policy. " * 13


@pytest.mark.parametrize(
    ("text", "code"),
    [("Der Hafen wurde vor zweihundert Jahren von Fischern gebaut, und er schützt noch heute eine kleine Flotte. " * 32, "de"),
     ("この港は二百年前に漁師たちによって造られ、今でも小さな船団を守っています。" * 40, "ja")],
)  # fmt: skip
def test_a_long_opening_in_another_language_does_not_decide(pair: LanguageId, text: str, code: str):
    codes, scores, agreement, _ = pair.predict(pa.array([OPENING + text]))
    assert codes.to_pylist() == [code]
    assert scores[0].as_py() > 0.65
    assert agreement[0].as_py() == pytest.approx(2 / 3)


def test_the_shipped_pair_knows_what_lid_176_does_not():
    folder = model_folder("languages")
    assert {"zu", "xh", "en", "zh", "yue"} <= known_codes(folder) <= frozenset(LABELS)
    card = read_card(folder, LanguageIdCard)
    check_files(folder, card)
    assert card.beside == "lid.176"
    assert [share for _, share in card.calibration] == sorted(share for _, share in card.calibration)


def test_the_shipped_pair_is_right_on_sentences_of_near_languages(pair: LanguageId, shared_data: Path):
    table = pq.read_table(shared_data / "lid" / "lid.parquet", columns=["text", "lang", "source"])
    table = table.filter(pc.equal(table["source"], "lingua-leipzig")).slice(0, 4000)
    codes = pair.predict(table["text"].combine_chunks()).codes
    truth = table["lang"].combine_chunks()
    assert pc.mean(pc.equal(codes, truth).cast(pa.int8())).as_py() > 0.96  # trained on them: not a figure for new text


@given(st.lists(st.one_of(st.none(), st.text(max_size=60), st.sampled_from([GERMAN, TURKISH, "", "\n"])), max_size=6), st.data())
def test_a_row_does_not_see_its_neighbours(lid: LanguageId, texts: list[str | None], data: st.DataObject):
    at = data.draw(st.integers(0, len(texts)))
    whole = lid.predict(pa.array(texts, pa.string()))
    parts = [lid.predict(pa.array(part, pa.string())) for part in (texts[:at], texts[at:])]
    for column in range(4):
        assert whole[column].equals(pa.concat_arrays([part[column] for part in parts]))


def test_a_slice_of_a_column_is_read_from_its_own_start(lid: LanguageId):
    assert lid.predict(pa.array(["x", GERMAN, TURKISH]).slice(1))[0].to_pylist() == ["de", "tr"]


def test_a_flores_labelled_model_gives_short_codes_where_there_are_such(tmp_path: Path):
    folder = write_model(tmp_path)
    codes, *_ = load(folder).predict(pa.array(["the door is red", "umnyango ubomvu futhi", ""]))
    assert codes.to_pylist() == ["en", "ssw_Latn", "und"]
    assert known_codes(folder) == {"en", "ssw_Latn"}
    assert canonical("eng", known_codes(folder)) == "en"


def test_the_cards_languages_are_taken_as_the_codes_that_a_model_gives(tmp_path: Path):
    assert known_codes(write_model(tmp_path, card_languages=("eng_Latn", "ssw_Latn"))) == {"en", "ssw_Latn"}


def test_a_damaged_file_is_refused_before_fasttext_sees_it(tmp_path: Path):
    folder = write_model(tmp_path)
    (folder / "tiny.bin").write_bytes((folder / "tiny.bin").read_bytes()[:-10])
    with pytest.raises(ModelError, match=r"tiny\.bin: its SHA-256 is not the one on its card"):
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
    codes, *_ = lid.predict(table["text"].combine_chunks())
    assert len(codes) > 500
    assert pc.mean(pc.equal(codes, table["lang"].combine_chunks()).cast(pa.int8())).as_py() > 0.99

"""Signatures: the normal form, exact keys, shingles and bands against plain twins, and how often similar texts share a band."""

import random
import unicodedata

import numpy as np
import pyarrow as pa
import pytest

from curricle.pipelines.deduplication.measure import distinct, missing_words
from curricle.pipelines.deduplication.normal_form import normal_words
from curricle.pipelines.deduplication.scan import BANDS, LONGEST, sign
from curricle.pipelines.deduplication.shingle_files import shingles_of
from curricle.pipelines.deduplication.signatures import count_shared, shingles, sign_texts

ROWS = 8
WORDS = [f"w{number}" for number in range(20_000)]


def exact(*texts: str) -> list[tuple[int, int]]:
    found = sign(pa.array(texts, pa.string()))
    return list(zip(found["exact_high"].to_pylist(), found["exact_low"].to_pylist(), strict=True))


def bands(*texts: str) -> np.ndarray:
    found = sign(pa.array(texts, pa.string()))
    return np.stack([found[f"band_{number}"].to_numpy() for number in range(BANDS)], axis=1)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("The sky is blue today, again.", "the  sky\nis BLUE\r\ntoday again", id="case, spaces, punctuation"),
        pytest.param("un café au lait tous les jours", "un cafe\u0301 au lait tous les jours", id="composed or not"),
        pytest.param("one two three four five", "ｏｎｅ two three four\u00a0five", id="width, no-break space"),
        pytest.param("Hello, world!", "hello world", id="few words"),
        pytest.param(
            "バルセロナが先勝ガギグゲゴ", "ハ\u3099ルセロナか\u3099先勝ｶﾞｷﾞｸﾞｹﾞｺﾞ", id="kana composed or not, or of half width"
        ),
        pytest.param("ဦးလေးနဲ့အတူ", "ဥ\u102eးလေးနဲ့အတူ", id="Burmese composed or not"),
        pytest.param(
            "한국어로 쓴 글을 다시 읽는다",
            unicodedata.normalize("NFD", "한국어로 쓴 글을 다시 읽는다"),
            id="Hangul composed or not",
        ),
        pytest.param("don't stop now my friend", "don’t stop now my friend", id="apostrophe"),
        pytest.param("", "", id="empty"),
    ],
)
def test_what_does_not_matter(one, other):
    assert exact(one) == exact(other)
    assert (bands(one) == bands(other)).all()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("el año nuevo es para todos", "el ano nuevo es para todos", id="accents"),
        pytest.param("की बात है यह सब कुछ", "का बात है यह सब कुछ", id="vowel signs"),
        pytest.param("C++", "C#", id="symbols in few words"),
        pytest.param("one two three four five six", "one two three four six five", id="order"),
        pytest.param("!!!", "???", id="no words at all"),
        pytest.param("", "!", id="empty and punctuation"),
    ],
)
def test_what_matters(one, other):
    assert exact(one) != exact(other)


def test_a_text_of_four_words_has_no_bands():
    assert not bands("one two three four").any()
    assert bands("one two three four five").all()


def plain_bands(values: set[int]) -> list[int]:
    """The bands from shingles, in Python's integers."""

    def scrambled(value: int) -> int:
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB % 2**64
        return value ^ (value >> 31)

    golden = 0x9E3779B97F4A7C15
    minima = []
    for lane in range(BANDS * ROWS):
        seed = scrambled(golden * (lane + 1) % 2**64)
        minima.append(min(((seed % 2**32 | 1) * value + (seed >> 32)) % 2**32 for value in values))
    found = []
    for band in range(BANDS):
        state = golden * (band + 1) % 2**64
        for row in range(0, ROWS, 2):
            state = scrambled(state ^ (minima[band * ROWS + row] << 32 | minima[band * ROWS + row + 1]))
        found.append(state)
    return found


@pytest.mark.parametrize("count", [5, 6, 1027, 1028, 1029, 2100])
def test_the_kernel_agrees_with_its_plain_twin(count):
    text = " ".join(random.Random(count).choices(WORDS, k=count))
    own = shingles_of(pa.array([text]))[0]
    assert own.size == count - 4
    assert bands(text)[0].tolist() == plain_bands(set(own.tolist()))


def test_shingles_are_the_same_wherever_they_stand():
    draw = random.Random(1)
    part = draw.choices(WORDS, k=50)
    words = next(normal_words(pa.array([" ".join(part), " ".join(draw.choices(WORDS, k=30) + part)])))
    assert shingles(words.of(0)).tolist() == shingles(words.of(1))[30:].tolist()


def test_count_shared():
    draw = np.random.default_rng(0)
    for _ in range(50):
        one, other = (np.unique(draw.integers(0, 60, draw.integers(0, 50), np.uint32)) for _ in range(2))
        assert count_shared(one, other) == np.intersect1d(one, other).size


def test_missing_words():
    words = random.Random(5).sample(WORDS, 400)
    new = [f"new{number}" for number in range(40)]
    whole, start, middle, end = (
        shingles_of(pa.array([" ".join(text)]))[0]
        for text in (words, words[30:], words[:100] + new + words[100:], [*words, *new])
    )
    own = distinct(whole)
    assert [missing_words(text, own) for text in (whole, start, middle, end)] == [0, 0, 40, 36]
    assert missing_words(whole, distinct(start)) == 26
    assert missing_words(whole, np.array([0], np.uint32)) == 392


def test_a_text_does_not_depend_on_its_neighbors():
    draw = random.Random(2)
    texts = [" ".join(draw.choices(WORDS, k=draw.choice([0, 3, 5, 40, 3000]))) for _ in range(300)]
    together = bands(*texts)
    assert all((bands(text)[0] == own).all() for text, own in zip(texts, together, strict=True))


def test_a_long_text_is_signed_by_its_beginning():
    long = "ä" + " word".join(map(str, range(60_000)))
    cut = long[:LONGEST]
    assert len(long) > LONGEST > len(cut[: cut.rindex(" ")])
    one, other = bands(long, cut[: cut.rindex(" ")])
    assert (one == other).mean() > 0.5
    assert exact(long) != exact(cut)
    assert (bands(long, long + " and more of it after the end") == bands(long)).all()


def test_wrong_lengths_are_refused():
    words, offsets, room = np.zeros(9, np.uint64), np.array([0, 9]), np.empty(10, np.uint64)
    with pytest.raises(ValueError, match="bands has 13 columns"):
        sign_texts(words, offsets, np.array([9]), np.empty((1, 13), np.uint64), room, np.empty(2, np.int64))
    with pytest.raises(ValueError, match="counts has 0 rows"):
        sign_texts(words, offsets, np.array([], np.int64), np.empty((1, BANDS), np.uint64), room, np.empty(2, np.int64))
    with pytest.raises(ValueError, match="anchors has 9 rows"):
        sign_texts(words, offsets, np.array([9]), np.empty((1, BANDS), np.uint64), room[:9], np.empty(2, np.int64))


def test_the_anchors_of_a_text_are_those_of_any_text_that_holds_it():
    draw = random.Random(4)
    part = " ".join(draw.choices(WORDS, k=2000))
    whole = f"{' '.join(draw.choices(WORDS, k=500))} {part} {part} {' '.join(draw.choices(WORDS, k=500))}"
    own, theirs = sign(pa.array([part, whole]))["anchors"].to_pylist()
    assert 30 < len(own) < 100
    assert set(own) < set(theirs)
    assert len(set(theirs)) == len(theirs)


@pytest.mark.parametrize("similarity", [0.6, 0.7, 0.8, 0.9])
def test_similar_texts_share_a_band_as_often_as_theory_says(similarity):
    """1 - (1 - J^8)^14, for 600 pairs of texts; within three standard deviations."""
    pairs = 600
    draw = random.Random(int(similarity * 10))
    found, expected = 0, 0.0
    for _ in range(pairs):
        shared = draw.choices(WORDS, k=round(400 * similarity))
        more = [draw.choices(WORDS, k=round(400 * (1 - similarity) / 2)) for _ in range(2)]
        one, other = (" ".join(shared + own) for own in more)
        first, second = shingles_of(pa.array([one, other]))
        jaccard = np.intersect1d(first, second).size / np.union1d(first, second).size
        expected += 1 - (1 - jaccard**ROWS) ** BANDS
        signed = bands(one, other)
        found += bool((signed[0] == signed[1]).any())
    deviation = (expected * (1 - expected / pairs)) ** 0.5
    assert abs(found - expected) <= 3 * deviation + 1

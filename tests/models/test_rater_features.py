"""The student's n-grams and statistics: what the kernels find is what a plain Python version finds."""

import math
import re
from collections import Counter, defaultdict
from itertools import groupby

import numpy as np
import pyarrow as pa
import pytest

from curricle.models.catalog import model_folder
from curricle.models.raters.document import CharacterClass
from curricle.models.raters.encoder import load_characters
from curricle.models.raters.features import extract
from curricle.models.raters.layer_kernels import add_linear
from curricle.models.raters.ngrams import BITS, STARTS, FeatureGroup, count_words
from curricle.models.raters.statistics import Statistic

WORD = (CharacterClass.LETTER, CharacterClass.DIGIT, CharacterClass.IDEOGRAPH)
CHARACTERS = load_characters(model_folder("student"))
PROSE = """The Cat sat.  It sat on 12345678 mats; the end!

- Dr. NO said: "the cat sat on a mat"
- Dr. NO said: "the cat sat on a mat"
| ein Straßenname, überall 漢字のテスト。 ελληνικά кириллица |
and then unfinished words:
"""


def fnv(codes: list[int]) -> int:
    value = 2166136261
    for code in codes:
        value = ((value ^ code) * 16777619) % 2**64
    return value


def mix(value: int) -> int:
    value ^= value >> 16
    value = value * 0x7FEB352D % 2**64
    value ^= value >> 15
    value = value * 0x846CA68B % 2**64
    return value ^ value >> 16


def slot(group: int, value: int) -> int:
    return STARTS[group] + value % 2 ** BITS[group]


def words_of(classes: list[int]) -> list[tuple[int, int]]:
    """Runs of letters and of digits, and every ideograph by itself."""
    at, runs = 0, []
    for kind, members in groupby(classes):
        size = len(list(members))
        if kind == CharacterClass.IDEOGRAPH:
            runs += [(at + k, at + k + 1) for k in range(size)]
        elif kind in WORD:
            runs.append((at, at + size))
        at += size
    return runs


def ngrams(text: str) -> Counter[tuple[int, int]]:
    """(group, slot) of every occurrence."""
    codes = [ord(character) for character in text]
    classes, lower = ([int(CHARACTERS[row, code]) for code in codes] for row in (0, 1))
    runs = dict(words_of(classes))
    found: Counter[tuple[int, int]] = Counter()
    line: list[int] = []  # hashes of the words of this line
    at = 0
    while at < len(codes):
        kind = classes[at]
        if at in runs:
            word = lower[at : runs[at]] if kind != CharacterClass.DIGIT else [ord("0")] * min(5, runs[at] - at)
            line.append(mix(fnv(word)))
            found[FeatureGroup.WORDS, slot(FeatureGroup.WORDS, line[-1])] += 1
            if len(line) > 1:
                pair = mix((line[-2] * 0x9E3779B1 + line[-1]) % 2**64)
                found[FeatureGroup.PAIRS, slot(FeatureGroup.PAIRS, pair)] += 1
            if kind == CharacterClass.IDEOGRAPH and len(line) > 2:
                triple = mix(((line[-3] * 0x9E3779B1 + line[-2]) * 0x85EBCA6B + line[-1]) % 2**64)
                found[FeatureGroup.TRIPLES, slot(FeatureGroup.TRIPLES, triple)] += 1
            if kind == CharacterClass.LETTER:
                edged = [0x2581, *word, 0x2581]
                for k in range(len(edged) - 3):
                    found[FeatureGroup.PIECES, slot(FeatureGroup.PIECES, mix(fnv(edged[k : k + 4])))] += 1
            at = runs[at]
            continue
        left = classes[at - 1] if at else 9
        right = classes[at + 1] if at + 1 < len(codes) else 9
        before_word = left in (CharacterClass.LETTER, CharacterClass.PUNCTUATION) and right == CharacterClass.LETTER
        if not (kind == CharacterClass.SPACE and before_word):
            shape = mix(((lower[at] * 128 + left * 10 + right) * 0x9E3779B1 + 7) % 2**64)
            found[FeatureGroup.SHAPES, slot(FeatureGroup.SHAPES, shape)] += 1
        if kind == CharacterClass.NEWLINE:
            line = []
        at += 1
    return found


def features(text: str) -> tuple[dict[int, float], np.ndarray]:
    indptr, indices, values, stats = extract(pa.array([text]), CHARACTERS)
    assert indptr.tolist() == [0, len(indices)]
    return dict(zip(indices.tolist(), values.tolist(), strict=True)), stats[0]


@pytest.mark.parametrize("text", [PROSE, "", "漢字漢字 ab12cd", "x" * 40 + "\n" + "y, z! " * 30])
def test_n_grams_are_those_of_the_plain_version_each_group_of_length_1(text: str):
    found = ngrams(text)
    squares: defaultdict[int, float] = defaultdict(float)
    for (group, _), count in found.items():
        squares[group] += (1 + math.log(count)) ** 2
    expected = {at: (1 + math.log(count)) / math.sqrt(squares[group]) for (group, at), count in found.items()}
    assert features(text)[0] == pytest.approx(expected, rel=1e-6)


def test_the_statistics_of_lines_words_and_sentences_are_those_of_the_plain_version():
    text = re.sub(r"\|.*\|\n", "| a|\n", PROSE)  # ASCII alone, which regular expressions read as the kernel does
    words = re.findall(r"[A-Za-z]+|[0-9]+", text)
    letters = [word for word in words if word.isalpha()]
    lines = [line.strip() for line in text.split("\n")]
    full = [line for line in lines if line]
    sentences = [len(re.findall(r"[A-Za-z]+|[0-9]+", part)) for part in re.split(r"[.!?](?![A-Za-z0-9])", text)]
    counts = Counter(word.lower() for word in words).most_common()
    pairs = list(zip(*(words[k:] for k in range(2)), strict=False))
    fours = list(zip(*(words[k:] for k in range(4)), strict=False))
    low = [tuple(word.lower() for word in gram) for gram in pairs], [tuple(word.lower() for word in gram) for gram in fours]
    half = len(full) // 2
    starts = [part.strip() for part in re.split(r"[.!?](?![A-Za-z0-9])", text)]
    first_words = [found.group() for part in starts if (found := re.search(r"[A-Za-z]+", part))]
    chars = sum(map(len, full))
    n = len(text)
    expected = {
        Statistic.CHARS_LOG: math.log1p(n),
        Statistic.WORDS_LOG: math.log1p(len(words)),
        Statistic.LINES_LOG: math.log1p(len(full)),
        Statistic.BLANK_LINES: (len(lines) - len(full)) / len(lines),
        Statistic.WORD_CHARS_MEAN: sum(map(len, letters)) / len(words),
        Statistic.LINE_CHARS_MEAN_LOG: math.log1p(chars / len(full)),
        Statistic.LINE_CHARS_DEVIATION_LOG: math.log1p(np.std([len(line) for line in full])),
        Statistic.LONGEST_LINE_CHARS_LOG: math.log1p(max(map(len, full))),
        Statistic.SHORT_LINES: sum(len(line) <= 30 for line in full) / len(full),
        Statistic.ENDED_LINES: sum(line[-1] in '.!?"' for line in full) / len(full),
        Statistic.ENDED_LINES_CHARS: sum(len(line) for line in full if line[-1] in '.!?"') / chars,
        Statistic.BULLET_LINES: sum(line[0] == "-" for line in full) / len(full),
        Statistic.CAPITALIZED_LINES: sum(line[0].isupper() for line in full) / len(full),
        Statistic.REPEATED_LINES: (len(full) - len(set(full))) / len(full),
        Statistic.REPEATED_LINES_CHARS: (chars - sum(map(len, set(full)))) / chars,
        Statistic.LONG_LINES: 0,
        Statistic.COLON_LINES: sum(line[-1] == ":" for line in full) / len(full),
        Statistic.FIRST_LINE_CHARS_LOG: math.log1p(len(full[0])),
        Statistic.DIGIT_LINES: 0,
        Statistic.UPPER_CASE_LETTERS: sum(map(str.isupper, text)) / sum(map(len, letters)),
        Statistic.DIGITS: sum(map(str.isdigit, text)) / n,
        Statistic.PUNCTUATION_MARKS: sum(character in '.,;:!?"-' for character in text) / n,
        Statistic.SYMBOLS: text.count("|") / n,
        Statistic.SPACES: text.count(" ") / n,
        Statistic.DOUBLE_SPACES: text.count("  ") / n,
        Statistic.NEWLINES: text.count("\n") / n,
        Statistic.UPPER_CASE_WORDS: sum(len(word) > 1 and word.isupper() for word in letters) / len(words),
        Statistic.TITLE_CASE_WORDS: sum(word[0].isupper() and not word[1:].isupper() for word in letters) / len(words),
        Statistic.LONG_WORDS: sum(len(word) >= 9 for word in letters) / len(words),
        Statistic.SHORT_WORDS: sum(len(word) <= 3 for word in letters) / len(words),
        Statistic.ONE_LETTER_WORDS: sum(len(word) == 1 for word in letters) / len(words),
        Statistic.DISTINCT_WORDS: len(counts) / len(words),
        Statistic.DISTINCT_WORDS_SEEN_ONCE: sum(count == 1 for _, count in counts) / len(counts),
        Statistic.MOST_FREQUENT_WORD: counts[0][1] / len(words),
        Statistic.SECOND_MOST_FREQUENT_WORD: counts[1][1] / len(words),
        Statistic.THIRD_MOST_FREQUENT_WORD: counts[2][1] / len(words),
        Statistic.REPEATED_WORD_PAIRS: (len(low[0]) - len(set(low[0]))) / len(words),
        Statistic.REPEATED_WORD_FOURS: (len(low[1]) - len(set(low[1]))) / len(words),
        Statistic.SENTENCES_PER_WORD: (len(sentences) - 1) / len(words),
        Statistic.SENTENCE_WORDS_MEAN_LOG: math.log1p(np.mean(sentences[:-1])),
        Statistic.SENTENCE_WORDS_DEVIATION_LOG: math.log1p(np.std(sentences[:-1])),
        Statistic.LONGEST_SENTENCE_WORDS_LOG: math.log1p(max(sentences[:-1])),
        Statistic.SENTENCES_IN_LOWER_CASE: sum(word.islower() for word in first_words) / len(first_words),
        Statistic.WORDS_AFTER_LAST_SENTENCE_LOG: math.log1p(sentences[-1]),
        Statistic.SENTENCES_PER_LINE: (len(sentences) - 1) / len(full),
        Statistic.LONGEST_RUN_OF_SHORT_LINES: 2 / len(full),
        Statistic.LATIN_LETTERS: 1,
        Statistic.OTHER_LETTERS: 0,
        Statistic.FIRST_MARK_PER_100_WORDS_LOG + 1: math.log1p(100 * text.count(".") / len(words)),
        Statistic.FIRST_MARK_PER_100_WORDS_LOG + 5: math.log1p(100 * text.count("?") / len(words)),
        Statistic.FIRST_MARK_PER_100_WORDS_LOG + 6: math.log1p(100 * text.count('"') / len(words)),
        Statistic.PIPE_LINES: 1 / len(full),
        Statistic.LETTERS: sum(map(len, letters)) / n,
        Statistic.DISTINCT_WORDS_COUNT: len(counts),
        Statistic.NEARLY_CUT: 0,
        Statistic.FIRST_HALF_LINE_CHARS_MEAN_LOG: math.log1p(np.mean([len(line) for line in full[:half]])),
        Statistic.SECOND_HALF_LINE_CHARS_MEAN_LOG: math.log1p(np.mean([len(line) for line in full[half:]])),
        Statistic.LINE_CHARS_CONCENTRATION: sum(len(line) ** 2 for line in full) / chars**2,
    }
    stats = features(text)[1]
    assert {name: stats[int(name)] for name in expected} == pytest.approx(expected, rel=1e-6)


def test_letters_are_counted_by_script():
    found = features("ab ελ кир םא कख かな 漢字 한 ʀ ᬅ")[1]
    counts = {
        Statistic.LATIN_LETTERS: 2,
        Statistic.GREEK_LETTERS: 2,
        Statistic.CYRILLIC_LETTERS: 3,
        Statistic.HEBREW_AND_ARABIC_LETTERS: 2,
        Statistic.INDIC_TO_GEORGIAN_LETTERS: 2,
        Statistic.KANA_LETTERS: 2,
        Statistic.IDEOGRAPH_LETTERS: 2,
        Statistic.HANGUL_LETTERS: 1,
        Statistic.PHONETIC_LETTERS: 1,
        Statistic.OTHER_LETTERS: 1,
    }
    total = sum(counts.values())
    assert {name: found[int(name)] for name in counts} == pytest.approx({name: n / total for name, n in counts.items()})


def test_known_words_are_counted_and_other_features_are_not():
    out = np.empty((3, 2), np.int64)
    known = np.array([1, 0, 1, 0], np.uint8)
    count_words(np.array([0, 3, 3, 5]), np.array([0, 1, 9, 2, 0], np.int32), known, out)
    assert out.tolist() == [[2, 1], [0, 0], [2, 2]]


@pytest.mark.parametrize("outputs", [16, 29, 48, 61])
def test_the_linear_layer_adds_the_product(outputs: int):
    rng = np.random.default_rng(outputs)
    inputs, weights = (rng.standard_normal(shape).astype(np.float32) for shape in ((3, 7), (7, outputs)))
    out = np.ones((3, outputs), np.float32)
    add_linear(inputs, weights, out)
    assert out == pytest.approx(1 + inputs @ weights, abs=1e-5)

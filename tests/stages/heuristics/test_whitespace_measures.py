"""Heuristics as NeMo Curator and Dolma count them: equal to their published formulas, written out here in plain Python."""

import re
from collections import Counter
from statistics import median

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from curricle.schemas.heuristic_columns import DATATROVE, DOLMA, NEMO
from curricle.schemas.rule import Rule
from curricle.schemas.rule_sets import expand
from curricle.stages.decide import DecideConfig, decide
from curricle.stages.heuristics.config import HeuristicsConfig
from curricle.stages.heuristics.tag import load_kernels, tag_heuristics

BOTH = HeuristicsConfig(variants=("nemo-curator", "dolma"))
STOP_WORDS = {"the", "be", "to", "of", "and", "that", "have", "with"}
ELLIPSES = ("...", "[...]", "…", "(...)", "[…]", "-»", "read more..", "read more")
POLICY = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "privacy overview", "use of cookies", "use cookies")
POLICY += (
    "privacy & cookies policy",
    "privacy and cookies policy",
    "if you continue to browse this site without changing your cookie settings, you agree to this use. acceptread more",
)
URL = re.compile(r"https?://(?:[a-zA-Z0-9$_@.&+/:=?#~!*(),-]|%[0-9a-fA-F]{2})+")
ALPHABETIC = regex.compile(r"\p{Alphabetic}")


def ngrams(words, n):
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


def over(part, whole, empty):
    return part / whole if whole else empty


def nemo(text):
    """NeMo Curator 1.4.0: filters/heuristic/string.py and repetition/repetition.py. The most frequent n-gram is the earliest."""
    size, words = len(text), text.split()
    lines = [line for line in text.split("\n") if line.strip()]
    paragraphs = text.split("\n\n")

    def per_word(count):
        return over(count, len(words), None)

    def per_line(test):
        return over(sum(bool(test(line.strip())) for line in lines), len(lines), None)

    def per_character(test):
        return over(sum(bool(test(c)) for c in text), size, 1.0)

    policy = sum(any(phrase in paragraph.lower() for phrase in POLICY) for paragraph in paragraphs)
    values = {
        "nemo_nonalnum_ratio": per_character(lambda c: not re.match(r"[a-zA-Z0-9\n?!,.]", c)),
        "nemo_symbol_word_ratio": per_word(sum(w in ELLIPSES or len(re.findall("#+", w)) / len(w) > 0.5 for w in words)),
        "nemo_digit_ratio": per_character(lambda c: c in "0123456789"),
        "nemo_url_chars_ratio": over(sum(len(url) for url in URL.findall(text)), size, 1.0),
        "nemo_white_space_ratio": per_character(lambda c: c in "\t\n\r\b "),
        "nemo_bracket_ratio": per_character(lambda c: c in "{}⟨⟩[]()"),
        "nemo_boilerplate_paragraph_ratio": 1.0 if "lorem ipsum" in text.lower() else policy / len(paragraphs),
        "nemo_unique_line_ratio": over(len(set(lines)), len(lines), None),
        "nemo_unique_paragraph_ratio": len(set(paragraphs)) / len(paragraphs),
        "nemo_unique_line_chars_ratio": over(len("".join(set(lines))), len("".join(lines)), None),
        "nemo_unique_paragraph_chars_ratio": over(len("".join(set(paragraphs))), len("".join(paragraphs)), None),
        "nemo_word_count": len(words),
        "nemo_unended_line_ratio": per_line(lambda line: line[-1] not in ".?!\"'"),
        "nemo_alphabetic_word_ratio": per_word(sum(bool(ALPHABETIC.search(word)) for word in words)),
        "nemo_stop_word_count": sum(word in STOP_WORDS for word in words),
        "nemo_mean_word_chars": per_word(sum(map(len, words))),
        "nemo_longest_word_chars": max(map(len, words), default=0),
        "nemo_ellipsis_line_ratio": per_line(lambda line: line.lower().endswith(ELLIPSES)),
        "nemo_bullet_line_ratio": per_line(lambda line: line[0] in "•‣⁃⁌⁍∙○●◘◦⦾⦿"),
    }
    for n in (2, 3, 4):
        value = 1.0
        if len(words) >= n:
            top = " ".join(Counter(ngrams(words, n)).most_common(1)[0][0])
            value = (size - len(text.replace(top, ""))) / size
        values[f"nemo_top_{n}gram_chars_ratio"] = value
    for n in range(5, 11):
        seen, chars, covered = set(), 0, 0  # covered: words before this index are counted
        for i, ngram in enumerate(ngrams(words, n)):
            if ngram in seen:
                fresh = words[max(i, covered) : i + n]
                chars += sum(map(len, fresh)) + min(len(fresh), n - 1)
                covered = i + n
            seen.add(ngram)
        values[f"nemo_dup_{n}gram_chars_ratio"] = chars / size if len(words) >= n else 1.0
    return values


def dolma(text):
    """Dolma 1.2.1: taggers/gopher.py (gopher_v1) and taggers/c4.py (c4_v2)."""
    words = text.split()
    chars, lines = sum(map(len, words)), text.split("\n") if text else []
    copies = Counter(lines)
    repeated = [line for line in lines if copies[line] > 1]
    values = {
        "dolma_word_count": len(words),
        "dolma_median_word_chars": float(median(map(len, words))) if words else 0.0,
        "dolma_symbol_word_ratio": over(sum("#" in word or "…" in word for word in words), len(words), 0.0),
        "dolma_alpha_word_ratio": over(sum(any(map(str.isalpha, word)) for word in words), len(words), 0.0),
        "dolma_stop_word_count": sum(word in STOP_WORDS for word in words),
        "dolma_bullet_line_ratio": over(sum(line[:1] in ("*", "-") for line in lines), len(lines), 0.0),
        "dolma_ellipsis_line_ratio": over(sum(line[-1:] == "…" for line in lines), len(lines), 0.0),
        "dolma_dup_line_ratio": over(len(repeated), len(lines), 0.0),
        "dolma_dup_line_chars_ratio": len("".join(repeated)) / max(chars, 1) if text else 0.0,
        "dolma_c4_unended_line_ratio": over(
            sum(not line.strip().endswith((".", "?", "!", '"')) for line in lines), len(lines), None
        ),
        "dolma_c4_short_line_ratio": over(sum(len(line.split()) < 3 for line in lines), len(lines), None),
        "dolma_c4_curly_bracket": int("{" in text),
        "dolma_c4_lorem_ipsum": int("lorem ipsum" in text.lower()),
        "dolma_c4_javascript": int("javascript" in text.lower()),
    }
    for n in range(2, 11):
        name, counts = f"dolma_{'top' if n < 5 else 'dup'}_{n}gram_chars_ratio", Counter(ngrams(words, n))
        if not counts:
            values[name] = None
        elif n < 5:
            top, count = counts.most_common(1)[0]
            values[name] = count * len("".join(top)) / chars
        else:
            sizes = {ngram: count * len("".join(ngram)) for ngram, count in counts.items()}
            values[name] = sum(size for ngram, size in sizes.items() if counts[ngram] > 1) / sum(sizes.values())
    return values


def batch(texts):
    return pa.record_batch({"text": pa.array(texts, pa.string()), "dead_reason": pa.nulls(len(texts), pa.string())})


def tag(texts, config=BOTH):
    return tag_heuristics(batch(texts), load_kernels(config), config)


def values_of_the_formulas(text):
    return nemo(text) | dolma(text)


def assert_equal(texts, expected):
    for text, row, values in zip(texts, tag(texts).to_pylist(), expected, strict=True):
        ours = {name: row[name] for name in values}
        assert ours == {name: pytest.approx(value, abs=1e-6) for name, value in values.items()}, repr(text[:200])


LINE = "the quick brown fox jumps over the lazy dog and that is all of it"
CASES = {
    "empty": "",
    "white space": " \n\t \n\n\u3000\x1c",
    "one character": "a",
    "NUL": "a\0b\0 c",
    "what a lone surrogate becomes": "\ufffd\ufffd a \ufffd",
    "combining marks": "e\u0301 " * 60,
    "marks and letter numbers as words": "\ufe0f \u0301 Ⅳ ⓐ ❤\ufe0f \u0e34 ٣",
    "right to left": "שלום עולם " * 60,
    "emoji": "😀🎉 " * 60,
    "one line repeated": (LINE + "\n") * 40,
    "paragraphs repeated": (LINE + "\n\n") * 20 + LINE,
    "three newlines between paragraphs": "a b\n\n\nc d\n\n\n\n\ne f\n",
    "bullets": "• one\n  ‣ two\n⦿ three\n- four\n* five\n\u2027 six",
    "ellipses": "\n".join(f"a line {end}" for end in (*ELLIPSES, "Read More", "…]", "[…", "x-»  ", "..")),
    "ellipses as words": " ".join(ELLIPSES),
    "hash runs": "# ## #a #a# #a#b #a#b# ### a#b …a a…",
    "addresses": "see http://x.y/a?b=%20c#d, (https://z) https:// http://%2 httphttps://q://r ftp://no https://é",
    "policy phrases": "\n\n".join((*POLICY, "Terms Of\nUse", "reuse cookies", "privacy  policy", "the end")),
    "lorem ipsum": "Some Lorem Ipsum here.\n\nand more",
    "javascript and a bracket": "Please enable JavaScript.\nfunction f() { return }",
    "most frequent n-gram inside longer words": "he is here. she is hereafter, he  is\nhere; he is here",
    "most frequent n-gram at the end of one text": "a b a b a",
    "and at the start of the next": "b c",
    "n-grams that overlap": "a b " * 30,
    "one word": "the " * 20_000,
    "long words of many lengths": " ".join("y" * (100 + n) for n in range(60)),
    "a word of 3,000 letters": "a" * 3000 + " b c",
    "one huge line": (LINE + " ") * 3000,
    "a line of 5,000 brackets": "[" * 5000 + "\n" + "é" * 5000 + "\n" + "[" * 5000,
    "Chinese": "昨天我们去了图书馆。今天天气很好,我们在家看书。" * 20,
    "Thai": "เมื่อวานเราไปห้องสมุด วันนี้อากาศดี " * 20,
}


@pytest.fixture(scope="module")
def pages(shared_data):
    """(texts, their values): every 40th of 5,262 web pages."""
    texts = [
        text
        for path in sorted((shared_data / "web_text").glob("web-0*.parquet"))
        for text in pq.read_table(path, columns=["text"])["text"].to_pylist()[::40]
    ]
    assert len(texts) > 120
    return texts, [values_of_the_formulas(text) for text in texts]


def test_adversarial_texts_have_the_values_of_the_formulas():
    texts = list(CASES.values())
    assert_equal(texts, [values_of_the_formulas(text) for text in texts])


def test_real_pages_have_the_values_of_the_formulas(pages):
    assert_equal(*pages)


PIECES = (
    *CASES["policy phrases"].split("\n\n"),
    *CASES["hash runs"].split(),
    *ELLIPSES,
    *STOP_WORDS,
    "•",
    "-",
    "*",
    "a",
    "b",
    "é",
    "字",
)
PIECES += (
    " ",
    " ",
    " ",
    "\n",
    "\n",
    "\n\n",
    "\t",
    "\x85",
    "\xa0",
    "http://x/",
    "https://",
    "{",
    "⟨",
    ".",
    "?",
    '"',
    "1",
    "javascript",
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=60).map("".join), min_size=1, max_size=4))
def test_texts_made_of_what_the_rules_look_for_have_the_values_of_the_formulas(texts):
    assert_equal(texts, [values_of_the_formulas(text) for text in texts])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(st.sampled_from("ab c\n#…é"), max_size=200), min_size=1, max_size=4))
def test_repetitive_texts_have_the_values_of_the_formulas(texts):
    assert_equal(texts, [values_of_the_formulas(text) for text in texts])


PUBLISHED = {  # a row stays within (lowest, highest)
    "gopher_quality@nemo-curator": {
        "nemo_word_count": (50, 100_000),
        "nemo_mean_word_chars": (3, 10),
        "nemo_symbol_word_ratio": (0, 0.1),
        "nemo_alphabetic_word_ratio": (0.8, 1),
        "nemo_stop_word_count": (2, 1e9),
        "nemo_bullet_line_ratio": (0, 0.9),
        "nemo_ellipsis_line_ratio": (0, 0.3),
    },
    "gopher_repetition@nemo-curator": {
        "nemo_unique_line_ratio": (0.7, 1),
        "nemo_unique_paragraph_ratio": (0.7, 1),
        "nemo_unique_line_chars_ratio": (0.8, 1),
        "nemo_unique_paragraph_chars_ratio": (0.8, 1),
    },
    "c4@nemo-curator": {
        "nemo_boilerplate_paragraph_ratio": (0, 0.4),
        "nemo_unended_line_ratio": (0, 0.85),
        "nemo_longest_word_chars": (0, 1000),
    },
    "characters@nemo-curator": {
        "nemo_nonalnum_ratio": (0, 0.25),
        "nemo_digit_ratio": (0, 0.15),
        "nemo_url_chars_ratio": (0, 0.2),
        "nemo_white_space_ratio": (0, 0.25),
        "nemo_bracket_ratio": (0, 0.1),
    },
    "gopher_quality@dolma": {
        "dolma_word_count": (50, 100_000),
        "dolma_median_word_chars": (3, 10),
        "dolma_symbol_word_ratio": (0, 0.1),
        "dolma_alpha_word_ratio": (0.8, 1),
        "dolma_stop_word_count": (2, 1e9),
        "dolma_bullet_line_ratio": (0, 0.9),
        "dolma_ellipsis_line_ratio": (0, 0.3),
    },
    "gopher_repetition@dolma": {"dolma_dup_line_ratio": (0, 0.3), "dolma_dup_line_chars_ratio": (0, 0.3)},
    "c4@dolma": {"dolma_c4_curly_bracket": (0, 0), "dolma_c4_lorem_ipsum": (0, 0), "dolma_c4_javascript": (0, 0)},
}
for variant in ("nemo", "dolma"):
    for n, most in ((2, 0.2), (3, 0.18), (4, 0.16), (5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.1)):
        rules = PUBLISHED["gopher_repetition@" + variant.replace("nemo", "nemo-curator")]
        rules[f"{variant}_{'top' if n < 5 else 'dup'}_{n}gram_chars_ratio"] = (0, most)


@pytest.mark.parametrize("name", PUBLISHED)
def test_decisions_on_real_pages_are_those_of_the_published_thresholds(pages, name):
    texts, values = pages
    rules = tuple(Rule.model_validate(rule) for rule in expand(name))
    kept = decide(tag(texts), DecideConfig(rules=rules)).column("reject_reason").is_null().to_pylist()
    bounds = PUBLISHED[name].items()
    assert kept == [all(row[key] is None or low <= row[key] <= high for key, (low, high) in bounds) for row in values]
    assert 0 < sum(kept) < len(kept)
    assert {rule.column for rule in rules} == set(PUBLISHED[name])


def test_only_the_columns_of_the_chosen_variants_are_written_and_the_values_do_not_depend_on_the_others():
    texts = [LINE, None, "", *CASES.values()]
    groups = {("datatrove",): DATATROVE, ("nemo-curator",): NEMO, ("dolma",): DOLMA}
    every = tag(texts, HeuristicsConfig(language="en", variants=("dolma", "nemo-curator", "datatrove")))
    assert every.schema.names[2:] == [column.name for group in groups.values() for column in group]
    for variants, columns in groups.items():
        config = HeuristicsConfig(language="en" if variants == ("datatrove",) else None, variants=variants)
        alone = tag(texts, config)
        names = [column.name for column in columns]
        assert alone.schema.names[2:] == names
        assert alone.select(names).equals(every.select(names))
        assert set(alone.select(names).to_pylist()[1].values()) == {None}


@pytest.mark.parametrize(
    ("variants", "message"), [((), "at least 1 item"), (("gopher",), "'datatrove', 'curricle', 'nemo-curator' or 'dolma'")]
)
def test_no_variant_and_an_unknown_one_are_refused(variants, message):
    with pytest.raises(ValidationError, match=message):
        HeuristicsConfig(variants=variants)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=80), min_size=1, max_size=6), st.integers(0, 6))
def test_a_row_does_not_see_its_neighbours(texts, cut):
    whole = batch(texts)
    parts = [tag_heuristics(part, load_kernels(BOTH), BOTH) for part in (whole.slice(0, cut), whole.slice(cut))]
    assert pa.Table.from_batches(parts).equals(pa.Table.from_batches([tag(texts)]))

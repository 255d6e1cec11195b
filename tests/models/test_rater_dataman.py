"""Prompt, truncation and parser of DataMan's form: golden replies and exact boundaries."""

from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curricle.models.cards import ModelError
from curricle.models.raters.dataman import (
    LETTERS,
    LIMITS,
    PROMPTS,
    PUBLISHED,
    REPLY_SCHEMA,
    REPLY_TOKENS,
    Reply,
    cut_characters,
    cut_tokens,
    messages,
    parse,
    read_prompt,
)
from curricle.schemas.columns import DOMAINS, QUALITY_CRITERIA

RATINGS = (5, 4, 3, 2, 1, 1, 2, 3, 4, 5, 5, 5, 1, 4)
GOOD = "\n".join(["C", *map(str, RATINGS)])
LABELS = [name.replace("_", " ").title() for name in QUALITY_CRITERIA]
FORM = "\n".join(["Domain:C", *(f"[{n}]{label}:{r}/5" for n, (label, r) in enumerate(zip(LABELS, RATINGS, strict=True), 1))])
OBJECT = {"domain": "C", **dict(zip(QUALITY_CRITERIA, RATINGS, strict=True))}


def line(number: int, value: str, reply: str = GOOD) -> str:
    lines = reply.split("\n")
    lines[number] = value
    return "\n".join(lines)


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(GOOD, id="15-lines"),
        pytest.param(GOOD + "\n", id="newline-at-the-end"),
        pytest.param(f"\n  {GOOD}  \n\n", id="white-space-around"),
        pytest.param(GOOD.replace("\n", "\r\n"), id="carriage-returns"),
        pytest.param(FORM, id="the-form-filled-in"),
        pytest.param(orjson.dumps(OBJECT).decode(), id="object"),
        pytest.param(orjson.dumps(OBJECT, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode(), id="object-other-order"),
    ],
)
@pytest.mark.parametrize("cut", [False, True])
def test_a_reply_of_the_form_is_rated_whole_also_where_the_token_limit_ended_it(reply: str, cut: bool):
    assert parse(reply, cut) == Reply("ok", "Law", RATINGS, None)


def test_every_letter_is_its_domain():
    assert [parse(line(0, letter)).domain for letter in LETTERS] == list(DOMAINS)


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param("", id="empty"),
        pytest.param(" \n\n ", id="white-space"),
        pytest.param(GOOD.rsplit("\n", 1)[0], id="14-lines"),
        pytest.param(GOOD + "\n3", id="16-lines"),
        pytest.param(GOOD.split("\n", 1)[1], id="no-domain"),
        pytest.param(line(4, ""), id="an-empty-line"),
        pytest.param(GOOD.replace("\n", "\n\n"), id="empty-lines-between"),
        pytest.param(line(0, "P"), id="letter-P"),
        pytest.param(line(0, "c"), id="small-letter"),
        pytest.param(line(0, "Law"), id="domain-by-name"),
        pytest.param(line(0, "С"), id="cyrillic-letter"),
        pytest.param(line(3, "0"), id="0"),
        pytest.param(line(3, "6"), id="6"),
        pytest.param(line(3, "-1"), id="negative"),
        pytest.param(line(3, "4.5"), id="fraction"),
        pytest.param(line(3, "44"), id="two-digits"),
        pytest.param(line(3, "B"), id="letter-for-a-digit"),
        pytest.param(line(3, "३"), id="devanagari-digit"),
        pytest.param(line(3, "３"), id="full-width-digit"),
        pytest.param(line(3, "4 "), id="blank-behind-a-digit"),
        pytest.param(GOOD + "\nThe text is good.", id="text-behind"),
        pytest.param("Ratings:\n" + GOOD, id="text-before"),
        pytest.param(f"```\n{GOOD}\n```", id="fenced"),
        pytest.param(GOOD.replace("\n", " "), id="one-line"),
        pytest.param(GOOD.replace("\n", "\u2028"), id="other-line-ends"),
        pytest.param(PUBLISHED, id="the-prompt-itself"),
        pytest.param(FORM.replace("[3]", "[4]"), id="form-misnumbered"),
        pytest.param(FORM.replace("[7]Creativity", "[7]Professionalism"), id="form-shifted"),
        pytest.param(FORM.replace("4/5", "4/10"), id="form-of-another-scale"),
        pytest.param(line(2, "4", FORM), id="form-mixed-with-bare"),
        pytest.param("{}", id="object-empty"),
        pytest.param("{" + GOOD, id="object-broken"),
        pytest.param(orjson.dumps({**OBJECT, "originality": True}).decode(), id="object-with-true"),
        pytest.param(orjson.dumps({**OBJECT, "originality": 4.0}).decode(), id="object-with-a-float"),
        pytest.param(orjson.dumps({**OBJECT, "originality": 6}).decode(), id="object-with-6"),
        pytest.param(orjson.dumps({**OBJECT, "note": 1}).decode(), id="object-with-one-more"),
        pytest.param(orjson.dumps({**OBJECT, "domain": "AB"}).decode(), id="object-with-two-letters"),
        pytest.param(orjson.dumps({**OBJECT, "domain": ["A"]}).decode(), id="object-with-a-list"),
    ],
)
def test_any_other_reply_is_a_parse_error_with_its_text_and_no_rating(reply: str):
    assert parse(reply) == Reply("parse_error", None, None, reply)
    assert parse(reply, cut=True) == Reply("truncated", None, None, reply)


@pytest.mark.parametrize(
    "reply",
    [
        "I'm sorry, but I can't help with that.",
        "I cannot rate this text.",
        "As an AI model, I ...",
        "Sorry.",
        "抱歉，我无法回答。",
    ],
)
def test_a_refusal_in_words_is_refused(reply: str):
    assert parse(reply) == Reply("refused", None, None, reply)


@given(st.text(max_size=60))
def test_nothing_but_the_form_is_ever_rated(reply: str):
    assert (parse(reply).status == "ok") == (reply.strip().replace("\r\n", "\n") in (GOOD, FORM))
    assert parse(reply).ratings is None


@given(st.sampled_from(LETTERS), st.lists(st.integers(1, 5), min_size=14, max_size=14))
def test_what_is_written_is_what_is_read(letter: str, ratings: list[int]):
    bare = "\n".join([letter, *map(str, ratings)])
    assert parse(bare) == Reply("ok", DOMAINS[LETTERS.index(letter)], tuple(ratings))
    assert len(bare) == REPLY_TOKENS


@pytest.mark.parametrize("limit", [LIMITS["en"].chars, LIMITS["zh"].chars])
def test_only_a_text_over_the_limit_loses_its_middle(limit: int):
    text = "é" * (limit // 2) + "文" * (limit // 2)
    assert cut_characters(text, limit) == text
    longer = text[: limit // 2] + "x" + text[limit // 2 :]
    assert cut_characters(longer, limit) == text
    assert cut_characters("😀" * 10_000_000, limit) == "😀" * limit


@pytest.mark.parametrize("limit", [LIMITS["en"].tokens, LIMITS["zh"].tokens])
def test_over_the_token_limit_the_first_half_three_dots_and_the_last_half_stay(limit: int):
    words = [f"w{n}" for n in range(limit + 1)]

    def spans(words: list[str]) -> list[tuple[int, int]]:
        starts = [sum(len(word) + 1 for word in words[:n]) for n in range(len(words))]
        return [(start, start + len(word)) for start, word in zip(starts, words, strict=True)]

    exactly = " ".join(words[:-1])
    assert cut_tokens(exactly, spans(words[:-1]), limit) == exactly
    half = limit // 2
    assert cut_tokens(" ".join(words), spans(words), limit) == " ".join(words[:half]) + "..." + " ".join(words[-half:])


def test_the_published_limits():
    assert LIMITS == {"en": (20_000, 1_894), "zh": (60_000, 1_896)}


def test_the_published_form_is_asked_for():
    system, user = messages(PUBLISHED, "A {text} in braces.\n[1]Accuracy:_/5")
    assert system == {"role": "system", "content": "You are a helpful assistant."}
    lines = user["content"].split("\n")
    assert lines[0] == "Please score the text on fourteen evaluation criteria and specify its domain:"
    assert lines[1:3] == ["Text: A {text} in braces.", "[1]Accuracy:_/5"]
    assert lines[3:5] == ["Domain:_", "[1]Accuracy:_/5"]
    assert lines[5] == "[2]Coherence:_/5"
    assert lines[-1] == "[14]Overall Score:_/5"
    assert len(lines) == 3 + 15


def test_the_other_prompt_names_every_domain_and_criterion():
    prompt = PROMPTS["rubric"]
    assert all(f"{letter} {name}" in prompt for letter, name in zip(LETTERS, DOMAINS, strict=True))
    assert all(label in prompt for label in LABELS)
    assert prompt.count("{text}") == 1


def test_a_prompt_of_ones_own_is_a_file_with_one_place_for_the_text(tmp_path: Path):
    file = tmp_path / "prompt.txt"
    file.write_text("Rate {text}!", "utf-8")
    assert messages(read_prompt(str(file)), "this")[1]["content"] == "Rate this!"
    for content, message in (("Rate!", "0 times"), ("{text} {text}", "2 times")):
        file.write_text(content, "utf-8")
        with pytest.raises(ModelError, match=message):
            read_prompt(str(file))
    file.write_bytes(b"\xff{text}")
    with pytest.raises(ModelError, match="not UTF-8 text"):
        read_prompt(str(file))
    with pytest.raises(ModelError, match=r"no such file.*published, rubric"):
        read_prompt("publishd")


def test_the_schema_asks_for_what_the_parser_takes():
    assert list(REPLY_SCHEMA["properties"]) == list(OBJECT) == REPLY_SCHEMA["required"]

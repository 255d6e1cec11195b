"""Normalizer profiles: published vectors, and the kernel against the plain definition, code point by code point."""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curricle.models.kenlm.profiles import PROFILES, Profile, normalize, normalize_bytes, normalize_text, profile_named

ALL = pytest.mark.parametrize("profile", PROFILES.values(), ids=list(PROFILES))

VECTORS = {
    "ccnet": {
        "In 2023, sales rose 3.14% to $1,234,567.89.": "in 0000, sales rose 0.00% to $0,000,000.00.",
        "Tel: 555-0199 １２３ ½": "tel: 000-0000 000 ½",
        "it’s… naïve": "it's... naive",
        "a\tb": "ab",
        "Line one ends.\nLine two starts — “café”.": 'line one ends.line two starts  -  "cafe".',
        "  İstanbul ΟΔΟΣ \x85": "istanbul οδος",
    },
    "datatrove": {
        "In 2023, sales rose 3.14% to $1,234,567.89.": "in 0, sales rose 0% to $0,0.",
        "Tel: 555-0199 １２３ ½": "tel: 0-0 0 ½",
        "it’s… naïve": "it's... naive",
        "a\tb": "ab",
        "Line one ends.\nLine two starts — “café”.": 'line one ends.line two starts  -  "cafe".',
        "1.2.3 ١٫٢ 5, 6": "0.0 0 0, 0",
    },
    "edugp": {"  It’s 3.14… naïve\n": "It's 0.00... naïve"},
    "oscar-harmful": {" It’s 3.14…\nnaïve\t": " It’s 3.14… naïve\t"},
    "curricle-v1": {
        "In 2023, sales rose 3.14% to $1,234,567.89.": "in 0000, sales rose 0.00% to $0,000,000.00.",
        "Tel: 555-0199 １２３ ½": "tel: 000-0000 000 0⁄0",
        "it’s… naïve": "it's... naïve",
        "Line one ends.\r\n\tLine two starts — “café”.\n": 'line one ends. line two starts - "café".',
        "a\x00b\u200bc\u3000d": "a b c d",
        "co\u00adoperate \ufeff\u202aﬁne\u202c": "cooperate fine",
        "İSTANBUL I ı": "istanbul i ı",
        "ΟΔΟΣ. Σ": "οδος. σ",
        "e\u0301 ｶﾞ \u1112\u1161\u11ab": "é ガ 한",
        "‘a’ ‹b› 5′ 1‑2−3 a▁b": "'a' 'b' 0' 0-0-0 a_b",
        " \n\u2028 ": "",
    },
}


@pytest.mark.parametrize(("name", "text", "expected"), [(n, t, e) for n, cases in VECTORS.items() for t, e in cases.items()])
def test_golden_vectors(name: str, text: str, expected: str):
    profile = profile_named(name)
    assert normalize_text(profile, text) == expected
    assert normalize(profile, pa.array([text])).to_pylist() == [expected]


def test_an_unknown_profile_is_named_with_those_that_exist():
    with pytest.raises(ValueError, match=r"no profile named 'cc-net'; did you mean 'ccnet'\?$"):
        profile_named("cc-net")
    known = r"ccnet, curricle-v1, datatrove, edugp, oscar-harmful"
    with pytest.raises(ValueError, match=rf"no profile named 'xyz' \(choose from: {known}\)$"):
        profile_named("xyz")


def agree(profile: Profile, texts: list[str]) -> None:
    assert normalize(profile, pa.array(texts, pa.string())).to_pylist() == [normalize_text(profile, text) for text in texts]


@ALL
def test_every_code_point_becomes_what_the_definition_says(profile: Profile):
    points = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    agree(profile, ["x".join(points[i : i + 64]) for i in range(0, len(points), 64)])


@ALL
def test_nulls_stay_and_slices_and_empty_arrays_work(profile: Profile):
    texts = pa.array(["Ab", None, "", "Çd", "x"])
    expected = [None if text is None else normalize_text(profile, text) for text in texts.to_pylist()]
    assert normalize(profile, texts).to_pylist() == expected
    assert normalize(profile, texts.slice(1, 3)).to_pylist() == expected[1:4]
    assert normalize(profile, texts.slice(2, 0)).to_pylist() == []
    assert normalize(profile, pa.array([], pa.string())).to_pylist() == []
    assert normalize(profile, pa.array([None], pa.string())).to_pylist() == [None]
    assert normalize(profile, texts.cast(pa.large_string())).to_pylist() == expected


CHARACTERS = st.one_of(
    st.characters(exclude_categories=["Cs"]),
    st.sampled_from(" \n\t\0.,،1٣९aAİIiΣσ«—…\u0300\u0301\u0345\u3099\u1161\u11a8\u00ad\u200b\u200d\u0e33"),
)


@ALL
@given(texts=st.lists(st.text(CHARACTERS, max_size=40), max_size=5))
def test_the_kernel_equals_the_definition(profile: Profile, texts: list[str]):
    agree(profile, texts)


@ALL
@given(a=st.text(CHARACTERS), b=st.text(CHARACTERS))
def test_a_row_does_not_see_its_neighbors(profile: Profile, a: str, b: str):
    both = normalize(profile, pa.array([a, b])).to_pylist()
    assert both == [*normalize(profile, pa.array([a])).to_pylist(), *normalize(profile, pa.array([b])).to_pylist()]


@given(text=st.text(CHARACTERS))
def test_our_profile_joins_no_words_and_leaves_single_spaces(text: str):
    out = normalize_text(PROFILES["curricle-v1"], text)
    assert out == out.strip()
    assert "  " not in out
    assert not any(c != " " and (c.isspace() or ord(c) < 32 or 127 <= ord(c) < 160) for c in out)
    assert normalize_text(PROFILES["curricle-v1"], f"{text}\nz").endswith("z" if not out else " z")


def test_text_that_becomes_much_longer_fits():
    agree(PROFILES["curricle-v1"], ["\ufdfa" * 5000, "…" * 5000, "a"])


@ALL
@pytest.mark.parametrize("damaged", [b"\xf7\xbf\xbf\xbf", b"ab\xf0\x9f", b"\xe2", b"\x80" * 9, b"\xc3a \xff"])
def test_bytes_that_are_not_utf_8_are_never_read_past_their_end(profile: Profile, damaged: bytes):
    data = np.frombuffer(damaged, np.uint8)  # the array ends with the damaged character
    out, offsets = normalize_bytes(profile, data, np.array([0]), np.array([len(data)]))
    assert (offsets.tolist(), len(out)) == ([0, len(out)], offsets[-1])
    assert len(out) <= len(damaged)


@ALL
def test_the_kernel_equals_the_definition_on_web_text_in_38_languages(profile: Profile, shared_data: Path):
    for file in sorted((shared_data / "web_text").glob("web-*.parquet")):
        agree(profile, pq.read_table(file, columns=["text"])["text"].to_pylist()[::4])


def test_datatrove_itself_gives_the_same(shared_data: Path):
    perplexity = pytest.importorskip("datatrove.utils.perplexity")
    theirs = perplexity.KenlmModel("wikipedia", "en")  # loads nothing before it scores
    texts = pq.read_table(shared_data / "web_text" / "web-00000.parquet", columns=["text"])["text"].to_pylist()[::7]
    assert normalize(PROFILES["datatrove"], pa.array(texts)).to_pylist() == [theirs.normalize(text) for text in texts]

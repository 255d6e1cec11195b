"""Profiles: how a text is normalized before a KenLM reads it. A perplexity means nothing without its model's profile.

- `ccnet`: facebookresearch/cc_net, text_normalizer.py (arXiv 1911.00359).
- `edugp`: the models of Hugging Face edugp/kenlm.
- `oscar-harmful`: the models of Hugging Face oscar-corpus/harmful-kenlms.
- `datatrove`: huggingface/datatrove 0.10, utils/perplexity.py, including its differences from cc_net, for comparison.
- `curricle-v1`: our own. Any change to it needs a new name.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from operator import methodcaller
from typing import Literal

import numpy as np
import pyarrow as pa

from curricle.errors import ModelError as ModelError
from curricle.errors import did_you_mean
from curricle.models.kenlm.normalizer import Bytes, Offsets, Table, apply_table, code_points, compile_table, each, splice

Step = Literal[
    "strip", "lower", "fold", "nfd", "nfkc", "marks", "digits", "numbers", "punctuation", "typography",
    "delete_control", "newline", "invisible", "white", "spaces",
]  # fmt: skip

PUNCTUATION = {
    "，": ",", "。": ".", "、": ",", "„": '"', "”": '"', "“": '"', "«": '"', "»": '"', "１": '"', "」": '"', "「": '"', "《": '"',
    "》": '"', "´": "'", "∶": ":", "：": ":", "？": "?", "！": "!", "（": "(", "）": ")", "；": ";", "–": "-", "—": " - ",
    "．": ". ", "～": "~", "’": "'", "…": "...", "━": "-", "〈": "<", "〉": ">", "【": "[", "】": "]", "％": "%", "►": "-",
}  # fmt: skip
"""cc_net's 34 entries. The one for the full-width digit one never applies: digits have become 0 before."""

TYPOGRAPHY = {
    **{original: to for original, to in PUNCTUATION.items() if original != "１"},
    "‘": "'", "‚": "'", "‛": "'", "′": "'", "‹": "'", "›": "'", "‟": '"', "″": '"',
    "‐": "-", "‑": "-", "‒": "-", "―": " - ", "−": "-", "▁": "_",
}  # fmt: skip
"""For `curricle-v1`: the same without that entry, more quotes and hyphens, and SentencePiece's own sign for a space."""

NUMBER_SEPARATORS = ".,،٫⎖⎗⎘"
_NUMBER = re.compile(rf"\d+(?:[{NUMBER_SEPARATORS}]\d+)?")
_DIGIT = re.compile(r"\d")
_SPACES = re.compile(" +")
_CONTROL = dict.fromkeys([*range(32), *range(127, 160)])
_WHITE = [code for code in range(0x3001) if chr(code).isspace()]


@lru_cache(maxsize=1)
def _marks() -> dict[int, None]:
    return dict.fromkeys(ord(point) for point in code_points() if unicodedata.category(point) == "Mn")


_TRANSLATED: dict[Step, Mapping[int, str | None]] = {
    "punctuation": {ord(original): to for original, to in PUNCTUATION.items()},
    "typography": {ord(original): to for original, to in TYPOGRAPHY.items()},
    "delete_control": _CONTROL,
    "newline": {10: " "},
    "invisible": dict.fromkeys([
        0xAD, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A), *range(0xFE00, 0xFE10), 0xFEFF,
    ]),
    "white": dict.fromkeys([*_WHITE, *_CONTROL, 0x200B], " "),
}  # fmt: skip

_STEPS: dict[Step, Callable[[str], str]] = {
    **{step: methodcaller("translate", table) for step, table in _TRANSLATED.items()},
    "strip": str.strip,
    "lower": str.lower,
    "fold": lambda text: text.replace("İ", "i").lower(),
    "nfd": lambda text: unicodedata.normalize("NFD", text),
    "nfkc": lambda text: unicodedata.normalize("NFKC", text.replace("´", "'")),
    "marks": lambda text: text.translate(_marks()),
    "digits": lambda text: _DIGIT.sub("0", text),
    "numbers": lambda text: _NUMBER.sub("0", text),
    "spaces": lambda text: _SPACES.sub(" ", text).strip(" "),
}


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One way to normalize, as steps in order, and how the perplexity is given."""

    name: str
    steps: tuple[Step, ...]
    decimals: int | None = None  # to which the perplexity is rounded; None: not rounded
    per_word: bool = False  # whether SentencePiece encodes each word between spaces on its own


PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            name="ccnet",
            steps=("strip", "lower", "nfd", "marks", "digits", "punctuation", "delete_control"),
            decimals=1,
        ),
        Profile(name="edugp", steps=("strip", "digits", "punctuation", "delete_control"), decimals=1),
        Profile(name="oscar-harmful", steps=("newline",)),
        Profile(
            name="datatrove",
            steps=("lower", "numbers", "nfd", "marks", "strip", "punctuation", "delete_control"),
            decimals=1,
        ),
        Profile(
            name="curricle-v1",
            steps=("nfkc", "fold", "digits", "typography", "invisible", "white", "spaces"),
            per_word=True,
        ),
    )
}
"""All profiles by name."""


def profile_named(name: str) -> Profile:
    """The profile. Raises ValueError with the names of those that exist."""
    if name not in PROFILES:
        raise ModelError(f"no profile named {name!r}{did_you_mean(name, PROFILES)}")
    return PROFILES[name]


def normalize_text(profile: Profile, text: str) -> str:
    """Normalize one text, step by step: the definition that `normalize` is tested against."""
    return _apply(profile.steps, text)


def normalize(profile: Profile, texts: pa.Array) -> pa.Array:
    """Normalize all of `texts` (string; null stays null) in their Arrow buffers; equal to `normalize_text` of each."""
    data, offsets = string_buffers(texts)
    out, ends = normalize_bytes(profile, data, offsets[:-1], offsets[1:])
    if ends[-1] > np.iinfo(np.int32).max:
        raise ValueError(f"a batch has {ends[-1]} bytes of normalized text; the limit is 2 GB")
    buffers = [None, pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(out)]
    if texts.null_count:
        buffers[0] = pa.array(texts.is_valid()).buffers()[1]
    return pa.Array.from_buffers(pa.string(), len(texts), buffers)


def normalize_bytes(profile: Profile, data: Bytes, starts: Offsets, ends: Offsets) -> tuple[Bytes, Offsets]:
    """Normalize the rows `data[starts[i]:ends[i]]` (UTF-8); returns bytes and offsets (rows + 1)."""
    out, offsets, context = apply_table(_compile(profile.steps), data, starts, ends)
    if not context.any():
        return out, offsets
    # Final sigma, decomposed accents and the like: Python's own functions (C speed) take these rows through the steps that need
    # the context, a table through the others.
    split = max(i + 1 for i, step in enumerate(profile.steps) if step in _CONTEXT_STEPS)
    rows = zip(starts[context].tolist(), ends[context].tolist(), strict=True)
    prepared = [_apply(profile.steps[:split], data[start:end].tobytes().decode()).encode() for start, end in rows]
    ends = np.cumsum([len(row) for row in prepared])
    starts = ends - np.array([len(row) for row in prepared])
    joined = np.frombuffer(b"".join(prepared) or b"\0", np.uint8)
    others, other_offsets, _ = apply_table(_compile(profile.steps[split:]), joined, starts, ends)
    return splice(context, out, offsets, others, other_offsets)


def string_buffers(texts: pa.Array) -> tuple[Bytes, Offsets]:
    """Bytes and offsets (rows + 1, int64) of a string array; a null row has no bytes."""
    if texts.null_count:
        texts = texts.fill_null("")
    width = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    _, offsets, data = texts.buffers()
    if not len(texts) or data is None or not data.size:
        return np.zeros(1, np.uint8), np.zeros(len(texts) + 1, np.int64)
    places = np.frombuffer(offsets, width)[texts.offset : texts.offset + len(texts) + 1]
    return np.frombuffer(data, np.uint8), places.astype(np.int64)


def _apply(steps: tuple[Step, ...], text: str) -> str:
    for step in steps:
        text = _STEPS[step](text)
    return text


_CONTEXT_STEPS: tuple[Step, ...] = ("lower", "fold", "nfd", "nfkc")  # what becomes of a code point may depend on its neighbors
_KERNEL_STEPS: tuple[Step, ...] = ("strip", "numbers", "spaces")  # the kernel does them, not a table's entries


@cache
def _alone(step: Step) -> Mapping[int, str]:
    """What each code point that `step` changes becomes."""
    points = list(map(chr, _TRANSLATED[step])) if step in _TRANSLATED else code_points()
    return {ord(point): text for point, text in zip(points, each(_STEPS[step], points), strict=True) if text != point}


def _then(so_far: Mapping[int, str], step: Step) -> Mapping[int, str]:
    """What code points become if `step` follows the steps that led to `so_far`."""
    again = zip(so_far, each(_STEPS[step], so_far.values()), strict=True) if so_far else ()
    return {**_alone(step), **dict(again)}


@lru_cache(maxsize=2 * len(PROFILES))
def _compile(steps: tuple[Step, ...]) -> Table:
    so_far: Mapping[int, str] = {}
    context: set[int] = set()
    strip = None
    for step in steps:
        if step == "strip":
            strip = [code for code, text in _with(_WHITE, so_far) if not text.strip()]
        elif step in ("lower", "fold"):
            context |= {code for code, text in _with([ord("Σ")], so_far) if "Σ" in text}
        elif step == "nfd":
            texts = _with(_combining(), so_far)
            context |= {code for code, text in texts if any(map(unicodedata.combining, text)) and not _all_marks(text)}
        elif step == "nfkc":
            context |= _composing()
        if step not in _KERNEL_STEPS:
            so_far = _then(so_far, step)
    return compile_table(
        so_far,
        context=context,
        strip=strip,
        separators=NUMBER_SEPARATORS if "numbers" in steps else None,
        collapse="spaces" in steps,
    )


def _with(codes: Iterable[int], so_far: Mapping[int, str]) -> Iterable[tuple[int, str]]:
    """`so_far`, and those of `codes` that it lacks, unchanged."""
    return ({code: chr(code) for code in codes} | dict(so_far)).items()


def _all_marks(text: str) -> bool:
    return all(ord(c) in _marks() for c in text)


@lru_cache(maxsize=1)
def _combining() -> list[int]:
    return [ord(point) for point in code_points() if unicodedata.combining(point)]


def _composing() -> set[int]:
    """Code points whose NFKC may change what comes before them: combining marks, or the second in a composition."""
    seconds = {0x1161 + i for i in range(21)} | {0x11A8 + i for i in range(27)}  # Hangul vowels and finals
    for decomposition in filter(None, map(unicodedata.decomposition, code_points())):
        parts = decomposition.split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            seconds.add(int(parts[1], 16))
    folded = _with([*_combining(), *seconds], _alone("nfkc"))
    return {code for code, text in folded if text and (unicodedata.combining(text[0]) or ord(text[0]) in seconds)}

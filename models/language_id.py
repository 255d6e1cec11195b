"""Language identification with fastText models: the shipped pair, lid.176 alone, or any supervised .bin/.ftz in a model folder.

A text is read in windows from its start, middle and end: the opening of a page may be a licence or a cookie notice in another
language. Each window is written as the models were trained to read it: in lower case (in capitals, lid.176 knows half of the
languages), with plain spaces, without URLs and invisible characters, on one line. The probabilities of windows and models are
averaged.
"""

import contextlib
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import fasttext
import pyarrow as pa

from curricle.models.cards import Card, ModelError, read_card
from curricle.models.catalog import model_of_kind
from curricle.models.checked_files import check_once
from curricle.models.scripts import script_of
from curricle.schemas.languages import UNDETERMINED, short_code

PREFIX = "__label__"
WINDOWS = 3
TOP = 6
"""Languages that each model is asked for, of which the others have next to nothing."""

_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff]")
_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]*://|www\.)\S+|\S+@\S+\.\w+")
_FULL_WIDTH = re.compile("[\uff01-\uff5e]")
_LETTERS_SEEN = 80  # characters that are looked at first


class LanguageIdCard(Card):
    """Card of a fastText model; exactly one of its files ends in .bin or .ftz. `languages` are its labels, or ("*",).

    `beside`: the starter model whose probabilities are averaged with its own. `calibration`: pairs of an averaged probability and
    the share of right answers at it, in increasing order; between them the score is interpolated.
    """

    kind: Literal["language-id"] = "language-id"
    beside: str | None = None
    calibration: tuple[tuple[float, float], ...] = ()


class Predictions(NamedTuple):
    """Arrays with a value for each text; all null for a null text."""

    codes: pa.Array  # string
    scores: pa.Array  # float32 in 0..1
    agreement: pa.Array  # float32 in 0..1: share of the windows whose most probable language is the answer
    scripts: pa.Array  # string


class LanguageId:
    """Loaded models, each the C++ object behind fastText's Python class."""

    def __init__(self, models: Sequence[Any], calibration: Sequence[tuple[float, float]] = ()) -> None:
        self._predict = [model.predict for model in models]
        self._nothing = [
            model.predict("\n", TOP, 0.0, "strict") for model in models
        ]  # the answer if no part of the text is known
        self._codes: dict[str, str] = {}  # the models' labels seen so far -> codes of the `language` column
        self._calibration = tuple(calibration)

    def predict(self, texts: pa.Array, max_chars: int = 750, windows: int = WINDOWS, min_letters: int = 1) -> Predictions:
        """The most probable language of each text.

        `max_chars` code points are read, divided among the windows. A text that has fewer letters than `min_letters` outside
        URLs, or in which no model knows anything, is `und` with probability 0 and agreement 1.
        """
        found = [None if text is None else self._one(text, max_chars, windows, min_letters) for text in texts.to_pylist()]
        columns = list(zip(*(one or NO_TEXT for one in found), strict=True)) or [()] * len(TYPES)
        return Predictions(*(pa.array(values, kind) for values, kind in zip(columns, TYPES, strict=True)))

    def _one(self, text: str, max_chars: int, windows: int, min_letters: int) -> tuple[str, float, float, str]:
        lines = [line for window in cut_windows(text, max_chars, windows) if (line := normalized(window))]
        script = script_of("".join(lines))
        if letters(lines, min_letters) < min_letters:
            return UNDETERMINED, 0.0, 1.0, script
        total: dict[str, float] = {}
        answers = []
        for line in lines:
            probabilities = self._probabilities(line)
            if probabilities:
                answers.append(max(probabilities, key=probabilities.__getitem__))
            for code, probability in probabilities.items():
                total[code] = total.get(code, 0.0) + probability
        if not answers:
            return UNDETERMINED, 0.0, 1.0, script
        code = max(total, key=total.__getitem__)
        return code, self._calibrated(total[code] / len(answers)), answers.count(code) / len(answers), script

    def _probabilities(self, line: str) -> dict[str, float]:
        """Mean probability of each language over the models that know something in the line; empty if none does."""
        total: dict[str, float] = {}
        known = 0
        for predict, nothing in zip(self._predict, self._nothing, strict=True):
            found = predict(f"{line}\n", TOP, 0.0, "strict")
            if found == nothing:
                continue
            known += 1
            for probability, label in found:
                code = self._codes.get(label) or self._codes.setdefault(label, short_code(label.removeprefix(PREFIX)))
                total[code] = total.get(code, 0.0) + min(probability, 1.0)  # fastText returns up to 1.00006
        return {code: probability / known for code, probability in total.items()}

    def _calibrated(self, probability: float) -> float:
        lower = (0.0, 0.0)
        for upper in (*self._calibration, (1.0, 1.0)) if self._calibration else ():
            if probability <= upper[0]:
                share = (probability - lower[0]) / (upper[0] - lower[0]) if upper[0] > lower[0] else 0.0
                return lower[1] + share * (upper[1] - lower[1])
            lower = upper
        return min(probability, 1.0)


TYPES = (pa.string(), pa.float32(), pa.float32(), pa.string())
NO_TEXT = (None, None, None, None)


def cut_windows(text: str, max_chars: int, windows: int) -> list[str]:
    """Parts of the text at even distances from its start to its end, of `max_chars` code points together; a short text whole."""
    text = text.strip()
    size = max_chars // windows
    if windows == 1 or len(text) <= size:
        return [text[:max_chars]]
    spare = len(text) - size
    return [text[spare * number // (windows - 1) :][:size] for number in range(windows)]


def normalized(window: str) -> str:
    """The window as one line for the models: lower case, plain spaces, half-width letters, no URLs or invisible characters."""
    line = window.replace("İ", "i").lower()
    if not line.isascii():
        line = _INVISIBLE.sub("", line)
        line = _FULL_WIDTH.sub(lambda found: chr(ord(found[0]) - 0xFEE0).lower(), line)
    if "://" in line or "www." in line or "@" in line:
        line = _ADDRESS.sub(" ", line)
    return " ".join(line.replace("</s>", " ").replace("\0", " ").split())


def letters(lines: Sequence[str], enough: int) -> int:
    """Number of letters, counted until there are enough."""
    found = 0
    for line in lines:
        for start in range(0, len(line), _LETTERS_SEEN):
            found += sum(map(str.isalpha, line[start : start + _LETTERS_SEEN]))
            if found >= enough:
                return found
    return found


def load(folder: Path) -> LanguageId:
    """The model in `folder` and the one beside it. ModelError if a file is missing, damaged or not a fastText classifier."""
    card = read_card(folder, LanguageIdCard)
    return LanguageId([_open(_model_file(part)[0]) for part in folders(folder)], card.calibration)


def folders(folder: Path) -> tuple[Path, ...]:
    """The model's folder, then that of the model beside it; ModelError if that is not there."""
    beside = read_card(folder, LanguageIdCard).beside
    return (folder,) if beside is None else (folder, model_of_kind(beside, "language-id"))


def known_codes(folder: Path) -> frozenset[str]:
    """The codes that the model in `folder` can return, except `und`, for `schemas.languages.canonical`.

    They come from its card and that of the model beside it or, if a card says ("*",), from the model, which is then loaded.
    Raises ModelError as `load` does.
    """
    found: set[str] = set()
    for part in folders(folder):
        file, languages = _model_file(part)
        found.update(_labels(file) if languages == ("*",) else languages)
    return frozenset(short_code(label.removeprefix(PREFIX)) for label in found)


def labels(folder: Path) -> tuple[str, ...]:
    """The labels in the model itself, which is loaded; sorted and without their prefix. Raises ModelError as `load` does."""
    return _labels(_model_file(folder)[0])


def _labels(file: Path) -> tuple[str, ...]:
    return tuple(sorted(label.removeprefix(PREFIX) for label in _open(file).getLabels("strict")[0]))


def _model_file(folder: Path) -> tuple[Path, tuple[str, ...]]:
    card = read_card(folder, LanguageIdCard)
    check_once(folder, card)  # fastText may crash the process on a damaged file
    files = [name for name in card.files if name.endswith((".bin", ".ftz"))]
    if len(files) != 1:
        raise ModelError(f"{folder}: needs exactly one fastText file (.bin or .ftz), but its card names {files}")
    return folder / files[0], card.languages


def _open(file: Path) -> Any:
    """The C++ object. Its `predict` and `getLabels` are the same in all Python packages of fastText; their wrappers differ."""
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # some packages print a notice for users of older versions
            model = fasttext.load_model(str(file)).f
        model.predict("\n", 1, 0.0, "strict")
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"{file}: {error}") from None
    return model

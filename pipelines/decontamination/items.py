"""Items of evaluation sets: what is asked, what the answers are, and the passage that it is asked about."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from curricle.errors import InputError, did_you_mean

NAMES = {
    "question": (
        *("question", "query", "problem", "question_stem", "sentence", "ctx", "goal", "prompt", "input", "instruction"),
        *("hypothesis", "inputs", "text", "soru"),
    ),
    "answer": (
        *("answer", "answers", "correct_answers", "correct_answer", "best_answer", "target", "targets", "solution"),
        *("canonical_solution", "code", "completion", "output", "answerKey", "answers_spans", "label", "cevap"),
    ),
    "passage": ("passage", "context", "article", "story", "premise", "background", "support", "paragraph"),
    "choices": ("choices", "options", "endings", "mc1_targets", "candidates", "secenekler"),
}
"""Part of an item -> columns that usually hold it, most telling first."""

CHOICE_COLUMNS = (("sol1", "sol2"), ("option1", "option2"), ("A", "B", "C", "D"), ("opa", "opb", "opc", "opd"))
"""Columns that hold one choice each."""

PARTS = tuple(NAMES)
LETTERS = "ABCDEFGHIJ"
INSIDE = ("text", "value", "aliases", "spans", "choices", "input")
"""Keys under which a structured answer or choice holds its texts."""


@dataclass(frozen=True)
class Item:
    """One item of an evaluation set; rows with the same question and passage are one item."""

    benchmark: str
    name: str  # <benchmark>#<number of its first row, from 1>
    question: str
    answers: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    passage: str = ""


Fields = Mapping[str, tuple[str, ...]]
"""Part of an item -> columns that hold it; none for a part that the rows lack."""


def parse_fields(text: str) -> dict[str, tuple[str, ...]]:
    """`question=prompt,answer=target` as a mapping. Raises InputError."""
    found: dict[str, tuple[str, ...]] = {}
    for pair in text.split(","):
        part, equals, column = (piece.strip() for piece in pair.partition("="))
        if not equals or not column:
            raise InputError(f"--fields: {pair!r} is not PART=COLUMN, such as question=prompt")
        if part not in PARTS:
            raise InputError(f"--fields: unknown part {part!r}{did_you_mean(part, PARTS)}")
        found[part] = (*found.get(part, ()), column)
    return found


def find_fields(columns: Iterable[str], named: Fields, where: str) -> dict[str, tuple[str, ...]]:
    """The columns of each part: those `named`, else those with a usual name. Raises InputError without one for the question."""
    known = list(columns)
    found = dict(named)
    for column in (column for names in named.values() for column in names):
        if column not in known:
            raise InputError(f"{where}: no field {column!r}{did_you_mean(column, known)}")
    taken = {column for names in found.values() for column in names}
    for part, usual in NAMES.items():
        if part not in found:
            found[part] = tuple([column for column in usual if column in known and column not in taken][:1])
            taken.update(found[part])
    if not found["choices"]:
        found["choices"] = next((names for names in CHOICE_COLUMNS if set(names) <= set(known)), ())
    if not found["question"]:
        raise InputError(f"{where}: no field for the question (fields: {', '.join(known)}); name it with --fields question=FIELD")
    return found


def make_item(benchmark: str, number: int, row: Mapping[str, Any], fields: Fields) -> Item | None:
    """The item of a row; None if it asks nothing."""
    texts = {part: [text for column in fields[part] for text in strings(row.get(column))] for part in PARTS}
    if not texts["question"]:
        return None
    choices, answers = texts["choices"], [_chosen(answer, texts["choices"]) for answer in texts["answer"]]
    if row.get("is_correct") is False:
        choices, answers = choices + answers, []
    return Item(
        benchmark,
        f"{benchmark}#{number}",
        "\n".join(texts["question"]),
        tuple(dict.fromkeys(answers)),
        tuple(dict.fromkeys(choices)),
        "\n".join(texts["passage"]),
    )


def strings(value: Any) -> list[str]:
    """The texts in a value: itself, those of a list, or those under a key of INSIDE; blank ones are left out."""
    if isinstance(value, str):
        return [value] if value.strip() else []
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    if isinstance(value, int | float):
        return [str(value)]
    if isinstance(value, Mapping):
        return [text for key in INSIDE if key in value for text in strings(value[key])]
    return [text for one in value for text in strings(one)] if isinstance(value, Iterable) else []


def _chosen(answer: str, choices: list[str]) -> str:
    """The choice that an answer names by letter or by its index; the answer itself if it names none."""
    number = LETTERS.find(answer) if len(answer) == 1 and answer in LETTERS else int(answer) if answer.isdecimal() else -1
    return choices[number] if 0 <= number < len(choices) and answer not in choices else answer


def merged(items: Iterable[Item]) -> list[Item]:
    """One item for each question and passage of a benchmark, with the answers and choices of all its rows."""
    found: dict[tuple[str, str, str], Item] = {}
    for item in items:
        key = (item.benchmark, item.question, item.passage)
        if before := found.get(key):
            item = replace(
                before,
                answers=tuple(dict.fromkeys(before.answers + item.answers)),
                choices=tuple(dict.fromkeys(before.choices + item.choices)),
            )
        found[key] = item
    return list(found.values())

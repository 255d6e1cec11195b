"""What documents are compared with: the words of all items as arrays, and the table of their n-grams.

A *part* is a text to find: a question, or an answer of many words. Items with the same question share its part. Passages and
short answers are not looked for, only looked at near a part that was found: a passage may be public text, and a short answer
stands everywhere.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curricle.pipelines.decontamination.items import Item
from curricle.pipelines.decontamination.matcher import fill_table, seed_hashes
from curricle.pipelines.decontamination.words import Words, find_words
from curricle.portable_math import log
from curricle.storage.whole_file import whole_file

SEED_WORDS = 5  # as in seeds.pxd; a shorter question is not looked for
SOLUTION_WORDS = 25  # an answer with as many words is a part of its own
ASK_WORDS = 5  # least words at the end of a question that must be there
QUOTED_WORDS = 10  # least words of a quotation that may be public text
LAST, OWN = 1, 2  # flags of words
MOST_PARTS = 32  # of an n-gram that serves as a seed; a more common one only where a part has no other
PRIOR_DOCUMENTS = 200  # documents that are assumed to be known, so that a small corpus does not make every word common
PRIOR_BITS = 10  # of a word in them
BIT_MAP = 4  # bits of the map for each seed

QUESTION, ANSWER, PASSAGE, PAIR = range(4)  # kinds of texts; a pair is a question of few words with one of its answers
PAIR_WORDS = 6  # a shorter question is also looked for together with each answer
CHOICE = re.compile(r"^\s*\(?[A-J][).:]\s*")
QUOTATION = re.compile(r"\"[^\"]+\"|“[^”]+”|„[^“”]+[“”]|«[^»]+»|「[^」]+」|(?m:^ *>.*$)")
SENTENCE_END = re.compile(r"[.!?:;。！？][\"'”’)\]]*\s+|[。！？]|\n+")

Hashes = npt.NDArray[np.uint64]
Integers = npt.NDArray[np.int32]
Flags = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ItemIndex:
    """Arrays; ranges are given by offsets with one more entry."""

    slots: Hashes  # open table of seeds; see matcher.pyx
    numbers: Integers  # seed in each slot
    bits: npt.NDArray[np.uint8]  # bit map of seeds
    postings: Offsets  # of seed s: parts[postings[s]:postings[s + 1]], and positions
    parts: Integers
    positions: Integers
    words: Hashes  # of part p: words[starts[p]:starts[p + 1]]
    starts: Offsets
    word_bits: npt.NDArray[np.float32]  # information of each of `words`
    kinds: Integers  # of each part: QUESTION, ANSWER or PAIR
    asked: Flags  # LAST and OWN for each of `words`
    part_items: Offsets  # of part p: item_numbers[part_items[p]:part_items[p + 1]]
    item_numbers: Integers
    near: Offsets  # of item i: texts near[i] to near[i + 1]
    near_kinds: Integers  # of each text: ANSWER or PASSAGE
    near_starts: Offsets
    near_words: Hashes
    near_bits: npt.NDArray[np.float32]

    def save(self, path: Path) -> None:
        """Write a NumPy archive, completely or not at all."""
        with whole_file(path) as part, part.open("wb") as file:
            np.savez(file, **{field.name: getattr(self, field.name) for field in fields(self)})


def load_index(path: Path) -> ItemIndex:
    """What `save` wrote."""
    with np.load(path) as arrays:
        return ItemIndex(**{name: arrays[name] for name in arrays.files})


def find_asked(texts: Sequence[str], words: Words) -> list[Flags]:
    """Flags of the words of each text: LAST in its last sentence, which has ASK_WORDS words or more if the text has them, and OWN
    outside long quotations. A text that is one long quotation has no OWN words.
    """
    found = []
    for number, text in enumerate(texts):
        own = slice(words.offsets[number], words.offsets[number + 1])
        starts = words.starts[own]
        flags = np.full(starts.size, OWN, np.uint8)
        for quotation in QUOTATION.finditer(text):
            first, end = np.searchsorted(starts, [len(text[:at].encode()) for at in quotation.span()]).tolist()
            if end - first >= QUOTED_WORDS:
                flags[first:end] = 0
        ask = max(0, starts.size - ASK_WORDS)
        breaks = [len(text[: found.end()].encode()) for found in SENTENCE_END.finditer(text)]
        begins = [position for position in np.searchsorted(starts, breaks).tolist() if position <= ask]
        flags[(begins[-1] if begins else 0 if breaks else ask) :] |= LAST
        found.append(flags)
    return found


def build_index(items: Sequence[Item], sample: Iterable[pa.Array]) -> ItemIndex:
    """The index of these items; words are weighed by how many items, and documents of `sample`, have them."""
    questions = [item.question for item in items]
    near_texts, near_kinds, near = [], [], [0]
    for item in items:
        answers = dict.fromkeys(CHOICE.sub("", text) for text in (*item.answers, *item.choices))
        near_texts += [*answers, *([item.passage] if item.passage else [])]
        near_kinds += [ANSWER] * len(answers) + [PASSAGE] * bool(item.passage)
        near.append(len(near_texts))
    question_words, near_words = find_words(pa.array(questions)), find_words(pa.array(near_texts, pa.string()))
    asked = find_asked(questions, question_words)
    found: dict[bytes, tuple[int, Flags, list[int]]] = {}  # words -> kind, flags, items
    for number, item in enumerate(items):
        own = question_words.of(number)
        if own.size >= SEED_WORDS:
            found.setdefault(own.tobytes(), (QUESTION, asked[number], []))[2].append(number)
        for text in range(near[number], near[number] + len({CHOICE.sub("", answer) for answer in item.answers})):
            answer = near_words.of(text)
            if answer.size >= SOLUTION_WORDS:
                found.setdefault(answer.tobytes(), (ANSWER, np.full(answer.size, LAST | OWN, np.uint8), []))[2].append(number)
            if 0 < own.size < PAIR_WORDS <= own.size + answer.size:
                pair = np.concatenate([own, answer])
                found.setdefault(pair.tobytes(), (PAIR, np.full(pair.size, LAST | OWN, np.uint8), []))[2].append(number)
    parts = [np.frombuffer(key, np.uint64) for key in found]
    words = np.concatenate([np.empty(0, np.uint64), *parts])
    starts = np.cumsum([0, *(part.size for part in parts)], dtype=np.int64)
    weigh = _weights([*parts, *(near_words.of(number) for number in range(len(near_texts)))], sample)
    part_items = [sorted(set(numbers)) for _, _, numbers in found.values()]
    return ItemIndex(
        **_seeds(words, starts),
        words=words,
        starts=starts,
        word_bits=_without_formulas(items, question_words, list(found.values()), parts, weigh(words), starts),
        kinds=np.array([kind for kind, _, _ in found.values()], np.int32),
        asked=np.concatenate([np.empty(0, np.uint8), *(flags for _, flags, _ in found.values())]),
        part_items=np.cumsum([0, *map(len, part_items)], dtype=np.int64),
        item_numbers=np.array([number for numbers in part_items for number in numbers], np.int32),
        near=np.array(near, np.int64),
        near_kinds=np.array(near_kinds, np.int32),
        near_starts=near_words.offsets,
        near_words=near_words.hashes,
        near_bits=weigh(near_words.hashes),
    )


def _weights(texts: Sequence[Hashes], sample: Iterable[pa.Array]) -> Any:
    """A function from words of `texts` to bits: minus log2 of the share of texts and sampled documents that have the word."""
    distinct = [np.unique(text) for text in texts]
    known, counts = np.unique(np.concatenate([np.empty(0, np.uint64), *distinct]), return_counts=True)
    documents = len(texts)
    counts = counts.astype(np.float64)
    for batch in sample:
        found = find_words(batch)
        for number in range(len(batch)):
            own = np.unique(found.of(number))
            at = np.searchsorted(known, own)
            at = at[at < known.size]
            counts[at[known[at] == own[: at.size]]] += 1
        documents += len(batch)
    share = (counts + PRIOR_DOCUMENTS / 2**PRIOR_BITS) / (documents + PRIOR_DOCUMENTS)
    bits = (-log(share) / log(np.array([2.0]))).astype(np.float32)
    return lambda words: bits[np.searchsorted(known, words)]


def _without_formulas(
    items: Sequence[Item],
    questions: Words,
    found: Sequence[tuple[int, Flags, list[int]]],
    parts: Sequence[Hashes],
    bits: npt.NDArray[np.float32],
    starts: Offsets,
) -> npt.NDArray[np.float32]:
    """Lower the bits of words that are common in the questions of a benchmark with passages, such as `the above statement`."""
    groups: dict[str, list[Hashes]] = {}
    for number, item in enumerate(items):
        if item.passage:
            groups.setdefault(item.benchmark, []).append(questions.of(number))
    weigh = {benchmark: _weights(group, ()) for benchmark, group in groups.items()}
    for number, (kind, _, numbers) in enumerate(found):
        if kind == QUESTION and items[numbers[0]].passage:
            own = slice(starts[number], starts[number + 1])
            bits[own] = np.minimum(bits[own], weigh[items[numbers[0]].benchmark](parts[number]))
    return bits


def _seeds(words: Hashes, starts: Offsets) -> dict[str, Any]:
    """The table of n-grams: those with few parts, and of a part that has none of these its rarest."""
    hashes, part, position = [np.empty(0, np.uint64)], [np.empty(0, np.int32)], [np.empty(0, np.int32)]
    for number in range(starts.size - 1):
        own = seed_hashes(words[starts[number] : starts[number + 1]])
        hashes.append(own)
        part.append(np.full(own.size, number, np.int32))
        position.append(np.arange(own.size, dtype=np.int32))
    seed, owner, place = np.concatenate(hashes), np.concatenate(part), np.concatenate(position)
    distinct, which, counts = np.unique(seed, return_inverse=True, return_counts=True)
    common = counts[which]
    taken = common <= MOST_PARTS
    first = np.searchsorted(owner, np.arange(starts.size - 1))
    lowest = np.minimum.reduceat(common, first) if common.size else common
    needed = np.flatnonzero(lowest > MOST_PARTS)
    for number in needed.tolist():
        start, end = np.searchsorted(owner, [number, number + 1]).tolist()
        taken[start + int(np.argmin(common[start:end]))] = True
    order = np.flatnonzero(taken)
    order = order[np.argsort(which[order], kind="stable")]
    kept, sizes = np.unique(which[order], return_counts=True)
    seeds = distinct[kept]
    slots, bits = (1 << max(4, int(seeds.size * factor).bit_length()) for factor in (2, BIT_MAP / 8))
    table, numbers, bit_map = np.zeros(slots, np.uint64), np.zeros(slots, np.int32), np.zeros(bits, np.uint8)
    fill_table(seeds, table, numbers, bit_map)
    return {
        "slots": table,
        "numbers": numbers,
        "bits": bit_map,
        "postings": np.cumsum([0, *sizes], dtype=np.int64),
        "parts": owner[order],
        "positions": place[order],
    }

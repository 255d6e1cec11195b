"""ARPA files: the text format of back-off models, written as lmplz writes it (byte for byte, for a model estimated here) and
read back.

Plain, or gzip (`.gz`). Numbers are the shortest decimals that give the same float32 again.
"""

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from curricle.models.kenlm.ngrams import (
    F32,
    MAX_ORDER,
    MIN_ORDER,
    SPECIALS,
    U32,
    NgramModel,
    NgramOrder,
    check_words,
    context_rows,
)
from curricle.models.kenlm.train.arpa_lines import LINE_ERRORS, Vocabulary, fill_ranges, parse_lines
from curricle.models.kenlm.train.counting import sort_rows

from curricle.storage.whole_file import whole_file

WRITE_ROWS = 1 << 18
READ_BYTES = 1 << 24
MISSING_UNK = -100.0  # KenLM's log10 probability of <unk> where a file has none


class ArpaError(ValueError):
    """No ARPA file, a damaged one, or one that cannot be held: one line with the file and the place."""


def write_arpa(model: NgramModel, path: Path) -> None:
    """Write `model` to `path` (gzip where it ends in .gz), whole or not at all. Raises OSError."""
    with whole_file(path) as part, part.open("wb") as raw:
        if path.suffix == ".gz":
            with gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as packed:
                _write(model, cast(IO[bytes], packed))
        else:
            _write(model, raw)


def _write(model: NgramModel, file: IO[bytes]) -> None:
    counts = "".join(f"ngram {order}={count}\n" for order, count in enumerate(model.counts, 1))
    file.write(f"\\data\\\n{counts}\n".encode())
    for order, level in enumerate(model.orders, 1):
        file.write(f"\\{order}-grams:\n".encode())
        for start in range(0, len(level.word), WRITE_ROWS):
            stop = start + WRITE_ROWS
            ids = model.ids(order, start, stop)
            words = [model.words.take(pa.array(ids[:, column])) for column in range(order)]
            fields = [_decimals(level.log10_prob[start:stop]), pc.binary_join_element_wise(*words, " ")]
            if len(level.log10_backoff):
                fields.append(_decimals(level.log10_backoff[start:stop]))
            lines = pc.binary_join_element_wise(
                *(field.cast(pa.large_string()) for field in fields), pa.scalar("\t", pa.large_string())
            )
            _, offsets, data = lines.buffers()
            ends = np.frombuffer(offsets, np.int64)[1 : len(lines) + 1]
            file.write(np.insert(np.frombuffer(data, np.uint8)[: ends[-1]], ends, ord("\n")).data)
        file.write(b"\n")
    file.write(b"\\end\\\n")


def _decimals(values: F32) -> pa.Array:
    return pc.cast(pa.array(values), pa.string())


@dataclass
class _Lines:
    """Bytes of a file in pieces: `data[at:]` is not yet used."""

    path: Path
    file: IO[bytes]
    data: bytes = b""
    at: int = 0

    def more(self) -> bool:
        """Read on, keeping what is not yet used; False at the end of the file."""
        try:
            new = self.file.read(READ_BYTES)
        except (EOFError, gzip.BadGzipFile) as error:
            raise ArpaError(f"{self.path}: {error}") from None
        self.data, self.at = self.data[self.at :] + new, 0
        return bool(new)

    def line(self) -> str:
        """The next line that is not empty, without its end."""
        while True:
            end = self.data.find(b"\n", self.at)
            if end < 0 and self.more():
                continue
            if end < 0:
                raise ArpaError(f"{self.path} ends too early")
            line = self.data[self.at : end].decode(errors="replace").strip()
            self.at = end + 1
            if line:
                return line


def read_arpa(path: Path) -> NgramModel:
    """The model in an ARPA file, plain or gzip (told by its first bytes). It has no counts, so it cannot be packed.

    <unk>, <s>, </s> get the ids 0, 1, 2, the other words follow in the file's order; an absent <unk> gets KenLM's -100. Lines
    before `\\data\\` are
    skipped. Raises ArpaError, also for n-grams whose suffix or context is missing: KenLM itself reads such files, which SRILM
    writes.
    """
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
    opened = cast(IO[bytes], gzip.open(path, "rb") if packed else path.open("rb"))  # noqa: SIM115  closed below
    with opened as file:
        lines = _Lines(path, file)
        while (line := lines.line()) != "\\data\\":
            if not line.startswith("#") and not line.isprintable():
                raise ArpaError(f"{path} is not an ARPA file")
        return _read(lines)


def _read(lines: _Lines) -> NgramModel:
    counts: list[int] = []
    while (line := lines.line()).startswith("ngram "):
        label, _, number = line[6:].partition("=")
        if not number.strip().isdigit() or label.strip() != str(len(counts) + 1):
            raise ArpaError(f"{lines.path}: not a count: {line!r}")
        counts.append(int(number))
    if not MIN_ORDER <= len(counts) <= MAX_ORDER:
        raise ArpaError(f"{lines.path}: order {len(counts)} is not in {MIN_ORDER}..{MAX_ORDER}")
    words, orders = None, list[NgramOrder]()
    lower = np.empty((0, 0), np.uint32)
    for order, count in enumerate(counts, 1):
        if line != f"\\{order}-grams:":
            raise ArpaError(f"{lines.path}: {line!r} stands where \\{order}-grams: should")
        if words is None:
            words, prob, backoff = _unigrams(lines, count)
            vocabulary = Vocabulary(words)
            ids = np.arange(len(words), dtype=np.uint32)[:, None]
            begin = np.array([0, len(words)], np.uint32)
        else:
            ids, prob, backoff = _sorted(*_ngrams(lines, order, count, vocabulary, order < len(counts)))
            begin = np.empty(len(lower) + 1, np.uint32)
            if (row := fill_ranges(ids, lower, begin)) >= 0:
                gram = " ".join(words.take(pa.array(ids[row])).to_pylist())
                raise ArpaError(f"{lines.path}: the {order}-gram {gram!r} is there twice, or without its last {order - 1} words")
        orders.append(NgramOrder(ids[:, 0].copy(), begin, ids[:0, 0], ids[:0, 0], prob, backoff))
        lower = ids
        line = lines.line()
    if line != "\\end\\" or words is None:
        raise ArpaError(f"{lines.path}: {line!r} stands where \\end\\ should")
    try:
        for _ in context_rows(orders):
            pass
    except ValueError as error:
        raise ArpaError(f"{lines.path}: {error}") from None
    return NgramModel(words, tuple(orders))


def _unigrams(lines: _Lines, count: int) -> tuple[pa.StringArray, F32, F32]:
    found: dict[str, tuple[float, float]] = {}
    for _ in range(count):
        line = lines.line().split("\t")
        try:
            prob, backoff = float(line[0]), float(line[2]) if len(line) > 2 else 0.0
            if prob > 0 or len(line) > 3 or line[1] in found:
                raise ValueError
            found["<unk>" if line[1] == "<UNK>" else line[1]] = prob, backoff
        except (ValueError, IndexError):
            raise ArpaError(f"{lines.path}: not a 1-gram, or there twice: {' '.join(line)!r}") from None
    specials = {"<unk>": found.get("<unk>", (MISSING_UNK, 0.0))}
    for mark in SPECIALS[1:]:
        if mark not in found:
            raise ArpaError(f"{lines.path}: no {mark} among its 1-grams")
        specials[mark] = found[mark]
    numbers = np.array(
        list((specials | {word: pair for word, pair in found.items() if word not in specials}).values()), np.float32
    )
    words = [*specials, *(word for word in found if word not in specials)]
    try:
        return check_words(words), numbers[:, 0].copy(), numbers[:, 1].copy()
    except ValueError as error:
        raise ArpaError(f"{lines.path}: {error}") from None


def _ngrams(lines: _Lines, order: int, count: int, vocabulary: Vocabulary, middle: bool) -> tuple[U32, F32, F32]:
    ids, prob = np.empty((count, order), np.uint32), np.empty(count, np.float32)
    backoff = np.empty(count if middle else 0, np.float32)
    filled, state = 0, np.zeros(3, np.int64)
    while filled < count:
        state[0] = lines.at
        parse_lines(np.frombuffer(lines.data, np.uint8), vocabulary.keys, vocabulary.values, ids, prob, backoff, state)
        lines.at, filled, error = state.tolist()
        if error:
            raise ArpaError(f"{lines.path}: line {filled + 1} of its {order}-grams {LINE_ERRORS[error]}: {lines.line()!r}")
        if filled < count and not lines.more():
            raise ArpaError(f"{lines.path} ends too early: {filled} of {count} {order}-grams")
    return ids, prob, backoff


def _sorted(ids: U32, prob: F32, backoff: F32) -> tuple[U32, F32, F32]:
    """Rows in suffix order."""
    rows = np.empty((len(ids), ids.shape[1] + 1), np.uint64)
    rows[:, :-1], rows[:, -1] = ids[:, ::-1], np.arange(len(ids))
    rows = sort_rows(rows, [*[int(ids.max(initial=1)).bit_length()] * ids.shape[1], 0])
    order = rows[:, -1].astype(np.int64)
    return ids[order], prob[order], backoff[order] if len(backoff) else backoff

"""Adds KenLM files made elsewhere: reads their header, checks that tokenizer and profile fit, and makes the model folder.

Formats: kpu/kenlm lm/binary_format.hh (probing, trie, quantized trie; one header for all) and ARPA, plain or gzip.
"""

import gzip
import mmap
import shutil
import struct
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Literal, cast

import numpy as np
import pyarrow as pa
import sentencepiece
from pydantic import Field, ValidationError

from curricle.models.cards import ModelError, file_sha256, write_card
from curricle.models.get.registry import MODEL_NAME
from curricle.models.kenlm.binary import hash_words
from curricle.models.kenlm.card import WORDS, KenlmCard
from curricle.models.kenlm.model import Kenlm, load
from curricle.models.kenlm.table import SANITY
from curricle.schemas.categories import Category
from curricle.schemas.config import Config, explain_error

NEEDS_PIECES = frozenset({"ccnet", "edugp", "datatrove"})
NEEDS_WORDS = frozenset({"oscar-harmful"})

FOREIGN_PIECES = 0.3
"""A SentencePiece file belongs to another model if the model knows less than this share of its pieces. Measured on eleven starter
models with each other's files: 0.86 to 1 for the right file, 0.02 to 0.25 for that of another language.
"""
DOUBTFUL_PIECES = 0.8

_MAGIC = b"mmap lm http://kheafield.com/code format version "
_HEADER = struct.Struct("<B3xfIB3xI")  # order, buckets per entry, model type, whether it has its words, version of the type
_MODEL_TYPES = 6
_HEAD_BYTES = 1 << 16

Notify = Callable[[str], None]


class AddConfig(Config):
    """What the user says about a model made elsewhere; the fields are those of its card."""

    name: str = Field(pattern=f"^{MODEL_NAME}$")
    language: str
    role: Literal["clean", "harmful"]
    profile: str
    category: Category = ""
    unit: Literal["document", "line"] = "document"
    licence: str = "not stated"
    source: str = ""


def file_name(path: Path) -> str:
    """Name of a KenLM file in a model folder, by its first bytes. Raises ModelError if it is not a KenLM file."""
    with path.open("rb") as file:
        first = file.read(_HEAD_BYTES)
    if first.startswith(_MAGIC):
        return "model.bin"
    if first.startswith(b"\x1f\x8b"):
        return "model.arpa.gz"
    if b"\\data\\" in first:
        return "model.arpa"
    raise ModelError(f"{path} is not a KenLM file: neither a binary (probing or trie) nor an ARPA file (plain or gzip)")


def ngram_counts(path: Path) -> tuple[int, ...]:
    """Number of n-grams of each order, from a KenLM file's header. Raises ModelError if that cannot be read."""
    kind = file_name(path)
    try:
        if kind == "model.bin":
            return _binary_counts(path)
        opened = cast(IO[bytes], gzip.open(path, "rb") if kind.endswith(".gz") else path.open("rb"))  # noqa: SIM115  closed below
        with opened as file:
            return _arpa_counts(path, file.read(_HEAD_BYTES))
    except (EOFError, OSError, zlib.error, struct.error) as error:
        raise ModelError(f"{path} is damaged or cut short: {error}") from None


def _binary_counts(path: Path) -> tuple[int, ...]:
    with path.open("rb") as file:
        if file.read(len(SANITY)) != SANITY:
            raise ModelError(
                f"{path}: it is a KenLM binary of another version or processor type; make it again with build_binary"
            )
        order, _, kind, _, _ = _HEADER.unpack(file.read(_HEADER.size))
        if order < 2 or kind >= _MODEL_TYPES:
            raise ModelError(f"{path}: KenLM has no order {order} with model type {kind}")
        return struct.unpack(f"<{order}Q", file.read(8 * order))


def _check_words(path: Path, count: int) -> None:
    """Raise ModelError if the words at the end of a binary (<unk> first) are cut short: KenLM itself does not read them."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        if not _HEADER.unpack_from(mapped, len(SANITY))[3]:
            return  # it was made without its words
        at, found = len(mapped), 0
        while found < count and (at := mapped.rfind(b"<unk>\0", 0, at)) >= 0:
            found = mapped[at:].count(0)
        if found != count or mapped[-1] != 0:
            raise ModelError(f"{path} is cut short: it does not end with its {count:,} words")


def _arpa_counts(path: Path, head: bytes) -> tuple[int, ...]:
    _, found, rest = head.partition(b"\\data\\")
    counts: list[int] = []
    for line in rest.decode(errors="replace").split("\n")[1:]:
        if line.startswith("ngram ") and line.partition("=")[2].strip().isdigit():
            counts.append(int(line.partition("=")[2]))
        elif line.strip():
            break
    if not found or len(counts) < 2:
        raise ModelError(f"{path} is not an ARPA file of order 2 or more")
    return tuple(counts)


def check_profile(profile: str, tokenizer: str) -> None:
    """Raise ModelError if models of this profile never read such tokens."""
    if profile in NEEDS_PIECES and tokenizer == WORDS:
        raise ModelError(
            f"models of the profile {profile} read SentencePiece pieces, not words; name their SentencePiece model "
            "(--sentencepiece FILE)"
        )
    if profile in NEEDS_WORDS and tokenizer != WORDS:
        raise ModelError(f"models of the profile {profile} read words, not SentencePiece pieces")


def finish_folder(folder: Path, card: KenlmCard, notify: Notify) -> None:
    """Write `card` into `folder`, load the model, and compare tokenizer and vocabulary. Raises ModelError if they do not fit."""
    check_profile(card.profile, card.tokenizer)
    write_card(folder, card)
    try:
        model = load.__wrapped__(folder)  # not the cached one: another model may have been in this folder
        has = _vocabulary(model)
        if card.model == "model.bin":
            _check_words(folder / card.model, card.ngrams[0])
    except (EOFError, OSError, zlib.error) as error:
        raise ModelError(f"{folder / card.model} is damaged or cut short: {error}") from None
    if card.tokenizer == WORDS:
        if has(["▁"])[0]:
            raise ModelError(f"{card.name} was trained on SentencePiece pieces (it knows ▁), not on words")
        return
    pieces = _pieces(folder / card.tokenizer)
    share = float(np.mean(has(pieces))) if pieces else 0.0
    if share < FOREIGN_PIECES:
        raise ModelError(
            f"{card.name} knows {share:.0%} of the pieces of {card.tokenizer}: it was trained with another tokenizer"
        )
    if share < DOUBTFUL_PIECES:
        notify(f"{card.name} knows only {share:.0%} of the pieces of {card.tokenizer}: is it the file it was trained with?")


def _vocabulary(model: Kenlm) -> Callable[[list[str]], list[bool]]:
    if (table := model.table) is not None:
        return lambda words: list(table.ids(hash_words(pa.array(words, pa.string()))) != 0)
    return lambda words: [word in model.kenlm for word in words]


def _pieces(path: Path) -> list[str]:
    model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    special = (model.is_control, model.is_unknown, model.is_unused, model.is_byte)
    return [model.id_to_piece(i) for i in range(model.get_piece_size()) if not any(test(i) for test in special)]


def add(
    file: Path, output: Path, config: AddConfig, sentencepiece_file: Path | None, notify: Notify = lambda _: None
) -> KenlmCard:
    """Make the model folder `output` (which must not exist) from a KenLM file, whole or not at all; returns its card.

    `sentencepiece_file` None: the model reads words. `notify` receives warnings. Raises ModelError.
    """
    tokenizer = WORDS if sentencepiece_file is None else "sp.model"
    check_profile(config.profile, tokenizer)
    if output.exists():
        raise ModelError(f"{output} already exists")
    name, counts = file_name(file), ngram_counts(file)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as scratch:
            folder = Path(scratch) / "model"
            folder.mkdir()
            shutil.copyfile(file, folder / name)
            if sentencepiece_file is not None:
                shutil.copyfile(sentencepiece_file, folder / tokenizer)
            card = KenlmCard(
                name=config.name,
                version="1",
                licence=config.licence,
                source=config.source or file.name,
                languages=(config.language,),
                files={part: file_sha256(folder / part) for part in sorted({name, tokenizer} - {WORDS})},
                role=config.role,
                category=config.category,
                profile=config.profile,
                tokenizer=tokenizer,
                unit=config.unit,
                model=name,
                order=len(counts),
                ngrams=counts,
            )
            finish_folder(folder, card, notify)
            folder.rename(output)
    except ModelError as error:
        raise ModelError(str(error).replace(f"{folder}/{name}", str(file))) from None
    except ValidationError as error:
        raise ModelError(explain_error(error, KenlmCard, "add")) from None
    except OSError as error:
        raise ModelError(f"{output} cannot be written: {error.strerror or error}") from None
    return card

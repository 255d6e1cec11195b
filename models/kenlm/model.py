"""Loads a KenLM model folder: the mapped file, its card and its tokenizer.

A compact or compressed file is unpacked once per machine into the user's cache, under the hash of the unpacked file, if the card
states it and so it can be checked, else under that of the packed file.
"""

import fcntl
import gzip
import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import kenlm

from curricle.models.cards import ModelError, check_files, file_sha256, read_card
from curricle.models.catalog import cache_folder, check_cache, own_cache_folder
from curricle.models.checked_files import check_once, has_sha256, is_as_noted, note_sha256
from curricle.models.kenlm.card import WORDS, KenlmCard
from curricle.models.kenlm.table import ProbingTable, map_table
from curricle.models.kenlm.tokenizer import SentencePiece, Tokenizer, Words
from curricle.storage.whole_file import whole_file

COMPACT = ".compact"
LOG = logging.getLogger(__name__)

_sentencepiece_models: dict[tuple[str, bool], SentencePiece] = {}
_lock = Lock()
"""By the hash of the file and `per_word`, guarded by the lock. The models of a language have copies of one SentencePiece file;
they share one loaded model and the words it remembers.
"""


@dataclass(frozen=True, eq=False)
class Kenlm:
    """One model. `table` is None if the file is not a probing binary (ARPA, trie): `kenlm` then scores it, more slowly."""

    folder: Path
    card: KenlmCard
    path: Path
    table: ProbingTable | None
    tokenizer: Tokenizer

    @cached_property
    def kenlm(self) -> Any:
        """The same file, mapped by `kenlm` itself. Raises ModelError if it cannot read the file."""
        config = kenlm.Config()
        config.load_method = kenlm.LoadMethod.LAZY
        config.arpa_complain = kenlm.ARPALoadComplain.NONE
        config.show_progress = False
        try:
            return kenlm.Model(str(self.path), config)
        except OSError as error:
            raise ModelError(f"{self.path}: KenLM cannot read it: {error}") from None


@cache
def load(folder: Path) -> Kenlm:
    """The model in `folder`; the same object for every call in this process.

    The hash of each file is compared when it is first seen on this machine, and again if anything about the file has changed.
    Raises ModelError if a file is missing or not what the card says.
    """
    card = read_card(folder, KenlmCard)
    check_once(folder, card)
    path = model_path(folder, card)
    model = Kenlm(folder, card, path, map_table(path), _tokenizer(folder, card))
    order = model.table.order if model.table is not None else model.kenlm.order
    if order != card.order:
        raise ModelError(f"{path}: its order is {order}, but the card says {card.order}")
    return model


def model_path(folder: Path, card: KenlmCard) -> Path:
    """A file that can be mapped: the model itself, or what it was unpacked to."""
    packed = folder / card.model
    if card.model.endswith(COMPACT):
        return _unpacked(packed, card.files[card.model], "model.bin", _uncompact, card.unpacked_sha256)
    if card.model.endswith(".gz"):
        return _unpacked(packed, card.files[card.model], "model.arpa", _gunzip)
    return packed


def _unpacked(packed: Path, sha256: str, name: str, write: Callable[[Path, Path], None], unpacked_sha256: str = "") -> Path:
    """`packed` as written by `write` to the cache: one process writes, the others wait; never half a file.

    A file there that is not as it was written is written again, and a warning says so.
    """
    path = cache_folder() / "unpacked" / (unpacked_sha256 or sha256) / name
    if path.is_file() and _is_whole(path, unpacked_sha256):
        check_cache()
        return path
    if not has_sha256(packed, sha256):
        raise ModelError(f"{packed}: its SHA-256 is not the one on its card, {sha256[:12]}...; the file is damaged")
    try:
        folder = own_cache_folder("unpacked", unpacked_sha256 or sha256)
        with (folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            there = path.is_file()
            if not there or not _is_whole(path, unpacked_sha256):
                if there:
                    LOG.warning("%s: was changed or damaged; it is unpacked again", path)
                with whole_file(path) as part:
                    write(packed, part)
                    found = file_sha256(part)
                    if unpacked_sha256 and found != unpacked_sha256:
                        raise ModelError(
                            f"{packed}: the unpacked model has SHA-256 {found[:12]}..., the card says {unpacked_sha256[:12]}...; "
                            "the model was made by another version of curricle, or this installation is damaged"
                        )
                    part.chmod(0o600)
                note_sha256(path, found)
    except OSError as error:
        raise ModelError(f"{packed} cannot be unpacked into {path.parent}: {error.strerror or error}") from None
    return path


def _is_whole(path: Path, sha256: str) -> bool:
    """Whether an unpacked file has this hash; without one, whether it has not changed since it was written."""
    return has_sha256(path, sha256) if sha256 else is_as_noted(path)


def _uncompact(packed: Path, path: Path) -> None:
    from curricle.models.kenlm.compact import unpack

    unpack(packed, path)


def _gunzip(packed: Path, path: Path) -> None:
    with gzip.open(packed, "rb") as source, path.open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)


def _tokenizer(folder: Path, card: KenlmCard) -> Tokenizer:
    if card.tokenizer == WORDS:
        return Words()
    path = folder / card.tokenizer
    with _lock:
        key = card.files[card.tokenizer], card.rules.per_word
        if key not in _sentencepiece_models:
            _sentencepiece_models[key] = SentencePiece(path, per_word=card.rules.per_word)
        return _sentencepiece_models[key]


def verify(folder: Path) -> KenlmCard:
    """Check every file's hash and load the model. Raises ModelError for the first problem."""
    card = read_card(folder, KenlmCard)
    check_files(folder, card)
    load(folder)
    return card

"""Lists of millions of domains as two sorted arrays that all workers map.

A domain or URL, and its canonical form, is stored as its XXH3-64, seeded by its kind, and the number of its rule: 20 bytes an
entry, and no string. The chance that a lookup hits another string's hash is entries / 2**64: 5e-13 with 5 million entries. Over a
billion URLs with eight lookups each, the chance that a single one is blocked wrongly is below one in two hundred.
"""

import logging
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson
from xxhash import xxh3_64_intdigest

from curricle.models.cards import CARD, Card, ModelError, file_sha256, read_card, write_card
from curricle.models.catalog import own_cache_folder
from curricle.models.checked_files import check_once
from curricle.stages.url_rules.canonical import canonical
from curricle.stages.url_rules.lists import PREFIX, ListFile, content_sha256, list_files
from curricle.stages.url_rules.words import normalise

LOG = logging.getLogger(__name__)

VERSION = "2"  # of the files' layout
SEEDS = {"domains": 0, "urls": 1, "hosts": 2, "pages": 3}
"""Kinds of strings: entries as they are written, and their canonical forms."""
HASHES, RULES, NAMES, WORDS = "hashes.npy", "rules.npy", "rules.json", "words.json"


def compile_lists(paths: Mapping[str, Sequence[str]]) -> Path:
    """A folder in the user's cache with the compiled lists and a card, made when these contents are first seen.

    Raises ModelError if a list is missing or cannot be read, or the cache cannot be written.
    """
    files = list_files(paths)
    try:
        key = f"url-rules-{content_sha256(files)[:32]}-{VERSION}"
        folder = own_cache_folder("url_rules") / key
        if (folder / CARD).is_file() and not _is_whole(folder):
            LOG.warning("%s: was changed or damaged; the lists are compiled again", folder)
            damaged = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}")
            folder.rename(damaged)
            shutil.rmtree(damaged, ignore_errors=True)
        if not (folder / CARD).is_file():
            _commit(files, folder)
    except OSError as error:
        raise ModelError(f"url_rules: {error}") from None
    return folder


def _is_whole(folder: Path) -> bool:
    try:
        check_once(folder, read_card(folder, Card))
    except ModelError:
        return False
    return True


def _commit(files: Sequence[ListFile], folder: Path) -> None:
    """Write beside `folder`, then rename: two processes at once end with one complete folder."""
    attempt = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}")
    attempt.mkdir(parents=True)
    try:
        _write(files, attempt, folder.name)
        try:
            attempt.rename(folder)
        except OSError:
            if not (folder / CARD).is_file():
                raise
    finally:
        shutil.rmtree(attempt, ignore_errors=True)


def _write(files: Sequence[ListFile], folder: Path, name: str) -> None:
    hashes, rules = hash_entries(files)
    np.save(folder / HASHES, hashes)
    np.save(folder / RULES, rules)
    (folder / NAMES).write_bytes(orjson.dumps([file.rule for file in files]))
    words: dict[str, dict[str, str]] = {"words": {}, "soft_words": {}, "subwords": {}}
    for file in files:
        if file.kind in words:
            for entry in file.entries():
                if word := normalise(entry.decode("utf-8", "replace")):
                    words[file.kind].setdefault(word, file.rule)
    (folder / WORDS).write_bytes(orjson.dumps(words))
    card = Card(
        name=name,
        kind="url-rules",
        version=VERSION,
        licence="that of the lists",
        source=", ".join(file.rule for file in files),
        languages=("*",),
        files={file: file_sha256(folder / file) for file in (HASHES, RULES, NAMES, WORDS)},
    )
    write_card(folder, card)


def hash_entries(files: Sequence[ListFile]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint16]]:
    """Sorted distinct hashes of all domains and URLs, and for each the number in `files` of the first list that contains it."""
    if len(files) > np.iinfo(np.uint16).max:
        raise ModelError(f"url_rules: {len(files)} lists are too many: at most {np.iinfo(np.uint16).max:,} are possible")
    parts = [np.fromiter(_hashes(file), np.uint64) for file in files]
    rules = np.repeat(np.arange(len(files), dtype=np.uint16), [len(part) for part in parts])
    hashes = np.concatenate(parts)
    order = np.argsort(hashes, kind="stable")
    hashes = hashes[order]
    first = np.ones(len(hashes), dtype=bool)
    np.not_equal(hashes[1:], hashes[:-1], out=first[1:])
    return hashes[first], rules[order[first]]


def _hashes(file: ListFile) -> Iterator[int]:
    """Of each entry as it is written, and of its canonical form."""
    if file.kind not in SEEDS:
        return
    for entry in file.entries():
        yield xxh3_64_intdigest(entry, SEEDS[file.kind])
        if found := canonical(entry.decode("utf-8", "replace")):
            if file.kind == "domains":
                yield xxh3_64_intdigest(found.host.encode(), SEEDS["hosts"])
            else:
                yield xxh3_64_intdigest((found.page + found.query).encode(), SEEDS["pages"])


class EntryTable:
    """The compiled domains and URLs, mapped into memory."""

    def __init__(self, folder: Path) -> None:
        self.hashes = np.load(folder / HASHES, mmap_mode="r")
        self.rules = np.load(folder / RULES, mmap_mode="r")
        self.names: list[str] = orjson.loads((folder / NAMES).read_bytes())

    def has(self, kind: str) -> bool:
        """Whether a list has entries of this kind."""
        listed = PREFIX["domains" if kind in ("domains", "hosts") else "urls"]
        return any(name.startswith(f"{listed}:") for name in self.names)

    def find(self, kind: str, strings: Sequence[str]) -> list[str | None]:
        """For each string the rule of the list of this kind that contains it."""
        if not len(self.hashes) or not strings:
            return [None] * len(strings)
        seed = SEEDS[kind]
        wanted = np.fromiter((xxh3_64_intdigest(string.encode(), seed) for string in strings), np.uint64, len(strings))
        order = np.argsort(wanted)  # neighbors in the table are in the processor's cache: half the time
        at = np.empty(len(wanted), np.intp)
        at[order] = np.minimum(np.searchsorted(self.hashes, wanted[order]), len(self.hashes) - 1)
        found: list[str | None] = [None] * len(strings)
        for row in np.flatnonzero(self.hashes[at] == wanted):
            found[row] = self.names[self.rules[at[row]]]
        return found

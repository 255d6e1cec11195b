"""Downloads a known model into the cache: checks it, writes its card, and moves it in complete, once for all processes."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from curricle.models.cards import CARD, Card, ModelError, file_sha256, write_card
from curricle.models.catalog import model_cache
from curricle.models.get.download import Progress, Retry, download
from curricle.models.get.registry import AnyKnown, KnownKenlm, KnownLanguageId

Say = Callable[[str], None]


def pull(
    entry: AnyKnown,
    *,
    offline: bool = False,
    force: bool = False,
    progress: Progress = lambda *_: None,
    say: Say = lambda _: None,
    retry: Retry | None = None,
) -> Path:
    """The folder of `entry` in the cache, downloaded if it does not exist yet (or with `force`).

    With `offline` (or HF_HUB_OFFLINE), no connection is opened and missing files are an error. After a failure, correct files are
    kept for the next call. `say` is called with messages for the user. Raises ModelError, one line.
    """
    offline = offline or os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
    folder = model_cache() / entry.name
    try:
        with _alone(folder, say):
            if (folder / CARD).is_file() and not force:
                say(f"{folder} already exists")
                return folder
            scratch = folder.with_name(f".{entry.name}.part")
            if force:
                shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir(exist_ok=True)
            try:
                version = _fetch(entry, scratch, offline, force, progress, retry)
            except ModelError:
                with contextlib.suppress(OSError):
                    scratch.rmdir()  # if nothing was downloaded
                raise
            try:
                _finish(entry, scratch, version, say)
            except ModelError:
                shutil.rmtree(scratch)
                raise
            _move_in(scratch, folder)
    except OSError as error:
        raise ModelError(f"{entry.name} cannot be written to {folder}: {error.strerror or error}") from None
    return folder


@contextlib.contextmanager
def _alone(folder: Path, say: Say) -> Iterator[None]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f".{folder.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another process is pulling {folder.name}; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(entry: AnyKnown, scratch: Path, offline: bool, force: bool, progress: Progress, retry: Retry | None) -> str:
    """Download all files. Returns their version: the hub's commit, or the date of the newest file."""
    urls = {name: file for name, file in entry.files.items() if file.url and not (scratch / name).is_file()}
    if offline and urls:
        missing = ", ".join(file.url for file in urls.values())
        raise ModelError(f"{entry.name} cannot be downloaded with --offline; missing in {scratch.parent}: {missing}")
    days = [
        download(file.url, scratch / name, sha256=file.sha256, size=file.size, progress=progress, retry=retry)
        for name, file in urls.items()
    ]
    if entry.hub:
        from curricle.models.get.hub import fetch

        return fetch(entry, scratch, offline=offline, force=force)
    return max(days, default="")


def _finish(entry: AnyKnown, scratch: Path, version: str, say: Say) -> None:
    """Write the card of the downloaded model, and check that the model loads."""
    files = sorted(path.relative_to(scratch).as_posix() for path in scratch.rglob("*") if path.is_file())
    hashes = {name: file_sha256(scratch / name) for name in files if name != CARD}
    where = f"https://huggingface.co/{entry.hub}" if entry.hub else ", ".join(file.url for file in entry.files.values())
    card = Card(
        name=entry.name,
        kind=entry.kind,
        version=version or "not stated",
        licence=entry.licence,
        source=f"{entry.source}; {where}",
        languages=entry.languages,
        files=hashes,
    )
    for name, sha256 in hashes.items():
        published = name in entry.files and entry.files[name].sha256
        say(f"{name}: SHA-256 {sha256}, " + ("as published" if published else "written into the card: none is published"))
    if isinstance(entry, KnownLanguageId):
        _finish_language_id(scratch, card)
    elif isinstance(entry, KnownKenlm):
        _finish_kenlm(scratch, entry, card, say)
    else:
        write_card(scratch, card)


def _finish_language_id(scratch: Path, card: Card) -> None:
    from curricle.models.language_id import LanguageIdCard, labels

    write_card(scratch, LanguageIdCard.model_validate(card.model_dump()))
    found = labels(scratch)
    write_card(scratch, LanguageIdCard.model_validate({**card.model_dump(), "languages": found}))


def _finish_kenlm(scratch: Path, entry: KnownKenlm, card: Card, say: Say) -> None:
    from curricle.models.kenlm.add import finish_folder, ngram_counts
    from curricle.models.kenlm.card import KenlmCard

    counts = ngram_counts(scratch / entry.model)
    fields = {name: getattr(entry, name) for name in ("role", "category", "profile", "tokenizer", "unit", "model")}
    kenlm_card = KenlmCard.model_validate({**card.model_dump(), **fields, "order": len(counts), "ngrams": counts})
    finish_folder(scratch, kenlm_card, say)


def _move_in(scratch: Path, folder: Path) -> None:
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    scratch.rename(folder)
    shutil.rmtree(old, ignore_errors=True)

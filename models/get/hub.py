"""Downloads files from the Hugging Face hub with `huggingface_hub` (extra `hub`), which obeys HF_ENDPOINT, HF_TOKEN and HF_HOME.

Files go to its own cache, where other programs find them too, and are hard-linked from there (copied, if on another disk).
"""

import contextlib
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from curricle.errors import one_line
from curricle.installation import install_hint
from curricle.models.cards import ModelError, file_sha256
from curricle.models.get.registry import AnyKnown


def fetch(entry: AnyKnown, folder: Path, *, offline: bool, force: bool) -> str:
    """Put the files of `entry` that come from the hub into `folder`; if it names none, all files of the repository.

    Returns their commit. Files in the hub's large storage are checked against the SHA-256 that the hub states. Raises ModelError,
    one line, if a file does not exist or is not accessible, or if there is no connection and it is not in the cache.
    """
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"  # read at import; release 2.4 asks for a list of agents even with local_files_only
    try:
        import huggingface_hub
        from huggingface_hub.utils.tqdm import disable_progress_bars
    except ImportError:
        raise ModelError(f"{entry.name} is on the Hugging Face hub, which needs a package: {install_hint('hub')}") from None
    if not sys.stderr.isatty():
        disable_progress_bars()
    cached: dict[str, Path] = {}
    with _hub_errors(entry, offline):
        if entry.files:
            for name, file in entry.files.items():
                if file.path:
                    cached[name] = Path(
                        huggingface_hub.hf_hub_download(
                            entry.hub,
                            file.path,
                            revision=entry.revision,
                            local_files_only=offline,
                            force_download=force and not offline,
                        )
                    )
        else:
            root = Path(
                huggingface_hub.snapshot_download(
                    entry.hub, revision=entry.revision, local_files_only=offline, force_download=force and not offline
                )
            )
            cached = {path.relative_to(root).as_posix(): path for path in sorted(root.rglob("*")) if path.is_file()}
    for name, path in cached.items():
        blob = path.resolve()
        expected = entry.files[name].sha256 if entry.files else ""
        for sha256 in filter(None, (expected, blob.name if re.fullmatch("[0-9a-f]{64}", blob.name) else "")):
            if (found := file_sha256(blob)) != sha256:
                raise ModelError(f"{entry.hub}: {name}: SHA-256 is {found}, expected {sha256}; {blob} is damaged: delete it")
        _link(blob, folder / name)
    return _commit(next(iter(cached.values()))) if cached else ""


def _link(blob: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(blob, target)
    except OSError:
        shutil.copyfile(blob, target)


def _commit(path: Path) -> str:
    """The commit of a file in the hub's cache, which is under .../snapshots/COMMIT/."""
    parts = path.parts
    return parts[parts.index("snapshots") + 1] if "snapshots" in parts else ""


@contextlib.contextmanager
def _hub_errors(entry: AnyKnown, offline: bool) -> Iterator[None]:
    from huggingface_hub import errors

    page = f"https://huggingface.co/{entry.hub}"
    try:
        yield
    except errors.GatedRepoError:
        raise ModelError(f"{entry.hub}: accept its terms at {page}, then set HF_TOKEN to your token") from None
    except errors.LocalEntryNotFoundError as error:
        why = "--offline forbids a download" if offline else f"the hub could not be reached: {one_line(error.__cause__ or error)}"
        raise ModelError(f"{entry.hub}@{entry.revision} is not in the hub's cache, and {why}") from None
    except errors.EntryNotFoundError as error:
        raise ModelError(f"{entry.hub}@{entry.revision}: {one_line(error)}") from None
    except errors.RepositoryNotFoundError:
        raise ModelError(f"{entry.hub}: no such repository, or it is private: set HF_TOKEN to a token that may read it") from None
    except errors.RevisionNotFoundError:
        raise ModelError(f"{entry.hub} has no revision {entry.revision!r}") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{entry.hub}: {one_line(error, kind=True)}") from None

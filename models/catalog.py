"""Finds models: starter models in the package, others in the user's cache or in a folder given by path."""

import os
from difflib import get_close_matches
from pathlib import Path

from curricle.models.cards import CARD, ModelError, read_card_fields
from curricle.models.get.registry import known_names

STARTER = Path(__file__).parent / "starter"


def cache_folder() -> Path:
    """$CURRICLE_CACHE, else $XDG_CACHE_HOME/curricle, else ~/.cache/curricle. An empty variable counts as unset."""
    if home := os.environ.get("CURRICLE_CACHE"):
        return Path(home)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "curricle"


def own_cache_folder(*names: str) -> Path:
    """A folder in the cache, made if it is missing, which nobody else can write to.

    Raises ModelError if the cache belongs to another user (other than root) or others may write to it, and OSError if the folder
    cannot be made.
    """
    cache = cache_folder()
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_cache()
    folder = cache
    for name in names:  # with `parents`, the folders between would have other modes
        folder /= name
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def check_cache() -> None:
    """Raise ModelError if the cache exists and another user can change what is in it."""
    cache = cache_folder()
    try:
        found = cache.stat()
    except OSError:
        return
    if found.st_uid not in (os.geteuid(), 0) and os.geteuid() != 0:
        raise ModelError(f"the cache {cache} belongs to another user: set CURRICLE_CACHE to a folder of your own")
    if found.st_mode & 0o022:
        raise ModelError(f"others can write to the cache {cache}: run `chmod go-w {cache}`")


def model_cache() -> Path:
    """The folder of pulled and added models, which has a folder for each."""
    return cache_folder() / "models"


def cached_models() -> list[str]:
    """Names of the models in the cache, sorted. Unfinished folders begin with a dot and are skipped."""
    return sorted(card.parent.name for card in model_cache().glob(f"[!.]*/{CARD}"))


def starter_models() -> list[str]:
    """Names of the models that ship with the package, sorted."""
    return sorted(card.parent.name for card in STARTER.glob(f"*/{CARD}"))


def model_of_kind(name: str, kind: str) -> Path:
    """`model_folder` for a model of this kind; ModelError for other kinds."""
    folder = model_folder(name)
    found = read_card_fields(folder).get("kind")
    if found != kind:
        raise ModelError(f"{name} is a {found} model; a {kind} model is required")
    return folder


def model_folder(name: str) -> Path:
    """Folder of a model: a path (it has a separator or starts with '.'), a starter model's name, or one in the cache.

    Raises ModelError, with the nearest name, if there is none.
    """
    if "/" in name or os.sep in name or name.startswith("."):
        folder = Path(name).expanduser().absolute()
        if not (folder / CARD).is_file():
            raise ModelError(f"{name} is not a model folder: it has no {CARD}")
        return folder
    if (STARTER / name / CARD).is_file():
        return STARTER / name
    if (model_cache() / name / CARD).is_file():
        check_cache()
        return model_cache() / name
    if name in known_names():
        raise ModelError(f"the model {name!r} is not downloaded yet; run `curricle models pull {name}`")
    near = get_close_matches(name, [*starter_models(), *cached_models(), *known_names()], n=1)
    raise ModelError(
        f"no model named {name!r}" + (f"; did you mean {near[0]!r}?" if near else "; `curricle models list` shows all")
    )

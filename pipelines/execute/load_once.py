"""Loads each model once per process and keeps it. Beam creates the objects of a DoFn again for every bundle and shard."""

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

K = TypeVar("K", bound=Hashable)
M = TypeVar("M")

_models: dict[Hashable, Any] = {}
_lock = Lock()


def load_once(key: K, load: Callable[[K], M]) -> M:
    """Return `load(key)`; calls after the first in this process return the same object."""
    with _lock:
        if (load, key) not in _models:
            _models[load, key] = load(key)
        return _models[load, key]

"""Models are loaded once per process and kept: Beam builds a DoFn's objects anew for every bundle and shard."""

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

K = TypeVar("K", bound=Hashable)
M = TypeVar("M")

_models: dict[Hashable, Any] = {}
_lock = Lock()


def load_once(key: K, load: Callable[[K], M]) -> M:
    """`load(key)` on the first call of this process, the same object afterwards."""
    with _lock:
        if (load, key) not in _models:
            _models[load, key] = load(key)
        return _models[load, key]

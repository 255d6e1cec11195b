"""How the sink tells the process around it how far it is; a launcher listens, a cluster worker does not."""

from collections.abc import Callable

Listener = Callable[[int, int, int], None]
"""Called per batch with (documents, bytes of text, kept documents), increments."""

_listeners: list[Listener] = []


def listen(listener: Listener | None) -> None:
    """Replace the process's listener; None takes it away."""
    _listeners[:] = [listener] if listener else []


def report(documents: int, text_bytes: int, kept: int) -> None:
    """Tell the listener, if there is one."""
    for listener in _listeners:
        listener(documents, text_bytes, kept)

"""Reports the progress of the sink to the process that runs it. The local pool listens; a worker of an engine does not.

The listener is a module variable because Beam pickles the sink: an object that holds a callback cannot reach the process's
pipe. There is at most one listener per process.
"""

from collections.abc import Callable

Listener = Callable[[int, int, int], None]
"""Called once per batch with the documents, bytes of text and kept documents that the batch added."""

_listener: Listener | None = None


def set_listener(listener: Listener | None) -> None:
    """Replace the listener of this process; None removes it."""
    global _listener
    _listener = listener


def report_progress(documents: int, text_bytes: int, kept: int) -> None:
    """Call the listener, if there is one."""
    if _listener is not None:
        _listener(documents, text_bytes, kept)

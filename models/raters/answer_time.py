"""A bound on the time of a whole answer. httpx bounds each read, so that a server that sends a byte a second is never late."""

import threading
import time
from collections.abc import Iterable
from typing import Any


class _Deadline(threading.local):
    """When the request of this thread has to be answered; None: no request is under way."""

    at: float | None = None


deadline = _Deadline()


def bound_time(client: Any) -> None:
    """Make each connection of an httpx client keep to the deadline of the thread that uses it.

    httpx has no public way to name httpcore's network backend, so it is replaced in the pools of the client's transports.
    """
    import httpcore

    def left(timeout: float | None) -> float | None:
        if deadline.at is None:
            return timeout
        seconds = deadline.at - time.monotonic()
        if seconds <= 0:
            raise httpcore.ReadTimeout("the answer took too long")
        return seconds if timeout is None else min(timeout, seconds)

    class Stream(httpcore.NetworkStream):
        """A connection whose waits end at the deadline."""

        def __init__(self, stream: httpcore.NetworkStream) -> None:
            self.stream = stream

        def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
            return self.stream.read(max_bytes, left(timeout))

        def write(self, buffer: bytes, timeout: float | None = None) -> None:
            self.stream.write(buffer, left(timeout))

        def close(self) -> None:
            self.stream.close()

        def start_tls(self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None) -> Any:
            return Stream(self.stream.start_tls(ssl_context, server_hostname, left(timeout)))

        def get_extra_info(self, info: str) -> Any:
            return self.stream.get_extra_info(info)

    class Backend(httpcore.NetworkBackend):
        """Opens such connections."""

        def __init__(self, backend: httpcore.NetworkBackend) -> None:
            self.backend = backend

        def connect_tcp(
            self,
            host: str,
            port: int,
            timeout: float | None = None,
            local_address: str | None = None,
            socket_options: Iterable[Any] | None = None,
        ) -> Any:
            return Stream(self.backend.connect_tcp(host, port, left(timeout), local_address, socket_options))

        def sleep(self, seconds: float) -> None:
            self.backend.sleep(seconds)

    for transport in (client._transport, *client._mounts.values()):
        if transport is not None:
            pool = transport._pool
            pool._network_backend = Backend(pool._network_backend)

"""Fixtures shared by all tests."""

import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A non-interactive shell starts background jobs with SIGINT ignored, and the programs that tests start would inherit it:
    # those that test Ctrl-C would wait forever.
    signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED_DATA = Path(os.environ.get("CURRICLE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the larger public test collections; CURRICLE_REQUIRE_SHARED_DATA=1 makes its absence a failure."""
    if not SHARED_DATA.is_dir():
        if os.environ.get("CURRICLE_REQUIRE_SHARED_DATA"):
            pytest.fail(f"no test collections at {SHARED_DATA}")
        pytest.skip(f"needs the larger test collections at {SHARED_DATA}")
    return SHARED_DATA


class ChatServer:
    """An OpenAI-compatible server on loopback. It answers by
    `answer(text, attempt)`: (status, body, headers), or None to close the connection without a word.
    """

    def __init__(self, answer: Callable[[str, int], tuple[int, bytes, dict[str, str]] | None]) -> None:
        self.attempts: Counter[str] = Counter()
        self.bodies: list[dict] = []
        self.headers: list[dict[str, str]] = []
        self.paths: set[str] = set()
        self.under_way = self.most = 0
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                text = body["messages"][1]["content"].split("Text: ")[1].split("\nDomain:_")[0]
                with outer.lock:
                    outer.under_way += 1
                    outer.most = max(outer.most, outer.under_way)
                    outer.attempts[text] += 1
                    attempt = outer.attempts[text]
                    outer.bodies.append(body)
                    outer.headers.append(dict(self.headers))
                    outer.paths.add(self.path)
                answered = answer(text, attempt)
                with outer.lock:  # before the answer: the client may send its next request at once
                    outer.under_way -= 1
                if answered is None:
                    self.close_connection = True
                    return
                status, content, headers = answered
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def serve() -> Iterator[Callable[..., ChatServer]]:
    """Starts a ChatServer that answers by the given function; stopped at the end of the test."""
    servers: list[ChatServer] = []

    def start(answer: Callable[[str, int], tuple[int, bytes, dict[str, str]] | None]) -> ChatServer:
        servers.append(ChatServer(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.http.shutdown()
        server.http.server_close()

"""An S3-compatible server on loopback, and in front of it a proxy that fails, delays and hides as it is told."""

import http.client
import os
import re
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem

SECRET = "not-in-any-output"
KEY = "AKIDNOTINANYOUTPUT"


class Proxy:
    """Forwards to the server; what is set here happens to the requests that come from then on."""

    def __init__(self, host: str, port: int) -> None:
        self.calls: list[tuple[str, str]] = []  # method and path with query
        self.fault: Callable[[int, str, str], object] = lambda number, method, path: None
        """Number (from 1), method and path of a call, to a status with an S3 code, `cut` or `lost`; None: nothing happens."""
        self.hidden = re.compile("(?!)")  # keys that no listing shows
        self.latency = 0.0  # seconds, of each call
        self.pause = threading.Event()
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with outer.lock:
                    outer.calls.append((self.command, self.path))
                    number = len(outer.calls)
                outer.pause.wait(outer.latency)
                fault = outer.fault(number, self.command, self.path)
                if isinstance(fault, tuple):
                    status, code = fault
                    text = f"<Error><Code>{code}</Code><Message>{code} said the store</Message></Error>"
                    return self.answer(
                        status, {"Content-Type": "application/xml"}, b"" if self.command == "HEAD" else text.encode()
                    )
                if fault == "cut" or (fault == "lost" and self.command == "HEAD"):  # before the store hears of it
                    self.close_connection = True
                    return None
                upstream = http.client.HTTPConnection(host, port, timeout=60)
                upstream.request(self.command, self.path, body, dict(self.headers))
                answer = upstream.getresponse()
                data = answer.read()
                upstream.close()
                if "list-type=2" in self.path:
                    data = re.sub(rb"<Contents>.*?</Contents>", outer.shown, data, flags=re.DOTALL)
                headers = {name: value for name, value in answer.getheaders() if name.lower() not in outer.hop}
                if fault == "lost":  # the store has done it, and the answer breaks off
                    self.send_response(answer.status)
                    self.send_header("Content-Length", str(len(data) + 1))
                    self.end_headers()
                    self.wfile.write(data[: len(data) // 2])
                    self.close_connection = True
                    return None
                size = answer.getheader("Content-Length") if self.command == "HEAD" else None
                return self.answer(answer.status, headers, data, size)

            def answer(self, status: int, headers: dict[str, str], data: bytes, size: str | None = None) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", size or str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def __getattr__(self, name: str) -> Callable[[], None]:
                if name.startswith("do_"):  # every method of HTTP
                    return self.do
                raise AttributeError(name)

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    hop = ("connection", "content-length", "date", "keep-alive", "server", "transfer-encoding")

    def shown(self, entry: "re.Match[bytes]") -> bytes:
        key = re.search(rb"<Key>(.*?)</Key>", entry[0])
        return b"" if key and self.hidden.search(key[1].decode()) else entry[0]


class Store:
    """The server, a bucket in it, a client that goes past the proxy, and the environment of a program that goes through it."""

    def __init__(self, server: str, proxy: Proxy, bucket: str) -> None:
        self.proxy, self.bucket, self.url = proxy, bucket, f"s3://{bucket}"
        names = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET, "region_name": "us-east-1"}
        self.client: Any = boto3.client("s3", endpoint_url=server, **names)
        self.client.create_bucket(Bucket=bucket)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": proxy.url,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self, *arguments: object, **environment: str) -> "subprocess.Popen[str]":
        """A `curricle` command that goes through the proxy."""
        command = [str(Path(sys.executable).parent / "curricle"), *map(str, arguments)]
        return subprocess.Popen(
            command,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: object, **environment: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of a command."""
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=240)
        return process.returncode, out, err

    def put(self, key: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=key, Body=data)

    def objects(self, prefix: str) -> dict[str, bytes]:
        """All objects under a prefix, by the rest of their keys."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=f"{prefix}/")
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        return {
            key.removeprefix(f"{prefix}/"): self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in keys
        }

    def uploads(self) -> list[str]:
        """Keys of unfinished multipart uploads."""
        return [upload["Key"] for upload in self.client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", ())]


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture
def store(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A bucket that no other test has used, for this process and its children.

    A name made from the proxy's port would not do: the system gives a port again, and the server keeps all buckets.
    """
    host, port = server.removeprefix("http://").split(":")
    proxy = Proxy(host, int(port))
    made = Store(server, proxy, f"bucket-{uuid.uuid4().hex}")
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    S3FileSystem.clear_instance_cache()
    yield made
    proxy.http.shutdown()
    proxy.http.server_close()

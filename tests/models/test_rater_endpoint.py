"""The endpoint rater against a real HTTP server on loopback that answers, waits, drops, refuses and talks nonsense."""

import contextlib
import gzip
import json
import logging
import re
import socket
import threading
import time
import tracemalloc
import zlib
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from curricle.models.cards import ModelError
from curricle.models.raters.dataman import LETTERS, PUBLISHED, REPLY_PATTERN, parse
from curricle.models.raters.endpoint import Endpoint, EndpointConfig, EndpointError, pause
from curricle.schemas.columns import DOMAINS, reply_columns

httpx = pytest.importorskip("httpx", reason="the endpoint rater needs the extra `endpoint`")

KEY = "sk-5ecret-5ecret-5ecret"
GOOD = "\n".join(["E", *"54321123455432"])


def completion(content: str | None, finish: str = "stop", **message: str) -> bytes:
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content, **message}}
    return json.dumps({"id": "1", "object": "chat.completion", "choices": [choice]}).encode()


def rating_of(text: str) -> str:
    """A reply that only the row with this text can have got."""
    number = int(re.search(r"\d+", text)[0])
    return "\n".join([LETTERS[number % 15], *(str(1 + (number // 5**k) % 5) for k in range(14))])


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def config(server: Any, **options: object) -> EndpointConfig:
    return EndpointConfig.model_validate({"url": server.url, "model": "m", "pause_s": 0.001, **options})


def texts(n: int) -> pa.Array:
    return pa.array([f"document {number}" for number in range(n)])


def good(text: str, _attempt: int = 1) -> tuple[int, bytes, dict[str, str]]:
    return 200, completion(rating_of(text)), {}


def expect_own_ratings(table: pa.Table, n: int) -> None:
    rows = [parse(rating_of(f"document {number}")) for number in range(n)]
    assert table["status"].to_pylist() == ["ok"] * n
    assert table["domain"].to_pylist() == [row.domain for row in rows]
    assert [table.column(k).to_pylist() for k in range(14)] == [list(row) for row in zip(*(r.ratings for r in rows), strict=True)]
    assert table["raw"].null_count == n


def test_each_row_gets_its_own_rating_by_one_request(serve):
    server = serve(good)
    table = config(server, concurrency=7).load().predict(texts(50))
    expect_own_ratings(table, 50)
    columns = reply_columns("x")
    assert [(f"x_{field.name}", field.type) for field in table.schema] == [(column.name, column.dtype) for column in columns]
    assert server.attempts == Counter({f"document {n}": 1 for n in range(50)})
    assert server.paths == {"/v1/chat/completions"}


def test_the_request_is_the_form_greedy_and_with_the_key(serve):
    server = serve(good)
    config(server, model="org/some-model").load().predict(texts(1))
    [body] = server.bodies
    assert body["model"] == "org/some-model"
    assert (body["temperature"], body["max_tokens"]) == (0, 29)
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert body["messages"][1]["content"] == PUBLISHED.replace("{text}", "document 0")
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"


def test_as_many_requests_are_under_way_as_the_concurrency_says_and_never_more(serve):
    """The server holds every request until `n` are there at once."""
    for n in (1, 4, 16):
        together = threading.Barrier(n)

        def answer(text: str, attempt: int, together: threading.Barrier = together) -> tuple[int, bytes, dict[str, str]]:
            together.wait(timeout=60)
            return good(text, attempt)

        server = serve(answer)
        expect_own_ratings(config(server, concurrency=n).load().predict(texts(48)), 48)
        assert server.most == n


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param((500, b"oops", {}), id="500"),
        pytest.param((502, b"<html>Bad gateway</html>", {}), id="502"),
        pytest.param((429, b"{}", {"Retry-After": "0"}), id="429"),
        pytest.param((200, b"not JSON", {}), id="nonsense"),
        pytest.param((200, b'{"choices": []}', {}), id="no-choice"),
        pytest.param((200, b'{"choices": [{"message": {"content": 5}}]}', {}), id="content-no-text"),
        pytest.param((200, b"[]", {}), id="a-list"),
        pytest.param(None, id="dropped"),
    ],
)
def test_a_failing_server_is_asked_again_and_no_row_is_lost_or_counted_twice(serve, trouble):
    server = serve(lambda text, attempt: trouble if attempt <= 2 else good(text))
    expect_own_ratings(config(server, concurrency=5).load().predict(texts(20)), 20)
    assert server.attempts == Counter({f"document {n}": 3 for n in range(20)})


def test_a_server_that_is_silent_times_out_and_is_asked_again(serve):
    over = threading.Event()

    def answer(text: str, attempt: int) -> tuple[int, bytes, dict[str, str]] | None:
        if text == "document 3" or attempt == 1:
            over.wait(60)
            return None
        return good(text)

    server = serve(answer)
    table = config(server, timeout_s=0.3, retries=1).load().predict(texts(5))
    over.set()
    assert table["status"].to_pylist() == ["ok", "ok", "ok", "timeout", "ok"]
    assert table["raw"].to_pylist() == [None, None, None, "no answer in 0.3 s", None]
    assert [table[name][3].as_py() for name in ("accuracy", "overall_score", "domain")] == [None] * 3
    assert set(server.attempts.values()) == {2}


def test_a_retry_after_is_heeded(serve):
    server = serve(lambda text, attempt: good(text) if attempt > 2 else (429, b"", {"Retry-After": "17"}))
    waited: list[float] = []
    endpoint = Endpoint(config(server), wait=lambda _event, seconds: waited.append(seconds) or False)
    expect_own_ratings(endpoint.predict(texts(1)), 1)
    assert waited == [17.0, 17.0]


NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("7", 7.0),
        (" 120 ", 120.0),
        ("0", 0.0),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30.0),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        ("Tue, 24 Nov 2026 12:00:30 -0000", 30.0),
        ("1.5", 1.5),
        ("9" * 400, 86400.0),
        ("Fri, 24 Nov 9999 12:00:00 GMT", 86400.0),
    ],
)
def test_seconds_and_dates_are_understood(retry_after: str, seconds: float):
    assert pause(0.5, 1, "t", retry_after, NOW) == seconds


@pytest.mark.parametrize(
    "retry_after", [None, "soon", "-3", "", "²", "٣", "nan", "inf", "1e999", "Tue, 99 Nov 2026 99:00:00 GMT", "\0", "1 Jan"]
)
def test_pauses_grow_and_differ_by_text_but_not_by_run(retry_after: str | None):
    pauses = [pause(0.5, attempt, "t", retry_after, NOW) for attempt in range(1, 12)]
    assert all(low <= seconds <= 2 * low for low, seconds in zip([0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60], pauses, strict=True))
    assert pauses == [pause(0.5, attempt, "t", retry_after, NOW) for attempt in range(1, 12)]
    assert len({pause(0.5, 1, str(n), None, NOW) for n in range(100)}) == 100


def bomb(size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)), packer.flush()])


@pytest.mark.parametrize(
    ("body", "encoding", "raw"),
    [
        pytest.param(bytes(3 << 20), "", "HTTP 200: the answer has more than 1,048,576 bytes", id="3 MiB"),
        pytest.param(bomb(1 << 30), "gzip", "HTTP 200: the answer has more than 1,048,576 bytes", id="1 GiB in gzip"),
        pytest.param(b"not gzip", "gzip", "HTTP 200: the answer is damaged: it is not gzip", id="not gzip"),
        pytest.param(gzip.compress(completion(GOOD))[:-9], "gzip", "HTTP 200: the answer was cut short", id="cut"),
        pytest.param(b"x", "zstd", "HTTP 200: the answer is compressed as 'zstd', which was not asked for", id="zstd"),
    ],
)
def test_a_body_that_is_too_long_or_damaged_is_no_answer_and_takes_little_memory(serve, body, encoding, raw):
    server = serve(lambda *_: (200, body, {"Content-Encoding": encoding} if encoding else {}))
    rater = config(server, retries=0).load()
    tracemalloc.start()
    try:
        table = rater.predict(texts(1))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (table["status"].to_pylist(), table["raw"].to_pylist()) == (["parse_error"], [raw])
    assert peak < 16 << 20


def test_a_compressed_answer_is_read(serve):
    server = serve(lambda *_: (200, gzip.compress(completion(GOOD)), {"Content-Encoding": "gzip"}))
    assert config(server).load().predict(texts(1))["status"].to_pylist() == ["ok"]


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"], ids=["headers", "body"])
def test_a_server_that_sends_a_byte_now_and_then_is_late(start):
    """Each byte comes in time, the answer does not."""
    over = threading.Event()

    def trickle(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(1 << 16)
            connection.sendall(start)
            while not over.wait(0.05):
                connection.sendall(b"H")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=trickle, args=(listening,))
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        rater = EndpointConfig.model_validate({"url": url, "model": "m", "timeout_s": 0.4, "retries": 0}).load()
        began = time.monotonic()
        table = rater.predict(texts(1))
        took = time.monotonic() - began
        over.set()
        thread.join()
    assert table["status"].to_pylist() == ["timeout"]
    assert table["raw"].to_pylist() == ["no answer in 0.4 s"]
    assert took < 5


def test_a_server_that_asks_to_wait_for_hours_has_failed(serve):
    server = serve(lambda *_: (503, b"maintenance", {"Retry-After": "7200"}))
    table = config(server).load().predict(texts(1))
    assert table["status"].to_pylist() == ["timeout"]
    assert table["raw"].to_pylist() == ["HTTP 503 Service Unavailable: maintenance"]
    assert server.attempts.total() == 1


@pytest.mark.parametrize(
    ("answer", "status", "raw"),
    [
        pytest.param(completion("\n".join("E54321"), "length"), "truncated", "\n".join("E54321"), id="cut-off"),
        pytest.param(completion(GOOD + "\n3"), "parse_error", GOOD + "\n3", id="16-lines"),
        pytest.param(completion(""), "parse_error", "", id="empty"),
        pytest.param(completion("I'm sorry, I can't."), "refused", "I'm sorry, I can't.", id="in-words"),
        pytest.param(completion(None, refusal="No."), "refused", "No.", id="refusal-field"),
        pytest.param(completion(None, "content_filter"), "refused", "content_filter", id="content-filter"),
        pytest.param(completion("half \ud800"), "parse_error", "half ?", id="half-a-surrogate-pair"),
        pytest.param(completion(f"{KEY}!"), "parse_error", "[key]!", id="the-key-sent-back"),
    ],
)
def test_a_reply_that_is_no_rating_is_a_status_with_its_text_and_is_not_asked_for_again(serve, answer, status, raw):
    server = serve(lambda text, _: (200, answer, {}) if text == "document 1" else good(text))
    table = config(server).load().predict(texts(3))
    assert table["status"].to_pylist() == ["ok", status, "ok"]
    assert table["raw"].to_pylist() == [None, raw, None]
    assert table["accuracy"].is_null().to_pylist() == [False, True, False]
    assert set(server.attempts.values()) == {1}


def test_a_complete_reply_that_the_token_limit_ended_is_a_rating(serve):
    table = config(serve(lambda *_: (200, completion(GOOD, "length"), {}))).load().predict(texts(1))
    assert (table["status"].to_pylist(), table["domain"].to_pylist()) == (["ok"], ["Technology"])


def test_a_text_that_the_server_does_not_take_is_refused_and_not_sent_again(serve):
    server = serve(lambda text, _: (400, b'{"error": "too long"}', {}) if text == "document 1" else good(text))
    table = config(server).load().predict(texts(3))
    assert table["status"].to_pylist() == ["ok", "refused", "ok"]
    assert table["raw"][1].as_py() == 'HTTP 400 Bad Request: {"error": "too long"}'
    assert set(server.attempts.values()) == {1}


def test_over_the_budget_of_failures_the_batch_fails_and_asking_ends(serve):
    server = serve(lambda *_: (500, b"down\nagain", {}))
    with pytest.raises(EndpointError, match=r"^more than 3 rows .*max_failures.*; the last one: HTTP 500 .*: down again$"):
        config(server, max_failures=3, retries=0, concurrency=2).load().predict(texts(1000))
    assert 4 <= server.attempts.total() <= 6


def test_up_to_the_budget_each_failed_row_has_its_status(serve):
    server = serve(lambda text, _: (500, b"", {}) if text.endswith("7") else good(text))
    table = config(server, max_failures=3, retries=1).load().predict(texts(30))
    assert Counter(table["status"].to_pylist()) == {"ok": 27, "timeout": 3}
    assert server.attempts.total() == 27 + 2 * 3


@pytest.mark.parametrize("code", [401, 403])
def test_a_wrong_key_stops_at_once_and_is_not_shown(serve, caplog, capfd, code):
    caplog.set_level(logging.DEBUG)
    server = serve(lambda *_: (code, f"bad key {KEY}".encode(), {}))
    endpoint = config(server, concurrency=4).load()
    with pytest.raises(EndpointError) as caught:
        endpoint.predict(texts(200))
    assert str(caught.value).endswith(f": HTTP {code} {'Unauthorized' if code == 401 else 'Forbidden'}: the server does not take "
                                      "the key in $OPENAI_API_KEY")  # fmt: skip
    assert server.attempts.total() <= 8
    assert max(server.attempts.values()) == 1
    shown = [str(caught.value), repr(caught.value), caplog.text, *capfd.readouterr(), repr(endpoint.config)]
    assert not any(KEY in text for text in shown)


def test_without_a_key_none_is_sent_and_a_server_that_wants_one_is_explained(serve, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    server = serve(lambda *_: (401, b"", {}))
    with pytest.raises(EndpointError, match=r"wants a key, and there is none in \$OPENAI_API_KEY"):
        config(server).load().predict(texts(1))
    assert "Authorization" not in server.headers[0]


def test_an_unknown_model_or_path_stops_at_once(serve):
    server = serve(lambda *_: (404, b'{"error": "no model m"}', {}))
    with pytest.raises(EndpointError, match=r"HTTP 404 Not Found.*no model m"):
        config(server, concurrency=1).load().predict(texts(100))
    assert server.attempts.total() == 1


def test_where_nobody_listens_the_rows_fail(serve):
    server = serve(good)
    server.http.shutdown()
    server.http.server_close()
    table = config(server, retries=1).load().predict(texts(2))
    assert table["status"].to_pylist() == ["timeout", "timeout"]
    assert table["raw"][0].as_py().startswith("ConnectError: ")


def test_a_blank_text_is_not_sent(serve):
    server = serve(good)
    table = config(server).load().predict(pa.array(["", " \n\t\u3000", "document 1"]))
    assert table["status"].to_pylist() == ["out_of_domain", "out_of_domain", "ok"]
    assert server.attempts.total() == 1


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("שלום עולם 1 مرحبا", id="right-to-left"),
        pytest.param("😀🎉👩‍👩‍👧 1", id="emoji"),
        pytest.param("\x00\x01\x7f\ufffd\ufeff1", id="binary-like"),
        pytest.param('"\\"}] 1 {text} </s><|im_end|>', id="quotes-and-markers"),
    ],
)
def test_any_text_arrives_as_it_is(serve, text):
    server = serve(good)
    assert config(server).load().predict(pa.array([text]))["status"].to_pylist() == ["ok"]
    assert list(server.attempts) == [text]


def test_no_text_is_no_request(serve):
    table = config(serve(good)).load().predict(pa.array([], pa.string()))
    assert table.num_rows == 0
    assert table.schema.names[-3:] == ["domain", "status", "raw"]


def test_a_long_text_is_cut_by_characters_before_it_is_sent(serve):
    server = serve(good)
    config(server).load().predict(pa.array(["1" + "a" * 10_000_000 + "z" * 10_000]))
    assert list(server.attempts) == ["1" + "a" * 9_999 + "z" * 10_000]
    config(server, edition="zh").load().predict(pa.array(["2" * 60_000]))
    assert list(server.attempts)[1:] == ["2" * 60_000]


def word_tokenizer(folder: Path) -> Path:
    """A tokenizer.json in which each white-space word is a token, and so is each character of the form's answers."""
    tokenizers = pytest.importorskip("tokenizers", reason="cutting by tokens needs the package tokenizers")
    vocabulary = {"[UNK]": 0, **{character: 1 + n for n, character in enumerate(LETTERS + "12345")}, "\n": 21}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Split(" ", "removed")
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def test_with_a_tokenizer_a_long_text_is_cut_by_tokens_too(serve, tmp_path):
    server = serve(good)
    words = [f"w{n}" for n in range(1895)]
    rater = config(server, tokenizer=str(word_tokenizer(tmp_path))).load()
    rater.predict(pa.array([" ".join(words[:-1])]))
    rater.predict(pa.array([" ".join(words)]))
    assert list(server.attempts) == [" ".join(words[:-1]), " ".join(words[:947]) + "..." + " ".join(words[-947:])]


@pytest.mark.parametrize(
    ("constrain", "key", "max_tokens"),
    [("none", None, 29), ("guided_regex", "guided_regex", 29), ("json_schema", "response_format", 200)],
)
def test_the_server_is_told_how_to_decode(serve, constrain, key, max_tokens):
    server = serve(good)
    config(server, constrain=constrain).load().predict(texts(1))
    [body] = server.bodies
    assert set(body) - {"model", "messages", "temperature", "max_tokens"} == ({key} if key else set())
    assert body["max_tokens"] == max_tokens
    if key == "guided_regex":
        assert body[key] == REPLY_PATTERN
        assert re.fullmatch(body[key], GOOD)
    if key == "response_format":
        assert body[key]["json_schema"]["schema"]["required"][:2] == ["domain", "accuracy"]


def test_a_reply_under_the_schema_is_a_rating(serve):
    reply = json.dumps({"domain": "A", **dict.fromkeys((c.name.removeprefix("x_") for c in reply_columns("x")[:14]), 4)})
    table = config(serve(lambda *_: (200, completion(reply), {})), constrain="json_schema").load().predict(texts(1))
    assert (table["domain"].to_pylist(), table["originality"].to_pylist()) == ([DOMAINS[0]], [4])


def test_logit_bias_names_the_models_own_tokens(serve, tmp_path):
    server = serve(good)
    config(server, constrain="logit_bias", tokenizer=str(word_tokenizer(tmp_path))).load().predict(texts(1))
    assert server.bodies[0]["logit_bias"] == {str(n): 100 for n in range(1, 22)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"url": "host:8000/v1"}, "url\n.*must be an http or https address", id="no-scheme"),
        pytest.param({"url": "http://me:pass@host/v1"}, "url\n.*must not contain a password or key", id="password-in-url"),
        pytest.param({"url": "http://host/v1?api-key=abc"}, "url\n.*must not contain a password or key", id="key-in-url"),
        pytest.param({"key_env": KEY}, "key_env\n.*must be the name of an environment variable", id="key-for-its-name"),
        pytest.param({"constrain": "logit_bias"}, "logit_bias also needs tokenizer", id="bias-without-tokenizer"),
        pytest.param({"prompt": "./nowhere.txt"}, "prompt ./nowhere.txt: no such file", id="no-prompt"),
        pytest.param({"prompt_sha256": "0" * 64}, "does not match prompt_sha256", id="another-prompt"),
        pytest.param({"concurrency": 0}, "greater than or equal to 1", id="no-concurrency"),
        pytest.param({"key": KEY}, "Extra inputs", id="key-in-the-recipe"),
        pytest.param({"prefix": "a b"}, "should match pattern", id="prefix"),
    ],
)
def test_a_bad_configuration_is_refused_by_name(options, message):
    with pytest.raises(ValidationError, match=message):
        EndpointConfig.model_validate({"url": "http://host/v1", "model": "m", **options})


def test_the_content_of_a_prompt_of_ones_own_is_in_the_configuration(tmp_path, serve):
    file = tmp_path / "prompt.txt"
    file.write_text("One. Text: {text}\nDomain:_")
    one = config(serve(good), prompt=str(file))
    assert EndpointConfig.model_validate(one.model_dump()) == one
    file.write_text("Two. Text: {text}\nDomain:_")
    assert EndpointConfig.model_validate({**one.model_dump(), "prompt_sha256": None}) != one
    with pytest.raises(ModelError, match="the file has changed since the run began"):
        one.load()


def test_a_tokenizer_that_is_not_there_is_named(tmp_path):
    options = {"url": "http://host/v1", "model": "m", "tokenizer": str(tmp_path)}
    with pytest.raises(ModelError, match=r"no tokenizer\.json"):
        EndpointConfig.model_validate(options).models()
    pytest.importorskip("tokenizers", reason="reading a tokenizer needs the package tokenizers")
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match=r"tokenizer\.json: "):
        EndpointConfig.model_validate(options).load()

"""A rater behind an OpenAI-compatible endpoint (vLLM, SGLang, llama.cpp, a hosted API): POST /chat/completions.

Each row is one request. It is repeated with growing pauses while the server fails; a Retry-After header is respected. The key
comes from the environment and never appears in a configuration, log, message or output.
"""

import json
import os
import re
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

import orjson
import pyarrow as pa
import xxhash
from pydantic import Field, field_validator, model_validator

from curricle.errors import EndpointError as EndpointError
from curricle.errors import one_line
from curricle.installation import install_hint
from curricle.models.cards import ModelError
from curricle.models.raters.answer_time import bound_time, deadline
from curricle.models.raters.dataman import (
    DIGITS,
    LETTERS,
    LIMITS,
    REPLY_PATTERN,
    REPLY_SCHEMA,
    REPLY_TOKENS,
    Reply,
    Status,
    cut_characters,
    cut_tokens,
    messages,
    parse,
)
from curricle.models.raters.rater import FormConfig, Rater, reply_table

TRANSIENT: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
OF_THE_ROW: Final = frozenset({400, 413, 422})
"""The server rejects this text, because it is too long or against its policy."""
OBJECT_TOKENS: Final = 200
"""Tokens of a reply that is a JSON object with 15 names and values."""
LONGEST_PAUSE_S: Final = 900.0
"""A server that asks for a longer pause counts as failed."""
MOST_SECONDS: Final = 86400.0
"""The longest pause that is told from longer ones."""
REPLY_BYTES: Final = 1 << 20
"""Bytes of an answer after decompression. A chat completion with the form has a few hundred."""
RAW_CHARS: Final = 1000
"""Characters that are kept of an answer that is not a chat completion."""


class EndpointConfig(FormConfig):
    """Where to send the requests, and how."""

    rater: Literal["endpoint"] = "endpoint"
    """Selects this rater."""
    url: str
    """Address of an OpenAI-compatible server, such as `http://localhost:8000/v1`."""
    model: str = Field(min_length=1)
    """Name of the model on that server."""
    key_env: str = "OPENAI_API_KEY"
    """Environment variable that holds the key. If it is not set, no key is sent."""
    concurrency: int = Field(default=16, ge=1, le=1024)
    """Requests in flight in each process."""
    timeout_s: float = Field(default=60.0, gt=0)
    """Seconds until a request counts as failed: from its sending to the last byte of the answer."""
    retries: int = Field(default=5, ge=0)
    """How often a failed request is repeated."""
    pause_s: float = Field(default=0.5, gt=0)
    """Seconds before the first repetition; each further pause is twice as long."""
    max_failures: int = Field(default=20, ge=0)
    """More documents than this without an answer, in a batch of up to 1,000, fail the shard."""
    max_tokens: int | None = Field(default=None, ge=REPLY_TOKENS)
    """Largest number of tokens of a reply. Without it, as many as the form needs."""
    constrain: Literal["none", "guided_regex", "json_schema", "logit_bias"] = "none"
    """How the server restricts decoding to the form."""
    tokenizer: str | None = None
    """Folder with the model's tokenizer.json, by which long texts are cut. Without it they are cut by characters."""

    @field_validator("url")
    @classmethod
    def _url_is_plain(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an http or https address, such as http://host:8000/v1")
        if parts.username or parts.password or parts.query:
            raise ValueError("must not contain a password or key; put the key into the environment variable that key_env names")
        return url.rstrip("/")

    @field_validator("key_env")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        if not (name.isidentifier() and name.isupper()):  # the value may be a key: it is not shown
            raise ValueError("must be the name of an environment variable, such as OPENAI_API_KEY, not the key itself")
        return name

    @model_validator(mode="after")
    def _bias_needs_tokens(self) -> Self:
        if self.constrain == "logit_bias" and self.tokenizer is None:
            raise ValueError("constrain: logit_bias also needs tokenizer, to look up token ids")
        return self

    def packages(self) -> tuple[str, ...]:
        """The package of the tokenizer that cuts long texts, if one is named."""
        return () if self.tokenizer is None else ("tokenizers",)

    def models(self) -> tuple[Path, ...]:
        """The folder of the tokenizer, if one is named."""
        _import_httpx()
        if self.tokenizer is None:
            return ()
        folder = Path(self.tokenizer).expanduser().absolute()
        if not (folder / "tokenizer.json").is_file():
            raise ModelError(f"tokenizer: no tokenizer.json in {self.tokenizer}")
        return (folder,)

    def load(self) -> Rater:
        """A client with the key from the environment of this process; nothing is sent yet."""
        return Endpoint(self)


def _import_httpx() -> Any:
    try:
        import httpx
    except ImportError:
        raise ModelError(f"rater: endpoint needs httpx: {install_hint('endpoint')}") from None
    return httpx


def pause(first_s: float, attempt: int, text: str, retry_after: str | None, now: datetime) -> float:
    """Seconds before request number `attempt` + 1 about `text` (`attempt` from 1).

    What the server's Retry-After says (seconds or a date), else `first_s`, doubled each time, at most 60, and up to as much
    again, by a hash, so that requests that failed together do not come back together.
    """
    asked = _seconds(retry_after, now)
    if asked is not None:
        return asked
    jitter = xxhash.xxh3_64_intdigest(f"{attempt}\0{text}".encode("utf-8", "surrogatepass")) / 2**64
    return min(first_s * 2.0 ** (attempt - 1), 60.0) * (1 + jitter)


def _seconds(retry_after: str | None, now: datetime) -> float | None:
    if retry_after is None:
        return None
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text := retry_after.strip()):
        return min(float(text), MOST_SECONDS)
    try:
        date = parsedate_to_datetime(text)
        seconds = (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(max(0.0, seconds), MOST_SECONDS)


class _Answers:
    """State shared by the rows of one batch: how many failed, and whether to stop."""

    def __init__(self, limit: int) -> None:
        self.limit, self.failures, self.stop, self.lock = limit, 0, threading.Event(), threading.Lock()

    def count_failure(self, cause: str | None) -> None:
        """Raise EndpointError where the budget is spent."""
        with self.lock:
            self.failures += 1
            if self.failures > self.limit:
                self.stop.set()
                last = " ".join((cause or "").split())[:200]
                raise EndpointError(f"more than {self.limit} rows of a batch got no answer (max_failures); the last one: {last}")


class Endpoint:
    """Sends a request for each text. Safe to use from several threads: each `predict` has its own budget of failures."""

    def __init__(self, config: EndpointConfig, wait: Callable[[threading.Event, float], bool] = threading.Event.wait) -> None:
        httpx = _import_httpx()
        self.config, self.wait = config, wait
        self.prompt = config.prompt_text()
        self._key = os.environ.get(config.key_env, "").strip()
        headers = {
            "User-Agent": "curricle",
            "Accept-Encoding": "gzip",
            **({"Authorization": f"Bearer {self._key}"} if self._key else {}),
        }
        try:
            self.client = httpx.Client(
                headers=headers, timeout=config.timeout_s, limits=httpx.Limits(max_connections=config.concurrency)
            )
        except UnicodeEncodeError:
            raise ModelError(f"the key in ${config.key_env} is not ASCII") from None
        bound_time(self.client)
        self.tokenizer = _load_tokenizer(*config.models()) if config.tokenizer else None
        self.fields = self._fields()

    def _fields(self) -> dict[str, Any]:
        """The body of a request without the messages."""
        config = self.config
        fields: dict[str, Any] = {"model": config.model, "temperature": 0}
        fields["max_tokens"] = config.max_tokens or (OBJECT_TOKENS if config.constrain == "json_schema" else REPLY_TOKENS)
        if config.constrain == "guided_regex":
            fields["guided_regex"] = REPLY_PATTERN
        elif config.constrain == "json_schema":
            schema = {"name": "rating", "strict": True, "schema": REPLY_SCHEMA}
            fields["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif config.constrain == "logit_bias" and self.tokenizer:
            fields["logit_bias"] = {str(self._token(character)): 100 for character in LETTERS + DIGITS + "\n"}
        return fields

    def _token(self, character: str) -> int:
        ids = self.tokenizer.encode(character, add_special_tokens=False).ids  # type: ignore[union-attr]
        if len(ids) != 1:
            raise ModelError(f"constrain: logit_bias: {character!r} must be one token of {self.config.tokenizer}, not {len(ids)}")
        return int(ids[0])

    def cut(self, text: str) -> str:
        """The text that is sent."""
        limits = LIMITS[self.config.edition]
        text = cut_characters(text, limits.chars)
        if self.tokenizer is None:
            return text
        return cut_tokens(text, self.tokenizer.encode(text, add_special_tokens=False).offsets, limits.tokens)

    def predict(self, texts: pa.Array, languages: pa.Array | None = None) -> pa.Table:
        """The columns of `schemas.columns.reply_columns` without the prefix. Raises EndpointError (see there)."""
        answers = _Answers(self.config.max_failures)
        with ThreadPoolExecutor(self.config.concurrency) as pool:
            futures = [pool.submit(self._rate, text, answers) for text in texts.to_pylist()]
        errors = [error for error in (future.exception() for future in futures) if error]
        if errors:
            raise next((error for error in errors if not isinstance(error, _StoppedError)), errors[0])
        return reply_table([future.result() for future in futures])

    def _rate(self, text: str, answers: _Answers) -> Reply:
        if not text.strip():
            return Reply("out_of_domain", raw="blank text, not sent")
        body = orjson.dumps({**self.fields, "messages": messages(self.prompt, self.cut(text))})
        attempt = 1
        while not answers.stop.is_set():
            try:
                return self._ask(body)
            except EndpointError:
                answers.stop.set()
                raise
            except _NoAnswerError as failure:
                seconds = pause(self.config.pause_s, attempt, text, failure.retry_after, datetime.now(UTC))
                if failure.last or attempt > self.config.retries or seconds > LONGEST_PAUSE_S:
                    answers.count_failure(failure.reply.raw)
                    return failure.reply
            attempt += 1
            self.wait(answers.stop, seconds)
        raise _StoppedError

    def _ask(self, body: bytes) -> Reply:
        """One request. Raises _NoAnswerError, or EndpointError where no request at all can succeed."""
        httpx = _import_httpx()
        url, headers = f"{self.config.url}/chat/completions", {"Content-Type": "application/json"}
        deadline.at = time.monotonic() + self.config.timeout_s
        try:
            with self.client.stream("POST", url, content=body, headers=headers) as answer:
                text = _decode(answer)
        except httpx.TimeoutException:
            raise _NoAnswerError("timeout", f"no answer in {self.config.timeout_s:g} s") from None
        except httpx.RequestError as error:
            raise _NoAnswerError("timeout", self._clean(f"{type(error).__name__}: {error}")) from None
        except _BadReplyError as error:
            raise _NoAnswerError("parse_error", self._clean(str(error))) from None
        finally:
            deadline.at = None
        code = answer.status_code
        if code == 200:
            return self._read(text)
        what = f"HTTP {code} {answer.reason_phrase}".strip()
        if code in (401, 403):
            held = "does not take the key in" if self._key else "wants a key, and there is none in"
            raise EndpointError(f"{self.config.url}: {what}: the server {held} ${self.config.key_env}")
        what = self._clean(f"{what}: {text[:RAW_CHARS]}")
        if code in TRANSIENT or code >= 500:
            raise _NoAnswerError("timeout", what, retry_after=answer.headers.get("Retry-After"))
        if code in OF_THE_ROW:
            raise _NoAnswerError("refused", what, last=True)
        raise EndpointError(f"{self.config.url}: {what}")

    def _read(self, body: str) -> Reply:
        """The reply in a chat completion; _NoAnswerError for any other body."""
        try:
            choice = json.loads(body)["choices"][0]  # orjson rejects half of a surrogate pair, in which a truncated reply may end
            message, finish = choice["message"], choice.get("finish_reason")
            content, refusal = message.get("content"), message.get("refusal")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            content, refusal, finish = None, None, None
        if refusal or finish == "content_filter":
            return Reply("refused", raw=self._clean(str(refusal or content or finish)))
        if not isinstance(content, str):
            raise _NoAnswerError("parse_error", self._clean(f"no chat completion: {body[:RAW_CHARS]}"))
        reply = parse(content, cut=finish == "length")
        return reply if reply.raw is None else reply._replace(raw=self._clean(reply.raw))

    def _clean(self, text: str) -> str:
        """What the server sent; `[key]` replaces the key."""
        return (text.replace(self._key, "[key]") if self._key else text).strip()


class _NoAnswerError(Exception):
    """A request got no reply. `last` is true where repeating it is of no use."""

    def __init__(self, status: Status, cause: str, retry_after: str | None = None, last: bool = False) -> None:
        super().__init__(cause)
        self.reply, self.retry_after, self.last = Reply(status, raw=cause), retry_after, last


class _BadReplyError(Exception):
    """The body of an answer is too long, or not what its headers say."""


def _decode(answer: Any) -> str:
    """The text of an answer's body, in at most REPLY_BYTES of memory. Raises _BadReplyError."""
    body = bytearray()
    for block in _decompressed(answer):
        body += block
        if len(body) > REPLY_BYTES:
            raise _BadReplyError(f"HTTP {answer.status_code}: the answer has more than {REPLY_BYTES:,} bytes")
    return body.decode("utf-8", "replace")


def _decompressed(answer: Any) -> Iterator[bytes]:
    """The body in blocks of at most REPLY_BYTES + 1."""
    encoding = answer.headers.get("Content-Encoding", "").strip().lower()
    if encoding in ("", "identity"):
        yield from answer.iter_raw(1 << 16)
    elif encoding in ("gzip", "x-gzip", "deflate"):
        unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)  # the header says whether it is gzip or zlib
        try:
            for block in answer.iter_raw(1 << 16):
                yield unpack.decompress(block, REPLY_BYTES + 1)  # what is beyond is never unpacked
            yield unpack.flush() if not unpack.unconsumed_tail else b""
        except zlib.error:
            raise _BadReplyError(f"HTTP {answer.status_code}: the answer is damaged: it is not {encoding}") from None
        if not unpack.eof:
            raise _BadReplyError(f"HTTP {answer.status_code}: the answer was cut short")
    else:
        raise _BadReplyError(f"HTTP {answer.status_code}: the answer is compressed as {encoding[:40]!r}, which was not asked for")


class _StoppedError(Exception):
    """Another row ended the batch."""


def _load_tokenizer(folder: Path) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise ModelError(f"tokenizer: needs the package tokenizers: {install_hint('endpoint')}") from None
    try:
        return Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # the library raises bare Exceptions
        raise ModelError(f"{folder / 'tokenizer.json'}: {one_line(error)}") from None

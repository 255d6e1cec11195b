"""Pulling models from servers that cut, change, refuse and lie; all on the loopback interface."""

import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fasttext
import kenlm
import pyarrow as pa
import pytest
import yaml

from curricle.installation import install_hint
from curricle.models.cards import CARD, ModelError, check_files, read_card
from curricle.models.catalog import STARTER, cached_models, model_cache, model_folder
from curricle.models.get.download import Retry, download
from curricle.models.get.pull import pull
from curricle.models.get.registry import CATALOG, KnownKenlm, find_known, known_models, known_names, read_catalog
from curricle.models.kenlm.card import KenlmCard
from curricle.models.kenlm.model import load, verify
from curricle.models.kenlm.profiles import PROFILES, normalize
from curricle.models.kenlm.scorer import score
from curricle.models.kenlm.tokenizer import SentencePiece
from curricle.models.language_id import LanguageIdCard, known_codes
from curricle.models.language_id import load as load_language_id

COMMAND = str(Path(sys.executable).parent / "curricle")
NOW = Retry(attempts=3, pause_s=0.0)
ARPA = b"""\\data\\
ngram 1=5
ngram 2=3

\\1-grams:
-1.5\t<unk>
0\t<s>\t-0.1
-1\t</s>
-0.7\ta\t-0.25
-0.9\tb\t-0.15

\\2-grams:
-0.2\t<s> a
-0.3\ta b
-0.4\tb </s>

\\end\\
"""
BODY = bytes(range(256)) * 4000


@dataclass
class Served:
    """One file, and how the server misbehaves: `statuses` and `cuts` are used up, one for each GET."""

    body: bytes
    etag: str = '"1"'
    modified: str = "Tue, 03 Nov 2026 10:00:00 GMT"
    ranges: bool = True
    length: bool = True
    statuses: list[int] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)  # bytes of the body that are sent
    holds: int | None = None  # after so many bytes it waits for `Server.go_on`
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Server:
    """A file server; `requests` are (method, path, Range, Authorization)."""

    url: str
    files: dict[str, Served] = field(default_factory=dict)
    requests: list[tuple[str, str, str | None, str | None]] = field(default_factory=list)
    answering: threading.Event = field(default_factory=threading.Event)  # clear: a GET waits
    go_on: threading.Event = field(default_factory=threading.Event)
    held: bool = True  # whether `go_on` came before the server hung up

    def ranges(self) -> list[str | None]:
        return [asked for method, _, asked, _ in self.requests if method == "GET"]


class Handler(BaseHTTPRequestHandler):
    state: Server

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        asked = self.headers["Range"]
        self.state.requests.append((self.command, self.path, asked, self.headers["Authorization"]))
        if body:
            assert self.state.answering.wait(60)
        served = self.state.files.get(self.path)
        status = 404 if served is None else served.statuses.pop(0) if served.statuses else 200
        if served is None or status >= 300:
            self.send_response(status)
            for name, value in (served.headers if served else {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        content, start = served.body, 0
        if asked and served.ranges and self.headers["If-Range"] in (None, served.etag, served.modified):
            start = int(asked.removeprefix("bytes=").split("-")[0])
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        if served.etag:
            self.send_header("ETag", served.etag)
        if served.modified:
            self.send_header("Last-Modified", served.modified)
        if served.length:
            self.send_header("Content-Length", str(len(content) - start))
        for name, value in served.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if body and served.holds is not None:
            self.wfile.write(content[start : served.holds])
            self.state.held = self.state.go_on.wait(10)
            self.close_connection = True
        elif body:
            with contextlib.suppress(ConnectionError):  # the other side stopped listening: its disk is full
                self.wfile.write(content[start : served.cuts.pop(0) if served.cuts else None])


@pytest.fixture
def server() -> Iterator[Server]:
    handler = type("Bound", (Handler,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        handler.state = state = Server(f"http://127.0.0.1:{listening.server_port}")
        state.answering.set()
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        listening.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CURRICLE_CACHE", str(tmp_path / "cache"))
    for name in ("CURRICLE_KNOWN_MODELS", "HF_HUB_OFFLINE", "HF_TOKEN", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache" / "models"


def kenlm_entry(url: str, **fields: Any) -> KnownKenlm:
    return KnownKenlm.model_validate({
        "name": "hand-en-clean", "kind": "perplexity", "role": "clean", "profile": "oscar-harmful", "tokenizer": "words",
        "model": "model.arpa", "licence": "CC0", "source": "made by hand", "languages": ("en",),
        "files": {"model.arpa": {"url": url}},
    } | fields)  # fmt: skip


# The catalogue


def test_the_shipped_catalogue_is_sound():
    entries = read_catalog(CATALOG)
    assert len({entry.name for entry in entries}) == len(entries)
    names = known_names()
    assert len(set(names)) == len(names) == 3 + 48 + 24 + 184 + 5
    assert all(name == find_known(name).name for name in names)
    for entry in entries:
        assert entry.licence
        assert entry.source
        assert all(file.url.startswith("https://") or (file.path and entry.hub) for file in entry.files.values())
        if isinstance(entry, KnownKenlm):
            assert entry.profile in PROFILES
            assert {entry.model, entry.tokenizer} - {"words"} == set(entry.files)


def test_the_hash_of_lid_176_ftz_is_the_starter_model_s():
    assert (
        find_known("lid.176.ftz").files["lid.176.ftz"].sha256
        == read_card(model_folder("lid.176"), LanguageIdCard).files["lid.176.ftz"]
    )


def test_a_name_stands_for_one_model_for_each_language():
    entry = find_known("ccnet-no-clean")
    assert (entry.name, entry.languages, entry.per_language) == ("ccnet-no-clean", ("no",), ())
    assert [file.url for file in entry.files.values()] == [
        "https://dl.fbaipublicfiles.com/cc_net/lm/no.arpa.bin",
        "https://dl.fbaipublicfiles.com/cc_net/lm/no.sp.model",
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lid176.bin", "did you mean 'lid.176.bin'"),
        ("ccnet-en-claen", "did you mean 'ccnet-en-clean'"),
        ("ccnet-tr-clean", r"ccnet-\{lang\}-clean exists for af ar az .* zh$"),
        ("zzzzzzzz", "`curricle models list` shows all"),
    ],
)
def test_an_unknown_name_is_told_what_there_is(name, message):
    with pytest.raises(ModelError, match=message):
        find_known(name)


def test_a_recipe_that_names_a_known_model_is_told_how_to_get_it():
    with pytest.raises(ModelError, match="run `curricle models pull edugp-yo-clean`"):
        model_folder("edugp-yo-clean")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- {name: x, kind: perplexity, licence: a, source: b}", "role is required"),
        ("- {name: x, kind: rater, licence: a, source: b}", "x: no files and no hub"),
        ("- {name: ../x, kind: rater, licence: a, source: b, hub: a/b}", "0.name must match ^"),
        ("- {name: 'x-{lang}', kind: rater, licence: a, source: b, hub: a/b}", "per_language goes with"),
        ("- {name: 'x-{lang}', per_language: tur, kind: rater, licence: a, source: b, hub: a/b}", "'tur' is written 'tr' here"),
        ("- {name: x, kind: rater, licence: a, source: b, files: {../y: {url: 'http://a'}}}", "../y needs a url"),
        ("- {name: x, kind: rater, licence: a, source: b, files: {y: {path: a}}}", "y needs a url"),
        ("- {name: x", "line 1, column 11: not valid YAML"),
    ],
)
def test_a_catalogue_of_one_s_own_that_is_wrong_is_one_line(tmp_path, monkeypatch, text, message):
    (tmp_path / "own.yaml").write_text(text)
    monkeypatch.setenv("CURRICLE_KNOWN_MODELS", str(tmp_path / "own.yaml"))
    with pytest.raises(ModelError, match=re.escape(message)) as error:
        known_models()
    assert "\n" not in str(error.value)


# One file


def test_a_whole_file_comes_in_one_request_with_its_day_and_progress(server, tmp_path):
    server.files["/f"] = Served(BODY)
    seen: list[tuple[str, int, int | None]] = []
    day = download(f"{server.url}/f", tmp_path / "f", progress=lambda *told: seen.append(told), retry=NOW)
    assert (day, (tmp_path / "f").read_bytes()) == ("2026-11-03", BODY)
    assert seen[-1] == ("f", len(BODY), len(BODY))
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


@pytest.mark.parametrize("etag", ['"1"', 'W/"1"', ""], ids=["ETag", "weak ETag: Last-Modified", "Last-Modified"])
def test_a_cut_connection_goes_on_where_it_was(server, tmp_path, etag):
    server.files["/f"] = Served(BODY, etag=etag, cuts=[300_000, 700_000])
    download(f"{server.url}/f", tmp_path / "f", retry=NOW)
    assert (tmp_path / "f").read_bytes() == BODY
    assert server.ranges() == [None, "bytes=300000-", "bytes=700000-"]


def test_what_an_earlier_call_left_is_used(server, tmp_path):
    server.files["/f"] = Served(BODY, cuts=[300_000, 300_000, 300_000])
    with pytest.raises(ModelError, match=r"cut at 300,000 of 1,024,000 bytes.*300,000 bytes are kept"):
        download(f"{server.url}/f", tmp_path / "f", retry=Retry(attempts=1, pause_s=0))
    assert not (tmp_path / "f").exists()
    server.files["/f"].cuts = []
    download(f"{server.url}/f", tmp_path / "f", retry=NOW)
    assert (tmp_path / "f").read_bytes() == BODY
    assert server.ranges()[-1] == "bytes=300000-"


def test_a_part_that_is_whole_needs_no_request(server, tmp_path):
    (tmp_path / "f.part").write_bytes(BODY)
    (tmp_path / "f.part.json").write_text(json.dumps({"validator": '"1"', "length": len(BODY), "modified": ""}))
    download(f"{server.url}/f", tmp_path / "f", retry=NOW)
    assert ((tmp_path / "f").read_bytes(), server.requests) == (BODY, [])


@pytest.mark.parametrize(
    "served",
    [Served(BODY, ranges=False, cuts=[400_000]), Served(BODY, etag="", modified="", cuts=[400_000])],
    ids=["no ranges", "no validator"],
)
def test_without_ranges_or_a_validator_it_begins_again(server, tmp_path, served):
    server.files["/f"] = served
    download(f"{server.url}/f", tmp_path / "f", sha256=hashlib.sha256(BODY).hexdigest(), retry=NOW)
    assert (tmp_path / "f").read_bytes() == BODY
    assert len(server.requests) == 2


def test_a_file_that_changed_between_two_calls_begins_again(server, tmp_path):
    server.files["/f"] = Served(BODY, cuts=[300_000, 300_000])
    with pytest.raises(ModelError, match="are kept"):
        download(f"{server.url}/f", tmp_path / "f", retry=Retry(attempts=1, pause_s=0))
    changed = BODY[::-1] + b"more"
    server.files["/f"] = Served(changed, etag='"2"', modified="Wed, 04 Nov 2026 10:00:00 GMT")
    assert download(f"{server.url}/f", tmp_path / "f", retry=NOW) == "2026-11-04"
    assert (tmp_path / "f").read_bytes() == changed
    assert server.ranges()[-1] == "bytes=300000-"


def test_a_body_without_a_length_ends_where_the_server_ends_it(server, tmp_path):
    server.files["/f"] = Served(BODY, length=False)
    download(f"{server.url}/f", tmp_path / "f", retry=NOW)
    assert (tmp_path / "f").read_bytes() == BODY


def test_a_server_error_is_tried_again_and_progress_starts_the_count_anew(server, tmp_path):
    server.files["/f"] = Served(BODY, statuses=[500, 503], cuts=list(range(100_000, 900_000, 100_000)))
    download(f"{server.url}/f", tmp_path / "f", retry=NOW)
    assert (tmp_path / "f").read_bytes() == BODY
    assert len(server.requests) == 2 + 8 + 1


def test_a_server_that_keeps_failing_is_one_line(server, tmp_path):
    server.files["/f"] = Served(BODY, statuses=[500] * 9)
    with pytest.raises(ModelError, match=r"/f: HTTP 500 Internal Server Error, 3 times; 0 bytes are kept"):
        download(f"{server.url}/f", tmp_path / "f", retry=NOW)
    assert len(server.requests) == 3


def test_a_port_where_nobody_listens_is_one_line(server, tmp_path):
    with pytest.raises(ModelError, match=r"http://127\.0\.0\.1:1/f: .*Connection refused"):
        download("http://127.0.0.1:1/f", tmp_path / "f", retry=NOW)


def test_not_found_is_asked_once(server, tmp_path):
    with pytest.raises(ModelError, match=r"/f: HTTP 404 Not Found$"):
        download(f"{server.url}/f", tmp_path / "f", retry=NOW)
    assert len(server.requests) == 1


def test_another_hash_deletes_the_file_and_says_both(server, tmp_path):
    server.files["/f"] = Served(BODY)
    expected = "0" * 64
    with pytest.raises(ModelError, match=f"SHA-256 is {hashlib.sha256(BODY).hexdigest()}, expected {expected}"):
        download(f"{server.url}/f", tmp_path / "f", sha256=expected, retry=NOW)
    assert list(tmp_path.iterdir()) == []


def test_another_size_is_refused_before_the_download(server, tmp_path):
    server.files["/f"] = Served(BODY)
    with pytest.raises(ModelError, match="1,024,000 bytes, expected 5"):
        download(f"{server.url}/f", tmp_path / "f", size=5, retry=NOW)
    assert not (tmp_path / "f").exists()


@pytest.mark.parametrize("length", [True, False], ids=["length known before", "found out while writing"])
def test_a_full_disk_is_one_line(server, tmp_path, length):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=128k", "none", str(disk)], capture_output=True, check=False
    ).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        server.files["/f"] = Served(BODY, length=length)
        with pytest.raises(ModelError, match=r"no space left for .*f\.part.*bytes are kept"):
            download(f"{server.url}/f", disk / "f", retry=NOW)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


# A model folder


def test_a_pulled_kenlm_is_named_verified_and_scores_as_by_hand(server, cache):
    server.files["/en.arpa"] = Served(ARPA)
    said: list[str] = []
    folder = pull(kenlm_entry(f"{server.url}/en.arpa"), say=said.append, retry=NOW)
    assert folder == cache / "hand-en-clean" == model_folder("hand-en-clean")
    assert said == [f"model.arpa: SHA-256 {hashlib.sha256(ARPA).hexdigest()}, written into the card: none is published"]
    card = verify(folder)
    assert (card.order, card.ngrams, card.version) == (2, (5, 3), "2026-11-03")
    assert card.source == f"made by hand; {server.url}/en.arpa"
    scores = score(load(folder), pa.array(["a b", "a\nb"]))
    assert scores.log10.tolist() == pytest.approx([-0.9, -0.9])
    assert [round(value, 4) for value in scores.perplexity().to_pylist()] == [1.9953, 1.9953]
    assert cached_models() == ["hand-en-clean"]
    assert sorted(path.name for path in cache.iterdir()) == [".hand-en-clean.lock", "hand-en-clean"]


def test_a_second_pull_does_nothing_and_force_downloads_again(server, cache):
    server.files["/en.arpa"] = Served(ARPA)
    entry = kenlm_entry(f"{server.url}/en.arpa")
    pull(entry, retry=NOW)
    said: list[str] = []
    pull(entry, say=said.append, retry=NOW)
    assert (said, len(server.requests)) == ([f"{cache / 'hand-en-clean'} already exists"], 1)
    server.files["/en.arpa"] = Served(ARPA.replace(b"-0.2\t<s> a", b"-0.25\t<s> a"), etag='"2"')
    folder = pull(entry, force=True, retry=NOW)
    assert b"-0.25\t<s> a" in (folder / "model.arpa").read_bytes()
    check_files(folder, read_card(folder, KenlmCard))
    assert sorted(path.name for path in cache.iterdir()) == [".hand-en-clean.lock", "hand-en-clean"]


def test_a_failure_after_the_first_file_keeps_it(server, cache):
    entry = kenlm_entry("", files={"a.txt": {"url": f"{server.url}/a"}, "model.arpa": {"url": f"{server.url}/b"}})
    server.files["/a"] = Served(b"first")
    with pytest.raises(ModelError, match="/b: HTTP 404"):
        pull(entry, retry=NOW)
    assert cached_models() == []
    server.files["/b"] = Served(ARPA)
    pull(entry, retry=NOW)
    assert [path for _, path, _, _ in server.requests] == ["/a", "/b", "/b"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html>log in first</html>", "is not a KenLM file"),
        (ARPA[:-25], "KenLM cannot read it"),
        (ARPA.replace(b"ngram 2=3\n", b""), "is not an ARPA file of order 2"),
    ],
    ids=["a page", "cut short", "order 1"],
)
def test_what_is_no_model_leaves_nothing(server, cache, body, message):
    server.files["/en.arpa"] = Served(body)
    with pytest.raises(ModelError, match=message) as error:
        pull(kenlm_entry(f"{server.url}/en.arpa"), retry=NOW)
    assert "\n" not in str(error.value)
    assert [path.name for path in cache.iterdir()] == [".hand-en-clean.lock"]


@pytest.fixture
def russian(server: Server) -> KnownKenlm:
    """A probing binary and its pieces (the starter model's), served as CCNet's are."""
    starter = load(STARTER / "ru-clean")
    server.files["/ru.arpa.bin"] = Served(starter.path.read_bytes(), cuts=[1_000_000])
    server.files["/ru.sp.model"] = Served((STARTER / "ru-clean" / "sp.model").read_bytes())
    files = {"model.bin": {"url": f"{server.url}/ru.arpa.bin"}, "sp.model": {"url": f"{server.url}/ru.sp.model"}}
    fields = {"name": "ccnet-ru-clean", "languages": ("ru",), "profile": "ccnet", "tokenizer": "sp.model", "model": "model.bin"}
    return kenlm_entry("", files=files, **fields)


def test_a_pulled_model_of_pieces_scores_as_kenlm_scores_its_pieces(russian):
    folder = pull(russian, retry=NOW)
    card = verify(folder)
    assert (card.order, card.ngrams) == (4, (8099, 65437, 4873, 1887))
    texts = pa.array(["Москва — столица России, 1147 год."])
    pieces = SentencePiece(folder / "sp.model", per_word=False).joined(normalize(PROFILES["ccnet"], texts))[0].as_py()
    [value] = score(load(folder), texts).perplexity(card.rules.decimals).to_pylist()
    assert value == pytest.approx(round(kenlm.Model(str(folder / "model.bin")).perplexity(pieces), 1), abs=0.11)


def test_pieces_of_another_model_are_refused_and_leave_nothing(russian, server, cache):
    server.files["/ru.sp.model"] = Served((STARTER / "de-clean" / "sp.model").read_bytes())
    with pytest.raises(ModelError, match=r"ccnet-ru-clean knows 2% of the pieces of sp\.model"):
        pull(russian, retry=NOW)
    assert [path.name for path in cache.iterdir()] == [".ccnet-ru-clean.lock"]


@pytest.mark.parametrize("by", ["argument", "environment"])
def test_offline_opens_no_connection_and_says_what_is_missing(server, cache, monkeypatch, by):
    if by == "environment":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    entry = kenlm_entry(f"{server.url}/en.arpa")
    with pytest.raises(ModelError, match=f"cannot be downloaded with --offline; missing in .*: {server.url}/en.arpa"):
        pull(entry, offline=by == "argument")
    assert server.requests == []
    assert [path.name for path in cache.iterdir()] == [".hand-en-clean.lock"]


def tiny_classifier(folder: Path) -> bytes:
    texts = {"eng_Latn": "the house is red and the door is open", "ssw_Latn": "indlu ibomvu futhi umnyango uvuliwe manje"}
    (folder / "train.txt").write_text("".join(f"__label__{label} {text}\n" for label, text in texts.items() for _ in range(50)))
    model = fasttext.train_supervised(str(folder / "train.txt"), dim=8, epoch=20, minn=2, maxn=3, bucket=500, thread=1, verbose=0)
    model.save_model(str(folder / "tiny.bin"))
    return (folder / "tiny.bin").read_bytes()


# The command, as a user calls it


def catalogue(tmp_path: Path, server: Server) -> dict[str, str]:
    """Environment in which the command knows two models of the server and one of the hub that it plays."""

    def url(path: str) -> dict[str, str]:
        return {"url": f"{server.url}/{path}"}

    about = {"licence": "CC0", "source": "a test"}
    there = {"path": "lm/en.arpa"}
    kenlm = {
        **about,
        "kind": "perplexity",
        "role": "clean",
        "profile": "oscar-harmful",
        "tokenizer": "words",
        "model": "model.arpa",
    }
    entries = [
        {**about, "name": "tiny", "kind": "language-id", "files": {"tiny.bin": url("tiny.bin")}},
        {**kenlm, "name": "hand-{lang}-clean", "per_language": "en tr", "files": {"model.arpa": url("{lang}.arpa")}},
        {**kenlm, "name": "hub-en-clean", "languages": ["en"], "hub": "some/kenlm", "files": {"model.arpa": there}},
        {**about, "name": "rates", "kind": "rater", "hub": "some/rater", "languages": ["en"]},
    ]  # fmt: skip
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(entries))
    return os.environ | {
        "CURRICLE_KNOWN_MODELS": str(tmp_path / "own.yaml"),
        "HF_ENDPOINT": server.url,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_TOKEN": "hf_secret",
        "NO_PROXY": "127.0.0.1",
    }


def start(environment: dict[str, str], *arguments: str) -> "subprocess.Popen[str]":
    command = [COMMAND, "models", *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def curricle(environment: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    command = start(environment, *arguments)
    out, err = command.communicate(timeout=120)
    return command.returncode, out, err


def test_pull_list_info_and_verify_of_a_classifier(server, tmp_path, cache):
    environment = catalogue(tmp_path, server)
    server.files["/tiny.bin"] = Served(tiny_classifier(tmp_path))
    code, out, err = curricle(environment, "pull", "tiny")
    assert (code, out) == (0, f"{cache / 'tiny'}: ready; license: CC0\n"), err
    assert "written into the card: none is published" in err
    assert known_codes(cache / "tiny") == {"en", "ssw_Latn"}
    assert read_card(cache / "tiny", LanguageIdCard).languages == ("eng_Latn", "ssw_Latn")
    assert load_language_id(cache / "tiny").predict(pa.array(["the door is open"]))[0].to_pylist() == ["en"]
    assert curricle(environment, "verify", "tiny")[1] == f"{cache / 'tiny'}: 1 files, all hashes match\n"
    states = dict(line.split("\t")[:2] for line in curricle(environment, "list")[1].splitlines())
    assert (states["tiny"], states["lid.176"], states["glotlid"], states["hand-{lang}-clean"]) == (
        "pulled", "starter", "known", "known",
    )  # fmt: skip
    assert f"source            a test; {server.url}/tiny.bin\n" in curricle(environment, "info", "tiny")[1]
    assert "SHA-256 not published" in curricle(environment, "info", "hand-tr-clean")[1]


def test_two_processes_at_once_download_once(server, tmp_path, cache):
    environment = catalogue(tmp_path, server)
    server.files["/en.arpa"] = Served(ARPA)
    server.answering.clear()
    pulls = [start(environment, "pull", "hand-en-clean") for _ in range(2)]
    waiting: list[str] = []
    readers = [threading.Thread(target=lambda stream=command.stderr: waiting.append(stream.readline())) for command in pulls]
    for reader in readers:
        reader.start()
    while not waiting and any(reader.is_alive() for reader in readers):  # one of the two, whichever came second
        for reader in readers:
            reader.join(0.05)
    assert waiting == ["another process is pulling hand-en-clean; waiting for it\n"]
    server.answering.set()
    ends = [command.communicate(timeout=120) for command in pulls]
    assert [command.returncode for command in pulls] == [0, 0], ends
    assert [path for _, path, _, _ in server.requests] == ["/en.arpa"]
    assert sorted(path.name for path in cache.iterdir()) == [".hand-en-clean.lock", "hand-en-clean"]


def test_killed_in_the_middle_the_next_call_goes_on(server, tmp_path, cache):
    environment = catalogue(tmp_path, server)
    server.files["/en.arpa"] = Served(ARPA, holds=100)
    part = cache / ".hand-en-clean.part" / "model.arpa.part"
    command = start(environment, "pull", "hand-en-clean")
    while not (part.exists() and part.stat().st_size == 100) and command.poll() is None:
        signal.sigtimedwait([], 0.005)
    command.kill()
    command.communicate(timeout=60)
    assert part.read_bytes() == ARPA[:100]
    assert server.held  # it was written while the connection was open, not when it ended
    server.go_on.set()
    server.files["/en.arpa"].holds = None
    code, _, err = curricle(environment, "pull", "hand-en-clean")
    assert code == 0, err
    assert server.ranges() == [None, "bytes=100-"]
    assert (cache / "hand-en-clean" / "model.arpa").read_bytes() == ARPA


# The hub

COMMIT = "c0ffee" * 6 + "c0ff"


def on_hub(server: Server, repository: str, path: str, body: bytes, sha256: str | None = None) -> None:
    """`path` as the hub serves it; with `sha256`, as a file in its large storage."""
    etag = hashlib.sha1(body).hexdigest() if sha256 is None else sha256
    headers = {"X-Repo-Commit": COMMIT}
    if sha256 is not None:
        headers |= {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(len(body))}
    for revision in ("main", COMMIT):
        server.files[f"/{repository}/resolve/{revision}/{path}"] = Served(body, etag=f'"{etag}"', headers=headers)


def test_a_model_of_the_hub_is_pulled_with_the_token_in_the_header_alone(server, tmp_path, cache):
    environment = catalogue(tmp_path, server)
    on_hub(server, "some/kenlm", "lm/en.arpa", ARPA, hashlib.sha256(ARPA).hexdigest())
    code, out, err = curricle(environment, "pull", "hub-en-clean")
    assert code == 0, err
    assert {token for _, path, _, token in server.requests if path.startswith("/some")} == {"Bearer hf_secret"}
    card = verify(cache / "hub-en-clean")
    assert (card.version, card.order) == (COMMIT, 2)
    assert "hf_secret" not in out + err + (cache / "hub-en-clean" / CARD).read_text()
    assert score(load(cache / "hub-en-clean"), pa.array(["a b"])).log10.tolist() == pytest.approx([-0.9])
    before = len(server.requests)
    code, _, err = curricle(environment, "pull", "hub-en-clean", "--force", "--offline")
    assert (code, len(server.requests)) == (0, before), err  # the hub's cache has it


def test_the_token_of_the_hub_does_not_follow_to_another_host(server, tmp_path, cache):
    environment = catalogue(tmp_path, server)
    sha256 = hashlib.sha256(ARPA).hexdigest()
    on_hub(server, "some/kenlm", "lm/en.arpa", ARPA, sha256)
    elsewhere = server.url.replace("127.0.0.1", "localhost")  # another host for HTTP, and the same server here
    for path, served in list(server.files.items()):
        if path.endswith("lm/en.arpa"):
            served.statuses = [302] * 20
            served.headers = served.headers | {"Location": f"{elsewhere}/storage/en.arpa", "ETag": served.etag}
    server.files["/storage/en.arpa"] = Served(ARPA)
    code, _, err = curricle(environment, "pull", "hub-en-clean")
    assert code == 0, err
    tokens = {path: token for _, path, _, token in server.requests}
    assert tokens["/storage/en.arpa"] is None
    assert {token for path, token in tokens.items() if path.startswith("/some/")} == {"Bearer hf_secret"}


@pytest.mark.parametrize("length", [True, False], ids=["with a length", "without a length"])
def test_no_byte_beyond_the_size_is_written(server, tmp_path, length):
    server.files["/f"] = Served(BODY, length=length)
    most = 0

    def progress(_: str, done: int, __: int | None) -> None:
        nonlocal most
        most = max(most, done)

    with pytest.raises(ModelError, match=r"expected (1,000 bytes|1,000); nothing was kept"):
        download(f"{server.url}/f", tmp_path / "f", size=1000, progress=progress, retry=NOW)
    assert most <= 1000
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_shorter_than_its_size_is_refused(server, tmp_path):
    server.files["/f"] = Served(BODY, length=False)
    with pytest.raises(ModelError, match=r"1,024,000 bytes, expected 2,000,000; nothing was kept"):
        download(f"{server.url}/f", tmp_path / "f", size=2_000_000, retry=NOW)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_the_hub_s_large_storage_with_another_hash_is_refused(server, tmp_path, cache):
    environment = catalogue(tmp_path, server)
    on_hub(server, "some/kenlm", "lm/en.arpa", ARPA, "ab" * 32)
    code, _, err = curricle(environment, "pull", "hub-en-clean")
    assert code == 2
    assert f"SHA-256 is {hashlib.sha256(ARPA).hexdigest()}, expected {'ab' * 32}" in err
    assert not (cache / "hub-en-clean").exists()


@pytest.mark.parametrize(
    ("status", "headers", "message"),
    [
        (
            403,
            {"X-Error-Code": "GatedRepo"},
            "some/kenlm: accept its terms at https://huggingface.co/some/kenlm, then set HF_TOKEN",
        ),
        (404, {"X-Error-Code": "EntryNotFound"}, "some/kenlm@main"),
        (404, {"X-Error-Code": "RepoNotFound"}, "some/kenlm: no such repository, or it is private"),
        (404, {"X-Error-Code": "RevisionNotFound"}, "some/kenlm has no revision 'main'"),
    ],
)
def test_what_the_hub_refuses_is_one_line(server, tmp_path, cache, status, headers, message):
    environment = catalogue(tmp_path, server)
    server.files["/some/kenlm/resolve/main/lm/en.arpa"] = Served(b"", statuses=[status] * 9, headers=headers)
    code, _, err = curricle(environment, "pull", "hub-en-clean")
    assert (code, err.count("\n")) == (2, 1), err
    assert message in err
    assert "hf_secret" not in err


def test_offline_the_hub_is_not_asked(server, tmp_path):
    environment = catalogue(tmp_path, server)
    for setting, arguments in (({}, ["--offline"]), ({"HF_HUB_OFFLINE": "1"}, [])):
        code, _, err = curricle(environment | setting, "pull", "hub-en-clean", *arguments)
        assert (code, err.count("\n")) == (2, 1), err
        assert "some/kenlm@main is not in the hub's cache, and --offline forbids a download" in err
    assert server.requests == []


def test_without_the_extra_it_says_what_to_install(server, tmp_path):
    program = "import sys; sys.modules['huggingface_hub'] = None; from curricle.pipelines.cli.main import main; main()"
    command = [sys.executable, "-c", program, "models", "pull", "hub-en-clean"]
    ended = subprocess.run(command, env=catalogue(tmp_path, server), capture_output=True, text=True, check=False)
    assert ended.stderr == f"curricle: hub-en-clean is on the Hugging Face hub, which needs a package: {install_hint('hub')}\n"
    assert ended.returncode == 2


def test_a_whole_repository_is_pulled_with_a_hash_for_each_file(server, tmp_path, cache):
    environment = catalogue(tmp_path, server)
    files = {"config.json": b"{}", "model.safetensors": BODY, "onnx/model.onnx": b"onnx"}
    for path, body in files.items():
        on_hub(server, "some/rater", path, body)
    listing = [
        {"type": "file", "path": path, "size": len(body), "oid": hashlib.sha1(body).hexdigest()} for path, body in files.items()
    ]
    info = {"id": "some/rater", "sha": COMMIT, "siblings": [{"rfilename": path} for path in files]}
    server.files["/api/models/some/rater/revision/main"] = Served(json.dumps(info).encode())
    server.files[f"/api/models/some/rater/tree/{COMMIT}?recursive=true&expand=false"] = Served(json.dumps(listing).encode())
    code, _, err = curricle(environment, "pull", "rates")
    assert code == 0, err
    card = json.loads((cache / "rates" / CARD).read_text())
    assert card["files"] == {path: hashlib.sha256(body).hexdigest() for path, body in files.items()}
    assert card["version"] == COMMIT
    assert curricle(environment, "verify", "rates")[0] == 0


def test_models_in_the_cache_are_those_with_a_card(cache):
    (cache / "half").mkdir(parents=True)
    (cache / ".whole.part").mkdir()
    (cache / ".whole.part" / CARD).write_text("{}")
    assert (cached_models(), model_cache()) == ([], cache)

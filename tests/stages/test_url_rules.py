"""URL rules: datatrove's verdicts on real and adversarial URLs, what matched, the compiled lists, refused settings."""

import gzip
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import ada_url
import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.testing.test_pipeline import TestPipeline as Pipeline
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from curricle.models.cards import Card, ModelError, check_files, read_card
from curricle.pipelines.execute.run_stage import RunStage
from curricle.pipelines.plan.fingerprint import model_hashes
from curricle.pipelines.plan.recipe import check_recipe
from curricle.pipelines.plan.run_plan import make_plan
from curricle.schemas.rule import Rule
from curricle.schemas.shards import Envelope, Shard, seal, unseal
from curricle.schemas.stage import Step
from curricle.schemas.url_columns import URL_RULES
from curricle.stages.decide import DecideConfig, decide
from curricle.stages.url_rules import canonical as canonical_module
from curricle.stages.url_rules.blocklist_table import HASHES, EntryTable, hash_entries
from curricle.stages.url_rules.canonical import canonical_url
from curricle.stages.url_rules.config import UrlRulesConfig
from curricle.stages.url_rules.lists import list_files
from curricle.stages.url_rules.tag import STAGE, UrlRules, tag_url_rules

pytestmark = pytest.mark.filterwarnings("ignore:The .registered_domain. property is deprecated")  # read by datatrove

Lists = Mapping[str, Sequence[str]]

LISTS: Lists = {
    "domains": [
        "example.com",
        "bad.example.org",
        "bücher.de",
        "xn--bcher-kva.ch",
        "1.2.3.4",
        "blogspot.com",
        "listed.co.uk",
        "#no.com",
    ],
    "urls": ["http://fine.net/bad?page=1", "fine.net/no-scheme"],
    "words": ["Casino", "bang-bus"],
    "soft_words": ["babes", "hot", "escort"],
    "subwords": ["big black", "xxx"],
}

ADVERSARIAL = [
    "http://example.com",
    "https://www.example.com/a/b?c=d#e",
    "HTTP://EXAMPLE.COM/",
    "http://Example.com/",
    "example.com",
    "//example.com/x",
    "http://example.com:8080/",
    "http://example.com./",
    "http://www.example.com.:80/",
    "http://user:p@ss@example.com/",
    "http://user@other.com@example.com:1/",
    "http://other.com/example.com",
    "http://other.com/?u=http://example.com/",
    "http://notexample.com/",
    "http://bad.example.org/",
    "http://www.bad.example.org/",
    "http://example.org/",
    "http://bücher.de/",
    "http://xn--bcher-kva.de/",
    "http://bücher.ch/",
    "http://xn--bcher-kva.ch/x",
    "http://bücher。de/",
    "http://1.2.3.4/",
    "http://1.2.3.4:80/x",
    "http://[::1]/",
    "http://[2001:db8::1]:80/example.com",
    "http://[::1",
    "http://someone.blogspot.com/",
    "http://blogspot.com/",
    "http://listed.co.uk/",
    "http://co.uk/",
    "http://localhost/",
    "http://no.com/",
    "http://a..example.com/",
    "http://exa mple.com/",
    "http:///example.com",
    "http://",
    "mailto:a@example.com",
    "http://fine.net/bad?page=1",
    "http://fine.net/bad?page=12",
    "HTTP://fine.net/bad?page=1",
    "fine.net/no-scheme",
    "http://fine.net/casino",
    "http://fine.net/Casino",
    "http://fine.net/mycasino/",
    "http://fine.net/the-bangbus",
    "http://fine.net/bang-bus",
    "http://hot.net/babes",
    "http://hot.net/hot/hot",
    "http://hot.net/HOT/Babes",
    "http://fine.net/the-big-black-dog",
    "http://fine.net/BIG_BLACK",
    "http://fine.net/bi/gb/lack",
    "http://fine.net/x.x.x",
    "http://fine.net/%78%78%78",
    "http://fine.net/caſino/K",
    "http://fine.net/\u0130xxx",
    "http://fine.net/\x00casino\n",
]


def write_lists(folder: Path, lists: Lists) -> UrlRulesConfig:
    for kind, entries in lists.items():
        path = folder / "adult" / kind
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{entry}\n" for entry in entries), "utf-8")
    return UrlRulesConfig(**{kind: (str(folder),) for kind in lists}, match="datatrove")  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("CURRICLE_CACHE", str(folder))
    return folder


@pytest.fixture
def config(tmp_path) -> UrlRulesConfig:
    return write_lists(tmp_path, LISTS)


@pytest.fixture
def rules(config) -> UrlRules:
    return UrlRules(config)


KINDS = {"domain": ("domain", "subdomain"), "url": ("url",), "word": ("hard_blacklisted",)}
KINDS |= {"soft_word": ("soft_blacklisted",), "subword": ("blacklisted_subword",)}


def datatrove_judge(lists: Lists) -> Callable[[str], str | None]:
    """The reason for which datatrove drops a URL, or None."""
    from datatrove.data import Document
    from datatrove.pipeline.filters import URLFilter
    from tldextract import TLDExtract

    judge = URLFilter(
        extra_domains=lists.get("domains"),
        extra_urls=lists.get("urls"),
        banned_words=lists.get("words"),
        banned_subwords=lists.get("subwords"),
        soft_banned_words=lists.get("soft_words"),
        use_integrated_lists=False,
    )
    judge.tldextractor = TLDExtract(cache_dir=None, suffix_list_urls=())  # its own would ask the network first

    def reason(url: str) -> str | None:
        answer = judge.filter(Document(text="", id="", metadata={"url": url}))
        return None if answer is True else answer[1]

    return reason


def same_verdicts(rules: UrlRules, judge: Callable[[str], str | None], urls: Sequence[str]) -> int:
    """How many are blocked; fails where datatrove says otherwise, or blocks by another kind of rule."""
    hits = rules.match(urls)
    expected = {url: judge(url) for url in urls}
    ours = {url: hit and hit[0].partition(":")[0] for url, hit in zip(urls, hits, strict=True)}
    assert {u: k for u, k in ours.items() if not (expected[u] is None if k is None else expected[u] in KINDS[k])} == {}
    return sum(hit is not None for hit in hits)


def test_adversarial_urls_are_judged_as_datatrove_judges_them(rules):
    assert same_verdicts(rules, datatrove_judge(LISTS), ADVERSARIAL) == 29


def test_real_urls_are_judged_as_datatrove_judges_them(shared_data, tmp_path):
    files = sorted((shared_data / "web_text").glob("web-*.parquet"))
    urls = [url for file in files for url in pq.read_table(file, columns=["url"])["url"].to_pylist() if url]
    hosts = [url.split("/")[2] for url in urls if url.count("/") > 2]
    lists = {
        "domains": [host.removeprefix("www.") for host in hosts[::9]] + hosts[4::90],
        "urls": urls[::17],
        "words": ["news", "blog", "shop"],
        "soft_words": ["www", "en", "html", "article"],
        "subwords": ["sport", "recipe", "thebest"],
    }
    blocked = same_verdicts(UrlRules(write_lists(tmp_path, lists)), datatrove_judge(lists), urls)
    assert 1000 < blocked < len(urls) - 1000


@pytest.fixture(scope="module")
def judges(tmp_path_factory) -> tuple[UrlRules, Callable[[str], str | None]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CURRICLE_CACHE", str(tmp_path_factory.mktemp("cache")))
        return UrlRules(write_lists(tmp_path_factory.mktemp("lists"), LISTS)), datatrove_judge(LISTS)


URLS = st.from_regex(r"(https?://)?([a-zé。@:]{0,4}\.){0,3}(com|co\.uk|[:\[]1)/\S{0,9}")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(ADVERSARIAL), URLS), max_size=5))
def test_any_url_is_judged_as_datatrove_judges_it_and_alone_as_beside_others(judges, urls):
    rules, judge = judges
    same_verdicts(rules, judge, urls)
    assert rules.match(urls) == [rules.match([url])[0] for url in urls]


def batch_of(*urls: str | None) -> pa.RecordBatch:
    rows = {"id": pa.array([str(i) for i in range(len(urls))]), "url": pa.array(urls, pa.string())}
    batch = pa.record_batch({**rows, "dead_reason": pa.nulls(len(urls), pa.string())})
    return seal(batch, Envelope(shard=Shard(name="s", source="s", url="/s", format="jsonl"), sequence=7))


def test_rule_and_entry_are_named_and_without_a_url_all_is_null(rules, config):
    urls = ["https://www.example.com/a", "http://bad.example.org/", None, "", "http://fine.net/", "http://fine.net/bad?page=1"]
    urls += ["http://fine.net/casino", "http://hot.net/escort", "http://fine.net/3xxx"]
    out = tag_url_rules(batch_of(*urls), rules, config)
    assert [out.schema.field(column.name) for column in URL_RULES] == [column.field for column in URL_RULES]
    assert out.column("url_blocked").to_pylist() == [1, 1, None, None, 0, 1, 1, 1, 1]
    assert [hit for hit in zip(*(out.column(name).to_pylist() for name in ("url_rule", "url_match")), strict=True) if hit[0]] == [
        ("domain:adult", "example.com"),
        ("domain:adult", "bad.example.org"),
        ("url:adult", "http://fine.net/bad?page=1"),
        ("word:adult", "casino"),
        ("soft_word:adult", "escort hot"),
        ("subword:adult", "xxx"),
    ]
    assert unseal(out).sequence == 7
    assert tag_url_rules(batch_of(), rules, config).num_rows == 0


def test_the_documented_rule_rejects_what_is_blocked_and_nothing_else(rules, config):
    out = tag_url_rules(batch_of("http://example.com/", None, "http://fine.net/"), rules, config)
    rule = Rule(name="url_blocked", column="url_blocked", max=0)
    assert decide(out, DecideConfig(rules=(rule,))).column("reject_reason").to_pylist() == ["url_blocked", None, None]


def test_soft_word_threshold_counts_distinct_words(config):
    three = UrlRules(config.model_copy(update={"soft_word_threshold": 3}))
    assert three.match(["http://hot.net/babes", "http://hot.net/babes/escort"]) == [None, ("soft_word:adult", "babes escort hot")]


def test_files_are_named_by_category_and_gz_crlf_comments_and_blank_lines_are_read(tmp_path):
    (tmp_path / "ut1/phishing").mkdir(parents=True)
    (tmp_path / "ut1/phishing/domains.gz").write_bytes(gzip.compress(b"# list\r\n\r\n  one.com \r\ntwo.com"))
    (tmp_path / "ut1/ads").mkdir()
    (tmp_path / "ut1/ads/domains").write_bytes(b"one.com\nthree.com\n\xff\xfe.com\n")
    (tmp_path / "mine.txt.gz").write_bytes(gzip.compress(b"four.com\n"))
    rules = UrlRules(UrlRulesConfig(domains=(str(tmp_path / "ut1"), str(tmp_path / "mine.txt.gz"))))
    hits = rules.match([f"http://{name}.com/" for name in ("one", "two", "three", "four", "five")] + ["http://1.1.1.1/"])
    assert [hit and hit[0] for hit in hits] == ["domain:ads", "domain:phishing", "domain:ads", "domain:mine", None, None]


def test_an_entry_of_urls_without_a_scheme_matches_any_scheme(rules):
    hit = ("url:adult", "fine.net/no-scheme")
    assert rules.match(["http://fine.net/no-scheme", "ftp://fine.net/no-scheme", "http://fine.net/no-scheme/"]) == [
        hit,
        hit,
        None,
    ]


def test_a_domain_in_a_list_of_urls_blocks_no_domain(tmp_path):
    rules = UrlRules(write_lists(tmp_path, {"urls": ["example.com"]}))
    assert rules.match(["http://example.com/", "example.com"]) == [None, ("url:adult", "example.com")]


def test_lists_are_compiled_once_and_their_content_is_in_the_fingerprint(tmp_path, config):
    (folder,) = config.models()
    check_files(folder, read_card(folder, Card))
    before = (folder / HASHES).stat().st_mtime_ns
    moved = write_lists(tmp_path / "elsewhere", LISTS)
    assert moved.models() == (folder,)
    assert (folder / HASHES).stat().st_mtime_ns == before
    assert sorted(path.name for path in folder.parent.iterdir()) == [folder.name]
    first = model_hashes([config])
    (tmp_path / "adult/domains").write_text("other.com\n")
    assert model_hashes([config]) != first


def test_a_million_entries_take_twenty_bytes_each_and_are_all_found(tmp_path):
    count = 1_000_000
    (tmp_path / "adult").mkdir()
    with (tmp_path / "adult/domains").open("w") as file:
        file.writelines(f"site{number}.example{number % 977}.com\n" for number in range(count))
    hashes, categories = hash_entries(list_files({"domains": [str(tmp_path)]}))
    assert hashes.nbytes + categories.nbytes == 20 * count
    assert np.all(hashes[1:] > hashes[:-1])
    (folder,) = UrlRulesConfig(domains=(str(tmp_path),)).models()
    table = EntryTable(folder)
    assert isinstance(table.hashes, np.memmap)
    sample = range(0, count, 997)
    assert table.find("domains", [f"site{n}.example{n % 977}.com" for n in sample]) == ["domain:adult"] * len(sample)
    assert table.find("domains", [f"site{n}.example{n % 977}.net" for n in sample]) == [None] * len(sample)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"domains": ["/no/such/list"]}, "url_rules.domains: no file /no/such/list"),
        ({"urls": ["{tmp}"]}, "url_rules.urls: no file named urls below {tmp}"),
        ({}, "url_rules: no block list is given; name files or folders in domains, urls, words, soft_words, subwords"),
        ({"domains": ["{tmp}/damaged.gz"]}, "url_rules: {tmp}/damaged.gz: Not a gzipped file"),
    ],
)
def test_lists_that_cannot_be_used_are_one_line_before_anything_runs(tmp_path, fields, message):
    (tmp_path / "damaged.gz").write_bytes(b"plain text")
    fields = {kind: [path.format(tmp=tmp_path) for path in paths] for kind, paths in fields.items()}
    (tmp_path / "in.jsonl").write_text('{"text": "x"}\n')
    recipe = check_recipe("r", {"stages": {"url_rules": fields}}, "r.yaml")
    with pytest.raises(ModelError, match=message.format(tmp=tmp_path)) as caught:
        make_plan(recipe, [str(tmp_path / "in.jsonl")])
    assert "\n" not in str(caught.value)


def test_refused_settings():
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        UrlRulesConfig(soft_word_threshold=0)
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        UrlRulesConfig(domain=("x",))  # type: ignore[call-arg]


def test_through_beam_and_a_reshuffle(config):
    batches = [batch_of("http://example.com/", None), batch_of("http://fine.net/"), batch_of()]
    with Pipeline("FnApiRunner") as pipeline:
        out = pipeline | beam.Create(batches) | beam.Reshuffle() | RunStage(Step("url_rules", STAGE, config))
        assert_that(
            out | beam.FlatMap(lambda batch: batch.column("url_rule").to_pylist()), equal_to(["domain:adult", None, None])
        )


SPELLINGS = {
    "http://user:pw@bad.example/": True,
    "http://BAD.example/": True,
    "HTTP://Bad.Example": True,
    "hTTps://WWW.BAD.EXAMPLE:443/": True,
    "http://bad.example.:80/x": True,
    "https://bad.example?x=1": True,
    "https://bad.example#f": True,
    "//bad.example/x": True,
    "bad.example/x": True,
    "http:/bad.example/": True,
    "http://bad\u3002example/": True,
    "http://b%61d.example/": True,
    " http://bad.example/": True,
    "\thttp://bad.example/\n": True,
    "http://a.b.c.bad.example/": True,
    "http://notbad.example/": False,
    "http://bad.example.other.org/": False,
    "http://other.org/?u=http://bad.example/": False,
    "http://other.org/bad.example": False,
    "http://xn--bcher-kva.example/": True,
    "http://BÜCHER.example/": True,
    "http://bu\u0308cher.example/": True,
    "http://häfen.example/": True,
    "http://XN--HFEN-LOA.example/": True,
    "http://8.8.4.4/": True,
    "http://8.8.4.4:80/x": True,
    "http://8.8.1028/": True,
    "http://[2001:db8:0:0::1]/": True,
    "http://[::1]/": False,
    "http://deep.other.net/": False,
    "http://x.mid.deep.other.net/": True,
    "http://fine.net/bad/page.html": True,
    "https://fine.net/bad/page.html?x=1": True,
    "http://fine.net/bad/page.html#top": True,
    "http://www.fine.net/bad/page.html": True,
    "http://fine.net:80/bad/page.html": True,
    "http://FINE.net/bad/./page.html": True,
    "https://fine.net/full": True,
    "http://fine.net/good": False,
    "http://fine.net/q?a=1": True,
    "http://fine.net/q?a=2": False,
    "http://fine.net/q": False,
    "http://": False,
    "http://a b/": False,
    "mailto:x@y.z": False,
}
ENTRIES = {
    "domains": "bad.example\nbücher.example\nxn--hfen-loa.example\n8.8.4.4\n[2001:db8::1]\nmid.deep.other.net\n",
    "urls": "fine.net/bad/page.html\nhttp://fine.net/full\nfine.net/q?a=1\n",
}


def test_entries_and_urls_are_compared_as_addresses_in_whatever_spelling(tmp_path):
    for kind, entries in ENTRIES.items():
        (tmp_path / kind).write_text(entries, "utf-8")
    rules = UrlRules(UrlRulesConfig(**{kind: (str(tmp_path),) for kind in ENTRIES}))
    found = {url: hit is not None for url, hit in zip(SPELLINGS, rules.match(list(SPELLINGS)), strict=True)}
    assert found == SPELLINGS


@given(url=st.text(max_size=60))
def test_no_url_makes_the_canonical_form_fail_and_it_is_stable(url):
    found = canonical_url(url)
    assert found is None or canonical_url(f"http://{found}") == found


def test_plain_urls_are_in_canonical_form_already(shared_data):
    urls = pq.read_table(sorted((shared_data / "web_text").glob("web-*.parquet"))[0], columns=["url"])["url"].to_pylist()
    plain = [url for url in urls if canonical_module._PLAIN.fullmatch(url)]
    assert len(plain) > len(urls) // 3
    for url in plain:
        parsed = ada_url.URL(url)
        assert tuple(canonical_module.canonical(url)) == (parsed.hostname, parsed.pathname, parsed.search)

"""URLs on block lists, with the verdicts of datatrove 0.10.1's URLFilter (its source; after RefinedWeb, arXiv 2306.01116).

In its order: the registered domain, the full host name, the whole URL, a word, soft words, a word inside. Hosts are cut by
tldextract from the public suffix list inside that package; nothing is downloaded.

With `match: canonical`, the default, then the same entries and the URL in canonical form (`canonical`): a domain blocks all hosts
below it, an address blocks its page in whatever spelling. datatrove misses these.

Deviations: an entry of `urls` without a scheme (all of UT1) matches a URL with any scheme (datatrove's never match one); a
blank line in a list is not an entry (in datatrove it blocks every IP address). docs/url-rules.md says what these rules miss.
"""

from collections.abc import Sequence
from typing import Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from curricle.schemas.batches import append_columns, scatter
from curricle.schemas.stage import Stage
from curricle.schemas.url_columns import URL_RULES
from curricle.stages.url_rules.canonical import canonical
from curricle.stages.url_rules.config import UrlRulesConfig


class UrlRules:
    """Compiled lists, ready to match."""

    def __init__(self, config: UrlRulesConfig) -> None:
        from tldextract import TLDExtract

        from curricle.stages.url_rules.blocklist_table import WORDS, EntryTable
        from curricle.stages.url_rules.words import WordTable

        (folder,) = config.models()
        self.extract = TLDExtract(cache_dir=None, suffix_list_urls=())
        self.entries = EntryTable(folder)
        self.canonical = config.match == "canonical"
        self.words = WordTable(orjson.loads((folder / WORDS).read_bytes()), config.soft_word_threshold)

    def match(self, urls: Sequence[str]) -> list[tuple[str, str] | None]:
        """For each URL (rule, matching entry) of the first rule that blocks it, or None."""
        hosts = [self.extract.extract_str(url) for url in urls]
        hits: list[tuple[str, str] | None] = [None] * len(urls)
        for kind, keys in (
            ("domains", [host.top_domain_under_public_suffix for host in hosts]),
            ("domains", [host.fqdn for host in hosts]),
            ("urls", urls),
            ("urls", [url.partition("://")[2] for url in urls]),
        ):
            for row, rule in enumerate(self.entries.find(kind, keys)):
                if rule and not hits[row]:
                    hits[row] = rule, keys[row]
        if self.canonical:
            self._match_canonical(urls, hits)
        if self.words.empty:
            return hits
        return [hit or self.words.find(url) for hit, url in zip(hits, urls, strict=True)]

    def _match_canonical(self, urls: Sequence[str], hits: list[tuple[str, str] | None]) -> None:
        """Fill `hits` where an entry and a URL are the same address in other spellings."""
        kinds = [kind for kind in ("hosts", "pages") if self.entries.has(kind)]
        if not kinds:
            return
        forms = [(row, form) for row, url in enumerate(urls) if not hits[row] and (form := canonical(url))]
        for kind in kinds:
            keys = [(row, key) for row, form in forms for key in (form.hosts() if kind == "hosts" else form.pages())]
            found = self.entries.find(kind, [key for _, key in keys])
            for (row, key), rule in zip(keys, found, strict=True):
                if rule and not hits[row]:
                    hits[row] = rule, key


def tag_url_rules(batch: pa.RecordBatch, rules: UrlRules, config: UrlRulesConfig) -> pa.RecordBatch:
    """Append `url_blocked` (int8, 1 or 0; null: no URL), `url_rule` and `url_match` (string, null where nothing blocks it)."""
    urls = batch.column("url")
    present = pc.fill_null(pc.not_equal(urls, ""), False)
    mask = present.to_numpy(zero_copy_only=False)
    hits = rules.match(urls.filter(present).to_pylist())
    values = {
        "url_blocked": pa.array([int(hit is not None) for hit in hits], pa.int8()),
        "url_rule": pa.array([hit and hit[0] for hit in hits], pa.string()),
        "url_match": pa.array([hit and hit[1] for hit in hits], pa.string()),
    }
    return append_columns(batch, URL_RULES, {name: scatter(array, mask) for name, array in values.items()})


STAGE: Final = Stage(
    name="url_rules",
    kernel=tag_url_rules,
    config=UrlRulesConfig,
    reads=("url",),
    columns=URL_RULES,
    load=UrlRules,
    models=UrlRulesConfig.models,
    packages=("tldextract", "ahocorasick", "ada_url"),  # the public suffix list is inside tldextract
)

"""Texts of benchmarks/does_it_help.py: the pool, curated held-out sets that nothing in the experiment has seen, their overlap."""

import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash
import zstandard

SET_BYTES = 150_000  # of one held-out set: enough for 15 to 300 documents, little enough to be judged 15 times
WEB_SHARE = 1 / 20  # of the pool's pages that are set apart as the held-out set of ordinary pages
SHINGLE = 8  # words
OVERLAP = 0.1  # a held-out document with a larger share of its shingles in the pool is left out
WIKITEXT = slice(888, 888 + 886)  # lines of clean_lm/en, by sources.tsv
WEB = "ordinary web pages"

CURATED = {
    "en": {
        "encyclopedia": ("wikitext-2-valid",),
        "news": ("MasakhaNEWS-dev",),
        "medicine": ("PubMedQA",),
        "finance": ("TAT-QA-dev",),
        "mathematics": ("GSM8K-train",),
        "software manuals": ("debian-handbook", "installation-guide", "gnome-user-docs"),
    },
    "de": {
        "law": ("GermanLaw",),
        "software manuals": ("debian-handbook", "installation-guide", "gnome-user-docs"),
    },
}
"""Language -> held-out set -> collections."""

SEEN = {"AG-News", "WCXB-product", "TAT-QA-dev", "GSM8K-train", "PubMedQA", "MasakhaNEWS-dev"}
"""English collections of domain.parquet that the shipped clean model read, and the one of this experiment must not."""


@dataclass(frozen=True)
class HeldOut:
    """One set; `overlapping` of its documents were left out because the pool has parts of them."""

    name: str
    texts: list[str]
    overlapping: int = 0


def clean_lines(data: Path, language: str) -> list[str]:
    """Sentences and paragraphs of edited text."""
    with (data / "clean_lm" / f"{language}.txt.zst").open("rb") as file:
        return io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), "utf-8").read().splitlines()


def unseen_clean_texts(data: Path) -> Iterator[pa.Array]:
    """What the shipped English clean model was trained on (training/starter_kenlm.py), without the held-out collections."""
    lines = clean_lines(data, "en")
    yield pa.array(lines[: WIKITEXT.start] + lines[WIKITEXT.stop :], pa.string())
    harmless = pq.read_table(data / "harmful/harmful-train.parquet", columns=["lang", "category", "text"])
    yield _column(harmless.filter(pc.and_(pc.equal(harmless["lang"], "en"), pc.equal(harmless["category"], "clean"))))
    domain = pq.read_table(data / "domain/domain.parquet", columns=["lang", "source", "orig_label", "text"])
    adult = pc.match_substring(domain["orig_label"].cast("string"), "dult")
    seen = pc.is_in(domain["source"].cast("string"), value_set=pa.array(sorted(SEEN)))
    yield _column(domain.filter(pc.and_(pc.equal(domain["lang"], "en"), pc.invert(pc.or_(adult, seen)))))


def _column(table: pa.Table) -> pa.Array:
    return table["text"].cast("string").combine_chunks()


def web_pages(data: Path) -> pa.Table:
    """id, url and text of all pages, with CLD2's guess at the language."""
    files = sorted((data / "web_text").glob("web-*.parquet"))
    return pq.read_table(files, columns=["id", "url", "text", "cld2_lang"]).combine_chunks()


def split_pool(pages: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Pages of the pool, and every 20th, by a hash of its text, that is set apart."""
    apart = pa.array([_hash(text) % round(1 / WEB_SHARE) == 0 for text in pages["text"].to_pylist()], pa.bool_())
    return pages.filter(pc.invert(apart)), pages.filter(apart)


def curated(data: Path, language: str) -> Iterator[tuple[str, list[str]]]:
    """Each set's name and documents of at least 200 bytes; none that the student's teacher rated."""
    rated = set(pq.read_table(data / "ratings/ratings.parquet", columns=["id"])["id"].to_pylist())
    manuals = pq.read_table(sorted((data / "web_text").glob("docs-*.parquet")), columns=["id", "lang", "source", "text"])
    domain = pq.read_table(data / "domain/domain.parquet", columns=["id", "lang", "source", "text"])
    every = pa.concat_tables([manuals.cast(domain.schema), domain])
    every = every.filter(pc.equal(every["lang"].cast("string"), language)).to_pylist()
    for name, sources in CURATED[language].items():
        texts = [row["text"] for row in every if row["source"] in sources and row["id"] not in rated]
        if "wikitext-2-valid" in sources:
            texts = clean_lines(data, language)[WIKITEXT]
        yield name, [text for text in texts if len(text.encode()) >= 200]


def held_out_sets(sets: Iterable[tuple[str, list[str]]], pool: Iterable[str]) -> list[HeldOut]:
    """Up to SET_BYTES of each set, in the order of hashes, without documents that the pool has parts of."""
    chosen = {name: sorted(set(texts), key=_hash) for name, texts in sets}
    wanted = {shingle for texts in chosen.values() for text in texts for shingle in shingles(text)}
    found = {shingle for text in pool for shingle in shingles(text) if shingle in wanted}
    result = []
    for name, texts in chosen.items():
        fresh = [text for text in texts if overlap(text, found) <= OVERLAP]
        result.append(HeldOut(name, _within(fresh, SET_BYTES), len(texts) - len(fresh)))
    return result


def shingles(text: str) -> Iterator[int]:
    """Hashes of every run of SHINGLE words, case and punctuation left out."""
    words = re.findall(r"\w+", text.lower())
    for start in range(len(words) - SHINGLE + 1):
        yield hash(tuple(words[start : start + SHINGLE]))  # compared within this process only


def overlap(text: str, found: set[int]) -> float:
    """Share of the text's shingles that are in `found`."""
    every = list(shingles(text))
    return sum(shingle in found for shingle in every) / max(1, len(every))


def _within(texts: list[str], limit: int) -> list[str]:
    size, kept = 0, []
    for text in texts:
        if size < limit:
            kept.append(text)
            size += len(text.encode())
    return kept


def _hash(text: str) -> int:
    return xxhash.xxh3_64_intdigest(text.encode())

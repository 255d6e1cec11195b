"""Speed of URL rules, redaction and line cleaning beside datatrove's own, on real pages and URLs.

    python benchmarks/cleaning.py --data DIR

DIR holds web_text/web-*.parquet (`text`, `url`). One core's CPU time, three rounds in turn, the fastest of each; both sides start
with a batch in memory, lists and models loaded. The URL lists are those inside datatrove (4.6 million entries, and its words).
datatrove's C4 runs without its rules on documents, which need spaCy.
"""

import argparse
import os
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import datatrove
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from datatrove.data import Document
from datatrove.pipeline.filters import C4QualityFilter, URLFilter
from datatrove.pipeline.formatters import PIIFormatter, SymbolLinesFormatter
from tldextract import TLDExtract

from curricle.stages.clean_lines import CleanLinesConfig, SymbolLines, clean_lines
from curricle.stages.redact import RedactConfig, redact
from curricle.stages.url_rules.config import UrlRulesConfig
from curricle.stages.url_rules.tag import UrlRules, tag_url_rules

ASSETS = Path(datatrove.__file__).parent / "assets"
ROUNDS = 3


def fastest(*work: Callable[[], object]) -> list[float]:
    """Least CPU seconds of each, run in turn."""
    times: list[list[float]] = [[] for _ in work]
    for _ in range(ROUNDS):
        for run, seconds in zip(work, times, strict=True):
            started = time.process_time()
            run()
            seconds.append(time.process_time() - started)
    return [min(seconds) for seconds in times]


def memory_mb() -> float:
    """Resident now."""
    return psutil.Process().memory_info().rss / 1e6


def url_rules(batch: pa.RecordBatch, lists: Path) -> None:
    """Compile, open, look up."""
    with tarfile.open(next(ASSETS.glob("url_filterblacklists*.tar.gz"))) as archive:
        archive.extractall(lists / "datatrove", filter="data")
    folder = str(lists / "datatrove")
    words = {
        kind: (str(ASSETS / f"{name}.txt"),)
        for kind, name in (("words", "banned_words"), ("soft_words", "soft_banned_words"), ("subwords", "banned_subwords"))
    }
    config = UrlRulesConfig(domains=(folder,), urls=(folder,), **words)
    started = time.process_time()
    (compiled,) = config.models()
    size = sum(path.stat().st_size for path in compiled.iterdir())
    print(f"compiled: {time.process_time() - started:.1f} CPU s, {size / 1e6:.1f} MB")
    before, started = memory_mb(), time.process_time()
    rules = UrlRules(config)
    print(f"opened: {time.process_time() - started:.2f} CPU s, {memory_mb() - before:.0f} MB more")
    before, started = memory_mb(), time.process_time()
    judge = URLFilter(
        extra_domains=(lists / "datatrove/domains").open(),
        extra_urls=(lists / "datatrove/urls").open(),
        banned_words=(ASSETS / "banned_words.txt").open(),
        soft_banned_words=(ASSETS / "soft_banned_words.txt").open(),
        banned_subwords=(ASSETS / "banned_subwords.txt").open(),
        use_integrated_lists=False,
    )
    judge.tldextractor = TLDExtract(cache_dir=None, suffix_list_urls=())
    print(f"datatrove opens the lists: {time.process_time() - started:.1f} CPU s, {memory_mb() - before:.0f} MB more\n")
    documents = [Document(text="", id="", metadata={"url": url}) for url in batch.column("url").to_pylist()]
    ours, theirs = fastest(
        lambda: tag_url_rules(batch, rules, config), lambda: [judge.filter(document) for document in documents]
    )
    blocked = sum(answer is not True for answer in map(judge.filter, documents))
    assert pc.sum(tag_url_rules(batch, rules, config).column("url_blocked")).as_py() == blocked
    count = len(documents)
    name = f"URL rules, URLs/s ({blocked} of {count} blocked)"
    print("| | ours | datatrove | times |\n|---|---|---|---|")
    print(f"| {name} | {count / ours:,.0f} | {count / theirs:,.0f} | {theirs / ours:.1f} |")


def texts(batch: pa.RecordBatch) -> None:
    """Redaction and lines, MB of text a second."""
    rows = batch.column("text").to_pylist()
    size = pc.sum(pc.binary_length(batch.column("text"))).as_py() / 1e6
    c4 = C4QualityFilter(min_num_sentences=-1, filter_lorem_ipsum=False, filter_curly_bracket=False)
    pii, symbols = PIIFormatter(), SymbolLinesFormatter(symbols_to_remove=["|"], replace_char="\n")
    symbol_config = CleanLinesConfig(c4=False, symbol_lines=SymbolLines())
    for name, ours, theirs in (
        ("redact", lambda: redact(batch, RedactConfig()), lambda: [pii.format(text) for text in rows]),
        (
            "C4 lines",
            lambda: clean_lines(batch, CleanLinesConfig()),
            lambda: [c4.filter(Document(text=text, id="")) for text in rows],
        ),
        ("symbol lines", lambda: clean_lines(batch, symbol_config), lambda: [symbols.format(text) for text in rows]),
    ):
        one, other = fastest(ours, theirs)
        print(f"| {name}, MB/s | {size / one:,.0f} | {size / other:,.1f} | {other / one:.1f} |")


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    arguments = parser.parse_args()
    files = sorted((arguments.data / "web_text").glob("web-*.parquet"))
    table = pa.concat_tables(pq.read_table(file, columns=["url", "text"]) for file in files)
    batch = table.filter(pc.not_equal(table["url"], "")).combine_chunks().to_batches()[0]
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["CURRICLE_CACHE"] = str(Path(scratch) / "cache")
        url_rules(batch, Path(scratch))
    texts(batch)


if __name__ == "__main__":
    main()

"""Trains the KenLM models in models/starter: `python training/starter_kenlm.py --data DIR [--only en tr] [--output DIR]`.

Profile curricle-v1, one SentencePiece vocabulary a language, shared by its clean and its harmful models; our own estimator.
"""

import argparse
import html
import io
import re
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import zstandard

from curricle.models.catalog import STARTER
from curricle.models.kenlm.train.perplexity_model import TrainConfig, train

PIECES = 8000
PRUNE = {"en": (0, 0, 1, 1)}  # keeps the wheel under 40 MB; the other corpora are a quarter of the English one, or less
CLEAN = ("en", "tr", "de", "fr", "es", "it", "pt", "nl", "pl", "ru")
HARMFUL = {
    ("en", "adult"): ("WebOrganizer-adult", "WebOrganizer adult documents"),
    ("en", "spam"): ("SpamAssassin-spam-1", "SpamAssassin spam"),
    ("en", "hate"): ("davidson2017", "Davidson 2017, hateful and offensive posts"),
    ("de", "hate"): ("GermEval2018-training", "GermEval 2018, hateful and offensive posts"),
    ("pt", "hate"): ("ToLD-Br", "ToLD-Br, hateful and offensive posts"),
    ("tr", "hate"): ("TurkishHate2", "Turkish hate speech 2, hateful and offensive posts"),
}
"""(language, category) -> the collection whose harmful texts the model is trained on, and what they are."""

WEIGHT = {"adult": 0.2}
"""Mixed with the clean model: recall at 1 % false positives 0.75 -> 0.82; the others' recall is better alone."""

LICENCE = "n-gram counts of the corpora named in `source`, whose texts are their publishers'; the counts themselves: Apache-2.0"
HANDLE_OR_LINK = re.compile(r"@\w+:?|https?://\S+|\bRT\b")


def training_split(data: Path, language: str, harmful: bool, source: str | None = None) -> pa.Array:
    """Texts of the harmful collection's training split; posts without names of users, links and HTML escapes."""
    table = pq.read_table(data / "harmful/harmful-train.parquet", columns=["source", "lang", "category", "unit", "text"])
    keep = pc.and_(pc.equal(table["lang"], language), pc.equal(pc.not_equal(table["category"], "clean"), harmful))
    if source is not None:
        keep = pc.and_(keep, pc.equal(table["source"], source))
    rows = table.filter(keep)
    units, texts = rows["unit"].to_pylist(), rows["text"].to_pylist()
    return pa.array([_post(text) if unit == "post" else text for unit, text in zip(units, texts, strict=True)], pa.string())


def _post(text: str) -> str:
    return " ".join(HANDLE_OR_LINK.sub(" ", html.unescape(text)).split())


def clean_texts(data: Path, language: str) -> Iterator[pa.Array]:
    """Edited text, one sentence or paragraph a row, and harmless texts of the kinds in which harmful ones are found.

    Without harmless posts and mails the log-ratio would find posts and mails, not hate and spam. For English also WebOrganizer's
    web documents that are not adult, but for the test split of the harmful collection, and software manuals (menus, forms).
    """
    with (data / "clean_lm" / f"{language}.txt.zst").open("rb") as file:
        yield pa.array(io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), "utf-8").read().splitlines())
    yield training_split(data, language, harmful=False)
    if language == "en":
        table = pq.read_table(data / "domain/domain.parquet", columns=["lang", "text", "orig_label"])
        adult = pc.match_substring(table["orig_label"].cast("string"), "dult")
        kept = table.filter(pc.and_(pc.equal(table["lang"], "en"), pc.invert(adult)))["text"].cast("string").combine_chunks()
        test = pq.read_table(data / "harmful/harmful-test.parquet", columns=["text"])["text"]
        starts = pc.utf8_slice_codeunits(test.combine_chunks(), 0, 300)  # the domain collection cuts its texts
        yield kept.filter(pc.invert(pc.is_in(pc.utf8_slice_codeunits(kept, 0, 300), value_set=starts)))
        manuals = pq.read_table(sorted((data / "web_text").glob("docs-*.parquet")), columns=["lang", "text"])
        yield manuals.filter(pc.equal(manuals["lang"], "en"))["text"].cast("string").combine_chunks()


def harmful_texts(data: Path, language: str, category: str) -> Iterator[pa.Array]:
    """Texts of one category of the training split."""
    yield training_split(data, language, harmful=True, source=HARMFUL[language, category][0])


def main() -> None:
    """All models, or those of some languages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=list(CLEAN))
    parser.add_argument("--output", type=Path, default=STARTER)
    arguments = parser.parse_args()
    for language in arguments.only:
        source = f"clean_lm/{language}: treebanks, encyclopedia, news and question sets; harmless posts"
        source += " and mails; WebOrganizer web documents without adult ones; software manuals" if language == "en" else ""
        clean = TrainConfig(
            name=f"{language}-clean",
            language=language,
            role="clean",
            source=source if language in ("en", *(code for code, _ in HARMFUL)) else source.removesuffix("; harmless posts"),
            licence=LICENCE,
            order=4,
            prune=PRUNE.get(language, (0, 0, 1)),
            pieces=PIECES,
            format="compact",
        )
        pieces = arguments.output / clean.name / "sp.model"
        jobs = [(clean, partial(clean_texts, arguments.data, language), None)]
        for category in (category for code, category in HARMFUL if code == language):
            changes = {
                "name": f"{language}-{category}",
                "role": "harmful",
                "category": category,
                "weight": WEIGHT.get(category, 1.0),
                "prune": (0,),
                "source": f"{HARMFUL[language, category][1]}, training split",
            }
            config = clean.model_copy(update=changes)
            jobs.append((config, partial(harmful_texts, arguments.data, language, category), pieces))
        for config, documents, tokenizer in jobs:
            folder = arguments.output / config.name
            shutil.rmtree(folder, ignore_errors=True)
            card = train(documents, folder, config, tokenizer)
            size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
            print(f"{card.name}: {size:.2f} MB, {card.ngrams}, held-out perplexity {card.heldout_ppl}", flush=True)


if __name__ == "__main__":
    main()

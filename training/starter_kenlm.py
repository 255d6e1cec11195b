"""Trains the KenLM models in models/starter: `python training/starter_kenlm.py --data DIR [--only en tr] [--output DIR]`.

Profile curricle-v1, one SentencePiece vocabulary a language, shared by its clean and its harmful model; our own estimator.
"""

import argparse
import io
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import zstandard

from models.catalog import STARTER
from models.kenlm.train import TrainConfig, train

PIECES = 8000
PRUNE = {"en": (0, 0, 1, 1)}  # keeps the wheel under 40 MB; the other corpora are a quarter of the English one, or less
CLEAN = ("en", "tr", "de", "fr", "es", "it", "pt", "nl", "pl", "ru")
LICENCE = "n-gram counts of the corpora named in `source`, whose texts are their publishers'; the counts themselves: Apache-2.0"


def clean_texts(data: Path, language: str) -> Iterator[pa.Array]:
    """Sentences and paragraphs of edited text; for English also the WebOrganizer web documents that are not adult."""
    with (data / "clean_lm" / f"{language}.txt.zst").open("rb") as file:
        yield pa.array(io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), "utf-8").read().splitlines())
    if language == "en":
        table = pq.read_table(data / "domain/domain.parquet", columns=["lang", "text", "orig_label"])
        adult = pc.match_substring(table["orig_label"].cast("string"), "dult")
        kept = table.filter(pc.and_(pc.equal(table["lang"], "en"), pc.invert(adult)))
        yield kept["text"].cast("string").combine_chunks()


def harmful_texts(data: Path) -> Iterator[pa.Array]:
    """English spam and scam mails and adult web documents of the training split."""
    table = pq.read_table(data / "harmful/harmful-train.parquet", columns=["lang", "category", "text"])
    keep = pc.and_(pc.equal(table["lang"], "en"), pc.is_in(table["category"], pa.array(["spam", "adult"])))
    yield table.filter(keep)["text"].cast("string").combine_chunks()


def main() -> None:
    """All models, or those of some languages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=list(CLEAN))
    parser.add_argument("--output", type=Path, default=STARTER)
    arguments = parser.parse_args()
    for language in arguments.only:
        source = f"clean_lm/{language}: treebanks, encyclopedia, news and question sets"
        source += "; WebOrganizer web documents without adult ones" if language == "en" else ""
        clean = TrainConfig(
            name=f"{language}-clean",
            language=language,
            role="clean",
            source=source,
            licence=LICENCE,
            order=4,
            prune=PRUNE.get(language, (0, 0, 1)),
            pieces=PIECES,
        )
        jobs = [(clean, partial(clean_texts, arguments.data, language), None)]
        if language == "en":
            source = "SpamAssassin spam and WebOrganizer adult documents, training split"
            harmful = clean.model_copy(update={"name": "en-harmful", "role": "harmful", "source": source, "prune": (0,)})
            pieces = arguments.output / clean.name / "sp.model"
            jobs.append((harmful, partial(harmful_texts, arguments.data), pieces))
        for config, documents, tokenizer in jobs:
            folder = arguments.output / config.name
            shutil.rmtree(folder, ignore_errors=True)
            card = train(documents, folder, config, tokenizer)
            size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
            print(f"{card.name}: {size:.2f} MB, {card.ngrams}, held-out perplexity {card.heldout_ppl}", flush=True)


if __name__ == "__main__":
    main()

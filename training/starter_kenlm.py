"""Trains the KenLM models in models/starter: `python training/starter_kenlm.py --data DIR --lmplz BIN --build-binary BIN`.

Text is normalised by profile curricle-v1 and cut by SentencePiece (unigram, one model a language, shared by its clean and its
harmful model); every 100th document, by hash, is held out; KenLM's own lmplz estimates, build_binary writes a quantised trie.
"""

import argparse
import io
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sentencepiece
import xxhash
import zstandard

from models.cards import file_sha256, write_card
from models.catalog import STARTER
from models.kenlm.card import KenlmCard
from models.kenlm.model import load
from models.kenlm.profiles import PROFILES, normalise
from models.kenlm.scorer import score
from models.kenlm.tokenizer import SentencePiece

PROFILE = "curricle-v1"
PIECES = 8000
CLEAN = ("en", "tr", "de", "fr", "es", "it", "pt", "nl", "pl", "ru")
LICENCE = "weights derived from corpora named in `source`; see training/starter_kenlm.py"
SENTENCES_FOR_PIECES = 200_000


def clean_texts(data: Path, language: str) -> Iterator[str]:
    """Sentences and paragraphs of edited text; for English also the WebOrganizer web documents that are not adult."""
    with (data / "clean_lm" / f"{language}.txt.zst").open("rb") as file:
        yield from io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), "utf-8")
    if language == "en":
        table = pq.read_table(data / "domain/domain.parquet", columns=["lang", "text", "source", "orig_label"])
        keep = pc.and_(pc.equal(table["lang"], "en"), pc.invert(pc.match_substring(table["orig_label"].cast("string"), "dult")))
        yield from table.filter(keep)["text"].to_pylist()


def harmful_texts(data: Path) -> Iterator[str]:
    """English spam and scam mails and adult web documents of the training split."""
    table = pq.read_table(data / "harmful/harmful-train.parquet", columns=["lang", "category", "text"])
    keep = pc.and_(pc.equal(table["lang"], "en"), pc.is_in(table["category"], pa.array(["spam", "adult"])))
    yield from table.filter(keep)["text"].to_pylist()


def split(texts: Iterable[str]) -> tuple[list[str], list[str]]:
    """Training and held-out texts: every 100th by hash is held out."""
    parts: tuple[list[str], list[str]] = ([], [])
    for text in texts:
        parts[xxhash.xxh3_64_intdigest(text.encode()) % 100 == 0].append(text)
    return parts


def normalised(texts: list[str]) -> pa.Array:
    """By the profile of all starter models."""
    return normalise(PROFILES[PROFILE], pa.array(texts, pa.string()))


def train_pieces(texts: pa.Array, path: Path) -> None:
    """A SentencePiece unigram model, deterministic (one thread)."""
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text for text in texts.to_pylist() if text),
        model_writer=(writer := io.BytesIO()),
        vocab_size=PIECES,
        model_type="unigram",
        character_coverage=0.9995,
        normalization_rule_name="identity",
        input_sentence_size=SENTENCES_FOR_PIECES,
        shuffle_input_sentence=False,
        num_threads=1,
        minloglevel=2,
    )
    path.write_bytes(writer.getvalue())


def train(
    name: str,
    language: str,
    role: str,
    texts: tuple[list[str], list[str]],
    pieces: Path,
    prune: str,
    source: str,
    tools: list[str],
) -> None:
    """One model folder with its card."""
    folder = STARTER / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sp.model").write_bytes(pieces.read_bytes())
    tokenizer = SentencePiece(pieces, per_word=PROFILES[PROFILE].per_word)
    lines = tokenizer.joined(normalised(texts[0])).to_pylist()
    order = len(prune.split())
    with tempfile.TemporaryDirectory() as scratch:
        arpa, corpus = Path(scratch, "m.arpa"), Path(scratch, "corpus")
        corpus.write_text("\n".join(lines), "utf-8")
        options = ["-o", str(order), "--prune", *prune.split(), "--discount_fallback", "-S", "2G", "-T", scratch]
        with corpus.open() as stdin, arpa.open("w") as stdout:
            subprocess.run([tools[0], *options], check=True, stdin=stdin, stdout=stdout, stderr=subprocess.DEVNULL)
        ngrams = [int(line.split("=")[1]) for line in arpa.open() if line.startswith("ngram ")]
        binary = folder / "model.bin"
        command = [tools[1], "-q", "8", "-b", "8", "-a", "22", "trie", str(arpa), str(binary)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    files = {file: file_sha256(folder / file) for file in ("model.bin", "sp.model")}
    card = KenlmCard(
        name=name,
        version="1",
        licence=LICENCE,
        source=source,
        languages=(language,),
        files=files,
        role=role,
        profile=PROFILE,
        tokenizer="sp.model",
        order=order,
        ngrams=tuple(ngrams),
        tokens=sum(line.count(" ") + 1 for line in lines if line),
    )
    write_card(folder, card)
    scores = score(load(folder), pa.array(texts[1], pa.string()))
    tokens, unknown = int(scores.tokens.sum()), int(scores.oov.sum())
    heldout = {
        "heldout_ppl": round(10 ** (-float(scores.log10.sum()) / tokens), 2),
        "heldout_oov_ratio": round(unknown / tokens, 5),
    }
    write_card(folder, card.model_copy(update=heldout))
    print(name, f"{(folder / 'model.bin').stat().st_size / 1e6:.2f} MB", ngrams, heldout, flush=True)


def main() -> None:
    """All models."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--lmplz", required=True)
    parser.add_argument("--build-binary", required=True)
    parser.add_argument("--only", nargs="*", default=list(CLEAN))
    arguments = parser.parse_args()
    tools = [arguments.lmplz, arguments.build_binary]
    for language in arguments.only:
        texts = split(clean_texts(arguments.data, language))
        with tempfile.TemporaryDirectory() as scratch:
            pieces = Path(scratch, "sp.model")
            train_pieces(normalised(texts[0][:: max(1, len(texts[0]) // SENTENCES_FOR_PIECES)]), pieces)
            source = f"clean_lm/{language}: treebanks, encyclopedia, news and question sets" + (
                "; WebOrganizer web documents without adult ones" if language == "en" else ""
            )
            train(
                f"{language}-clean", language, "clean", texts, pieces, "0 0 2 2" if language == "en" else "0 0 1 2", source, tools
            )
            if language == "en":
                source = "SpamAssassin spam, WebOrganizer adult documents (training split)"
                train("en-harmful", "en", "harmful", split(harmful_texts(arguments.data)), pieces, "0 0 0 0", source, tools)


if __name__ == "__main__":
    main()

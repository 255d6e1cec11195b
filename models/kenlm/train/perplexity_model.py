"""Trains a perplexity model from documents: normalization, SentencePiece, Kneser-Ney, held-out perplexity, a model folder."""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import xxhash
from pydantic import Field

from curricle.errors import ModelError
from curricle.models.cards import file_sha256, write_card
from curricle.models.kenlm.binary import probing_sha256, write_probing
from curricle.models.kenlm.card import WORDS, KenlmCard
from curricle.models.kenlm.compact import pack
from curricle.models.kenlm.model import COMPACT, load
from curricle.models.kenlm.ngrams import U32, NgramModel
from curricle.models.kenlm.profiles import Profile, normalize, profile_named
from curricle.models.kenlm.scorer import score
from curricle.models.kenlm.tokenizer import SentencePiece, Tokenizer, Words
from curricle.models.kenlm.train.arpa import write_arpa
from curricle.models.kenlm.train.corpus import Numbering, Sample, held_out, split_units
from curricle.models.kenlm.train.estimator import MEMORY_BYTES, check_prune, estimate
from curricle.models.kenlm.train.pieces import train_pieces
from curricle.portable_math import exp10
from curricle.schemas.categories import Category
from curricle.schemas.config import Config

PIECES = "sp.model"

CorpusReader = Callable[[], Iterable[pa.Array]]
"""Reads the corpus from its start each time it is called: string arrays of whole documents."""


class TrainConfig(Config):
    """What to train. `prune` is lmplz's --prune, `pieces` the size of the SentencePiece vocabulary.

    `format` is KenLM's probing binary, which any KenLM reads, or curricle's lossless compact file, a tenth of its size, which is
    unpacked once on each machine. `arpa` also writes model.arpa.gz.
    """

    name: str = Field(min_length=1)
    language: str = Field(min_length=2)
    role: Literal["clean", "harmful"]
    category: Category = ""  # of a harmful model
    weight: float = Field(default=1, gt=0, le=1)  # for the card: share of a harmful model in the mixture that is scored
    source: str  # one line for the card
    licence: str
    profile: str = "curricle-v1"
    unit: Literal["document", "line"] = "document"
    order: int = 5
    prune: tuple[int, ...] = (0,)
    pieces: int = Field(default=16_000, ge=100)
    sample_bytes: int = Field(default=20_000_000, ge=1)  # of normalized text, for SentencePiece
    memory_bytes: int = Field(default=MEMORY_BYTES, ge=1 << 20)
    format: Literal["binary", "compact"] = "binary"
    arpa: bool = False


Notify = Callable[[str], None]
"""Is told in a few words which step begins."""


def train(
    documents: CorpusReader,
    output: Path,
    config: TrainConfig,
    tokenizer: Path | Literal["words"] | None = None,
    notify: Notify = lambda _: None,
) -> KenlmCard:
    """Make the model folder `output`, whole or not at all; returns its card.

    `tokenizer` is a SentencePiece file, `words`, or None to train one. About one document in 100, by hash, is held out. Raises
    ValueError, one line, for an empty corpus, a wrong setting or a folder that already exists; SpillError for a full disk.
    """
    check_prune(config.prune, config.order)
    profile = profile_named(config.profile)
    if output.exists():
        raise ModelError(f"{output} already exists")
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as scratch:
        folder = Path(scratch) / "model"
        folder.mkdir()
        reader = _tokenizer(documents, folder, config, profile, tokenizer, notify)
        corpus = CorpusDigest()
        model = _estimate(documents, config, profile, reader, corpus, notify)
        notify("writing")
        name = _write(model, folder, config)
        unpacked_sha256 = probing_sha256(model) if config.format == "compact" else ""
        card = KenlmCard(
            name=config.name,
            version="1",
            licence=config.licence,
            source=config.source,
            languages=(config.language,),
            files={path.name: file_sha256(path) for path in sorted(folder.iterdir())},
            role=config.role,
            category=config.category,
            weight=config.weight,
            profile=config.profile,
            tokenizer=WORDS if tokenizer == WORDS else PIECES,
            unit=config.unit,
            model=name,
            unpacked_sha256=unpacked_sha256,
            order=config.order,
            ngrams=model.counts,
            documents=corpus.documents,
            corpus=corpus.digest.hexdigest(),
            tokens=model.tokens,
        )
        write_card(folder, card)
        notify("held-out documents")
        card = card.model_copy(update=_held_out_figures(documents, folder))
        write_card(folder, card)
        folder.rename(output)
    return card


@dataclass
class CorpusDigest:
    """Number and hash of the documents that the model was trained on."""

    documents: int = 0
    digest: xxhash.xxh3_128 = field(default_factory=xxhash.xxh3_128)

    def add(self, texts: pa.Array) -> None:
        """Add `texts`, which has no nulls."""
        self.documents += len(texts)
        for text in texts.to_pylist():
            self.digest.update(f"{text}\0".encode())


def _write(model: NgramModel, folder: Path, config: TrainConfig) -> str:
    """Write the model's files to `folder`; returns the name of the one that scores."""
    if config.arpa:
        write_arpa(model, folder / "model.arpa.gz")
    name = "model.bin" if config.format == "binary" else f"model{COMPACT}"
    (write_probing if config.format == "binary" else pack)(model, folder / name)
    return name


def _tokenizer(
    documents: CorpusReader,
    folder: Path,
    config: TrainConfig,
    profile: Profile,
    tokenizer: Path | Literal["words"] | None,
    notify: Notify,
) -> Tokenizer:
    if tokenizer == WORDS:
        return Words()
    path = folder / PIECES
    if isinstance(tokenizer, Path):
        shutil.copyfile(tokenizer, path)
    else:
        notify("a sample for SentencePiece")
        sample = Sample(config.sample_bytes)
        for texts in _training(documents):
            sample.add(normalize(profile, split_units(texts, config.unit)))
        notify(f"learning {config.pieces:,} pieces")
        train_pieces(sample.sentences(), path, config.pieces)
    return SentencePiece(path, per_word=profile.per_word)


def _training(documents: CorpusReader) -> Iterator[pa.Array]:
    for texts in documents():
        texts = texts.drop_null()
        yield texts.filter(pa.array(~held_out(texts)))


def _estimate(
    documents: CorpusReader, config: TrainConfig, profile: Profile, tokenizer: Tokenizer, corpus: CorpusDigest, notify: Notify
) -> NgramModel:
    numbering = Numbering()

    def sentences() -> Iterator[U32]:
        for texts in _training(documents):
            corpus.add(texts)
            yield numbering.number(tokenizer.joined(normalize(profile, split_units(texts, config.unit))))

    notify("reading")
    # words get their ids as they appear, so the vocabulary is complete only after the last sentence
    numbered = [ids for ids in sentences() if len(ids)]
    notify(f"counting the n-grams of {sum(map(len, numbered)):,} tokens")
    return estimate(numbered, list(numbering.ids), config.order, config.prune, True, config.memory_bytes)


def _held_out_figures(documents: CorpusReader, folder: Path) -> dict[str, float | None]:
    model = load(folder)
    log10, tokens, units, unknown = 0.0, 0, 0, 0
    for texts in documents():
        texts = texts.drop_null()
        scores = score(model, texts.filter(pa.array(held_out(texts))))
        log10 += float(scores.log10.sum())
        tokens += int(scores.tokens.sum(dtype=np.int64))
        units += int(scores.units.sum(dtype=np.int64))
        unknown += int(scores.oov.sum(dtype=np.int64))
    if not tokens:
        return {"heldout_ppl": None, "heldout_oov_ratio": None}
    return {"heldout_ppl": round(exp10(-log10 / tokens), 2), "heldout_oov_ratio": round(unknown / max(1, tokens - units), 6)}

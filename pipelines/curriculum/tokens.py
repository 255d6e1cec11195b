"""Counts tokens in the unit of the plan: bytes, a Hugging Face tokenizer (package tokenizers), or a SentencePiece model."""

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curricle.errors import one_line
from curricle.installation import install_hint
from curricle.models.cards import file_sha256
from curricle.pipelines.curriculum.errors import CurriculumError
from curricle.schemas.curriculum import Tokens

Counter = Callable[[pa.StringArray], npt.NDArray[np.uint32]]


@dataclass(frozen=True)
class Encoder:
    """A loaded tokenizer. `encode` returns the ids of a text, followed by the plan's `eos`; none for a null or empty text.

    What spells a control token is encoded as text. A document that spells one has no ids if the plan leaves such documents out.
    It encodes one text at a time: a worker has one thread, and encoding 4,096 web documents at once took 300 MB.
    """

    encode: Callable[[str | None], list[int]]
    largest_id: int
    sha256: str  # of everything that the ids depend on


def text_bytes(texts: pa.Array) -> npt.NDArray[np.uint32]:
    """Number of UTF-8 bytes of each text, 0 for null."""
    lengths: npt.NDArray[Any] = pc.fill_null(pc.binary_length(texts), 0).to_numpy(zero_copy_only=False)
    return lengths.astype(np.uint32)


def load_counter(tokens: Tokens) -> tuple[Counter, str]:
    """A function that counts the tokens of texts, and a hash of what it depends on; CurriculumError if it cannot be loaded."""
    if tokens.count is not None:
        return text_bytes, "bytes"
    encoder = load_encoder(tokens)

    def count(texts: pa.StringArray) -> npt.NDArray[np.uint32]:
        return np.array([len(encoder.encode(text)) for text in texts.to_pylist()], np.uint32)

    return count, encoder.sha256


@lru_cache(maxsize=1)  # a worker process encodes many files with one tokenizer
def load_encoder(tokens: Tokens) -> Encoder:
    """The plan's tokenizer or SentencePiece model; CurriculumError if it cannot be loaded or lacks the `eos`."""
    leave_out = tokens.control_tokens == "leave_out"
    if tokens.tokenizer is not None:
        return _hugging_face(tokens.tokenizer, tokens.eos, leave_out)
    if tokens.sentencepiece is not None:
        return _sentencepiece(tokens.sentencepiece, tokens.eos, leave_out)
    raise CurriculumError("tokens: bytes have no token ids; give tokenizer or sentencepiece")


def located(tokens: Tokens) -> Tokens:
    """A copy with absolute paths, for workers that start in other folders."""
    paths = {name: value for name, value in (("tokenizer", tokens.tokenizer), ("sentencepiece", tokens.sentencepiece)) if value}
    there = {name: str(Path(path).absolute()) for name, path in paths.items() if Path(path).exists()}
    return tokens.model_copy(update=there)


def _hugging_face(name: str, eos: str | None, leave_out: bool) -> Encoder:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise CurriculumError(f"tokens.tokenizer needs the package tokenizers: {install_hint('tokenizers')}") from None
    path = Path(name) / "tokenizer.json" if Path(name).is_dir() else Path(name)
    try:
        tokenizer = Tokenizer.from_file(str(path)) if path.exists() else Tokenizer.from_pretrained(name)
    except Exception as error:  # the package raises bare Exception
        raise CurriculumError(f"tokens.tokenizer: {name!r} cannot be loaded: {one_line(error)}") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True  # their names in a text are text
    vocabulary = tokenizer.get_vocab()
    control = [token.content for token in tokenizer.get_added_tokens_decoder().values() if token.special]
    sha256 = hashlib.sha256(f"{tokenizer.to_str()}\0special tokens as text".encode()).hexdigest()

    def encode(text: str | None) -> list[int]:
        (one,) = tokenizer.encode_batch_fast([text or ""], add_special_tokens=False)  # `encode` would also find offsets
        ids: list[int] = one.ids
        return ids

    encoder = Encoder(encode, max(vocabulary.values(), default=0), sha256)
    return _with_eos(_without(encoder, control) if leave_out else encoder, eos, vocabulary)


def _sentencepiece(path: str, eos: str | None, leave_out: bool) -> Encoder:
    from sentencepiece import SentencePieceProcessor

    try:
        model = SentencePieceProcessor(model_file=path)
    except (OSError, RuntimeError) as error:
        raise CurriculumError(f"tokens.sentencepiece: {path!r} cannot be loaded: {one_line(error)}") from None
    vocabulary = {model.id_to_piece(number): number for number in range(model.get_piece_size())}

    def encode(text: str | None) -> list[int]:
        ids: list[int] = model.encode(text or "")
        return ids

    encoder = Encoder(encode, len(vocabulary) - 1, file_sha256(Path(path)))
    control = [piece for piece, number in vocabulary.items() if model.is_control(number)]
    return _with_eos(_without(encoder, control) if leave_out else encoder, eos, vocabulary)


def _without(encoder: Encoder, control: Iterable[str]) -> Encoder:
    """An encoder that has no ids for a text that spells one of the control tokens."""
    names = sorted(filter(None, control))
    if not names:
        return encoder
    spelled = re.compile("|".join(map(re.escape, names))).search

    def encode(text: str | None) -> list[int]:
        return [] if text and spelled(text) else encoder.encode(text)

    sha256 = hashlib.sha256("\0".join((encoder.sha256, "left out", *names)).encode()).hexdigest()
    return Encoder(encode, encoder.largest_id, sha256)


def _with_eos(encoder: Encoder, eos: str | None, vocabulary: dict[str, int]) -> Encoder:
    if eos is None:
        return encoder
    if eos not in vocabulary:
        raise CurriculumError(f"tokens.eos: the tokenizer has no token {eos!r}")
    end = vocabulary[eos]

    def encode(text: str | None) -> list[int]:
        ids = encoder.encode(text)
        return [*ids, end] if ids else ids

    return Encoder(encode, encoder.largest_id, hashlib.sha256(f"{encoder.sha256}\0{end}".encode()).hexdigest())

"""Exact token counts: bytes, a Hugging Face tokenizer (package tokenizers), or a SentencePiece model."""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from models.cards import file_sha256
from pipelines.curriculum.errors import CurriculumError
from schemas.curriculum import Tokens

Counter = Callable[[pa.StringArray], npt.NDArray[np.uint32]]


def text_bytes(texts: pa.Array) -> npt.NDArray[np.uint32]:
    """Bytes of UTF-8, 0 for a null."""
    lengths: npt.NDArray[Any] = pc.fill_null(pc.binary_length(texts), 0).to_numpy(zero_copy_only=False)
    return lengths.astype(np.uint32)


@lru_cache(maxsize=1)  # a worker process counts many files with one tokenizer
def load_counter(tokens: Tokens) -> tuple[Counter, str]:
    """What counts the tokens of texts, and a hash of what it depends on; CurriculumError where it cannot be loaded."""
    if tokens.tokenizer is not None:
        return _hugging_face(tokens.tokenizer)
    if tokens.sentencepiece is not None:
        return _sentencepiece(tokens.sentencepiece)
    return text_bytes, "bytes"


def located(tokens: Tokens) -> Tokens:
    """The same with absolute paths, for workers that start in other folders."""
    paths = {name: value for name, value in (("tokenizer", tokens.tokenizer), ("sentencepiece", tokens.sentencepiece)) if value}
    there = {name: str(Path(path).absolute()) for name, path in paths.items() if Path(path).exists()}
    return tokens.model_copy(update=there)


def _hugging_face(name: str) -> tuple[Counter, str]:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise CurriculumError("tokens.tokenizer needs the package tokenizers: pip install 'curricle[tokenizers]'") from None
    path = Path(name) / "tokenizer.json" if Path(name).is_dir() else Path(name)
    try:
        tokenizer = Tokenizer.from_file(str(path)) if path.exists() else Tokenizer.from_pretrained(name)
    except Exception as error:  # the package raises bare Exception
        raise CurriculumError(f"tokens.tokenizer: {name!r} cannot be loaded: {' '.join(str(error).split())}") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def count(texts: pa.StringArray) -> npt.NDArray[np.uint32]:
        encoded = tokenizer.encode_batch_fast([text or "" for text in texts.to_pylist()], add_special_tokens=False)
        return np.array([len(one.ids) for one in encoded], np.uint32)

    return count, hashlib.sha256(tokenizer.to_str().encode()).hexdigest()


def _sentencepiece(path: str) -> tuple[Counter, str]:
    from sentencepiece import SentencePieceProcessor

    try:
        model = SentencePieceProcessor(model_file=path)
    except (OSError, RuntimeError) as error:
        raise CurriculumError(f"tokens.sentencepiece: {path!r} cannot be loaded: {' '.join(str(error).split())}") from None

    def count(texts: pa.StringArray) -> npt.NDArray[np.uint32]:
        return np.array([len(ids) for ids in model.encode([text or "" for text in texts.to_pylist()])], np.uint32)

    return count, file_sha256(Path(path))

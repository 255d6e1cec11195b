"""The settings of `curricle mixture` for its units."""

from pathlib import Path

from pydantic import Field

from curricle.schemas.config import Config
from curricle.schemas.curriculum import Tokens


class UnitsConfig(Config):
    """Units are the cells of kept documents by the columns `by`; each gives a sample of `unit_bytes`, or is left out.

    `sentencepiece`: the SentencePiece model; if None, one is trained on all samples. `tokens`: what the sizes of units, and a
    budget, are counted in.
    """

    by: tuple[str, ...] = Field(min_length=1)
    unit_bytes: int = Field(300_000, ge=1000)
    order: int = Field(3, ge=2, le=5)
    seed: int = 0
    sentencepiece: Path | None = None
    tokens: Tokens = Tokens(count="bytes")

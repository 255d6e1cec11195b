"""Card of a KenLM model: what it was trained on and how, and the profile and tokenizer that belong to it."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from curricle.models.cards import Card
from curricle.models.kenlm.profiles import PROFILES, Profile, profile_named
from curricle.schemas.categories import Category

WORDS = "words"


class KenlmCard(Card):
    """Describes a folder with the model file, this card and, unless `tokenizer` is `words`, a SentencePiece file."""

    kind: Literal["perplexity"] = "perplexity"
    role: Literal["clean", "harmful"]
    category: Category = ""
    weight: float = Field(default=1, gt=0, le=1)  # its share in a mixture with the language's clean model; 1: scored alone
    profile: str = Field(description=f"one of {', '.join(PROFILES)}")
    tokenizer: str  # name of the SentencePiece file, or `words`: separated by white space
    unit: Literal["document", "line"] = "document"  # which texts are scored as one sentence each
    model: str = "model.bin"  # KenLM binary, ARPA (.arpa, .arpa.gz) or our compact file (.compact)
    unpacked_sha256: str = ""  # of the probing binary that a compact `model` unpacks to; "": not known
    order: int = Field(ge=2)
    ngrams: tuple[int, ...] = ()  # of each order
    documents: int | None = Field(default=None, ge=0)  # trained on; None: not known
    corpus: str = ""  # XXH3-128 of those documents in order, each ended by a NUL, hex
    tokens: int | None = Field(default=None, ge=0)  # trained on, sentence ends left out; None: not known
    heldout_ppl: float | None = None  # per token, of every 100th document, which was held out; None: not measured
    heldout_oov_ratio: float | None = None

    @field_validator("profile")
    @classmethod
    def _known(cls, name: str) -> str:
        return profile_named(name).name

    @model_validator(mode="after")
    def _listed(self) -> Self:
        for name in {self.model, self.tokenizer} - {WORDS}:
            if name not in self.files:
                raise ValueError(f"{name} is not listed in files")
        return self

    @property
    def rules(self) -> Profile:
        """The profile itself."""
        return PROFILES[self.profile]

    @property
    def reads_like(self) -> tuple[str, str, str]:
        """Profile, hash of the tokenizer's file, and unit. Models with the same three share normalization and tokenization."""
        return self.profile, self.files.get(self.tokenizer, WORDS), self.unit

"""A curriculum plan: ordered phases with token budgets, mixtures, selections, orders and replay; what a plan's YAML holds."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from curricle.errors import did_you_mean
from curricle.schemas.condition import Where
from curricle.schemas.config import Config
from curricle.schemas.extensions import extension_names, is_reference

TOKEN_COUNT = "token_count"
"""The document's tokens: a number that a plan can name like a column."""

TOKEN_FORMATS = ("megatron", "datatrove")
"""Formats that hold token ids in place of text."""

FORMATS = ("parquet", "jsonl.zst", "mds", *TOKEN_FORMATS)
"""Formats of this package; others are named by `module:NAME` or by an entry point of FORMAT_GROUP."""

FORMAT_GROUP = "curricle.formats"

POOL = "pool"
"""`phase_origin` of a replayed document that no phase had drawn."""

NAME = r"^[a-z0-9][a-z0-9_-]*$"
Direction = Literal["up", "down"]


def _known_format(name: str) -> str:
    if name in FORMATS or is_reference(name) or name in extension_names(FORMAT_GROUP):
        return name
    raise ValueError(f"unknown format {name!r}{did_you_mean(name, [*FORMATS, *extension_names(FORMAT_GROUP)])}")


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str | dict) else value


class Tokens(Config):
    """What a token is: a byte of UTF-8, or what a tokenizer says, with `eos` behind each document and no other special token.

    Exactly one of count, tokenizer and sentencepiece. `eos` counts into budgets, `token_count` and token files alike.
    """

    count: Literal["bytes"] | None = None
    """Count bytes of UTF-8."""
    tokenizer: str | None = None
    """Count with a tokenizer.json, a folder that holds one, or a name on the Hugging Face hub."""
    sentencepiece: str | None = None
    """Count with the SentencePiece model at this path."""
    eos: str | None = None
    """Token of that vocabulary that follows each document, as it is written there. It counts like any other."""
    control_tokens: Literal["text", "leave_out"] = "text"
    """What becomes of a document whose text spells a control token of the tokenizer (`<|endoftext|>`, `</s>`): it is encoded as
    any other text, never as that token, or the document is left out.
    """

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(value is not None for value in (self.count, self.tokenizer, self.sentencepiece)) != 1:
            raise ValueError("give exactly one of count, tokenizer and sentencepiece")
        if self.count is not None and self.eos is not None:
            raise ValueError("eos needs tokenizer or sentencepiece: bytes have no such token")
        if self.count is not None and self.control_tokens != "text":
            raise ValueError("control_tokens needs tokenizer or sentencepiece: bytes have no such tokens")
        return self


class HeldOut(Config):
    """A share of the distinct texts that no phase may hold. A keyed hash of the text's words decides, so copies with other case,
    accents, spaces, line ends, punctuation or Unicode form go together.
    """

    name: str = Field("heldout", pattern=NAME)
    """Name of the set, and of its folder."""
    share: float = Field(ge=0, lt=1)
    """Share of the distinct texts."""
    where: Where = Field(default_factory=dict)
    """Only documents with these values: column to a value, a list of values, `{not_in: [...]}` or `{min, max}`."""
    together: str | None = None
    """A column of text: documents with the value of a held-out one are held out with it, such as `cluster_id`."""


class Bucket(Config):
    """A numeric column cut into cells: at fixed `edges`, or at `quantiles` of all tokens. A value on an edge is above it."""

    column: str
    """A column of numbers."""
    edges: tuple[float, ...] = ()
    """Where to cut it. A value on an edge is above it."""
    quantiles: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = ()
    """Where to cut it, as shares of all tokens."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if bool(self.edges) == bool(self.quantiles):
            raise ValueError(f"{self.column}: give either edges or quantiles")
        cuts = self.edges or self.quantiles
        if list(cuts) != sorted(set(cuts)):
            raise ValueError(f"{self.column}: edges and quantiles must be in increasing order")
        return self


class Mixture(Config):
    """Shares of the phase's tokens by cell, a combination of values of the columns `by` (`tr/Law`).

    `proportional`: as the documents are that the phase may draw from. `weights`: as given, summing to 1.
    `when_short`: a cell that has too little, repeats included, stops the plan (`error`), or gives what it has while the others
    give more (`rest`).
    """

    by: Annotated[tuple[str | Bucket, ...], BeforeValidator(_as_tuple)] = ()
    """Columns whose values make the cells: a column, a list of columns, or `{column, edges}` or `{column, quantiles}` for
    numbers.
    """
    proportional: bool = False
    """Shares as the documents have them that the phase may draw from."""
    weights: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    """Share of each cell, by its name (`tr/Law`). They sum to 1."""
    when_short: Literal["error", "rest"] = "error"
    """A cell with too little stops the plan (`error`), or the others give more (`rest`)."""

    @model_validator(mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        # YAML reads `5: 0.3` as a number, and a cell's name is text
        if isinstance(value, dict) and isinstance(value.get("weights"), dict):
            return {**value, "weights": {str(name): weight for name, weight in value["weights"].items()}}
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.proportional == bool(self.weights):
            raise ValueError("give either proportional: true or weights")
        if self.weights and abs(sum(self.weights.values()) - 1) > 1e-6:
            raise ValueError(f"weights must sum to 1, not {sum(self.weights.values()):.6g}")
        return self


class MixtureFile(Mixture):
    """A mixture in a file of its own, as `curricle mixture fit` writes it; a plan's `mixture: {file: PATH}` takes `by` and
    `weights` from it.
    """

    fitted: dict[str, Any] = Field(default_factory=dict)
    """How the weights were found: target, sources, intervals, bits per byte. A note for readers."""


class Score(Config):
    """One number from several columns: z-scores, or bins 0..19 by percentiles of tokens, summed with weights or by their max.

    A negative weight turns a column around. Means, deviations and percentiles are those of all documents.
    """

    columns: dict[str, float] = Field(min_length=1)
    """Columns with their weights. A negative weight turns a column around."""
    scale: Literal["zscore", "bins"] = "zscore"
    """What is added up: z-scores, or bins 0 to 19 by percentiles of tokens."""
    combine: Literal["sum", "max"] = "sum"
    """Whether the sum or the largest of them is the score."""


SETTINGS: dict[str, tuple[str, ...]] = {
    "uniform": (),
    "top": ("score",),
    "lowest": ("score",),
    "gumbel": ("score", "temperature"),
    "low": ("score", "fraction"),
    "middle": ("score", "fraction"),
    "high": ("score", "fraction"),
    "equals": ("score", "value"),
}
"""Method -> the settings that it reads besides `nulls`."""

WINDOWS = ("low", "middle", "high")


class Select(Config):
    """Which documents of a cell fill its quota.

    uniform: any. top, lowest: by score, until the quota is met. gumbel: without replacement, in proportion to
    exp(score / temperature). low, middle, high: any of the `fraction` of the cell's documents with such scores.
    equals: any whose score is `value`. `nulls`: documents without a score are left out (`drop`), come after all others (`last`),
    or stop the plan (`error`).
    """

    method: Literal["uniform", "top", "lowest", "gumbel", "low", "middle", "high", "equals"] = "uniform"
    """`uniform`: any. `top`, `lowest`: by score. `low`, `middle`, `high`: any in that `fraction` of the scores. `equals`:
    any whose score is `value`. `gumbel`: at random, in proportion to exp(score / `temperature`).
    """
    score: str | Score | None = None
    """A column, or several: see `score` below."""
    fraction: float = Field(0.5, gt=0, le=1)
    """Share of a cell's documents that `low`, `middle` and `high` choose from."""
    temperature: float = Field(1.0, gt=0)
    """Of `gumbel`: a high one chooses more evenly."""
    value: float | None = None
    """The score that `equals` wants."""
    nulls: Literal["last", "drop", "error"] = "drop"
    """Documents without a score are left out (`drop`), come after all others (`last`), or stop the plan (`error`)."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        read = SETTINGS[self.method]
        for name in self.model_fields_set - {"method", "nulls"}:
            if name not in read:
                raise ValueError(f"method {self.method} does not use {name}")
        for name in ("score", "value"):
            if name in read and getattr(self, name) is None:
                raise ValueError(f"method {self.method} needs {name}")
        if self.nulls == "last" and self.method in (*WINDOWS, "equals"):
            raise ValueError(f"nulls: last cannot be used with method {self.method}; use drop or error")
        return self


class Order(Config):
    """How a phase's documents follow each other.

    shuffled: at random. sorted: by the number `by`, nulls last. interleaved: every stretch of `window` tokens has the phase's
    mixture; shares that are off by more than `tolerance` are reported.
    """

    method: Literal["shuffled", "sorted", "interleaved"] = "shuffled"
    """`shuffled`: at random. `sorted`: by a number. `interleaved`: each stretch of `window` tokens has the phase's mixture.
    `order: sorted` is short for `order: {method: sorted}`.
    """
    by: str | None = None
    """The number to sort by; nulls come last."""
    direction: Direction = "up"
    """Sort from small to large (`up`) or from large to small (`down`)."""
    window: int | None = Field(None, ge=1)
    """Tokens in a stretch."""
    tolerance: float = Field(0.05, gt=0, le=1)
    """Shares that are off by more than this are reported."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"method": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.by is not None) != (self.method == "sorted"):
            raise ValueError("`by` belongs to order sorted, which requires it")
        if (self.window is not None) != (self.method == "interleaved"):
            raise ValueError("`window` belongs to order interleaved, which requires it")
        return self


class Replay(Config):
    """A share of the phase's budget, drawn uniformly: from documents of the phases `from`, or from all (`pool: all`)."""

    phases: tuple[str, ...] = Field((), alias="from")
    """Earlier phases whose documents are drawn again."""
    pool: Literal["all"] | None = None
    """Draw from all documents."""
    share: float = Field(gt=0, lt=1)
    """Share of the phase's budget."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if bool(self.phases) == (self.pool is not None):
            raise ValueError("give either `from`, a list of earlier phases, or pool: all")
        return self


Times = Annotated[int, Field(ge=1, le=100)]


class Repeats(Config):
    """How often a document may appear in a phase, if its cell is exhausted: `most`, a bare number in YAML.

    Or how often it appears, if it is drawn: `table` at its largest key that is not above the number `by`; a null, and a number
    under all keys, is 1. FineWeb2's rehydration (arXiv 2506.20920) is such a table over the size of a duplicate cluster.
    """

    most: Times = 1
    """How often a document may appear if its cell is exhausted. `repeats: 2` is short for `repeats: {most: 2}`."""
    by: str | None = None
    """A column of numbers that decides how often a document appears."""
    table: dict[Annotated[int, Field(ge=0)], Times] = Field(default_factory=dict)
    """Number to appearances: the largest key that is not above the document's number counts."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return value if isinstance(value, dict) else {"most": value}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.by is None) == bool(self.table) or (self.table and "most" in self.model_fields_set):
            raise ValueError("give either a number, or a column in `by` and its `table`")
        return self


class Phase(Config):
    """One stretch of training: `tokens` of documents that no earlier phase has drawn (and replayed ones), in some order.

    `repeats`: how often a document may appear.
    """

    name: str = Field(pattern=NAME)
    """Name of the phase, and of its folder after the phase's number."""
    tokens: Annotated[int, Field(gt=0)] | Literal["all"]
    """How many tokens the phase holds, replayed ones included. `all`: as many as there are, each document once; with weights, as
    many as the cell allows that is used up first.
    """
    where: Where = Field(default_factory=dict)
    """Only documents with these values: column to a value, a list of values, `{not_in: [...]}` or `{min, max}`."""
    mixture: Mixture = Mixture(proportional=True)
    """Shares of the budget by cell. By default as the documents are."""
    select: Select = Select.model_validate({})
    """Which documents of a cell are taken. By default any."""
    order: Order = Order.model_validate({})
    """How the documents follow each other. By default at random."""
    replay: Replay | None = None
    """Documents of earlier phases that come again."""
    repeats: Repeats = Repeats.model_validate({})
    """How often a document may appear. By default once."""

    def numbers(self) -> Iterator[str]:
        """Columns that must be numbers."""
        yield from (part.column for part in self.mixture.by if isinstance(part, Bucket))
        yield from (name for name, condition in self.where.items() if condition.is_range)
        if isinstance(self.select.score, str):
            yield self.select.score
        elif self.select.score:
            yield from self.select.score.columns
        if self.order.by:
            yield self.order.by
        if self.repeats.by:
            yield self.repeats.by

    def columns(self) -> Iterator[str]:
        """Every column that the phase reads."""
        yield from self.numbers()
        yield from (part for part in self.mixture.by if isinstance(part, str))
        yield from self.where


class Curriculum(Config):
    """A whole plan. The same plan, seed and documents give the same curriculum, however the documents are stored."""

    description: str = ""
    """What the plan is for: a note for readers."""
    seed: int = 0
    """Another seed chooses and orders otherwise."""
    tokens: Tokens = Tokens(count="bytes")
    """What a token is."""
    heldout: Annotated[tuple[HeldOut, ...], BeforeValidator(_as_tuple)] = ()
    """One set, or a list of sets, that no phase may hold."""
    phases: tuple[Phase, ...] = Field(min_length=1, max_length=99)
    """The phases, in order."""
    format: Annotated[str, AfterValidator(_known_format)] = "parquet"
    """Format of the files, or a format of your own as `module:NAME` or entry point."""
    shard_bytes: int = Field(128 << 20, ge=1, le=1 << 30)
    """Bytes of text in an output file."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [phase.name for phase in self.phases] + [part.name for part in self.heldout]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two phases or held-out sets are named {name!r}")
        for taken in ("heldout", POOL):
            if taken in [phase.name for phase in self.phases]:
                raise ValueError(f"the name {taken!r} is reserved and cannot be a phase")
        if self.format in TOKEN_FORMATS and self.tokens.count is not None:
            raise ValueError(f"format {self.format} holds token ids; give tokens: {{tokenizer: ...}} or {{sentencepiece: ...}}")
        if sum(part.share for part in self.heldout) >= 1:
            raise ValueError("held-out shares must sum to less than 1")
        for number, phase in enumerate(self.phases):
            earlier = [other.name for other in self.phases[:number]]
            for name in phase.replay.phases if phase.replay else ():
                if name not in earlier:
                    raise ValueError(
                        f"phase {phase.name!r} replays {name!r}, which is not an earlier phase{did_you_mean(name, earlier)}"
                    )
        return self

    def columns(self) -> list[str]:
        """Columns of the input that the plan reads, sorted."""
        names = {name for phase in self.phases for name in phase.columns()}
        names |= {name for part in self.heldout for name in part.where}
        names |= {part.together for part in self.heldout if part.together}
        return sorted(names - {TOKEN_COUNT})

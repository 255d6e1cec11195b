"""A language model that answers DataMan's form, run with transformers: a published DataMan model or a similar one.

Decoding is greedy with at most 29 new tokens, in bfloat16 on a GPU and float32 on a CPU. Batches hold texts of similar length,
padded on the left (https://huggingface.co/docs/transformers/llm_tutorial). Only one batch of texts has to fit in memory.
"""

from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from pydantic import Field

from curricle.models.cards import ModelError
from curricle.models.raters.batching import token_batches
from curricle.models.raters.dataman import (
    DIGITS,
    LETTERS,
    LIMITS,
    REPLY_TOKENS,
    Reply,
    cut_characters,
    cut_tokens,
    messages,
    parse,
)
from curricle.models.raters.rater import FormConfig, Rater, reply_table
from curricle.models.raters.transformers_model import (
    Device,
    check_packages,
    check_vocabulary,
    choose_device,
    find_folder,
    load_part,
    prepare_process,
)


class DataManConfig(FormConfig):
    """Settings of a language model that answers DataMan's form on this machine."""

    rater: Literal["dataman"] = "dataman"
    """Selects this rater."""
    model: str = Field(default="dataman-1.5b-en", min_length=1)
    """A folder, a name in the cache, or a hub repository that was pulled."""
    device: Device = "auto"
    """Where the model runs; `auto` takes a GPU if there is one."""
    constrain: bool = False
    """Let the model write nothing but the form."""
    batch_tokens: int = Field(default=16_384, ge=1)
    """Largest number of tokens in a batch: prompts, replies and padding."""

    def packages(self) -> tuple[str, ...]:
        """The packages that run the model."""
        return ("torch", "transformers", "tokenizers")

    def models(self) -> tuple[Path, ...]:
        """The folder of the model."""
        check_packages(self.rater, self.device)
        return (find_folder(self.model),)

    def load(self) -> Rater:
        """Load the model onto its device."""
        return Generator(self)


class Generator:
    """Model and tokenizer in memory."""

    def __init__(self, config: DataManConfig) -> None:
        [folder] = config.models()
        if not (folder / "tokenizer.json").is_file():  # transformers would silently make an empty tokenizer
            raise ModelError(f"{folder}: tokenizer.json is missing")
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

        prepare_process()
        self.config = config
        self.prompt = config.prompt_text()
        self.device = choose_device(config.device)
        self.tokenizer = load_part(folder, AutoTokenizer, padding_side="left")
        if self.tokenizer.chat_template is None:
            raise ModelError(f"{folder}: its tokenizer has no chat template")
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        dtype = torch.bfloat16 if self.device == "cuda" else torch.float32
        self.model = load_part(folder, AutoModelForCausalLM, dtype=dtype).to(self.device).eval()
        check_vocabulary(folder, self.tokenizer, self.model)
        self.ends = _end_tokens(self.model.generation_config.eos_token_id, self.tokenizer.eos_token_id)
        self.model.generation_config = GenerationConfig(  # the one in the folder may set a temperature or a repetition penalty
            max_new_tokens=REPLY_TOKENS,
            do_sample=False,
            use_cache=True,
            pad_token_id=self.tokenizer.pad_token_id,
            eos_token_id=self.ends,
        )
        self.processors = [self._mask()] if config.constrain else []

    def _mask(self) -> Any:
        """A logits processor that allows only a letter, newlines and digits, each in its place."""
        import torch

        allowed = [self._tokens(LETTERS), *([self._tokens("\n"), self._tokens(DIGITS)] * (REPLY_TOKENS // 2))]
        places = [torch.tensor(tokens, device=self.device) for tokens in allowed]

        class Form:
            def __init__(self) -> None:
                self.start = 0

            def __call__(self, tokens: Any, scores: Any) -> Any:
                place = places[tokens.shape[1] - self.start]
                masked = torch.full_like(scores, -torch.inf)
                masked[:, place] = scores[:, place]
                return masked

        return Form()

    def _tokens(self, characters: str) -> list[int]:
        ids = [self.tokenizer.encode(character, add_special_tokens=False) for character in characters]
        for character, tokens in zip(characters, ids, strict=True):
            if len(tokens) != 1:
                raise ModelError(f"constrain: {character!r} must be one token of {self.config.model}, not {len(tokens)}")
        return [tokens[0] for tokens in ids]

    def ask(self, text: str) -> str:
        """The whole prompt for one text, which is cut to the published limits in the model's own tokens."""
        limits = LIMITS[self.config.edition]
        text = cut_characters(text, limits.chars)
        spans = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)["offset_mapping"]
        turns = messages(self.prompt, cut_tokens(text, spans, limits.tokens))
        prompt: str = self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        return prompt

    def predict(self, texts: pa.Array, languages: pa.Array | None = None) -> pa.Table:
        """The columns of `schemas.columns.reply_columns`, without the prefix."""
        replies = [Reply("out_of_domain", raw="blank text, not asked")] * len(texts)
        rows = [row for row, text in enumerate(texts.to_pylist()) if text.strip()]
        prompts = [self.tokenizer(self.ask(texts[row].as_py()), add_special_tokens=False, verbose=False) for row in rows]
        lengths = [len(prompt["input_ids"]) + REPLY_TOKENS for prompt in prompts]
        for batch in token_batches(lengths, self.config.batch_tokens):
            for at, reply in zip(batch, self._generate([prompts[at]["input_ids"] for at in batch]), strict=True):
                replies[rows[at]] = reply
        return reply_table(replies)

    def _generate(self, prompts: list[list[int]]) -> list[Reply]:
        import torch

        padded = self.tokenizer.pad({"input_ids": prompts}, return_tensors="pt").to(self.device)
        start = padded["input_ids"].shape[1]
        for processor in self.processors:
            processor.start = start
        with torch.inference_mode():
            out = self.model.generate(
                input_ids=padded["input_ids"], attention_mask=padded["attention_mask"], logits_processor=self.processors
            )
        replies = []
        for tokens in out[:, start:].tolist():
            ended = any(token in self.ends for token in tokens)
            replies.append(parse(self.tokenizer.decode(tokens, skip_special_tokens=True), cut=not ended))
        return replies


def _end_tokens(of_model: int | list[int] | None, of_tokenizer: int | None) -> list[int]:
    """All tokens that end a turn: generation_config.json may name one or several, the tokenizer one."""
    several = of_model if isinstance(of_model, list) else [of_model]
    return sorted({token for token in (*several, of_tokenizer) if token is not None})

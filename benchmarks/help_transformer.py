"""The transformer judge of benchmarks/does_it_help.py: two layers, trained from nothing, one pass, one thread. Needs torch."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from transformers import LlamaConfig, LlamaForCausalLM

END = 2  # SentencePiece's </s>
LAYERS, WIDTH, HEADS = 2, 128, 4
LENGTH, ROWS = 128, 16  # tokens of a sequence, sequences of a step
RATE, WARM_UP, LAST = 3e-3, 0.05, 0.1  # top learning rate; share of the steps until there; share of it at the end (cosine)

Ids = npt.NDArray[np.uint32]


def transformer_bits(documents: Sequence[Ids], held_out: Sequence[Ids], pieces: int, seed: int) -> npt.NDArray[np.float64]:
    """-log2 p of each held-out document, its end included, after training on `documents` in their order.

    Both are packed: documents one after the other, END behind each, cut into sequences; the seed is that of the first weights.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=pieces,
        hidden_size=WIDTH,
        intermediate_size=3 * WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=LENGTH,
        tie_word_embeddings=True,
        use_cache=False,
    )
    model = LlamaForCausalLM(config)
    train(model, sequences(packed(documents)))
    stream = packed(held_out)
    losses = token_losses(model, sequences(stream))
    ends = np.cumsum([len(ids) + 1 for ids in held_out])
    return np.add.reduceat(losses[: ends[-1]], np.concatenate([[0], ends[:-1]])) / np.log(2)


def packed(documents: Sequence[Ids]) -> torch.Tensor:
    """All ids in one row, END first and behind each document."""
    parts = [np.array([END], np.int64)]
    for ids in documents:
        parts += [ids.astype(np.int64), parts[0]]
    return torch.from_numpy(np.concatenate(parts))


def sequences(stream: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and what follows each of them, rows of LENGTH; the last row is filled with targets of -100, which count nowhere."""
    inputs, targets = stream[:-1], stream[1:]
    short = -len(inputs) % LENGTH
    inputs, targets = torch.nn.functional.pad(inputs, (0, short)), torch.nn.functional.pad(targets, (0, short), value=-100)
    return inputs.view(-1, LENGTH), targets.view(-1, LENGTH)


def train(model: LlamaForCausalLM, data: tuple[torch.Tensor, torch.Tensor]) -> None:
    """One pass in order: AdamW, a warm-up, then a cosine."""
    inputs, targets = data
    steps = len(inputs) // ROWS
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.95), weight_decay=0.1)
    warm = max(1, round(WARM_UP * steps))

    def rate(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        return LAST + (1 - LAST) * (1 + np.cos(np.pi * (step - warm) / max(1, steps - warm))) / 2

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    for step in range(steps):
        part = slice(step * ROWS, (step + 1) * ROWS)
        logits = model(input_ids=inputs[part]).logits
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets[part].flatten()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()


@torch.no_grad()
def token_losses(model: LlamaForCausalLM, data: tuple[torch.Tensor, torch.Tensor]) -> npt.NDArray[np.float64]:
    """-ln p of each token, in order."""
    inputs, targets = data
    losses = []
    for start in range(0, len(inputs), ROWS):
        logits = model(input_ids=inputs[start : start + ROWS]).logits
        part = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets[start : start + ROWS].flatten(), reduction="none")
        losses.append(part.double().numpy())
    return np.concatenate(losses)

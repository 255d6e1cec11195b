"""Trains a small language model on the phases of a curriculum, one after the other, each in its row order.

    python examples/train_phases.py CUR RUN --steps 200

A Llama of two layers from scratch, on the CPU (extra `torch`). After each phase it prints the mean loss of its steps and the
bits that the model needs for a byte of the held-out texts. RUN/checkpoint.pt holds model, optimizer and the place in the data:
the same command goes on from there, with the numbers that it would have had without the interruption.
"""

import math
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import click
import numpy as np
import orjson
import torch
from read_phases import Codec, blocks, load_codec, phases, texts
from transformers import LlamaConfig, LlamaForCausalLM


@dataclass(frozen=True)
class Settings:
    """All that the numbers depend on besides the data. `steps`: at most so many of each phase, None for all its blocks."""

    steps: int | None = None
    block: int = 256
    batch: int = 8
    width: int = 128
    layers: int = 2
    rate: float = 1e-3
    seed: int = 0
    tokenizer: str | None = None
    heldout: int = 100  # documents


@dataclass(frozen=True)
class Step:
    """One update."""

    phase: str
    number: int
    loss: float  # nats a token


@dataclass(frozen=True)
class PhaseEnd:
    """After the last step of a phase."""

    phase: str
    steps: int
    loss: float  # mean of the steps; NaN without one
    bits_per_byte: float | None  # None without held-out texts


@dataclass
class State:
    """Where a run is: `losses` of the steps that phase number `phase` has made."""

    model: LlamaForCausalLM
    optimizer: torch.optim.Optimizer
    phase: int
    losses: list[float]


def train(curriculum: Path, run: Path, settings: Settings, save_every: int = 50) -> Iterator[Step | PhaseEnd]:
    """From the checkpoint in `run`, or from the start. ClickException for a checkpoint of other settings or data."""
    codec = load_codec(Path(settings.tokenizer) if settings.tokenizer else None)
    data = orjson.loads((curriculum / "curriculum.json").read_bytes())["plan_hash"]
    made_by = {**asdict(settings), "curriculum": data}
    state = load(run, settings, codec, made_by)
    for folder in phases(curriculum)[state.phase :]:
        if not any(folder.glob("part-*.parquet")):
            raise click.ClickException(f"{folder}: no Parquet here: make the curriculum with format: parquet")
        rest = islice(blocks(folder, settings.block, codec), len(state.losses) * settings.batch, None)
        while settings.steps is None or len(state.losses) < settings.steps:
            if not (batch := list(islice(rest, settings.batch))):
                break
            state.losses.append(update(state, np.stack(batch)))
            if len(state.losses) % save_every == 0:
                save(run, state, made_by)
            yield Step(folder.name, len(state.losses), state.losses[-1])
        end = PhaseEnd(
            folder.name,
            len(state.losses),
            math.fsum(state.losses) / len(state.losses) if state.losses else math.nan,
            bits_per_byte(state.model, curriculum / "heldout", settings, codec),
        )
        state.phase, state.losses = state.phase + 1, []
        save(run, state, made_by)
        yield end


def update(state: State, batch: np.ndarray) -> float:
    """One step of AdamW on a batch of blocks; its loss before the step."""
    ids = torch.from_numpy(batch).long()
    loss = state.model(input_ids=ids, labels=ids).loss
    state.optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(state.model.parameters(), 1.0)
    state.optimizer.step()
    return loss.item()


@torch.no_grad()
def bits_per_byte(model: LlamaForCausalLM, folder: Path, settings: Settings, codec: Codec) -> float | None:
    """Over the first held-out documents, each on its own after a separator, a piece of `block` ids at a time."""
    nats, size = 0.0, 0
    for text in islice(texts(folder), settings.heldout):
        ids = torch.from_numpy(np.concatenate([[codec.separator], codec.encode(text)])).long()
        size += len(text.encode())
        for start in range(0, ids.numel() - 1, settings.block - 1):  # the last id of a piece is the context of the next
            piece = ids[start : start + settings.block][None]
            nats += model(input_ids=piece, labels=piece).loss.item() * (piece.numel() - 1)
    return nats / math.log(2) / size if size else None


def load(run: Path, settings: Settings, codec: Codec, made_by: dict[str, Any]) -> State:
    """A new model, or what the checkpoint says."""
    torch.manual_seed(settings.seed)
    config = LlamaConfig(
        vocab_size=codec.separator + 1,
        hidden_size=settings.width,
        intermediate_size=4 * settings.width,
        num_hidden_layers=settings.layers,
        num_attention_heads=max(1, settings.width // 32),
        num_key_value_heads=max(1, settings.width // 32),
        max_position_embeddings=settings.block,
        tie_word_embeddings=True,
        use_cache=False,
        bos_token_id=codec.separator,
        eos_token_id=codec.separator,
    )
    model = LlamaForCausalLM(config)  # without dropout, so that a step needs no random number
    state = State(model, torch.optim.AdamW(model.parameters(), settings.rate), 0, [])
    if (run / "checkpoint.pt").is_file():
        saved = torch.load(run / "checkpoint.pt", weights_only=True)
        for name, value in made_by.items():
            if saved["made_by"].get(name) != value:
                raise click.ClickException(f"{run}: begun with {name} {saved['made_by'].get(name)}, not {value}")
        model.load_state_dict(saved["model"])
        state.optimizer.load_state_dict(saved["optimizer"])
        state.phase, state.losses = saved["phase"], saved["losses"]
    return state


def save(run: Path, state: State, made_by: dict[str, Any]) -> None:
    """The checkpoint, whole or not at all."""
    run.mkdir(parents=True, exist_ok=True)
    content = {"model": state.model.state_dict(), "optimizer": state.optimizer.state_dict()}
    part = run / f".checkpoint.{os.getpid()}"
    torch.save({**content, "phase": state.phase, "losses": state.losses, "made_by": made_by}, part)
    part.replace(run / "checkpoint.pt")


@click.command()
@click.argument("curriculum", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@click.option("--steps", type=click.IntRange(1), help="At most so many in each phase; without, all its blocks.")
@click.option("--block", type=click.IntRange(2), default=256, show_default=True, help="Tokens in a block.")
@click.option("--batch", type=click.IntRange(1), default=8, show_default=True, help="Blocks in a step.")
@click.option("--width", type=click.IntRange(32), default=128, show_default=True, help="Of the model; a head is 32 wide.")
@click.option("--layers", type=click.IntRange(1), default=2, show_default=True)
@click.option("--rate", type=click.FloatRange(0, min_open=True), default=1e-3, show_default=True, help="Learning rate.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--tokenizer", type=click.Path(exists=True, dir_okay=False), help="A tokenizer.json; without, bytes.")
@click.option("--heldout", type=click.IntRange(0), default=100, show_default=True, help="Documents to measure the bits on.")
@click.option("--save-every", type=click.IntRange(1), default=50, show_default=True, help="Steps from checkpoint to checkpoint.")
def main(curriculum: Path, run: Path, save_every: int, **settings: Any) -> None:
    """Train on every phase of CURRICULUM in turn; checkpoints go to the folder RUN."""
    for event in train(curriculum, run, Settings(**settings), save_every):
        if isinstance(event, Step):
            click.echo(f"{event.phase} step {event.number}: loss {event.loss:.4f}")
        else:
            bits = "no held-out texts" if event.bits_per_byte is None else f"{event.bits_per_byte:.4f} bits per held-out byte"
            click.echo(f"{event.phase}: {event.steps:,} steps, mean loss {event.loss:.4f}, {bits}")


if __name__ == "__main__":
    main()

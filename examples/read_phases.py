"""Reads a curriculum of Parquet as a trainer does: phase after phase, row after row, packed into blocks of one length.

    python examples/read_phases.py CUR --block 2048

Tokens are bytes, or those of a tokenizer.json (`--tokenizer`, extra `tokenizers`). Behind each document stands a separator, an id
of its own; the end of a phase fills no block.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import orjson
import pyarrow.parquet as pq


@dataclass(frozen=True)
class Codec:
    """Texts to ids, int32: 0 .. `separator` - 1 are tokens, so there are `separator` + 1 ids in all."""

    encode: Callable[[str], np.ndarray]
    separator: int


def load_codec(tokenizer: Path | None) -> Codec:
    """Bytes of UTF-8, or the tokens of a tokenizer.json without special ones."""
    if tokenizer is None:
        return Codec(lambda text: np.frombuffer(text.encode(), np.uint8).astype(np.int32), 256)
    from tokenizers import Tokenizer

    loaded = Tokenizer.from_file(str(tokenizer))
    size = max(loaded.get_vocab().values()) + 1
    return Codec(lambda text: np.array(loaded.encode(text, add_special_tokens=False).ids, np.int32), size)


def phases(curriculum: Path) -> list[Path]:
    """The folders of the phases, in their order."""
    return [curriculum / phase["folder"] for phase in orjson.loads((curriculum / "curriculum.json").read_bytes())["phases"]]


def texts(folder: Path) -> Iterator[str]:
    """The documents of a folder, in their order; memory holds a row group."""
    for path in sorted(folder.rglob("part-*.parquet")):
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(256, columns=["text"]):
                yield from batch.column("text").to_pylist()


def blocks(folder: Path, length: int, codec: Codec) -> Iterator[np.ndarray]:
    """Blocks of `length` ids of one phase, in its order."""
    held = np.empty(0, np.int32)
    for text in texts(folder):
        held = np.concatenate([held, codec.encode(text), np.array([codec.separator], np.int32)])
        whole = held.size // length * length
        yield from held[:whole].reshape(-1, length)
        held = held[whole:]


@click.command()
@click.argument("curriculum", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--block", type=click.IntRange(1), default=2048, show_default=True, help="Tokens in a block.")
@click.option(
    "--tokenizer", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A tokenizer.json; without, bytes."
)
def main(curriculum: Path, block: int, tokenizer: Path | None) -> None:
    """Count the blocks of every phase of CURRICULUM."""
    codec = load_codec(tokenizer)
    for folder in phases(curriculum):
        count = sum(1 for _ in blocks(folder, block, codec))
        click.echo(f"{folder.name}: {count:,} blocks of {block:,} tokens")


if __name__ == "__main__":
    main()

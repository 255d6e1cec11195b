"""Reads a curriculum as a trainer does: phase after phase, row after row, packed into blocks of one length.

    python examples/read_phases.py CUR --block 2048

Tokens are bytes here; put your tokenizer in `encode`. Documents are separated by byte 0, and the end of a phase fills no block.
"""

from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import orjson
import pyarrow.parquet as pq

SEPARATOR = 0


def encode(text: str) -> np.ndarray:
    """Token ids of a document, with a separator behind it."""
    return np.append(np.frombuffer(text.encode(), np.uint8), np.uint8(SEPARATOR))


def blocks(folder: Path, length: int) -> Iterator[np.ndarray]:
    """Blocks of `length` ids of one phase, in its order; memory holds a row group and a block."""
    held = np.empty(0, np.uint8)
    for path in sorted(folder.glob("part-*.parquet")):
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(256, columns=["text"]):
                held = np.concatenate([held, *map(encode, batch.column("text").to_pylist())])
                whole = held.size // length * length
                yield from held[:whole].reshape(-1, length)
                held = held[whole:]


@click.command()
@click.argument("curriculum", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--block", type=click.IntRange(1), default=2048, show_default=True, help="Tokens in a block.")
def main(curriculum: Path, block: int) -> None:
    """Count the blocks of every phase of CURRICULUM."""
    for phase in orjson.loads((curriculum / "curriculum.json").read_bytes())["phases"]:
        count = sum(1 for _ in blocks(curriculum / phase["folder"], block))
        click.echo(f"{phase['folder']}: {count:,} blocks of {block:,} tokens")


if __name__ == "__main__":
    main()

"""What every student reads from a text: n-grams and statistics, a static embedding, and scores of topics and formats."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from curricle.models.cards import ModelError
from curricle.models.raters import embedding, organizer
from curricle.models.raters.embedding import PIECES, VECTORS, Embedding
from curricle.models.raters.features import Features, Table, extract
from curricle.models.raters.layers import Floats
from curricle.models.raters.organizer import TAG_HEADS, TAG_TABLE, Organizer

CHARACTERS = "characters.npy"
FILES = (CHARACTERS, PIECES, VECTORS, TAG_TABLE, TAG_HEADS)


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """Shared by all students: those that `distil` makes contain copies of its files."""

    characters: Table
    embedding: Embedding
    organizer: Organizer

    def encode(self, texts: pa.Array) -> tuple[Features, Floats, Floats]:
        """Features, embedding (rows, dimensions) and raw scores of topics and formats (rows, 48) of `texts`.

        A null counts as an empty text.
        """
        features, vectors = extract(texts, self.characters), self.embedding.embed(texts)
        return features, vectors, self.organizer.scores(features, vectors)


def load_characters(folder: Path) -> Table:
    """Load the character table in `folder`; ModelError where it is missing or wrong."""
    try:
        characters: Table = np.load(folder / CHARACTERS, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder}: {error}") from None
    if characters.shape != (2, 65536) or characters.dtype != np.uint16:
        raise ModelError(f"{folder / CHARACTERS} holds {characters.dtype} {characters.shape}, wanted uint16 (2, 65536)")
    return characters


def load(folder: Path) -> Encoder:
    """Load the encoder in `folder`; a ModelError names the file that is missing or wrong."""
    vectors = embedding.load(folder)
    return Encoder(characters=load_characters(folder), embedding=vectors, organizer=organizer.load(folder, vectors.dimensions))


def copy(source: Path, folder: Path) -> None:
    """Copy the encoder's files from `source`, unless that is `folder` itself."""
    if folder.resolve() != source.resolve():
        for name in FILES:
            shutil.copyfile(source / name, folder / name)

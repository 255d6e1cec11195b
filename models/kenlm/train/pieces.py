"""Trains a SentencePiece model; the same text gives the same bytes."""

import io
from collections.abc import Iterable
from pathlib import Path

import sentencepiece

from curricle.errors import ModelError

COVERAGE = 0.9995  # of the characters, as in cc_net (arXiv 1911.00359)


def train_pieces(sentences: Iterable[str], path: Path, size: int) -> int:
    """Write a unigram model of at most `size` pieces; returns how many it has (small texts give fewer).

    One thread and no shuffling make it deterministic. The model has no normalization rules, because the texts are normalized
    before. Raises ValueError, one line, if the text is too small for any model.
    """
    writer = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_writer=writer,
            vocab_size=size,
            model_type="unigram",
            character_coverage=COVERAGE,
            normalization_rule_name="identity",
            hard_vocab_limit=False,
            shuffle_input_sentence=False,
            num_threads=1,
            minloglevel=2,
        )
    except RuntimeError as error:
        cause = str(error).strip().splitlines()[-1]
        raise ModelError(f"SentencePiece cannot learn {size:,} pieces from this text: {cause}") from None
    path.write_bytes(writer.getvalue())
    return sentencepiece.SentencePieceProcessor(model_proto=writer.getvalue()).get_piece_size()

"""The KenLM judge of benchmarks/does_it_help.py, and the lossless pieces that both judges read."""

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path

import kenlm
import numpy as np
import numpy.typing as npt
import sentencepiece

from curricle.models.kenlm.binary import write_probing
from curricle.models.kenlm.ngrams import EOS, SPECIALS
from curricle.models.kenlm.train.estimator import estimate

PIECES = 2048
ORDER = 5
MEMORY_BYTES = 256 << 20  # of sort buffers: 4 MB of text need less
LINE_CHARS = 1000  # SentencePiece skips sentences over 4,192 bytes

Bits = npt.NDArray[np.float64]


def train_vocabulary(texts: Sequence[str], limit: int) -> bytes:
    """A SentencePiece model from the first `limit` bytes: nothing is normalised and a rare character is its bytes.

    So every text is spelt exactly, and no piece is unknown.
    """
    sample, size = [], 0
    for text in texts:
        if size >= limit:
            break
        size += len(text.encode())
        sample += [text[start : start + LINE_CHARS] for start in range(0, len(text), LINE_CHARS)]
    writer = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sample),
        model_writer=writer,
        vocab_size=PIECES,
        model_type="bpe",
        byte_fallback=True,
        character_coverage=0.9995,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=False,
        user_defined_symbols=["\n"],
        hard_vocab_limit=False,
        num_threads=1,
        minloglevel=2,
    )
    return writer.getvalue()


def encode(vocabulary: bytes, texts: Sequence[str]) -> list[npt.NDArray[np.uint32]]:
    """Piece ids of each text."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=vocabulary)
    return [np.array(ids, np.uint32) for ids in processor.encode(list(texts))]


def kenlm_bits(
    documents: Sequence[npt.NDArray[np.uint32]], held_out: Sequence[npt.NDArray[np.uint32]], pieces: int, _seed: int = 0
) -> Bits:
    """-log2 p of each held-out document, its end included, under the Kneser-Ney model of `documents` (our estimator).

    Nothing is random. The vocabulary is that of all arms: a piece that these documents lack has its share of <unk>'s probability.
    """
    words = [*SPECIALS, *map(str, range(pieces))]
    sentences = (np.append(ids + np.uint32(len(SPECIALS)), np.uint32(EOS)) for ids in documents)
    model = estimate(sentences, words, ORDER, discount_fallback=True, memory_bytes=MEMORY_BYTES)
    lacking = pieces + len(SPECIALS) - len(model.words)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "model.bin"
        write_probing(model, path)
        scorer = kenlm.Model(str(path))
        bits = []
        for ids in held_out:
            each = list(scorer.full_scores(" ".join(map(str, ids.tolist()))))
            log10 = sum(score for score, _, _ in each)
            unknown = sum(oov for _, _, oov in each)
            bits.append(-(log10 / np.log10(2)) + unknown * np.log2(max(1, lacking)))
    return np.array(bits, np.float64)

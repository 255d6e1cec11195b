"""Trains a model on sentences of some units and scores each token of the target with it. Runs in worker processes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curricle.models.kenlm.binary import hash_words, write_probing
from curricle.models.kenlm.ngrams import EOS
from curricle.models.kenlm.table import map_table
from curricle.models.kenlm.train.estimator import estimate
from curricle.pipelines.execute.events import ReportProgress


@dataclass(frozen=True)
class ScoreTask:
    """Sentences to train on, the file with the target's tokens, and the file for their scores."""

    name: str
    units: tuple[tuple[Path, int], ...]  # file of a unit's word ids; number to use, rounded to the end of a sentence
    words: pa.StringArray  # the vocabulary
    order: int
    target: Path
    scores: Path

    @property
    def size(self) -> int:
        """Number of tokens to train on."""
        return sum(tokens for _, tokens in self.units)

    @property
    def commit(self) -> Path:
        """The scores."""
        return self.scores

    def counts(self) -> tuple[int, int, int]:
        """Numbers of units and tokens."""
        return len(self.units), self.size, len(self.units)

    def __hash__(self) -> int:
        return hash(self.name)


def score_target(task: ScoreTask, report: ReportProgress) -> None:
    """Train, and write log10 p of each token of the target, float32, as .npy.

    Every model has the whole vocabulary, and <unk> for all other words, so their scores are probabilities of the same events.
    """
    prefixes = [_prefix(np.load(path), tokens) for path, tokens in task.units]
    sentences = [ids for ids in prefixes if len(ids)]
    words = task.words
    model = estimate(sentences, words, task.order, discount_fallback=True, vocabulary=len(words) - 1)
    path = task.scores.with_suffix(".bin")
    write_probing(model, path)
    table = map_table(path)
    if table is None:
        raise RuntimeError(f"{path}: not the model that was written")
    with np.load(task.target) as target:
        scored = table.score(target["tokens"], target["offsets"], table.ids(hash_words(words)), each=True)
    np.save(task.scores, scored.each)
    path.unlink()
    report(len(sentences), task.size, len(sentences))


def _prefix(ids: npt.NDArray[np.uint32], tokens: int) -> npt.NDArray[np.uint32]:
    ends = np.concatenate([[0], np.flatnonzero(ids == EOS) + 1])
    after = min(int(np.searchsorted(ends, tokens)), len(ends) - 1)
    nearest = after if after == 0 or ends[after] - tokens <= tokens - ends[after - 1] else after - 1
    return ids[: ends[nearest]]

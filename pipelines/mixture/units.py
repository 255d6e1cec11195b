"""Units: cells of kept documents with samples of equal size, one vocabulary, and a model of each, scored on the target."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from curricle.models.kenlm.ngrams import UNK
from curricle.models.kenlm.profiles import normalize, profile_named
from curricle.models.kenlm.tokenizer import SentencePiece
from curricle.models.kenlm.train.corpus import Numbering, Sample, split_units
from curricle.models.kenlm.train.interpolation import TokenScores
from curricle.models.kenlm.train.pieces import train_pieces
from curricle.pipelines.curriculum.cells import make_cells
from curricle.pipelines.curriculum.documents import Documents, Sources
from curricle.pipelines.curriculum.errors import CurriculumError
from curricle.pipelines.curriculum.kernels import NO_SCORE, BoolArray, IntArray, Ranking, keyed, salt, take, totals
from curricle.pipelines.curriculum.run import read_outputs
from curricle.pipelines.curriculum.workers import Workers
from curricle.pipelines.mixture.config import UnitsConfig
from curricle.pipelines.mixture.score import ScoreTask, score_target
from curricle.pipelines.mixture.target import Target

PROFILE = "curricle-v1"
PIECES, PIECES_BYTES = 16_000, 4_000_000  # a small sample yields fewer; 4 MB take SentencePiece 8 s
LOG10_2 = 0.3010299956639812
MOST_SHARE = 10  # a document gives at most a tenth of a unit's sample, so a sample has at least ten documents


@dataclass(frozen=True)
class Cell:
    """All kept documents with the same values of the columns."""

    name: str
    tokens: int  # as counted by `UnitsConfig.tokens`
    sample_bytes: int  # bytes that its documents could contribute to a sample


@dataclass(frozen=True)
class Units:
    """The units with their samples, before anything is trained."""

    config: UnitsConfig
    sources: Sources
    target: Target
    cells: tuple[Cell, ...]
    left_out: tuple[Cell, ...]  # with too little text
    samples: tuple[tuple[str, ...], ...]  # texts of each unit

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the cells."""
        return tuple(cell.name for cell in self.cells)

    @property
    def available(self) -> IntArray:
        """Number of tokens of each unit, as counted by `UnitsConfig.tokens`."""
        return np.array([cell.tokens for cell in self.cells], np.int64)


@dataclass(frozen=True)
class Trained:
    """The target's scores under the units' models, and scratch files to train other models on their samples."""

    units: Units
    words: pa.StringArray
    sentences: tuple[Path, ...]  # word ids of each unit's sample
    sample_tokens: int  # of the shortest sample; the model of every mixture is trained on this number
    target_tokens: Path
    unknown: float  # share of the target's tokens, sentence ends left out, that no unit has
    scores: TokenScores
    workers: Workers

    def bits_per_byte(self, log10: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Bits per byte of the target, from its log10 probability."""
        return -log10 / LOG10_2 / self.units.target.bytes

    def score_mixtures(self, mixtures: Mapping[str, npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
        """log10 p of the target under models trained in full on each mixture of the samples, `sample_tokens` in all."""
        with TemporaryDirectory(dir=self.target_tokens.parent) as folder:
            tasks = []
            for number, (name, weights) in enumerate(mixtures.items()):
                tokens = np.rint(weights * self.sample_tokens).astype(np.int64).tolist()
                units = tuple((path, count) for path, count in zip(self.sentences, tokens, strict=True) if count)
                scores = Path(folder) / f"mixture-{number:06}.npy"
                tasks.append(ScoreTask(name, units, self.words, self.units.config.order, self.target_tokens, scores))
            self.workers.run(tasks, score_target)
            return np.array([np.load(task.scores).sum(dtype=np.float64) for task in tasks])


def find_units(outputs: Sequence[Path], target: Target, config: UnitsConfig, workers: Workers) -> Units:
    """The units of finished outputs, with samples: the first `unit_bytes` of their documents by keyed hash.

    A document that is also in the target is in no sample. CurriculumError or OutputError if an output is not finished, a column
    is missing, or no unit has enough text.
    """
    sources, documents = read_outputs(outputs, config.by, config.tokens, workers)
    found = make_cells(documents, config.by, "--units")
    size = len(found.names)
    everything = documents.tokens > 0
    tokens = totals(found.codes, everything, documents.tokens, size)
    among = everything & ~np.isin(documents.text_hash, np.array(target.hashes, np.uint64))
    most = max(1, config.unit_bytes // MOST_SHARE)
    given = np.minimum(documents.text_bytes, np.uint32(most))
    there = totals(found.codes, among, given, size)
    enough = there >= config.unit_bytes
    cells = [Cell(name, int(tokens[n]), int(there[n])) for n, name in enumerate(found.names)]
    if not enough.any():
        largest = max(cells, key=lambda cell: cell.sample_bytes)
        raise CurriculumError(
            f"no unit has enough text for its sample of {config.unit_bytes:,} bytes (--unit-bytes): the largest one, "
            f"{largest.name!r}, has {largest.sample_bytes:,}"
        )
    ranking = Ranking(NO_SCORE, False, documents.id_hash, salt(config.seed, "mixture"))
    # half a document more than needed, because `take` stops within half a document of its quota
    quota = np.where(enough, config.unit_bytes + most // 2 + 1, 0)
    texts = _texts(sources, documents, take(found.codes, among, ranking, given, quota), ranking, found.codes, size)
    return Units(
        config,
        sources,
        target,
        tuple(cells[n] for n in range(size) if enough[n]),
        tuple(cells[n] for n in range(size) if not enough[n]),
        tuple(_cut(texts[n], config.unit_bytes, most) for n in range(size) if enough[n]),
    )


@contextmanager
def train_units(units: Units, workers: Workers) -> Iterator[Trained]:
    """Train a model of each unit; its files last as long as the block. CurriculumError for a target of unknown words."""
    with TemporaryDirectory() as folder:
        scratch = Path(folder)
        tokenizer = _tokenizer(units.samples, units.config, scratch)
        numbering = Numbering()
        paths = []
        for number, texts in enumerate(units.samples):
            paths.append(scratch / f"sample-{number:06}.npy")
            np.save(paths[-1], numbering.number(_lines(tokenizer, texts)[0]))
        words = pa.array(list(numbering.ids), pa.string())
        target, document, unknown = _tokens_of(units.target, tokenizer, numbering, len(words), scratch)
        lengths = [len(np.load(path, mmap_mode="r")) for path in paths]
        tasks = [
            ScoreTask(cell.name, ((path, length),), words, units.config.order, target, scratch / f"unit-{number:06}.npy")
            for number, (cell, path, length) in enumerate(zip(units.cells, paths, lengths, strict=True))
        ]
        workers.run(tasks, score_target)
        scores = TokenScores.of(np.stack([np.load(task.scores) for task in tasks]), document)
        yield Trained(units, words, tuple(paths), min(lengths), target, unknown, scores, workers)


def _texts(
    sources: Sources, documents: Documents, chosen: BoolArray, ranking: Ranking, codes: npt.NDArray[np.int16], size: int
) -> list[list[str]]:
    """Texts of the chosen documents, by cell, in the order of their keyed hashes. Only row groups that contain one are read."""
    found: list[list[tuple[int, str]]] = [[] for _ in range(size)]
    for file, start in zip(sources.files, sources.starts.tolist(), strict=False):
        with pq.ParquetFile(file.path) as parquet:
            for group in range(parquet.num_row_groups):
                rows = parquet.metadata.row_group(group).num_rows
                chosen_rows = start + np.flatnonzero(chosen[start : start + rows])
                if chosen_rows.size:
                    texts = parquet.read_row_group(group, ["text"])["text"].take(pa.array(chosen_rows - start)).to_pylist()
                    keys = keyed(documents.id_hash[chosen_rows], ranking.key).tolist()
                    for row, key, text in zip(chosen_rows.tolist(), keys, texts, strict=True):
                        found[codes[row]].append((key, text))
                start += rows
    return [[text for _, text in sorted(pairs)] for pairs in found]


def _cut(texts: Sequence[str], size: int, most: int) -> tuple[str, ...]:
    """The first `most` bytes of as many texts as make `size` bytes; the last text is cut."""
    cut = []
    for text in texts:
        beginning = text.encode()[: min(most, size)]
        size -= len(beginning)
        cut.append(beginning.decode(errors="ignore"))
        if size <= 0:
            break
    return tuple(cut)


def _tokenizer(samples: Sequence[Sequence[str]], config: UnitsConfig, scratch: Path) -> SentencePiece:
    profile = profile_named(PROFILE)
    path = config.sentencepiece
    if path is None:
        path = scratch / "sp.model"
        pooled = Sample(PIECES_BYTES)
        for texts in samples:
            pooled.add(normalize(profile, split_units(pa.array(texts, pa.string()), "line")))
        try:
            train_pieces(pooled.sentences(), path, PIECES)
        except ValueError as error:
            raise CurriculumError(str(error)) from None
    return SentencePiece(path, per_word=profile.per_word)


def _lines(tokenizer: SentencePiece, texts: Sequence[str]) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    """The tokens of each line, and the index of the text that it belongs to. Each line is scored as one sentence, because the
    length of a document says nothing about its content.
    """
    split = pa.array([text.split("\n") for text in texts], pa.list_(pa.string()))
    lines = tokenizer.joined(normalize(profile_named(PROFILE), split.flatten()))
    return lines, np.repeat(np.arange(len(split)), split.value_lengths().to_numpy())


def _tokens_of(
    target: Target, tokenizer: SentencePiece, numbering: Numbering, known: int, scratch: Path
) -> tuple[Path, npt.NDArray[np.int64], float]:
    """The file of the target's tokens, the document of each token (sentence ends included), and the share that no unit has."""
    lines, text_of = _lines(tokenizer, target.texts.to_pylist())
    ids, line_of = numbering.tokens(lines)
    tokens = np.where(ids < known, ids, UNK).astype(np.int32)
    unknown = float(np.mean(tokens == UNK)) if tokens.size else 1.0
    if unknown == 1:
        raise CurriculumError("the target shares no token with any unit; is it in the same languages?")
    ends = np.flatnonzero(np.diff(line_of, append=-1)) + 1
    path = scratch / "target.npz"
    np.savez(path, tokens=tokens, offsets=np.concatenate([[0], ends]).astype(np.int64))
    document = np.insert(text_of[line_of], ends, text_of[line_of[ends - 1]])
    _, document = np.unique(document, return_inverse=True)
    return path, document.astype(np.int64), unknown

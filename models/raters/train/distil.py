"""Train a student (`models.raters.student`) on rated documents. Needs the extra `train` (scipy).

Everything is chosen and reported by cross-validation over groups: all documents of a host, or of a source without hosts, and all
documents that share text with them are in the same fold.

The result depends only on the documents. Landmarks are sampled with a fixed seed. BLAS and LAPACK sum in an order that depends on
the processor, so their results are computed in double precision, where they differ by 1e-13 or so, and rounded to 16 binary
digits (`round_to_grid`) before anything that is written depends on them. For 3,485 documents the expected number of values that
round differently on another processor is 0.0001.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.linalg
import scipy.sparse as sp
import xxhash

from curricle import portable_math
from curricle.errors import RatingsError
from curricle.models.cards import file_sha256, write_card
from curricle.models.raters import encoder
from curricle.models.raters.encoder import Encoder
from curricle.models.raters.features import Features
from curricle.models.raters.layers import Floats, quantize
from curricle.models.raters.ngrams import BITS, SLOTS, STARTS
from curricle.models.raters.student import FILES, HEADS, OUTPUTS, TABLE, StudentCard, kernel_inputs
from curricle.schemas.columns import DOMAINS, QUALITY_CRITERIA

Rows = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

GROUP_WEIGHTS = (1.4, 1.0, 0.7, 1.0, 0.5)  # of words, pairs, pieces, shapes, triples
MIN_DOCUMENTS = 3  # n-grams in fewer training documents are left out
LANDMARKS = 1024  # half as many cost 0.004 of the mean Spearman, twice as many gain 0.002
TAG_LANDMARKS = 256  # 1024: the same figures
RIDGE = 0.3
RARITY = 0.2  # scores are multiplied by the domain's share to the power of -0.2: ridge regression finds rare domains too seldom
FOLDS = 5
MIN_LANGUAGE_DOCUMENTS = 20
MOST_DOCUMENTS = 20_000  # their inner products take 3.2 GB, twice, and a factor in single precision 1.6 GB
BLOCK_ROWS = 1024  # of the inner products that are computed at a time
GRID_BITS = 16
REFINED = 1e-14  # relative change at which the solution of a regression has converged
MOST_REFINEMENTS = 20
BLOCKS = (slice(0, len(QUALITY_CRITERIA)), slice(len(QUALITY_CRITERIA), OUTPUTS))


@dataclass(frozen=True, kw_only=True)
class Documents:
    """Texts and their targets; a weight is 0 where there is no target."""

    texts: pa.Array
    languages: list[str]
    groups: list[str]
    targets: Floats  # (n, 29): 14 ratings, then one-hot domains
    weights: Floats  # (n, 2): of the ratings, of the domain

    @property
    def rated(self) -> Rows:
        """Rows with ratings."""
        return np.flatnonzero(self.weights[:, 0] > 0)


def make_targets(ratings: Sequence[npt.ArrayLike], domains: Sequence[str | None], rows: int) -> Floats:
    """(rows, 29): the 14 `ratings` of the first rows and the one-hot domains; 0 where there is none."""
    targets = np.zeros((rows, OUTPUTS), dtype=np.float32)
    for n, values in enumerate(ratings):
        values = np.asarray(values)
        targets[: len(values), n] = values
    for row, name in enumerate(domains):
        if name is not None:
            targets[row, len(QUALITY_CRITERIA) + DOMAINS.index(name)] = 1
    return targets


def host_group(url: str | None, source: str, identifier: str) -> str:
    """The registered domain of `url` (two labels; three under `co.uk` and the like), or the source if there is no host."""
    host = urlsplit(url).netloc.lower().split(":")[0] if url else ""
    if not host:
        return f"source:{source}"
    if host.endswith(".invalid"):  # a page without a known address
        return f"page:{identifier}"
    labels = host.split(".")
    second = {"ac", "co", "com", "edu", "go", "gov", "ne", "net", "or", "org"}
    return ".".join(labels[-3 if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in second else -2 :])


def merge_near_duplicates(texts: list[str], groups: list[str]) -> list[str]:
    """Join groups that share a document: two with 8 of their 32 smallest hashes of 6-word sequences in common."""
    parent = {group: group for group in groups}

    def root(group: str) -> str:
        while parent[group] != group:
            parent[group] = parent[parent[group]]
            group = parent[group]
        return group

    sketches, holders = [], defaultdict(list)
    for row, text in enumerate(texts):
        words = re.findall(r"\w+", text.lower())
        hashes = {xxhash.xxh32_intdigest(" ".join(words[i : i + 6]).encode()) for i in range(max(1, len(words) - 5))}
        sketches.append(set(sorted(hashes)[:32]))
        for value in sketches[-1]:
            holders[value].append(row)
    for rows in holders.values():
        for row in rows[1:40]:
            if len(sketches[rows[0]] & sketches[row]) >= 8:
                parent[root(groups[rows[0]])] = root(groups[row])
    return [root(group) for group in groups]


def assign_folds(groups: list[str], folds: int = FOLDS) -> npt.NDArray[np.int64]:
    """A fold for each document: groups are assigned from the largest on, each to the smallest fold."""
    sizes = Counter(groups)
    filled = [0] * folds
    fold = {}
    for group in sorted(sizes, key=lambda name: (-sizes[name], xxhash.xxh64_intdigest(name.encode()))):
        fold[group] = filled.index(min(filled))
        filled[fold[group]] += sizes[group]
    return np.array([fold[group] for group in groups])


@dataclass(frozen=True, kw_only=True)
class Nearness:
    """Nystroem features: their inner products approximate the values of the Gaussian kernel."""

    features: Doubles  # (n, landmarks)
    projection: Doubles  # (landmarks, landmarks): features = kernel values to the landmarks @ projection


@dataclass(frozen=True, kw_only=True)
class Design:
    """Features of all documents for the ridge regression, and what is needed to turn its solution into a model's files."""

    ngrams: sp.csr_matrix
    slot_weights: Floats
    nearness: dict[str, Nearness]  # by the name of the landmarks in `heads`
    heads: dict[str, Floats]


def weigh_ngrams(features: Features, min_documents: int) -> tuple[sp.csr_matrix, Floats]:
    """n-grams weighted by group and inverse document frequency to a mean squared length of 1, and the weights of the slots."""
    indptr, indices, values, stats = features
    ngrams = sp.csr_matrix((values, indices, indptr), shape=(len(stats), SLOTS))
    frequency = np.bincount(indices, minlength=SLOTS)
    weights = np.where(frequency >= min_documents, portable_math.log(len(stats) / np.maximum(frequency, 1)) + 1, 0)
    for start, weight, bits in zip(STARTS, GROUP_WEIGHTS, BITS, strict=False):
        weights[start : start + (1 << bits)] *= weight
    norm = np.sqrt((ngrams @ sp.diags(weights)).power(2).sum() / len(stats))
    slot_weights = (weights / max(norm, 1e-6)).astype(np.float32)
    return sp.csr_matrix(ngrams @ sp.diags(slot_weights), dtype=np.float32), slot_weights


def make_design(documents: Documents, encoder: Encoder) -> Design:
    """Weighted n-grams, and Nystroem features of the inputs of the two kernels."""
    features, vectors, tags = encoder.encode(documents.texts)
    ngrams, slot_weights = weigh_ngrams(features, MIN_DOCUMENTS)
    stats, rated = features[3], documents.rated
    heads = {
        "mean": stats.mean(0),
        "scale": stats.std(0) + np.float32(1e-6),
        "tag_mean": tags[rated].mean(0),
        "tag_scale": tags[rated].std(0) + np.float32(1e-6),
    }
    chosen = rated[np.sort(np.random.default_rng(7).permutation(len(rated))[:LANDMARKS])]
    nearness = {}
    for (name, inputs), step in zip(kernel_inputs(stats, vectors, tags, heads), (1, LANDMARKS // TAG_LANDMARKS), strict=True):
        landmarks = inputs[chosen[::step]]
        values, axes = np.linalg.eigh(_gaussian(landmarks, landmarks))
        projection = axes / np.sqrt(np.maximum(values, 1e-4))
        nearness[name] = Nearness(features=_gaussian(inputs, landmarks) @ projection, projection=projection)
        heads[name] = np.ascontiguousarray(landmarks.T)
    return Design(ngrams=ngrams, slot_weights=slot_weights, nearness=nearness, heads=heads)


def _gaussian(first: Floats, second: Floats) -> Doubles:
    """exp(-|x - y|^2) of all pairs."""
    x, y = first.astype(np.float64), second.astype(np.float64)
    squares = (x**2).sum(1)[:, None] + (y**2).sum(1) - 2 * x @ y.T
    return portable_math.exp(-np.maximum(squares, 0))


def gram(design: Design) -> Doubles:
    """Inner products of all documents."""
    products = np.empty((design.ngrams.shape[0],) * 2)
    for start in range(0, len(products), BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        products[rows] = (design.ngrams[rows] @ design.ngrams.T).toarray()
        for nearness in design.nearness.values():
            products[rows] += nearness.features[rows] @ nearness.features.T
    return products


def round_to_grid(values: Doubles) -> Doubles:
    """Each column rounded to multiples of its largest absolute value's power of two, divided by 2^GRID_BITS."""
    _, exponent = np.frexp(np.abs(values).max(axis=0))
    return np.ldexp(np.rint(np.ldexp(values, GRID_BITS - exponent)), exponent - GRID_BITS)


def solve(kernel: npt.NDArray[np.floating[Any]], targets: Floats, weights: Floats) -> tuple[Doubles, Floats]:
    """Dual weights, rounded to a grid, and mean of a ridge regression in which a document counts `weights` (all > 0).

    The system is factored in single precision; the solution is then refined to double precision.
    """
    mean = np.average(targets, axis=0, weights=weights)
    ridge = RIDGE / weights.astype(np.float64)
    system = kernel.astype(np.float32)
    system.flat[:: len(system) + 1] += ridge.astype(np.float32)
    factor = scipy.linalg.cho_factor(system, lower=True, overwrite_a=True)
    wanted = (targets - mean).astype(np.float64)
    dual = np.zeros_like(wanted)
    for _ in range(MOST_REFINEMENTS):
        residual = wanted - kernel @ dual - ridge[:, None] * dual
        step = scipy.linalg.cho_solve(factor, residual.astype(np.float32))
        dual += step
        if np.abs(step).max() <= REFINED * np.abs(dual).max():
            break
    return round_to_grid(dual), mean.astype(np.float32)


def fit(kernel: Doubles, documents: Documents, rows: Rows) -> tuple[Doubles, Floats]:
    """Dual weights (all documents, 29), zero outside `rows`, and the bias of the 29 outputs, the mean of their targets.

    Both are adjusted by RARITY for the domains.
    """
    dual = np.zeros((len(kernel), OUTPUTS))
    bias = np.zeros(OUTPUTS, dtype=np.float32)
    for n, block in enumerate(BLOCKS):
        used = rows[documents.weights[rows, n] > 0]
        dual[used, block], bias[block] = solve(
            kernel[np.ix_(used, used)], documents.targets[used, block], documents.weights[used, n]
        )
    rarity = portable_math.exp(-RARITY * portable_math.log(np.maximum(bias[BLOCKS[1]], 1e-4).astype(np.float64)))
    dual[:, BLOCKS[1]] *= rarity
    bias[BLOCKS[1]] *= rarity
    return dual, bias


def cross_validate(kernel: Doubles, documents: Documents) -> Doubles:
    """Predictions for the rated documents, each by a model that saw no document of its group."""
    rated, folds = documents.rated, assign_folds(documents.groups)
    predictions = np.zeros((len(rated), OUTPUTS))
    for fold in range(FOLDS):
        test = rated[folds[rated] == fold]
        dual, bias = fit(kernel, documents, np.flatnonzero(folds != fold))
        predictions[np.searchsorted(rated, test)] = kernel[test] @ dual + bias
    return predictions


def cut_points(predictions: Doubles, ratings: Floats) -> Floats:
    """(criteria, 4): thresholds on the raw score that give each rating to as many documents as the teacher did."""
    cuts = [
        [np.quantile(predictions[:, n], np.mean(ratings[:, n] <= rating)) for rating in (1, 2, 3, 4)]
        for n in range(ratings.shape[1])
    ]
    return np.array(cuts, dtype=np.float32)


def fit_sharpness(scores: npt.NDArray[np.floating[Any]], truth: npt.NDArray[np.int64]) -> np.float32:
    """The factor of the scores before the softmax that makes the true classes most likely.

    This is temperature scaling (Guo et al. 2017).
    """

    def loss(factor: float) -> float:
        logits = (scores - scores.max(axis=1, keepdims=True)) * factor
        return float(np.mean(portable_math.log(portable_math.exp(logits).sum(axis=1)) - logits[np.arange(len(truth)), truth]))

    return np.float32(min(np.arange(1, 20, 0.25), key=loss))


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A student's weights, and the cross-validated predictions (rated documents, 29) from which its figures are computed."""

    design: Design
    dual: Doubles
    bias: Floats
    predictions: Doubles
    cuts: Floats
    sharpness: np.float32


def train(documents: Documents, encoder: Encoder) -> Trained:
    """Cross-validate, then fit all documents. RatingsError for too many documents, or too few groups for the folds."""
    if len(documents.texts) > MOST_DOCUMENTS:
        raise RatingsError(f"{len(documents.texts):,} documents: at most {MOST_DOCUMENTS:,} fit in memory; take a sample")
    groups = len({documents.groups[row] for row in documents.rated})
    if groups < 2 * FOLDS:
        raise RatingsError(
            f"the rated documents come from {groups} hosts or sources; cross-validation needs at least {2 * FOLDS}"
        )
    design = make_design(documents, encoder)
    kernel = gram(design)
    predictions = cross_validate(kernel, documents)
    dual, bias = fit(kernel, documents, np.arange(len(kernel)))
    ratings, domains = (documents.targets[documents.rated, block] for block in BLOCKS)
    tagged = documents.weights[documents.rated, 1] > 0
    return Trained(
        design=design,
        dual=dual,
        bias=bias,
        predictions=predictions,
        cuts=cut_points(predictions, ratings),
        sharpness=fit_sharpness(predictions[tagged][:, BLOCKS[1]], domains[tagged].argmax(axis=1)),
    )


def trained_languages(documents: Documents) -> tuple[str, ...]:
    """Languages with enough rated documents."""
    counts = Counter(documents.languages[row] for row in documents.rated)
    return tuple(sorted(code for code, n in counts.items() if n >= MIN_LANGUAGE_DOCUMENTS))


def write_model(folder: Path, trained: Trained, base: Path, card: StudentCard) -> None:
    """Write the weights (those of n-grams quantized to int8 by output), copies of the encoder's files in `base`, and the card."""
    folder.mkdir(parents=True, exist_ok=True)
    design = trained.design
    table, scale = quantize(design.slot_weights[:, None] * np.asarray(design.ngrams.T @ trained.dual), 127)
    np.save(folder / TABLE, table)
    heads = {
        **design.heads,
        **{
            f"{name}_out": round_to_grid(nearness.projection @ (nearness.features.T @ trained.dual))
            for name, nearness in design.nearness.items()
        },
        "table_scale": scale,
        "bias": trained.bias,
        "cuts": trained.cuts,
        "sharpness": trained.sharpness,
    }
    np.savez(folder / HEADS, allow_pickle=False, **{name: np.asarray(value, dtype=np.float32) for name, value in heads.items()})
    encoder.copy(base, folder)
    write_card(folder, card.model_copy(update={"files": {name: file_sha256(folder / name) for name in FILES}}))

"""Train a student (`models.raters.student`) on rated documents. Needs the extra `train` (scipy).

Everything is chosen and reported by cross-validation over groups: a host, or a source without hosts, is wholly in one fold, and
so is whatever shares text with it. Deterministic: the only sampling is of landmarks, by a fixed seed.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.linalg
import scipy.sparse as sp
import xxhash
from curricle.models.cards import ModelError, file_sha256, write_card
from curricle.models.raters import encoder
from curricle.models.raters.encoder import Encoder
from curricle.models.raters.features import Features
from curricle.models.raters.layers import Floats, quantise
from curricle.models.raters.ngrams import BITS, SLOTS, STARTS
from curricle.models.raters.student import FILES, HEADS, OUTPUTS, TABLE, StudentCard, kernel_inputs
from curricle.schemas.columns import DOMAINS, QUALITY_CRITERIA

Rows = npt.NDArray[np.int64]

GROUP_WEIGHTS = (1.4, 1.0, 0.7, 1.0, 0.5)  # words, pairs, pieces, shapes, triples
MIN_DOCUMENTS = 3  # an n-gram in fewer training documents is left out
LANDMARKS = 1024  # half as many cost 0.004 of the mean Spearman, twice as many gain 0.002
TAG_LANDMARKS = 256  # 1024: the same figures
RIDGE = 0.3
RARITY = 0.2  # a domain counts its share to the power of -0.2: a ridge regression finds the rare ones too seldom
FOLDS = 5
MIN_LANGUAGE_DOCUMENTS = 20
MOST_DOCUMENTS = 20_000  # their inner products take 1.6 GB, three times
BLOCKS = (slice(0, len(QUALITY_CRITERIA)), slice(len(QUALITY_CRITERIA), OUTPUTS))


@dataclass(frozen=True, kw_only=True)
class Documents:
    """Texts with targets; `weights` is 0 where there is no target."""

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
    """(rows, 29): the 14 `ratings` of the first rows, and the domains as one-hot; 0 where there is none."""
    targets = np.zeros((rows, OUTPUTS), dtype=np.float32)
    for n, values in enumerate(ratings):
        values = np.asarray(values)
        targets[: len(values), n] = values
    for row, name in enumerate(domains):
        if name is not None:
            targets[row, len(QUALITY_CRITERIA) + DOMAINS.index(name)] = 1
    return targets


def host_group(url: str | None, source: str, identifier: str) -> str:
    """The registered domain of `url` (two labels, three under `co.uk` and its like), or the source if there is no host."""
    host = urlsplit(url).netloc.lower().split(":")[0] if url else ""
    if not host:
        return f"source:{source}"
    if host.endswith(".invalid"):  # the page's address is unknown
        return f"page:{identifier}"
    labels = host.split(".")
    second = {"ac", "co", "com", "edu", "go", "gov", "ne", "net", "or", "org"}
    return ".".join(labels[-3 if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in second else -2 :])


def merge_near_duplicates(texts: list[str], groups: list[str]) -> list[str]:
    """Join groups that share a document: 8 of the 32 smallest hashes of 6-word sequences in common."""
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
    """A fold per document: largest groups first, each to the smallest fold."""
    sizes = Counter(groups)
    filled = [0] * folds
    fold = {}
    for group in sorted(sizes, key=lambda name: (-sizes[name], xxhash.xxh64_intdigest(name.encode()))):
        fold[group] = filled.index(min(filled))
        filled[fold[group]] += sizes[group]
    return np.array([fold[group] for group in groups])


@dataclass(frozen=True, kw_only=True)
class Nearness:
    """Nystroem features, whose inner products are nearly the Gaussian kernel's values."""

    features: Floats  # (n, landmarks)
    turn: Floats  # (landmarks, landmarks): kernel values to the landmarks @ turn = features


@dataclass(frozen=True, kw_only=True)
class Design:
    """Features of all documents as they enter the ridge regression, and what turns its solution into a model's files."""

    ngrams: sp.csr_matrix
    slot_weights: Floats
    nearness: dict[str, Nearness]  # by the landmarks' name in `heads`
    heads: dict[str, Floats]


def weigh_ngrams(features: Features, min_documents: int) -> tuple[sp.csr_matrix, Floats]:
    """n-grams weighted by group and inverse document frequency, mean squared length 1, and the weights of the slots."""
    indptr, indices, values, stats = features
    ngrams = sp.csr_matrix((values, indices, indptr), shape=(len(stats), SLOTS))
    frequency = np.bincount(indices, minlength=SLOTS)
    weights = np.where(frequency >= min_documents, np.log(len(stats) / np.maximum(frequency, 1)) + 1, 0)
    for start, weight, bits in zip(STARTS, GROUP_WEIGHTS, BITS, strict=False):
        weights[start : start + (1 << bits)] *= weight
    norm = np.sqrt((ngrams @ sp.diags(weights)).power(2).sum() / len(stats))
    slot_weights = (weights / max(norm, 1e-6)).astype(np.float32)
    return sp.csr_matrix(ngrams @ sp.diags(slot_weights), dtype=np.float32), slot_weights


def make_design(documents: Documents, encoder: Encoder) -> Design:
    """Weighted n-grams, and Nystroem features of what the two kernels compare."""
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
        values, axes = np.linalg.eigh(_gaussian(landmarks, landmarks).astype(np.float64))
        turn = (axes / np.sqrt(np.maximum(values, 1e-4))).astype(np.float32)
        nearness[name] = Nearness(features=_gaussian(inputs, landmarks) @ turn, turn=turn)
        heads[name] = np.ascontiguousarray(landmarks.T)
    return Design(ngrams=ngrams, slot_weights=slot_weights, nearness=nearness, heads=heads)


def _gaussian(first: Floats, second: Floats) -> Floats:
    """exp(-|x - y|^2) of all pairs."""
    squares = (first**2).sum(1)[:, None] + (second**2).sum(1) - 2 * first @ second.T
    return np.exp(-np.maximum(squares, 0)).astype(np.float32)


def gram(design: Design) -> Floats:
    """Inner products of all documents."""
    products = np.asarray((design.ngrams @ design.ngrams.T).todense(), dtype=np.float32)
    for nearness in design.nearness.values():
        products += nearness.features @ nearness.features.T
    return products


def solve(kernel: Floats, targets: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Dual weights and mean of a ridge regression in which a document counts `weights` (all > 0)."""
    mean = np.average(targets, axis=0, weights=weights)
    system = kernel.copy()
    system.flat[:: len(system) + 1] += RIDGE / weights
    factor = scipy.linalg.cho_factor(system, lower=True, overwrite_a=True)
    return scipy.linalg.cho_solve(factor, (targets - mean).astype(np.float32)), mean.astype(np.float32)


def fit(kernel: Floats, documents: Documents, rows: Rows) -> tuple[Floats, Floats]:
    """Dual weights (all documents, 29), zero outside `rows`, and the bias of the 29 outputs, which is the mean of their targets;
    the domains' both by RARITY.
    """
    dual = np.zeros((len(kernel), OUTPUTS), dtype=np.float32)
    bias = np.zeros(OUTPUTS, dtype=np.float32)
    for n, block in enumerate(BLOCKS):
        used = rows[documents.weights[rows, n] > 0]
        dual[used, block], bias[block] = solve(
            kernel[np.ix_(used, used)], documents.targets[used, block], documents.weights[used, n]
        )
    rarity = np.maximum(bias[BLOCKS[1]], 1e-4) ** -RARITY
    dual[:, BLOCKS[1]] *= rarity
    bias[BLOCKS[1]] *= rarity
    return dual, bias


def cross_validate(kernel: Floats, documents: Documents) -> Floats:
    """Predictions for the rated documents by models that saw none of their group."""
    rated, folds = documents.rated, assign_folds(documents.groups)
    predictions = np.zeros((len(rated), OUTPUTS), dtype=np.float32)
    for fold in range(FOLDS):
        test = rated[folds[rated] == fold]
        dual, bias = fit(kernel, documents, np.flatnonzero(folds != fold))
        predictions[np.searchsorted(rated, test)] = kernel[test] @ dual + bias
    return predictions


def cut_points(predictions: Floats, ratings: Floats) -> Floats:
    """(criteria, 4): thresholds on the raw score so that as many documents get each rating as the teacher gave it."""
    cuts = [
        [np.quantile(predictions[:, n], np.mean(ratings[:, n] <= rating)) for rating in (1, 2, 3, 4)]
        for n in range(ratings.shape[1])
    ]
    return np.array(cuts, dtype=np.float32)


def fit_sharpness(scores: Floats, truth: npt.NDArray[np.int64]) -> np.float32:
    """The factor before the softmax that makes the true classes most likely (temperature scaling, Guo et al. 2017)."""

    def loss(factor: float) -> float:
        logits = (scores - scores.max(axis=1, keepdims=True)) * factor
        return float(np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(truth)), truth]))

    return np.float32(min(np.arange(1, 20, 0.25), key=loss))


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A student's weights, and the cross-validated predictions (rated documents, 29) that its figures come from."""

    design: Design
    dual: Floats
    bias: Floats
    predictions: Floats
    cuts: Floats
    sharpness: np.float32


def train(documents: Documents, encoder: Encoder) -> Trained:
    """Cross-validate, then fit all documents. ModelError where there are too many, or too few groups for the folds."""
    if len(documents.texts) > MOST_DOCUMENTS:
        raise ModelError(f"{len(documents.texts):,} documents: more than {MOST_DOCUMENTS:,} do not fit; take a sample")
    groups = len({documents.groups[row] for row in documents.rated})
    if groups < 2 * FOLDS:
        raise ModelError(
            f"the rated documents are of {groups} hosts or sources: at least {2 * FOLDS} are needed to hold some out"
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
    """Write the weights, the n-grams' quantised to int8 by output, copies of the encoder's files in `base`, and the card."""
    folder.mkdir(parents=True, exist_ok=True)
    design = trained.design
    table, scale = quantise(design.slot_weights[:, None] * np.asarray(design.ngrams.T @ trained.dual), 127)
    np.save(folder / TABLE, table)
    heads = {
        **design.heads,
        **{f"{name}_out": near.turn @ (near.features.T @ trained.dual) for name, near in design.nearness.items()},
        "table_scale": scale,
        "bias": trained.bias,
        "cuts": trained.cuts,
        "sharpness": trained.sharpness,
    }
    np.savez(folder / HEADS, allow_pickle=False, **{name: np.asarray(value, dtype=np.float32) for name, value in heads.items()})
    encoder.copy(base, folder)
    write_card(folder, card.model_copy(update={"files": {name: file_sha256(folder / name) for name in FILES}}))

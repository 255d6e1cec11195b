"""Train the student that ships: `python training/student.py --data DIR --output models/starter/student`.

DIR holds `ratings/ratings.parquet` (texts with 14 ratings and a domain) and `domain/domain.parquet` (texts with a domain).
Everything is chosen and reported by cross-validation over groups: a host, or a source without hosts, is wholly in one fold,
and so is whatever shares text with it. Needs the extra `train`. Deterministic: no sampling but seeded generators.
"""

import argparse
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import scipy.linalg
import scipy.sparse as sp
import xxhash
from scipy.stats import spearmanr

from models.cards import file_sha256, write_card
from models.raters.features import BITS, SLOTS, STARTS, character_table, extract
from models.raters.student import CHARACTERS, HEADS, TABLE, StudentCard
from schemas.columns import DOMAINS, QUALITY_CRITERIA

Floats = npt.NDArray[np.float32]

GROUP_WEIGHTS = (1.4, 1.0, 0.7, 1.0, 0.5)  # words, pairs, pieces, shapes, triples
MIN_DOCUMENTS = 3  # an n-gram in fewer training documents is left out
WAVES, WAVE_WEIGHT, GAMMA = 512, 0.5, 0.25
RIDGE = 0.3
DOMAIN_WEIGHTS = {"direct": 0.3, "mapped": 0.3, "hand": 1.0, "weak": 0.15}  # against 1 for a rated document
FOLDS = 5
MIN_LANGUAGE_DOCUMENTS = 20
OUTPUTS = len(QUALITY_CRITERIA) + len(DOMAINS)


@dataclass(frozen=True, kw_only=True)
class Documents:
    """Texts with targets; `weights` is 0 where there is no target."""

    texts: pa.Array
    languages: list[str]
    groups: list[str]
    targets: Floats  # (n, 29): 14 ratings, then one-hot domains
    weights: Floats  # (n, 2): of the ratings, of the domain


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


def read_documents(data: Path) -> Documents:
    """Rated documents first, then those of the domain collection that are not among them."""
    rated = pq.read_table(data / "ratings" / "ratings.parquet")
    more = pq.read_table(data / "domain" / "domain.parquet")
    more = more.filter(pc.and_(pc.is_valid(more["domain"]), pc.invert(pc.is_in(more["id"], rated["id"].cast(pa.string())))))
    tables = [rated, more]
    texts = [text for table in tables for text in table["text"].to_pylist()]
    keys = [row for table in tables for row in table.select(["url", "source", "id"]).to_pylist()]
    groups = merge_near_duplicates(texts, [host_group(row["url"], row["source"], row["id"]) for row in keys])
    targets = np.zeros((len(texts), OUTPUTS), dtype=np.float32)
    for n, name in enumerate(QUALITY_CRITERIA):
        targets[: len(rated), n] = rated[f"quality_{name}"].to_numpy()
    domains = [name for table in tables for name in table["domain"].to_pylist()]
    targets[np.arange(len(texts)), [len(QUALITY_CRITERIA) + DOMAINS.index(name) for name in domains]] = 1
    weights = np.ones((len(texts), 2), dtype=np.float32)
    weights[len(rated) :, 0] = 0
    weights[len(rated) :, 1] = [DOMAIN_WEIGHTS[quality] for quality in more["label_quality"].to_pylist()]
    languages = [(language or "und").split("-")[0] for table in tables for language in table["lang"].to_pylist()]
    return Documents(texts=pa.array(texts, pa.string()), languages=languages, groups=groups, targets=targets, weights=weights)


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
class Design:
    """Features of all documents as they enter the ridge regression, and what turns its solution into a model's files."""

    ngrams: sp.csr_matrix
    slot_weights: Floats
    cosines: Floats
    heads: dict[str, Floats]


def make_design(texts: pa.Array, waves: int = WAVES) -> Design:
    """n-grams weighted by group and inverse document frequency, and cosines of standardised statistics."""
    indptr, indices, values, stats = extract(texts, character_table())
    ngrams = sp.csr_matrix((values, indices, indptr), shape=(len(texts), SLOTS))
    frequency = np.bincount(indices, minlength=SLOTS)
    weights = np.where(frequency >= MIN_DOCUMENTS, np.log(len(texts) / np.maximum(frequency, 1)) + 1, 0)
    for start, weight, bits in zip(STARTS, GROUP_WEIGHTS, BITS, strict=False):
        weights[start : start + (1 << bits)] *= weight
    norm = np.sqrt((ngrams @ sp.diags(weights)).power(2).sum() / len(texts))  # mean squared length 1
    slot_weights = (weights / norm).astype(np.float32)
    mean, scale = stats.mean(0), stats.std(0) + 1e-6
    z = np.clip((stats - mean) / scale, -3, 3)
    rng = np.random.default_rng(7)
    directions = (rng.standard_normal((stats.shape[1], waves)) * np.sqrt(2 * GAMMA / stats.shape[1])).astype(np.float32)
    phases = rng.uniform(0, 2 * np.pi, waves).astype(np.float32)
    cosines = np.cos(z @ directions + phases) * np.float32(np.sqrt(2 * WAVE_WEIGHT / waves))
    heads = {"mean": mean, "scale": scale, "waves": directions, "phases": phases}
    scaled = sp.csr_matrix(ngrams @ sp.diags(slot_weights), dtype=np.float32)
    return Design(ngrams=scaled, slot_weights=slot_weights, cosines=cosines, heads=heads)


def gram(design: Design) -> Floats:
    """Inner products of all documents."""
    products = np.asarray((design.ngrams @ design.ngrams.T).todense(), dtype=np.float32)
    products += design.cosines @ design.cosines.T
    return products


def solve(kernel: Floats, targets: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Dual weights and mean of a ridge regression in which a document counts `weights` (all > 0)."""
    mean = np.average(targets, axis=0, weights=weights)
    system = kernel.copy()
    system.flat[:: len(system) + 1] += RIDGE / weights
    factor = scipy.linalg.cho_factor(system, lower=True, overwrite_a=True)
    return scipy.linalg.cho_solve(factor, (targets - mean).astype(np.float32)), mean.astype(np.float32)


BLOCKS = (slice(0, len(QUALITY_CRITERIA)), slice(len(QUALITY_CRITERIA), OUTPUTS))


def fit(kernel: Floats, documents: Documents, rows: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Dual weights (all documents, 29), zero outside `rows`, and the bias of the 29 outputs."""
    dual = np.zeros((len(kernel), OUTPUTS), dtype=np.float32)
    bias = np.zeros(OUTPUTS, dtype=np.float32)
    for n, block in enumerate(BLOCKS):
        used = rows[documents.weights[rows, n] > 0]
        dual[used, block], bias[block] = solve(
            kernel[np.ix_(used, used)], documents.targets[used, block], documents.weights[used, n]
        )
    return dual, bias


def cross_validate(kernel: Floats, documents: Documents, folds: npt.NDArray[np.int64]) -> Floats:
    """Predictions for the rated documents by models that saw none of their group."""
    rated = np.flatnonzero(documents.weights[:, 0] > 0)
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
    """The factor before the softmax that makes the true domains most likely."""

    def loss(factor: float) -> float:
        logits = (scores - scores.max(axis=1, keepdims=True)) * factor
        return float(np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(truth)), truth]))

    return np.float32(min(np.arange(1, 20, 0.25), key=loss))


def interval(values: npt.NDArray[np.float64]) -> str:
    """95 % bootstrap interval."""
    return f"[{np.quantile(values, 0.025):.3f}, {np.quantile(values, 0.975):.3f}]"


def macro_f1(truth: npt.NDArray[np.int64], found: npt.NDArray[np.int64]) -> float:
    """Mean F1 over the domains."""
    table = np.zeros((len(DOMAINS), len(DOMAINS)))
    np.add.at(table, (truth, found), 1)
    return float(np.mean(2 * np.diag(table) / np.maximum(table.sum(0) + table.sum(1), 1)))


def report(predictions: Floats, documents: Documents, cuts: Floats, draws: int = 200) -> dict[str, float]:
    """Print agreement with the teacher, with bootstrap intervals over groups; returns the figures for the card."""
    rated = np.flatnonzero(documents.weights[:, 0] > 0)
    ratings = documents.targets[rated, : len(QUALITY_CRITERIA)]
    truth = documents.targets[rated, len(QUALITY_CRITERIA) :].argmax(axis=1)
    found = predictions[:, len(QUALITY_CRITERIA) :].argmax(axis=1)
    english = np.array([documents.languages[row] == "en" for row in rated])
    members = defaultdict(list)
    for n, row in enumerate(rated):
        members[documents.groups[row]].append(n)
    lists = [np.array(rows) for rows in members.values()]
    rng = np.random.default_rng(11)
    samples = [np.concatenate([lists[k] for k in rng.integers(0, len(lists), len(lists))]) for _ in range(draws)]
    figures: dict[str, float] = {}

    def ranks(n: int, rows: npt.NDArray[np.int64]) -> float:
        return float(spearmanr(predictions[rows, n], ratings[rows, n]).statistic)

    everything = np.arange(len(rated))
    means = np.zeros(draws)
    print("criterion                    Spearman                 English  other  MAE   (mean)  exact within one")
    for n, name in enumerate(QUALITY_CRITERIA):
        integers = 1 + np.searchsorted(cuts[n], predictions[:, n], side="right")
        spread = np.array([ranks(n, rows) for rows in samples])
        means += spread / len(QUALITY_CRITERIA)
        figures[f"spearman_{name}"] = ranks(n, everything)
        off = np.abs(integers - ratings[:, n])
        naive = np.abs(ratings[:, n].mean() - ratings[:, n]).mean()
        print(
            f"{name:28} {figures[f'spearman_{name}']:.3f} {interval(spread)}     {ranks(n, everything[english]):.3f}    "
            f"{ranks(n, everything[~english]):.3f}  {np.abs(predictions[:, n] - ratings[:, n]).mean():.2f}  ({naive:.2f})  "
            f"{np.mean(off == 0):.2f}  {np.mean(off <= 1):.2f}"
        )
    figures["spearman_mean"] = float(np.mean([figures[f"spearman_{name}"] for name in QUALITY_CRITERIA]))
    print(f"mean of the 14               {figures['spearman_mean']:.3f} {interval(means)}")
    hits = found == truth
    accuracy = np.array([hits[rows].mean() for rows in samples])
    f1 = np.array([macro_f1(truth[rows], found[rows]) for rows in samples])
    figures["domain_accuracy"], figures["domain_macro_f1"] = float(hits.mean()), macro_f1(truth, found)
    majority = np.bincount(truth).max() / len(truth)
    print(
        f"domain accuracy {hits.mean():.3f} {interval(accuracy)} (English {hits[english].mean():.3f}, other "
        f"{hits[~english].mean():.3f}, always the largest {majority:.3f}), "
        f"macro-F1 {figures['domain_macro_f1']:.3f} {interval(f1)}"
    )
    return {name: round(value, 4) for name, value in figures.items()}


def write_model(folder: Path, design: Design, dual: Floats, bias: Floats, extra: dict[str, Floats], card: StudentCard) -> None:
    """Write the weights, quantised to int8 by output, and the card with their hashes."""
    folder.mkdir(parents=True, exist_ok=True)
    table = design.slot_weights[:, None] * np.asarray(design.ngrams.T @ dual)
    scale = (np.abs(table).max(axis=0) / 127).astype(np.float32)
    np.save(folder / TABLE, np.rint(table / scale).astype(np.int8))
    np.save(folder / CHARACTERS, character_table())
    wave_out = np.float32(np.sqrt(2 * WAVE_WEIGHT / WAVES)) * (design.cosines.T @ dual)
    heads = {**design.heads, **extra, "table_scale": scale, "wave_out": wave_out, "bias": bias}
    np.savez(folder / HEADS, **{name: np.asarray(value, dtype=np.float32) for name, value in heads.items()})
    files = {name: file_sha256(folder / name) for name in (TABLE, HEADS, CHARACTERS)}
    write_card(folder, card.model_copy(update={"files": files}))


def main() -> None:
    """Cross-validate, print, train on everything, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    documents = read_documents(options.data)
    design = make_design(documents.texts)
    kernel = gram(design)
    folds = assign_folds(documents.groups)
    predictions = cross_validate(kernel, documents, folds)
    rated = np.flatnonzero(documents.weights[:, 0] > 0)
    cuts = cut_points(predictions, documents.targets[rated, : len(QUALITY_CRITERIA)])
    figures = report(predictions, documents, cuts)
    truth = documents.targets[rated, len(QUALITY_CRITERIA) :].argmax(axis=1)
    sharpness = fit_sharpness(predictions[:, len(QUALITY_CRITERIA) :], truth)
    dual, bias = fit(kernel, documents, np.arange(len(kernel)))
    languages = Counter(documents.languages[row] for row in rated)
    card = StudentCard(
        name="student",
        version="1",
        licence="Apache-2.0",
        source="3,485 web documents rated by a large language model under the DataMan rubric, and labelled domain collections",
        languages=tuple(sorted(code for code, n in languages.items() if n >= MIN_LANGUAGE_DOCUMENTS)),
        files={},
        documents=len(rated),
        min_chars=150,
        min_known=0.35,
        figures=figures,
    )
    write_model(options.output, design, dual, bias, {"cuts": cuts, "sharpness": sharpness}, card)


if __name__ == "__main__":
    main()

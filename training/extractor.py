"""Trains the starter model `extractor`: which blocks of a page belong to its main text.

    python training/extractor.py --data DIR --output models/starter/extractor
    python training/extractor.py --data DIR --out-of-fold FILE

DIR holds web_html/html/pages-*.parquet (`html`, `gt_text`, `encoding`, `source`, `url`, `page_type`). Two boosted ensembles
of small trees (LightGBM): the second also sees what the first says of a block's surroundings, from models that did not see
its host. Prints word F1 of pages whose host no model saw (five folds); `--output` trains on all, `--out-of-fold` writes the text
of each page by the models that did not see its host, for benchmarks/extraction.py. Fixed seeds, one thread.
"""

import argparse
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import lightgbm
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from rapidfuzz.distance import LCSseq

from curricle.models.cards import Card, file_sha256, write_card
from curricle.stages.charset import decode_html
from curricle.stages.extraction.choose import choose
from curricle.stages.extraction.extractor import TREES as FILE
from curricle.stages.extraction.extractor import Blocks, Trees, read_page
from curricle.stages.extraction.render import render
from curricle.stages.extraction.trees import SPLIT

UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
WORD = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+")
TAG = re.compile(r"<[^>]*>")
FOLDS = 5
SOURCE_WEIGHT = {"daniel-waddle": 0.7}
"""Its pages are over half of all, news without comments; with a lower weight the others' kinds of page are learned better."""

RARE_WEIGHT = 2.0
"""Of pages that are neither articles nor of no given type."""

COMMON = {"objective": "binary", "num_leaves": 31, "min_data_in_leaf": 40, "feature_fraction": 0.3, "bagging_fraction": 0.7}
COMMON |= {
    "bagging_freq": 1,
    "lambda_l2": 1,
    "learning_rate": 0.15,
    "num_threads": 1,
    "deterministic": True,
    "seed": 1,
    "verbose": -1,
}
TREES = (60, 40)


class Labeled(NamedTuple):
    """A page with its reference text: share of each block that the reference holds, and how much each block counts."""

    blocks: Blocks
    reference: list[str]
    share: npt.NDArray[np.float64]
    weight: npt.NDArray[np.float64]
    fold: int
    row: dict[str, Any]


def words_of(text: str) -> list[str]:
    """Words in lower case; single characters of scripts without spaces."""
    return WORD.findall(text.lower())


def label(page: Blocks, reference: Sequence[str]) -> npt.NDArray[np.float64]:
    """For each block the share of its words, 0..1, that stand in the reference in the same order."""
    tokens = [words_of(page.walked.text[one["start"] : one["end"]].decode("utf-8", "replace")) for one in page.walked.blocks]
    owners = np.repeat(np.arange(len(tokens)), [len(one) for one in tokens])
    flat = [word for one in tokens for word in one]
    numbers: dict[str, int] = {}
    left = [numbers.setdefault(word, len(numbers)) for word in flat]
    right = [numbers.setdefault(word, len(numbers)) for word in reference]
    matched = np.zeros(len(flat), bool)
    for step in LCSseq.opcodes(left, right):
        if step.tag == "equal":
            matched[step.src_start : step.src_end] = True
    grams = set(zip(right, right[1:], right[2:], right[3:], strict=False))
    covered = np.zeros(len(flat), bool)
    for at in range(len(left) - 3):
        if tuple(left[at : at + 4]) in grams:
            covered[at : at + 4] = True
    sizes = np.maximum(np.bincount(owners, minlength=len(tokens)), 1)
    lcs = np.bincount(owners, matched, len(tokens)) / sizes
    four = np.bincount(owners, covered, len(tokens)) / sizes
    share = np.where(sizes >= 6, (lcs + four) / 2, 0.0)
    runs = np.convolve(matched, np.ones(7), "same")[: len(flat)] if len(flat) else np.zeros(0)
    support = np.bincount(owners, runs >= 5, len(tokens)) / sizes if len(flat) else np.zeros(len(tokens))
    short = np.where(four > 0, 1.0, np.where(lcs >= 0.99, np.where((sizes >= 3) | (support > 0), 1.0, 0.4), 0.45 * lcs))
    return np.where(sizes >= 6, share, short)


def group_of(row: dict[str, Any]) -> str:
    """The host of a page; where it is not known, the page itself."""
    host = (row["url"] or "").split("/")[2:3]
    return host[0] if host and not host[0].endswith(".invalid") else str(row["page_id"])


def load(data: Path) -> list[Labeled]:
    """All pages with a reference."""
    found = []
    for file in sorted((data / "web_html" / "html").glob("pages-*.parquet")):
        for row in pq.read_table(file).to_pylist():
            if not (row["gt_text"] or "").strip():
                continue
            page = read_page(decode_html(row["html"], f"text/html; charset={row['encoding']}").text)
            reference = words_of(TAG.sub(" ", row["gt_text"].removeprefix("URL:")))
            share = label(page, reference)
            words = page.measured.words
            weight = np.minimum(words / max(len(reference), 1), 1) ** 0.7 + 0.002
            weight *= min(1 + np.log(1 + len(words)) / 4, 3) / max(weight.sum(), 1e-9)
            weight *= SOURCE_WEIGHT.get(row["source"], 1.0)
            if row["page_type"] not in (None, "", "article"):
                weight *= RARE_WEIGHT
            fold = zlib.crc32(group_of(row).encode()) % FOLDS
            row.pop("html")
            found.append(Labeled(page, reference, share, weight, fold, row))
    return found


def fit(rows: Sequence[npt.NDArray[np.float32]], pages: Sequence[Labeled], trees: int) -> Trees:
    """An ensemble; blocks that the reference holds in part count as both, by their share."""
    features = np.concatenate(rows)
    share = np.concatenate([page.share for page in pages])
    weight = np.concatenate([page.weight for page in pages])
    share = np.where(share > 0.7, 1.0, np.where(share < 0.3, 0.0, share))
    both = (share > 0) & (share < 1)
    data = lightgbm.Dataset(
        np.concatenate([features, features[both]]),
        np.concatenate([(share > 0).astype(float), np.zeros(both.sum())]),
        weight=np.concatenate([np.where(share > 0, share, 1.0) * weight, (1 - share[both]) * weight[both]]),
        params={"verbose": -1, "max_bin": 127},
    )
    return trees_of(lightgbm.train(COMMON, data, trees))


def trees_of(model: lightgbm.Booster) -> Trees:
    """The trees of a trained model; thresholds as the largest float32 that is not above them."""
    splits: list[tuple[float, int, int, int, int]] = []
    leaves: list[float] = []

    def add(node: dict[str, Any]) -> int:
        if "split_feature" not in node:
            leaves.append(node["leaf_value"])
            return -len(leaves)
        at = len(splits)
        cut = np.float32(node["threshold"])
        threshold = float(np.nextafter(cut, np.float32(-np.inf)) if cut > node["threshold"] else cut)
        splits.append((0, 0, 0, 0, 0))
        left, right = add(node["left_child"]), add(node["right_child"])
        splits[at] = (threshold, node["split_feature"], left, right, 0)
        return at

    roots = [add(tree["tree_structure"]) for tree in model.dump_model()["tree_info"]]
    return Trees(np.array(splits, SPLIT), np.array(leaves), np.array(roots, np.int32))


def word_scores(text: str, reference: Sequence[str]) -> tuple[float, float, float]:
    """Precision, recall and F1 over words, each as often as it occurs."""
    found, wanted = Counter(words_of(text)), Counter(reference)
    shared = (found & wanted).total()
    precision, recall = shared / max(found.total(), 1), shared / max(wanted.total(), 1)
    return precision, recall, 2 * shared / max(found.total() + wanted.total(), 1)


def report(name: str, texts: Sequence[str], pages: Sequence[Labeled]) -> None:
    """Print means, and F1 by source and type."""
    table = np.array([word_scores(text, page.reference) for text, page in zip(texts, pages, strict=True)])
    precision, recall, f1 = table.mean(0)
    print(f"{name}: P {precision:.3f} R {recall:.3f} F1 {f1:.4f}, under 0.3 {(table[:, 2] < 0.3).mean():.3f}")
    for key in ("source", "page_type"):
        groups: dict[str, list[float]] = {}
        for page, score in zip(pages, table[:, 2], strict=True):
            groups.setdefault(str(page.row[key]), []).append(score)
        print(
            f"  {key}: "
            + ", ".join(f"{group} ({len(f)}) {np.mean(f):.3f}" for group, f in sorted(groups.items(), key=lambda g: -len(g[1])))
        )


def out_of_fold(pages: Sequence[Labeled], rows: Sequence[npt.NDArray[np.float32]], trees: int) -> list[npt.NDArray[np.float64]]:
    """For each page the probabilities by a model that saw no page of its host."""
    out = [np.zeros(0)] * len(pages)
    for fold in range(FOLDS):
        rest = [at for at, page in enumerate(pages) if page.fold != fold]
        model = fit([rows[at] for at in rest], [pages[at] for at in rest], trees)
        for at, page in enumerate(pages):
            if page.fold == fold:
                out[at] = model.probability(rows[at])
    return out


def written(page: Labeled, p: npt.NDArray[np.float64]) -> dict[str, Any]:
    """The texts that the stage would write."""
    walked, words = page.blocks.walked, page.blocks.measured.words
    chosen, confidence = choose(walked, words, p)
    more, _ = choose(walked, words, p, comments=True)
    return {
        "page_id": page.row["page_id"],
        "text": render(walked, chosen, False),
        "with_comments": render(walked, more, False),
        "markdown": render(walked, chosen, True),
        "confidence": confidence,
    }


def main() -> None:
    """Cross-validate; train on all and write the model with its card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--out-of-fold", type=Path)
    args = parser.parse_args()
    pages = load(args.data)
    first = [page.blocks.measured.first_features() for page in pages]
    chance = out_of_fold(pages, first, TREES[0])
    second = [page.blocks.measured.second_features(rows, p) for page, rows, p in zip(pages, first, chance, strict=True)]
    found = [written(page, p) for page, p in zip(pages, out_of_fold(pages, second, TREES[1]), strict=True)]
    report("all blocks of the reference", [render(page.blocks.walked, page.share > 0.5, False) for page in pages], pages)
    report("out of fold", [texts["text"] for texts in found], pages)
    if args.out_of_fold:
        pq.write_table(pa.Table.from_pylist(found), args.out_of_fold)
    if args.output:
        write_model(args.output, fit(first, pages, TREES[0]), fit(second, pages, TREES[1]))


def write_model(folder: Path, first: Trees, second: Trees) -> None:
    """Write the ensembles and the card."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / FILE
    arrays = {
        f"{name}_{key}": value for name, trees in (("first", first), ("second", second)) for key, value in trees._asdict().items()
    }
    np.savez_compressed(file, **arrays)
    card = Card(
        name=folder.name,
        kind="extractor",
        version="1",
        licence="CC BY 4.0; trained on pages whose texts are their publishers'",
        source="training/extractor.py on 654 pages with main text marked by people (docs/extraction.md)",
        languages=("*",),
        files={file.name: file_sha256(file)},
    )
    write_card(folder, card)


if __name__ == "__main__":
    main()

"""How well the starter models find harmful texts: `python benchmarks/perplexity_quality.py --data DIR`.

Positives: the test split of the harmful collection (never trained on). Negatives: ordinary web pages of other sources, and the
harmless posts, mails and web documents of the same split. Prints AUC and recall at 1 % false positives on the ordinary pages of
harmful-only (arXiv 2212.10440), clean-only (CCNet, arXiv 1911.00359), the log-ratio and the worst paragraph; the macro-F1 of
that threshold (where there are 500 such pages); its false positives on harmless texts of the same kind; and its recall where a
harmful paragraph of 1,000 characters is planted in the middle of a long ordinary page. The last two columns are AUC and recall
at 5 % false positives against harmless texts of the same kind.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curricle.models.catalog import model_folder
from curricle.models.kenlm.model import load
from curricle.models.kenlm.paragraphs import mean_and_worst, paragraphs
from curricle.models.kenlm.scorer import score_all

Numbers = npt.NDArray[np.float64]

KINDS = {"adult": "webdoc", "spam": "email", "hate": "post"}
"""Category -> the unit of its texts, so of the harmless ones that are like them."""


ENOUGH = 500
"""Ordinary pages without which their 1 % quantile says nothing."""


@dataclass(frozen=True)
class Views:
    """Of each text, four scores; low means harmful."""

    harmful: Numbers
    clean: Numbers
    ratio: Numbers
    worst: Numbers


def views(names: tuple[str, str], texts: pa.Array, min_bytes: int) -> Views:
    """Scores under the clean and the harmful model of these names; a text without tokens gets NaN."""
    models = [load(model_folder(name)) for name in names]
    clean, harmful = score_all(models, texts, models[0])
    pieces, rows = paragraphs(texts, min_bytes)
    piece_clean, piece_harmful = score_all(models, pieces, models[0])
    sizes = pc.binary_length(pieces).to_numpy()
    ratios = piece_harmful.log10_ratio(piece_clean).to_numpy(zero_copy_only=False)
    _, worst = mean_and_worst(ratios, sizes, rows, len(texts), 1)
    columns = (pc.log10(harmful.perplexity()), pc.negate(pc.log10(clean.perplexity())), harmful.log10_ratio(clean), worst)
    return Views(*(column.to_numpy(zero_copy_only=False) for column in columns))


def planted(pages: pa.Array, texts: pa.Array) -> pa.Array:
    """Long ordinary pages, each with the first 1,000 characters of one of `texts` as a paragraph in its middle."""
    long = [page for page in pages.to_pylist() if len(page) > 5000]
    out = []
    for page, text in zip(long, texts.to_pylist() * (len(long) // len(texts)), strict=False):
        middle = page.find("\n", len(page) // 2)
        out.append(f"{page[:middle]}\n{' '.join(text[:1000].split())}\n{page[middle + 1 :]}")
    return pa.array(out, pa.string())


def auc(negatives: Numbers, positives: Numbers) -> float:
    """Chance that a positive scores under a negative; NaN left out."""
    negatives, positives = negatives[~np.isnan(negatives)], positives[~np.isnan(positives)]
    ranks = np.argsort(np.argsort(np.concatenate([positives, negatives])))[: len(positives)].sum()
    below = ranks - len(positives) * (len(positives) - 1) / 2
    return float(1 - below / (len(positives) * len(negatives)))


def macro_f1(negatives: Numbers, positives: Numbers, threshold: float) -> float:
    """Mean of the F1 of both classes where under the threshold means harmful."""
    found, false = int(np.sum(positives < threshold)), int(np.sum(negatives < threshold))
    missed, right = len(positives) - found, len(negatives) - false
    return (2 * found / (2 * found + false + missed) + 2 * right / (2 * right + false + missed)) / 2


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--languages", nargs="*", default=["en", "de", "pt", "tr"])
    parser.add_argument("--clean", help="clean model: name or folder; the starter model of the language where left out")
    parser.add_argument("--harmful", help="harmful model of every category: name or folder")
    parser.add_argument("--min-bytes", type=int, default=600, help="of a paragraph")
    arguments = parser.parse_args()
    data = arguments.data
    files = sorted((data / "web_text").glob("web-*.parquet"))
    web = pq.read_table(files, columns=["text", "cld2_lang"])
    web = web.filter(pc.greater(pc.utf8_length(web["text"]), 200))
    test = pq.read_table(data / "harmful/harmful-test.parquet", columns=["lang", "category", "unit", "text"])
    columns = ("score", "AUC", "recall", "macro-F1", "threshold", "harmless alike", "planted", "AUC, alike", "recall, alike")
    print(*head(("language", "category", "documents", "ordinary pages", *columns)), sep="\n")
    for language in arguments.languages:
        pages = web.filter(pc.equal(web["cld2_lang"], language))["text"].combine_chunks()
        rows = test.filter(pc.equal(test["lang"], language))
        for category, unit in KINDS.items():
            texts = rows.filter(pc.equal(rows["category"], category))["text"].combine_chunks()
            if not len(texts):
                continue
            names = (arguments.clean or f"{language}-clean", arguments.harmful or f"{language}-{category}")
            alike = pc.and_(pc.equal(rows["category"], "clean"), pc.equal(rows["unit"], unit))
            sets = (pages, texts, rows.filter(alike)["text"].combine_chunks(), planted(pages, texts))
            every = [views(names, part, arguments.min_bytes) for part in sets]
            for name in ("harmful", "clean", "ratio", "worst"):
                figures = compare(*(getattr(part, name) for part in every), enough=len(pages) >= ENOUGH)
                print("|", " | ".join((language, category, f"{len(texts):,}", f"{len(pages):,}", name, *figures)), "|")


def head(names: tuple[str, ...]) -> tuple[str, str]:
    """The first two lines of a Markdown table."""
    return f"| {' | '.join(names)} |", "|---" * len(names) + "|"


def compare(ordinary: Numbers, found: Numbers, alike: Numbers, inside: Numbers, enough: bool) -> list[str]:
    """The figures of one score, as text; those against ordinary pages are left out where there are not enough of them."""
    at_posts = float(np.nanquantile(alike, 0.05))
    last = [f"{auc(alike, found):.3f}", f"{np.mean(found < at_posts):.2f}"]
    if not enough:
        return ["-"] * 6 + last
    threshold = float(np.nanquantile(ordinary, 0.01))
    shares = [f"{np.mean(part < threshold):.2f} of {len(part):,}" for part in (alike, inside)]
    recall, f1 = np.mean(found < threshold), macro_f1(ordinary, found, threshold)
    return [f"{auc(ordinary, found):.3f}", f"{recall:.2f}", f"{f1:.2f}", f"{threshold:.3f}", *shares, *last]


if __name__ == "__main__":
    main()

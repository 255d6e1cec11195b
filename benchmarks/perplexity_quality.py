"""How well the starter models find harmful pages: `python benchmarks/perplexity_quality.py --data DIR`.

Positives: the test split of the harmful collection (never trained on). Negatives: English web pages of other sources. Prints AUC,
and recall at 1 % false positives, of harmful-only (arXiv 2212.10440), clean-only (CCNet, arXiv 1911.00359) and the log-ratio.
"""

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from models.catalog import model_folder
from models.kenlm.model import load
from models.kenlm.scorer import score_all

Numbers = npt.NDArray[np.float64]


def log10_per_token(names: tuple[str, str], texts: pa.Array) -> tuple[Numbers, Numbers]:
    """Clean and harmful log10 perplexity of each text, under the models of these names."""
    scores = score_all([load(model_folder(name)) for name in names], texts)
    clean, harmful = (-score.log10 / np.maximum(score.tokens, 1) for score in scores)
    return clean, harmful


def auc(negatives: Numbers, positives: Numbers) -> float:
    """Chance that a positive scores under a negative."""
    ranks = np.argsort(np.argsort(np.concatenate([positives, negatives])))[: len(positives)].sum()
    below = ranks - len(positives) * (len(positives) - 1) / 2
    return float(1 - below / (len(positives) * len(negatives)))


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", nargs=2, default=("en-clean", "en-harmful"), help="clean and harmful: names or folders")
    arguments = parser.parse_args()
    data, names = arguments.data, arguments.models
    files = sorted((data / "web_text").glob("web-*.parquet"))
    pages = pq.read_table(files, columns=["text", "cld2_lang"], filters=[("cld2_lang", "=", "en")])["text"]
    pages = pages.filter(pc.greater(pc.utf8_length(pages), 200)).combine_chunks()
    ordinary = log10_per_token(names, pages)
    test = pq.read_table(data / "harmful/harmful-test.parquet", columns=["lang", "category", "text"])
    print(f"{len(pages)} ordinary English pages\n")
    print("| category | documents | score | AUC | recall at 1 % false positives |\n|---|---|---|---|---|")
    for category in ("adult", "spam", "hate", "offensive"):
        keep = pc.and_(pc.equal(test["lang"], "en"), pc.equal(test["category"], category))
        texts = test.filter(keep)["text"].combine_chunks()
        found = log10_per_token(names, texts)
        views = {
            "harmful only": (ordinary[1], found[1]),
            "clean only": (-ordinary[0], -found[0]),
            "log-ratio": (ordinary[1] - ordinary[0], found[1] - found[0]),
        }
        for name, (negatives, positives) in views.items():
            recall = float(np.mean(positives < np.quantile(negatives, 0.01)))
            print(f"| {category} | {len(texts)} | {name} | {auc(negatives, positives):.3f} | {recall:.2f} |")
    ratio = ordinary[1] - ordinary[0]
    print(
        "\nlog-ratio of ordinary pages, quantiles 0.5 %, 1 %, 5 %, 50 %:",
        np.round(np.quantile(ratio, [0.005, 0.01, 0.05, 0.5]), 3),
    )


if __name__ == "__main__":
    main()

"""What the thresholds of recipe `web` find and what they cost: `python benchmarks/harmful_thresholds.py --data DIR`.

Positives: adult pages and spam mails of the test split of the harmful collection, which no model was trained on. Negatives:
ordinary English web pages. Both are split in halves by a hash of their text: thresholds were chosen on the half `train`; the
other one, `test`, gives the figures of docs/quality.md. Precision is that expected where 1 % of pages are harmful.
"""

import argparse
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from false_rejections import digest, interval

import curricle
from curricle.pipelines.plan.recipe import load_recipe

CATEGORIES = ("adult", "spam")
PREVALENCE = 0.01
EARLIER = {"adult": -0.03, "spam": 0.283}
"""Thresholds under which 1 % of ordinary pages lie."""


def expected_precision(recall: float, false: float, prevalence: float = PREVALENCE) -> float:
    """Share of harmful documents among the rejected ones; 0 if none is rejected."""
    hits = recall * prevalence
    return hits / (hits + false * (1 - prevalence)) if hits else 0.0


def under(table: pa.Table, column: str, threshold: float) -> tuple[int, int]:
    """Number of rows whose value is under the threshold, and of all rows."""
    return pc.sum(pc.less(table[column], threshold)).as_py() or 0, table.num_rows


def share(found: int, of: int) -> str:
    """A share with its interval."""
    low, high = interval(found, of)
    return f"{found / of:.2%} ({low:.2%} to {high:.2%})"


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--half", choices=("train", "test"), default="test")
    arguments = parser.parse_args()
    files = sorted((arguments.data / "web_text").glob("web-*.parquet"))
    web = pq.read_table(files, filters=[("cld2_lang", "=", "en")], columns=["text"])
    harmful = pq.read_table(arguments.data / "harmful/harmful-test.parquet", columns=["lang", "category", "text"])
    harmful = harmful.filter(pc.equal(harmful["lang"], "en"))
    rules = {rule.name: rule for rule in load_recipe("web").decide}
    pages = scored(web.filter(pc.greater_equal(pc.utf8_length(web["text"]), 200))["text"], arguments.half)
    print("| category | threshold | recall | false rejections | expected precision |", "|---|---|---|---|---|", sep="\n")
    for category in CATEGORIES:
        texts = scored(harmful.filter(pc.equal(harmful["category"], category))["text"], arguments.half)
        bound = rules[f"{category}_like"].min
        for threshold in (EARLIER[category], bound["en"] if isinstance(bound, dict) else bound):
            column = f"ppl_logratio_{category}"
            found, false = under(texts, column, threshold), under(pages, column, threshold)
            precision = expected_precision(found[0] / found[1], false[0] / false[1])
            print(f"| {category} | {threshold:g} | {share(*found)} | {share(*false)} | {precision:.2f} |")


def scored(texts: pa.ChunkedArray, half: str) -> pa.Table:
    """Texts of one half with their log-ratios, in the language English."""
    chosen = [text for text in texts.to_pylist() if (digest(text)[-1] % 2 == 0) == (half == "train")]
    table = pa.table({"text": pa.array(chosen, pa.string()), "language": pa.array(["en"] * len(chosen))})
    return curricle.run_stage("perplexity", table)


if __name__ == "__main__":
    main()

"""What the thresholds of recipe `web` find and what they cost: `python benchmarks/harmful_thresholds.py --data DIR`.

Positives: adult pages and spam mails of the test split of the harmful collection, which no model was trained on. Negatives:
ordinary English web pages. Both are split in halves by a hash of their text: the stricter threshold of each category was
chosen on the half `tune`; the other one, `test`, gives the figures of docs/quality.md. Precision is that
expected where 1 % of pages are harmful.
"""

import argparse
from hashlib import blake2b
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from false_rejections import interval

import curricle

PREVALENCE = 0.01
THRESHOLDS = {"adult": (-0.03, -0.1), "spam": (0.283, 0.0)}
"""By category: under the first lie 1 % of ordinary pages; the second is for a precision of 0.9 at this prevalence."""


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
    parser.add_argument("--half", choices=("tune", "test"), default="test")
    arguments = parser.parse_args()
    files = sorted((arguments.data / "web_text").glob("web-*.parquet"))
    web = pq.read_table(files, filters=[("cld2_lang", "=", "en")], columns=["text"])
    harmful = pq.read_table(arguments.data / "harmful/harmful-test.parquet", columns=["lang", "category", "text"])
    harmful = harmful.filter(pc.equal(harmful["lang"], "en"))
    pages = scored(web.filter(pc.greater_equal(pc.utf8_length(web["text"]), 200))["text"], arguments.half)
    print("| category | threshold | recall | false rejections | expected precision |", "|---|---|---|---|---|", sep="\n")
    for category, thresholds in THRESHOLDS.items():
        texts = scored(harmful.filter(pc.equal(harmful["category"], category))["text"], arguments.half)
        for threshold in thresholds:
            column = f"ppl_logratio_{category}"
            found, false = under(texts, column, threshold), under(pages, column, threshold)
            precision = expected_precision(found[0] / found[1], false[0] / false[1])
            print(f"| {category} | {threshold:g} | {share(*found)} | {share(*false)} | {precision:.2f} |")


def scored(texts: pa.ChunkedArray, half: str) -> pa.Table:
    """Texts of one half with their log-ratios, in the language English."""
    chosen = [
        text for text in texts.to_pylist() if (blake2b(text.encode(), digest_size=8).digest()[-1] % 2 == 0) == (half == "tune")
    ]
    table = pa.table({"text": pa.array(chosen, pa.string()), "language": pa.array(["en"] * len(chosen))})
    return curricle.run_stage("perplexity", table)


if __name__ == "__main__":
    main()

"""Train the organizer that ships: `python training/organizer.py --data DIR --output models/starter/student`.

DIR holds `domain/domain.parquet`, whose WebOrganizer pages have a topic and a format, and `ratings/ratings.parquet`. The pages
that the student learns ratings from, and all pages of their hosts, are left out: the student reads this model's scores, and in
its cross-validation they must be those of unseen pages. The piece vectors are those in OUTPUT already. Needs the extra `train`.

Prints figures of cross-validation by host over all the pages, and of the shipped model on the pages that are left out.
"""

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curricle.models.raters import embedding
from curricle.models.raters.encoder import CHARACTERS
from curricle.models.raters.features import character_table, extract
from curricle.models.raters.layers import Floats, join, quantize, scale_statistics
from curricle.models.raters.organizer import TAG_HEADS, TAG_SETS, TAG_TABLE, TAGS
from curricle.models.raters.train.distil import (
    FOLDS,
    Rows,
    assign_folds,
    fit_sharpness,
    host_group,
    merge_near_duplicates,
    solve,
    weigh_ngrams,
)
from curricle.models.raters.train.evaluation import Resamples, tag_figures

MIN_DOCUMENTS, LEVELS = 8, 63  # 3 and 127: the same accuracy, 1.1 MB more in the wheel
LINEAR = np.float32(np.sqrt(2))  # of statistics and embedding beside the n-grams


def main() -> None:
    """Cross-validate, print, train on the pages of no rated host, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    columns = ["id", "url", "source", "text"]
    pages = pq.read_table(options.data / "domain" / "domain.parquet")
    pages = pages.filter(pc.equal(pages["source"], "WebOrganizer"))
    rated = pq.read_table(options.data / "ratings" / "ratings.parquet", columns=columns)
    keys = [row for table in (pages, rated) for row in table.select(columns).to_pylist()]
    groups = merge_near_duplicates(
        [row["text"] for row in keys], [host_group(row["url"], row["source"], row["id"]) for row in keys]
    )
    groups, held_out = groups[: len(pages)], set(groups[len(pages) :])
    truth = np.stack(
        [
            [names.index(label) for label in pages[column].to_pylist()]
            for (names, _), column in zip(TAG_SETS.values(), ("orig_label", "format_label"), strict=True)
        ],
        axis=1,
    )
    targets = np.zeros((len(pages), TAGS), dtype=np.float32)
    for n, (_, part) in enumerate(TAG_SETS.values()):
        targets[np.arange(len(pages)), part.start + truth[:, n]] = 1

    texts = pages["text"].combine_chunks().cast(pa.string())
    features = extract(texts, character_table())
    ngrams, slot_weights = weigh_ngrams(features, MIN_DOCUMENTS)
    stats = features[3]
    mean, scale = stats.mean(0), stats.std(0) + np.float32(1e-6)
    inputs = join(scale_statistics(stats, mean, scale), embedding.load(options.output).embed(texts)) * LINEAR
    kernel = np.asarray((ngrams @ ngrams.T).todense(), dtype=np.float32) + inputs @ inputs.T

    def fit(rows: Rows) -> tuple[Floats, Floats]:
        dual, bias = solve(kernel[np.ix_(rows, rows)], targets[rows], np.ones(len(rows), dtype=np.float32))
        spread = np.zeros_like(targets)
        spread[rows] = dual
        return spread, bias

    folds = assign_folds(groups)
    unseen = np.zeros_like(targets)
    for fold in range(FOLDS):
        dual, bias = fit(np.flatnonzero(folds != fold))
        unseen[folds == fold] = kernel[folds == fold] @ dual + bias
    apart = np.array([group in held_out for group in groups])
    dual, bias = fit(np.flatnonzero(~apart))
    shipped = kernel @ dual + bias
    sharpness = []
    for n, (name, (_, part)) in enumerate(TAG_SETS.items()):
        everywhere, kept = Resamples(groups), Resamples([group for group, wanted in zip(groups, apart, strict=True) if wanted])
        print(
            f"{name}, {len(pages):,} pages of {everywhere.groups:,} hosts: "
            f"{tag_figures(unseen[:, part], truth[:, n], folds, everywhere)}"
        )
        print(
            f"{name}, the shipped model on {kept.rows:,} pages of {kept.groups:,} hosts: "
            f"{tag_figures(shipped[apart, part], truth[apart, n], folds[apart], kept)}"
        )
        sharpness.append(fit_sharpness(shipped[apart, part], truth[apart, n]))

    table, table_scale = quantize(slot_weights[:, None] * np.asarray(ngrams.T @ dual), LEVELS)
    np.save(options.output / CHARACTERS, character_table())
    np.save(options.output / TAG_TABLE, table)
    heads = {
        "table_scale": table_scale,
        "bias": bias,
        "mean": mean,
        "scale": scale,
        "linear": LINEAR * (inputs.T @ dual),
        "sharpness": np.array(sharpness),
    }
    np.savez(options.output / TAG_HEADS, allow_pickle=False, **{name: value.astype(np.float32) for name, value in heads.items()})


if __name__ == "__main__":
    main()

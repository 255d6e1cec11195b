"""Train the student that ships: `python training/student.py --data DIR --output models/starter/student`.

DIR holds `ratings/ratings.parquet`: texts with 14 ratings and a domain. The encoder's files are those in OUTPUT already
(`training/embedding.py`, then `training/organizer.py`, make them). Needs the extra `train`. Prints the cross-validated figures of
docs/raters.md.
"""

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curricle.models.raters import encoder
from curricle.models.raters.student import StudentCard
from curricle.models.raters.train.distil import (
    Documents,
    host_group,
    make_targets,
    merge_near_duplicates,
    train,
    trained_languages,
    write_model,
)
from curricle.models.raters.train.evaluation import evaluate, evaluation_table
from curricle.schemas.columns import QUALITY_CRITERIA


def read_documents(data: Path) -> Documents:
    """The rated documents."""
    rated = pq.read_table(data / "ratings" / "ratings.parquet")
    texts = rated["text"].to_pylist()
    keys = rated.select(["url", "source", "id"]).to_pylist()
    return Documents(
        texts=pa.array(texts, pa.string()),
        languages=[(language or "und").split("-")[0] for language in rated["lang"].to_pylist()],
        groups=merge_near_duplicates(texts, [host_group(row["url"], row["source"], row["id"]) for row in keys]),
        targets=make_targets(
            [rated[f"quality_{name}"].to_numpy() for name in QUALITY_CRITERIA], rated["domain"].to_pylist(), len(texts)
        ),
        weights=np.ones((len(texts), 2), dtype=np.float32),
    )


def main() -> None:
    """Cross-validate, print, train on everything, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    documents = read_documents(options.data)
    trained = train(documents, encoder.load(options.output))
    evaluation = evaluate(trained, documents)
    print(evaluation_table(evaluation))
    card = StudentCard(
        name="student",
        version="4",
        licence="Apache-2.0 (its pieces and their vectors are of the multilingual Universal Sentence Encoder v3, Apache-2.0)",
        source="3,485 web documents rated by a large language model under the DataMan rubric; WebOrganizer's samples",
        languages=trained_languages(documents),
        files={},
        documents=len(documents.rated),
        figures=evaluation.card_figures(),
    )
    write_model(options.output, trained, options.output, card)


if __name__ == "__main__":
    main()

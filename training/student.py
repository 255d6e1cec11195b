"""Train the student that ships: `python training/student.py --data DIR --output models/starter/student`.

DIR holds `ratings/ratings.parquet` (texts with 14 ratings and a domain) and `domain/domain.parquet` (texts with a domain). The
piece vectors are those in OUTPUT already (`training/embedding.py` makes them). Needs the extra `train`. Prints the
cross-validated figures of docs/raters.md.
"""

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from models.raters import embedding
from models.raters.distil import Documents, host_group, make_targets, merge_near_duplicates, train, trained_languages, write_model
from models.raters.evaluation import evaluate, evaluation_table
from models.raters.student import StudentCard
from schemas.columns import QUALITY_CRITERIA

DOMAIN_WEIGHTS = {"direct": 0.3, "mapped": 0.3, "hand": 1.0, "weak": 0.15}  # against 1 for a rated document


def read_documents(data: Path) -> Documents:
    """Rated documents first, then those of the domain collection that are not among them."""
    rated = pq.read_table(data / "ratings" / "ratings.parquet")
    more = pq.read_table(data / "domain" / "domain.parquet")
    more = more.filter(pc.and_(pc.is_valid(more["domain"]), pc.invert(pc.is_in(more["id"], rated["id"].cast(pa.string())))))
    tables = [rated, more]
    texts = [text for table in tables for text in table["text"].to_pylist()]
    keys = [row for table in tables for row in table.select(["url", "source", "id"]).to_pylist()]
    groups = merge_near_duplicates(texts, [host_group(row["url"], row["source"], row["id"]) for row in keys])
    weights = np.ones((len(texts), 2), dtype=np.float32)
    weights[len(rated) :, 0] = 0
    weights[len(rated) :, 1] = [DOMAIN_WEIGHTS[quality] for quality in more["label_quality"].to_pylist()]
    ratings = [rated[f"quality_{name}"].to_numpy() for name in QUALITY_CRITERIA]
    domains = [name for table in tables for name in table["domain"].to_pylist()]
    return Documents(
        texts=pa.array(texts, pa.string()),
        languages=[(language or "und").split("-")[0] for table in tables for language in table["lang"].to_pylist()],
        groups=groups,
        targets=make_targets(ratings, domains, len(texts)),
        weights=weights,
    )


def main() -> None:
    """Cross-validate, print, train on everything, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    documents = read_documents(options.data)
    trained = train(documents, embedding.load(options.output))
    evaluation = evaluate(trained, documents)
    print(evaluation_table(evaluation))
    card = StudentCard(
        name="student",
        version="2",
        licence="Apache-2.0 (its pieces and their vectors are of the multilingual Universal Sentence Encoder v3, Apache-2.0)",
        source="3,485 web documents rated by a large language model under the DataMan rubric, and labelled domain collections",
        languages=trained_languages(documents),
        files={},
        documents=len(documents.rated),
        figures=evaluation.card_figures(),
    )
    write_model(options.output, trained, options.output, card)


if __name__ == "__main__":
    main()

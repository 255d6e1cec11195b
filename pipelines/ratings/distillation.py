"""Trains a student from files of ratings: `curricle raters distil`."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curricle.errors import RatingsError, did_you_mean
from curricle.models.catalog import model_folder
from curricle.models.raters import encoder
from curricle.models.raters.ratings import RatingColumns, read_ratings
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
from curricle.models.raters.train.evaluation import Evaluation, evaluate, evaluation_table
from curricle.pipelines.ratings.calibration_plot import draw_calibration
from curricle.schemas.columns import QUALITY_CRITERIA

DOMAIN_WEIGHT = 0.3  # weight of a document of `--domains`; a rated document has 1 (docs/raters.md)
FIGURES, PLOT = "figures.md", "calibration.svg"


class TextColumns(RatingColumns):
    """Names of the other columns. If `url` is missing or null, the `source` column groups documents."""

    text: str = "text"
    url: str = "url"
    language: str = "language"


def read_documents(ratings: Sequence[Path], domains: Sequence[Path], columns: TextColumns) -> tuple[Documents, int]:
    """The rated documents, then other documents of `domains`, and the number of rows without a text or a rating.

    RatingsError if a file lacks a column or has a value that is not a rating.
    """
    rated = read_ratings(ratings, columns)
    for name in [*(columns.prefix + criterion for criterion in QUALITY_CRITERIA), columns.text]:
        if name not in rated.schema.names:
            raise RatingsError(f"the files of --ratings have no column {name!r}{did_you_mean(name, rated.schema.names)}")
    whole = rated[columns.text].is_valid()
    for criterion in QUALITY_CRITERIA:
        whole = pc.and_(whole, rated[columns.prefix + criterion].is_valid())
    left_out = len(rated) - pc.sum(whole).as_py()
    rated = rated.filter(whole)
    if not len(rated):
        raise RatingsError("the ratings have no row with a text and all 14 ratings")
    tables = [rated]
    if domains:
        tagged = read_ratings(domains, columns)
        for name in (columns.text, columns.domain):
            if name not in tagged.schema.names:
                raise RatingsError(f"the files of --domains have no column {name!r}{did_you_mean(name, tagged.schema.names)}")
        known = pc.is_in(tagged[columns.text], value_set=rated[columns.text].combine_chunks().cast(tagged[columns.text].type))
        tagged = tagged.filter(pc.and_(tagged[columns.domain].is_valid(), pc.invert(known)))
        tables.append(tagged.filter(tagged[columns.text].is_valid()))
    texts = [text for table in tables for text in table[columns.text].to_pylist()]
    named = [name for table in tables for name in _values(table, columns.domain)]
    weights = np.array([[1, name is not None] for name in named], dtype=np.float32)
    weights[len(rated) :] *= (0, DOMAIN_WEIGHT)
    keys = [row for table in tables for row in zip(_values(table, columns.url), _values(table, "source"), strict=True)]
    groups = [host_group(url, source or f"row {row}", str(row)) for row, (url, source) in enumerate(keys)]
    return (
        Documents(
            texts=pa.array(texts, pa.string()),
            languages=[str(code or "und").split("-")[0] for table in tables for code in _values(table, columns.language)],
            groups=merge_near_duplicates(texts, groups),
            targets=make_targets([rated[columns.prefix + name].to_numpy() for name in QUALITY_CRITERIA], named, len(texts)),
            weights=weights,
        ),
        left_out,
    )


def _values(table: pa.Table, name: str) -> list[str | None]:
    """The values of a column; all None if it is missing."""
    values: list[str | None] = table[name].to_pylist() if name in table.schema.names else [None] * len(table)
    return values


def distil(documents: Documents, output: Path, licence: str) -> Evaluation:
    """Cross-validate, train, and write the model's folder, with its figures and calibration plot, completely or not at all."""
    if output.exists():
        raise RatingsError(f"{output} already exists")
    base = model_folder("student")
    trained = train(documents, encoder.load(base))
    evaluation = evaluate(trained, documents)
    card = StudentCard(
        name=output.name,
        version="1",
        licence=f"{licence}; pieces and their vectors: multilingual Universal Sentence Encoder v3, Apache-2.0",
        source=f"{len(documents.rated):,} rated documents of {evaluation.groups:,} hosts or sources",
        languages=trained_languages(documents),
        files={},
        documents=len(documents.rated),
        figures=evaluation.card_figures(),
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{output.name}-", dir=output.parent))
    try:
        write_model(made, trained, base, card)
        (made / PLOT).write_text(draw_calibration(trained, documents))
        (made / FIGURES).write_text(f"# {output.name}\n\n{evaluation_table(evaluation)}\n")
        made.chmod(0o755)
        made.rename(output)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return evaluation

"""Reads the scores of finished outputs, by language, for the calibration of thresholds."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curricle.errors import did_you_mean
from curricle.models.cards import ModelError, read_card
from curricle.models.catalog import model_folder
from curricle.models.kenlm.card import WORDS, KenlmCard
from curricle.pipelines.output.manifest import OutputError, finished_run, read_manifests
from curricle.pipelines.plan.model_uses import language_of, model_uses
from curricle.pipelines.plan.recipe import load_recipe
from curricle.pipelines.plan.stage_table import writer_of
from curricle.schemas.languages import UNDETERMINED, WITHOUT_SPACES
from curricle.schemas.thresholds import ModelUse

UNLABELLED = "unlabelled"
"""The label of documents without a label."""

FIELD = "metadata."
"""Prefix of a label that is a field of the input and not a column."""


@dataclass(frozen=True)
class Scored:
    """The documents of one language that have a score, shape (n,); `labels` and `hosts` are empty without a label."""

    score: npt.NDArray[np.float64]
    labels: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()  # host of the URL, or the id of a document without a URL


@dataclass
class Scores:
    """The content of one column of the outputs."""

    languages: dict[str, Scored] = field(default_factory=dict)  # by code, in order; `und` is left out
    models: dict[str, ModelUse] = field(default_factory=dict)  # that the column depends on, by key in the recipe
    runs: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read_scores(outputs: Sequence[Path], column: str, label: str | None = None) -> Scores:
    """All kept and rejected rows of finished runs. `label` is a column or, as `metadata.FIELD`, a field of the input.

    Raises OutputError, one line, for an unfinished run, a missing or non-numeric column, no label at all, or two runs that scored
    a language with different models.
    """
    if len({path.resolve() for path in outputs}) < len(outputs):
        raise OutputError("the same output is named twice")
    scores = Scores()
    tables: list[pa.Table] = []
    for output in outputs:
        record = finished_run(output)
        for recipe_key, path in _uses(output, column).items():
            name = Path(path).name
            # the hash of the model that the run used, which may have changed since
            model = ModelUse(name=name, sha256=record["made_by"][f"model {name}"])
            other = scores.models.setdefault(recipe_key, model)
            if other.sha256 != model.sha256:
                raise OutputError(
                    f"{output}: scored with {name} ({model.sha256[:12]}) as {recipe_key}, "
                    f"{outputs[0]} with {other.name} ({other.sha256[:12]}): scores of different models cannot be combined"
                )
            scores.warnings += _spaceless(recipe_key, path)
        table = _read(output, column, label)
        scores.runs.append({"output": str(output), "fingerprint": record["fingerprint"], "documents": table.num_rows})
        if rejected := table.filter(table["rejected"]):
            scores.warnings.append(
                f"{output}: {rejected.num_rows:,} of {table.num_rows:,} documents were rejected by its rules, "
                f"{rejected[column].null_count:,} of them without {column}; for calibration run with --set 'decide=[]'"
            )
        tables.append(table)
    scores.warnings = list(dict.fromkeys(scores.warnings))  # two roles or outputs may give the same warning
    table = pa.concat_tables(tables)
    if label and pc.all(pc.equal(table["label"], UNLABELLED)).as_py():
        raise OutputError(f"no document has a label in the column {label!r}")
    table = table.filter(pc.and_(pc.is_finite(table[column]), pc.not_equal(table["language"], UNDETERMINED)))
    for code in sorted(pc.unique(table["language"]).to_pylist()):
        rows = table.filter(pc.equal(table["language"], code))
        more = (tuple(rows["label"].to_pylist()), tuple(rows["host"].to_pylist())) if label else ()
        scores.languages[code] = Scored(rows[column].to_numpy(), *more)
    return scores


def _uses(output: Path, column: str) -> dict[str, str]:
    """Models by key in the output's recipe."""
    steps = load_recipe(str(output / "recipe.yaml")).steps
    writer = writer_of(column)
    if writer and writer[0] not in [step.stage.name for step in steps]:
        raise OutputError(f"{output}: its recipe has no stage {writer[0]!r}, so the model behind {column} is unknown")
    uses = model_uses(steps, column)
    for name, paths in Counter(Path(path).name for path in set(uses.values())).items():
        if paths > 1:
            raise OutputError(f"{output}: {paths} models are named {name!r}, and run.json cannot tell them apart; rename one")
    return uses


def _spaceless(recipe_key: str, path: str) -> list[str]:
    """A warning for a model of words in a language written without spaces; none if the model no longer exists."""
    language = language_of(recipe_key)
    if language in WITHOUT_SPACES:
        with suppress(ModelError):
            if read_card(model_folder(path), KenlmCard).tokenizer == WORDS:
                return [f"{language}: {Path(path).name} reads words between spaces, which the language does not write"]
    return []


def _read(output: Path, column: str, label: str | None) -> pa.Table:
    """The columns language, `column` (float64) and rejected; with a label, also label and host (strings)."""
    wanted = ["language", column]
    if label:
        wanted += ["id", "url", "metadata" if label.startswith(FIELD) else label]
    tables = []
    for manifest in read_manifests(output):
        for decision in ("kept", "rejected"):
            rows = _read_file(output, manifest["files"][decision]["path"], wanted)
            if not (pa.types.is_floating(rows[column].type) or pa.types.is_integer(rows[column].type)):
                raise OutputError(f"{output}: column {column!r} has type {rows[column].type}; a number is required")
            columns = {
                "language": rows["language"],
                column: rows[column].cast(pa.float64()),
                "rejected": pa.repeat(decision == "rejected", rows.num_rows),
            }
            if label:
                columns["label"] = _labels(rows, label)
                columns["host"] = pa.array(map(_host, rows["url"].to_pylist(), rows["id"].to_pylist()), pa.string())
            tables.append(pa.table(columns))
    if not tables:
        raise OutputError(f"{output}: nothing is committed here")
    return pa.concat_tables(tables)


def _read_file(output: Path, path: str, columns: list[str]) -> pa.Table:
    try:
        with pq.ParquetFile(output / path) as file:
            for name in columns:
                if name not in file.schema_arrow.names:
                    raise OutputError(f"{output}: no column {name!r}{did_you_mean(name, file.schema_arrow.names)}")
            return file.read(columns)
    except (OSError, pa.ArrowException) as error:
        raise OutputError(f"{output / path}: {str(error).splitlines()[0]}") from None


def _labels(rows: pa.Table, label: str) -> pa.Array:
    if label.startswith(FIELD):
        texts, name = rows["metadata"].to_pylist(), label.removeprefix(FIELD)
        values = [None if text is None else orjson.loads(text).get(name) for text in texts]
    else:
        values = rows[label].to_pylist()
    return pa.array(map(_label_text, values), pa.string())


def _label_text(value: object) -> str:
    """A label as a user types it: text as it is, anything else as JSON (`1`, `true`)."""
    if value is None:
        return UNLABELLED
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _host(url: str | None, document: str) -> str:
    try:
        return urlsplit(url or "").hostname or document
    except ValueError:
        return document


def label_counts(scores: Scores) -> Counter[str]:
    """Documents by label, over all languages."""
    return Counter(label for scored in scores.languages.values() for label in scored.labels)

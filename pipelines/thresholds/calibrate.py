"""Turns finished outputs into a thresholds file and its plot: read scores, find a threshold for each language, write."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from curricle.errors import did_you_mean
from curricle.pipelines.output.manifest import OutputError
from curricle.pipelines.plan.model_uses import language_of
from curricle.pipelines.thresholds.methods import PERPLEXITIES, Figures, Found, LabelsMethod, Method
from curricle.pipelines.thresholds.plot import draw
from curricle.pipelines.thresholds.scores import label_counts, read_scores
from curricle.schemas.rule import Rule
from curricle.schemas.thresholds import Thresholds
from curricle.storage.whole_file import whole_file

RULES = {"min": "low", "max": "high"}
"""Beginning of a rule's name, by its bound: `low_ppl_logratio` rejects values below `min`."""


@dataclass(frozen=True)
class Calibration:
    """The content of the file (None if no language has a threshold), its plot, and what to tell the user."""

    thresholds: Thresholds | None
    svg: str  # empty if no language has enough documents
    figures: dict[str, Figures]
    warnings: tuple[str, ...]


def calibrate(outputs: Sequence[Path], name: str, kind: str, method: Method, command: str) -> Calibration:
    """Find thresholds for the languages with at least `min_documents`. OutputError as in `read_scores`."""
    label = method.label if isinstance(method, LabelsMethod) else None
    scores = read_scores(outputs, method.column, label)
    if isinstance(method, LabelsMethod):
        known = label_counts(scores)
        for value in (*method.positives, *method.negatives):
            if value not in known:
                raise OutputError(f"no document with a score has {label} {value!r}{did_you_mean(value, known)}")
    warnings, found = list(scores.warnings), dict[str, Found]()
    for language, scored in scores.languages.items():
        relevant = method.relevant(scored)
        if len(relevant.score) >= method.min_documents:
            found[language] = method.find(language, relevant)
            warnings += [f"{language}: {line}" for line in found[language].warnings]
        elif len(relevant.score):
            warnings.append(f"{language}: no threshold: {len(relevant.score)} documents, fewer than {method.min_documents}")
    axis = f"log10 {method.column}" if method.column in PERPLEXITIES else method.column
    svg = draw([one.panel for one in found.values()], axis) if found else ""
    figures = {language: one.figures for language, one in found.items()}
    chosen = {language: one for language, one in found.items() if one.bounds}
    if not chosen:
        return Calibration(None, svg, figures, tuple(warnings))
    thresholds = Thresholds(
        name=name,
        column=method.column,
        method=kind,  # type: ignore[arg-type]
        command=command,
        runs=tuple(scores.runs),
        models={key: model for key, model in scores.models.items() if language_of(key) in {None, *chosen}},
        figures=figures,
        rules=_rules(method, chosen, name),
    )
    return Calibration(thresholds, svg, figures, tuple(warnings))


def _rules(method: Method, chosen: dict[str, Found], name: str) -> tuple[Rule, ...]:
    documents = sum(len(values) for one in chosen.values() for _, values in one.panel.series)
    source = f"{name}: {method.objective}, calibrated on {documents:,} documents"
    rules = []
    for kind, prefix in RULES.items():
        if bound := {language: one.bounds[kind] for language, one in chosen.items() if kind in one.bounds}:
            rules.append(
                Rule.model_validate({"name": f"{prefix}_{method.column}", "column": method.column, kind: bound, "source": source})
            )
    return tuple(rules)


def write_calibration(calibration: Calibration, path: Path) -> list[Path]:
    """Write the thresholds file, if there are thresholds, and its plot next to it, each completely or not at all."""
    content = {path.with_suffix(".svg"): calibration.svg} if calibration.svg else {}
    if calibration.thresholds:
        plain = calibration.thresholds.model_dump(mode="json", by_alias=True, exclude_none=True)
        content[path] = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, default_flow_style=None, width=130)
    try:
        for target, text in content.items():
            with whole_file(target) as part:
                part.write_text(text, "utf-8")
    except OSError as error:
        raise OutputError(f"{error.filename or path}: {error.strerror}") from None
    return list(content)


def figures_table(figures: dict[str, Figures]) -> str:
    """A Markdown table with one row for each language; intervals are in parentheses."""
    names = list(dict.fromkeys(name for row in figures.values() for name in row))
    lines = [f"| language | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for language, row in figures.items():
        lines.append(f"| {language} | {' | '.join(_cell(row.get(name)) for name in names)} |")
    return "\n".join(lines)


def _cell(value: int | float | list[float] | None) -> str:
    if isinstance(value, list):
        return f"{value[0]:.4g} ({value[1]:.4g} to {value[2]:.4g})"
    if isinstance(value, float):
        return f"{value:.4g}"
    return "-" if value is None else f"{value:,}"

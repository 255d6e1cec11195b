"""The sections of a report about one output: the text, tables, charts and samples of each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from curricle.pipelines.explain.verdicts import judge, shown, shown_bound
from curricle.pipelines.output.manifest import Totals
from curricle.pipelines.plan.recipe import Recipe
from curricle.pipelines.report.charts import Chart, correlation_chart, funnel_chart, histogram_chart, sizes_chart
from curricle.pipelines.report.documents import Document, read_documents
from curricle.pipelines.report.outcomes import FAILED, NO_BOUND, NOT_ASKED, NULL_KEPT, NULL_REJECTED, PASSED, Near, Outcome
from curricle.pipelines.report.scores import Sample, correlations, histogram
from curricle.pipelines.report.sizes import Size, Sizes, largest
from curricle.pipelines.report.tables import Bytes, Table, share, table
from curricle.schemas.rule import DEFAULT, Bound, Rule
from curricle.storage.output import OutputPath

TOP: Final = 20
"""Values of a table."""


@dataclass(frozen=True)
class Block:
    """A chart and the tables under it, with a heading."""

    heading: str
    chart: Chart | None
    tables: tuple[Table, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Card:
    """A sampled document."""

    name: str
    facts: tuple[str, ...]
    excerpt: str
    scores: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Sides:
    """The documents on both sides of a rule's bound."""

    rule: str
    asks: str
    inside: tuple[Card, ...]
    outside: tuple[Card, ...]


@dataclass(frozen=True)
class Section:
    """A part of the page."""

    id: str
    heading: str
    text: str = ""
    blocks: tuple[Block, ...] = ()
    sides: tuple[Sides, ...] = ()
    cards: tuple[Card, ...] = ()


def funnel(totals: Totals, sizes: Sizes, rules: Sequence[Rule]) -> Section:
    """How many documents and bytes each step took away."""
    by_reason = sizes.by.get("reject_reason", {})
    order = [rule.name for rule in rules if rule.name in by_reason]
    order += sorted(by_reason.keys() - set(order))
    left, text = totals.records, totals.text_bytes["kept"] + totals.text_bytes["rejected"]
    steps = [("read", left)]
    rows: list[tuple[Any, ...]] = [("read", None, None, left, share(left, totals.records), Bytes(text))]
    removed = [("dead letters", totals.rows["dead"], 0)]
    removed += [(name, by_reason[name].documents["rejected"], by_reason[name].bytes["rejected"]) for name in order]
    for name, documents, size in removed:
        left, text = left - documents, text - size
        steps.append((name, left))
        rows.append((name, documents, Bytes(size), left, share(left, totals.records), Bytes(text)))
    head = ("step", "removed", "bytes removed", "left", "share left", "bytes left")
    note = "Bytes are those of texts in UTF-8; dead letters have none."
    return Section(
        "funnel",
        "Funnel",
        f"{totals.records:,} documents were read: {totals.rows['kept']:,} kept, {totals.rows['rejected']:,} rejected by rules, "
        f"{totals.rows['dead']:,} dead letters.",
        (Block("Steps", funnel_chart(steps), (table("Documents and bytes after each step", head, rows),), note),),
    )


def composition(sizes: Sizes) -> Section:
    """Documents and bytes by language, domain and host."""
    blocks = []
    for name, heading in (("language", "Languages"), ("domain", "Domains"), ("host", "Hosts")):
        found = sizes.by.get(name)
        if not found:
            continue
        top = largest(found.items(), TOP)
        head = (name, "documents", "kept", "rejected", "share kept", "bytes", "bytes kept")
        rows = [(value, *_size(size)) for value, size in top]
        note = f"The {TOP} largest of {len(found):,}." if len(found) > TOP else ""
        if name == "domain":
            note += " (none): documents that were rejected before their domain was measured, or have none."
        if name == "host" and not sizes.hosts_exact:
            note = f"The {TOP} largest. There are too many hosts to count all of them: rare ones were forgotten on the way."
        chart = sizes_chart(f"Documents by {name}, kept and rejected", top)
        blocks.append(Block(heading, chart, (table(f"Documents and bytes by {name}", head, rows),), note.strip()))
    return Section("composition", "What is in it", "", tuple(blocks))


def _size(size: Size) -> tuple[Any, ...]:
    documents, total = size.documents.total(), size.bytes.total()
    kept, rejected = size.documents["kept"], size.documents["rejected"]
    return documents, kept, rejected, share(kept, documents), Bytes(total), Bytes(size.bytes["kept"])


def scores(sample: Sample, outcomes: Sequence[Outcome]) -> Section:
    """A histogram of each score; those that rules read come first."""
    judged = {outcome.rule.column for outcome in outcomes}
    blocks = []
    for name in sorted(sample.columns, key=lambda name: name not in judged):
        of_column = [outcome for outcome in outcomes if outcome.rule.column == name]
        lines = [line for outcome in of_column for line in _lines(outcome.rule, sample.languages)]
        bins = histogram(sample, name, [bound for _, bound, _ in lines])
        chart = histogram_chart(name, bins, sample.languages, lines)
        tables = (_thresholds(name, of_column),) if lines else ()
        blocks.append(Block(name, chart, tables))
    return Section(
        "scores",
        "Scores and thresholds",
        f"{_of(sample)} Dashed lines are the bounds of rules. The outermost bars also hold the values beyond them. "
        "Bounds of languages without a color of their own are only in the tables, which count all documents.",
        tuple(blocks),
    )


def _of(sample: Sample) -> str:
    if sample.documents == sample.of:
        return f"Of all {sample.of:,} kept and rejected documents."
    return (
        f"Of a sample of {sample.documents:,} of {sample.of:,} kept and rejected documents: those with the smallest ids, which "
        "are hashes."
    )


def _lines(rule: Rule, languages: Sequence[str]) -> Iterator[tuple[str, float, str]]:
    for bound in (rule.min, rule.max):
        if isinstance(bound, Mapping):
            for language, limit in bound.items():
                if language == DEFAULT or language in languages:
                    yield rule.name, limit, "other languages" if language == DEFAULT else language
        elif bound is not None:
            yield rule.name, bound, ""


def _thresholds(name: str, outcomes: Sequence[Outcome]) -> Table:
    rows: list[tuple[Any, ...]] = []
    for outcome in outcomes:
        passed, failed = outcome.total(PASSED), outcome.total(FAILED)
        rows.append(
            (outcome.rule.name, "all", _asks(outcome.rule), passed + failed, passed, failed, share(failed, passed + failed))
        )
        for language in outcome.languages()[:TOP]:
            passed, failed = outcome.counts[language, PASSED], outcome.counts[language, FAILED]
            if passed + failed:
                asks = _asks(outcome.rule, language)
                rows.append((outcome.rule.name, language, asks, passed + failed, passed, failed, share(failed, passed + failed)))
    head = ("rule", "language", "asks for", "judged", "passed", "failed", "share failed")
    return table(f"Documents on either side of the bounds on {name}", head, rows)


def _asks(rule: Rule, language: str | None = None) -> str:
    found: dict[str, Any] = {}
    for name, bound in (("min", rule.min), ("max", rule.max)):
        limit = _limit(bound, language)
        if limit is not None:
            found[name] = limit
    found |= {name: list(values) for name, values in (("in", rule.values_in), ("not_in", rule.not_in)) if values is not None}
    if not found and rule.per_language and language is None:
        return "by language"
    return shown_bound({**found, "on_null": rule.on_null})


def _limit(bound: Bound, language: str | None) -> float | None:
    if isinstance(bound, Mapping):
        return None if language is None else bound.get(language, bound.get(DEFAULT))
    return bound


def correlation(sample: Sample) -> Section:
    """The matrix of correlations."""
    pairs = correlations(sample)
    columns = list(dict.fromkeys(pair.first for pair in pairs))
    strongest = sorted((pair for pair in pairs if pair.first < pair.second), key=lambda pair: -abs(pair.value))[:TOP]
    rows = [(pair.first, pair.second, pair.value, pair.documents) for pair in strongest]
    found = table(f"The {TOP} strongest", ("score", "other score", "rank correlation", "documents"), rows)
    text = f"{_of(sample)} Spearman's rank correlation over the documents that have both scores."
    if not pairs:
        return Section("correlation", "How the scores go together", "There are too few documents.")
    return Section(
        "correlation", "How the scores go together", text, (Block("Matrix", correlation_chart(pairs, columns), (found,)),)
    )


def samples(output: OutputPath, recipe: Recipe, outcomes: Sequence[Outcome]) -> Section:
    """Documents just inside and just outside the bound of each rule."""
    near = [one for outcome in outcomes for one in (*outcome.inside, *outcome.outside)]
    documents = read_documents(output, [one.place for one in near])
    columns = list(dict.fromkeys(outcome.rule.column for outcome in outcomes))

    def cards(outcome: Outcome, found: Sequence[Near]) -> tuple[Card, ...]:
        return tuple(_card(documents[one.id], recipe, outcome.rule, columns) for one in found)

    return Section(
        "samples",
        "Documents near each bound",
        "For each rule the documents that passed or failed by the least. Without numbers: those with the smallest ids.",
        sides=tuple(
            Sides(one.rule.name, f"{one.rule.column}: {_asks(one.rule)}", cards(one, one.inside), cards(one, one.outside))
            for one in outcomes
        ),
    )


def _card(document: Document, recipe: Recipe, rule: Rule, columns: Sequence[str]) -> Card:
    verdict = next(one for one in judge(document.row, recipe) if one.rule == rule.name)
    margin = "" if verdict.margin is None else f", by {shown(abs(verdict.margin))}"
    facts = [f"{verdict.result}{margin}: {rule.column} is {shown(verdict.value)}, asked for: {shown_bound(verdict.bound)}"]
    return Card(document.name, (*facts, *facts_of(document)), document.excerpt, _scores(document, columns))


def facts_of(document: Document) -> tuple[str, ...]:
    """What was decided of a document, and what it is."""
    side = {"kept": "kept", "rejected": f"rejected by {document.reason}", "dead": f"dead letter: {document.reason}"}
    also = [name for name in document.failed_rules if name != document.reason]
    return (
        side[document.split] + (f"; also fails {', '.join(also)}" if also else ""),
        f"language {document.language or 'not known'}, id {document.id}",
    )


def _scores(document: Document, columns: Sequence[str]) -> tuple[tuple[str, str], ...]:
    names = document.row.schema.names
    return tuple((name, shown(document.row.column(name)[0].as_py())) for name in columns if name in names)


def not_judged(outcomes: Sequence[Outcome]) -> Section:
    """Documents that a rule says nothing of, by language."""
    rows: list[tuple[Any, ...]] = []
    kinds = (NULL_KEPT, NULL_REJECTED, NO_BOUND, NOT_ASKED)
    for outcome in outcomes:
        for language in sorted({language for language, _ in outcome.counts}):
            found = [outcome.counts[language, kind] for kind in kinds]
            if any(found):
                every = sum(outcome.counts[language, kind] for kind in (*kinds, PASSED, FAILED))
                rows.append((outcome.rule.name, language, every, *found))
    rows.sort(key=lambda row: (-row[3], -sum(row[4:])))
    unknown = [outcome.rule.name for outcome in outcomes if not outcome.known]
    note = f"Not counted, as the output lacks their columns: {', '.join(unknown)}." if unknown else ""
    head = ("rule", "language", "documents", *kinds)
    return Section(
        "not-judged",
        "What was not judged",
        "A document without a value passes a rule, unless the rule says otherwise. Look at those that were kept without a value. "
        "Documents that were rejected before a stage have no values of it.",
        (Block("By rule and language", None, (table("Documents that rules did not judge", head, rows),) if rows else (), note),),
    )


def losses(totals: Totals, record: Mapping[str, Any] | None) -> Section:
    """Dead letters, skipped records and notes of readers; and CPU time."""
    blocks = [
        Block("Dead letters", None, _counted("Dead letters by reason", "reason", "documents", totals.dead), _none(totals.dead)),
        Block(
            "Skipped records", None, _counted("Skipped records by kind", "kind", "records", totals.skipped), _none(totals.skipped)
        ),
    ]
    if totals.notes:
        blocks.append(Block("Notes of readers", None, _counted("Files by note", "note", "files", totals.notes)))
    cpu: dict[str, float] = dict((record or {}).get("stage_cpu_seconds") or {})
    if cpu:
        rows = [
            (name, seconds, share_of(seconds, sum(cpu.values())))
            for name, seconds in sorted(cpu.items(), key=lambda one: -one[1])
        ]
        found = table("CPU time by stage", ("stage", "CPU seconds", "share"), rows)
        blocks.append(Block("CPU time", None, (found,), f"The last run into this folder took {record_seconds(record)}."))
    return Section("losses", "Losses and time", "", tuple(blocks))


def share_of(part: float, whole: float) -> Any:
    """The share of a time."""
    return share(round(part * 1e6), round(whole * 1e6))


def record_seconds(record: Mapping[str, Any] | None) -> str:
    """How long a run took."""
    return f"{(record or {}).get('seconds', 0):,.1f} s"


def _counted(caption: str, name: str, unit: str, counts: Mapping[str, int]) -> tuple[Table, ...]:
    rows = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return (table(caption, (name, unit), rows),) if rows else ()


def _none(counts: Mapping[str, int]) -> str:
    return "" if counts else "None."

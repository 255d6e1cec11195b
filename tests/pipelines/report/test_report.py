"""`curricle report` over runs of the demo's recipe: its numbers recomputed with pandas, and the page in a browser."""

import json
import shutil
import subprocess
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner
from scipy.stats import spearmanr

from curricle.pipelines.cli.main import group as curricle
from curricle.pipelines.explain.verdicts import judge
from curricle.pipelines.output.made_with import recipe_of
from curricle.pipelines.report import changes as of_changes
from curricle.pipelines.report import scores as of_scores
from curricle.pipelines.report import sizes as of_sizes
from curricle.pipelines.report.columns import judged
from curricle.pipelines.report.outcomes import FAILED, NEAREST, NO_BOUND, NOT_ASKED, NULL_KEPT, NULL_REJECTED, PASSED, outcomes

SAMPLE = Path(__file__).parents[3] / "pipelines" / "sample"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DARK = "--blink-settings=preferredColorScheme=0"
HOSTILE = "</script><script>window.hostile=1</script><img src=x onerror=alert(1)>"

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")


def call(*arguments: object) -> str:
    done = CliRunner().invoke(curricle, [*map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "in"
    shutil.copytree(SAMPLE, folder)
    text = f"{HOSTILE} A short page about gardens, with a text that is long enough to have a language and more words to come."
    text = text[:199]  # a sample of the rule `short`
    (folder / "hostile.jsonl").write_text(json.dumps({"text": text, "url": f"https://example.org/{HOSTILE}"}) + "\n")
    return folder


@pytest.fixture(scope="module")
def output(source) -> Path:
    made = source.parent / "out"
    call("run", "demo", "--input", source, "--output", made, "--workers", 1, "--quiet")
    return made


@pytest.fixture(scope="module")
def other(output) -> Path:
    made = output.parent / "other"
    call("redecide", output, "--set", "decide.low_quality.min=3", "--set", "decide.-short", "--output", made)
    return made


@pytest.fixture(scope="module")
def rows(output) -> pd.DataFrame:
    tables = [pq.read_table(output / split).to_pandas().assign(split=split) for split in ("kept", "rejected")]
    return pd.concat(tables, ignore_index=True)


class Page(HTMLParser):
    """The tables, charts, scripts and ids of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.charts: list[dict] = []
        self.tags: Counter[str] = Counter()
        self.external: list[str] = []
        self.ids: list[str] = []
        self._inside: list[str] = []
        self._script = ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags[tag] += 1
        self.external += [given[name] for name in ("src", "href") if name in given and not given[name].startswith("#")]
        self.ids += [given["id"]] if "id" in given else []
        self._inside.append(tag)
        self._script = given.get("data-chart", "") if tag == "script" else ""
        if tag == "table":
            self._rows: list[list[str]] = []
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("th", "td"):
            self._rows[-1].append("")

    def handle_endtag(self, tag):
        while self._inside and self._inside.pop() != tag:
            pass
        if tag == "table":
            self.tables[self._caption] = self._rows

    def handle_data(self, data):
        if "caption" in self._inside:
            self._caption = data.strip()
        elif "th" in self._inside or "td" in self._inside:
            self._rows[-1][-1] += data.strip()
        elif self._script:
            self.charts.append(json.loads(data))
            self._script = ""


@pytest.fixture(scope="module")
def page(output) -> Page:
    assert call("report", output) == f"wrote {output / 'report.html'}\n"
    return Page((output / "report.html").read_text("utf-8"))


def test_a_report_leaves_the_output_as_it_was(output, page):
    assert "all hashes match" in call("verify", output)


def test_the_page_loads_nothing_and_its_ids_are_unique(page):
    assert page.external == []
    assert page.tags["link"] == page.tags["img"] == page.tags["iframe"] == 0
    assert len(page.ids) == len(set(page.ids))


def test_texts_of_documents_are_escaped(output, page):
    text = (output / "report.html").read_text("utf-8")
    assert text.count("&lt;/script&gt;&lt;script&gt;window.hostile=1") >= 2  # URL and text
    assert HOSTILE not in text
    assert page.tags["script"] == len(page.charts) + 2


def test_the_funnel_ends_with_the_kept_documents(output, rows, page):
    head, *steps = page.tables["Documents and bytes after each step"]
    assert head == ["step", "removed", "bytes removed", "left", "share left", "bytes left"]
    counts = json.loads((output / "run.json").read_text())["counts"]
    assert int(steps[0][3]) == counts["records"]
    assert {step[0]: int(step[1]) for step in steps[2:]} == counts["rejected_by"]
    assert int(steps[-1][3]) == counts["kept"]
    left = [int(step[3]) for step in steps]
    assert left == sorted(left, reverse=True)


@pytest.mark.parametrize("name", ["language", "domain", "host"])
def test_documents_and_bytes_are_those_of_pandas(output, rows, name):
    found = of_sizes.sizes(judged(output)).by[name]
    values = (
        rows["url"].map(lambda url: urlsplit(url).hostname if isinstance(url, str) else None) if name == "host" else rows[name]
    )
    sizes = rows["text"].map(lambda text: len(text.encode()))
    for value, part in rows.groupby(values.fillna("(none)")):
        for split in ("kept", "rejected"):
            inside = part[part["split"] == split]
            assert found[value].documents[split] == len(inside), value
            assert found[value].bytes[split] == sizes[inside.index].sum()
    assert sum(size.documents.total() for size in found.values()) == len(rows)


def test_frequent_hosts_stay_when_there_are_too_many(output, monkeypatch):
    exact = of_sizes.sizes(judged(output)).by["host"]
    monkeypatch.setattr(of_sizes, "MOST_HOSTS", 40)
    found = of_sizes.sizes(judged(output))
    assert not found.hosts_exact
    assert len(found.by["host"]) <= 40
    best = max(exact, key=lambda host: exact[host].documents.total())
    assert found.by["host"][best].documents.total() <= exact[best].documents.total()
    assert max(found.by["host"], key=lambda host: found.by["host"][host].documents.total()) == best


def test_each_rule_counts_what_explain_says_of_every_document(output, tmp_path):
    rules = recipe_of(output).resolved()["decide"]
    extra = {"name": "long_english", "column": "text_chars", "max": {"en": 3000}, "where": {"script": "Latn"}}
    (tmp_path / "recipe.yaml").write_text(
        yaml.safe_dump({**recipe_of(output).resolved(), "decide": [*rules, extra]}, sort_keys=False)
    )
    call("redecide", output, "--recipe", tmp_path / "recipe.yaml", "--output", tmp_path / "out")
    recipe, source = recipe_of(tmp_path / "out"), judged(tmp_path / "out")
    expected: Counter[tuple[str, str, str]] = Counter()
    for batch in source.batches(source.schema.names):
        for number in range(batch.rows.num_rows):
            row = batch.rows.slice(number, 1)
            for verdict in judge(row, recipe):
                result = verdict.result
                if result == "not judged" and verdict.value is None:
                    result = NULL_KEPT if batch.split == "kept" else NULL_REJECTED
                elif result == "not judged":
                    result = NOT_ASKED if verdict.note.startswith("only where") else NO_BOUND
                expected[verdict.rule, row.column("language")[0].as_py(), result] += 1
    found = {
        (one.rule.name, language, result): count
        for one in outcomes(source, recipe.decide)
        for (language, result), count in one.counts.items()
    }
    assert found == expected
    assert {result for _, _, result in found} == {PASSED, FAILED, NULL_KEPT, NULL_REJECTED, NO_BOUND, NOT_ASKED}


def test_samples_are_the_documents_nearest_to_each_bound(output, rows):
    for outcome in outcomes(judged(output), recipe_of(output).decide):
        rule = outcome.rule
        bound = rows["language"].map(rule.min) if isinstance(rule.min, dict) else pd.Series(rule.min, rows.index)
        margin = rows[rule.column] - bound
        failed = rows["failed_rules"].map(lambda names, rule=rule: isinstance(names, np.ndarray) and rule.name in names)
        for near, among in ((outcome.inside, margin[(margin >= 0) & ~failed]), (outcome.outside, margin[failed])):
            assert [one.distance for one in near] == pytest.approx(among.abs().sort_values().head(NEAREST).tolist())
            for one in near:
                row = pq.read_table(output / one.file).slice(one.row, 1).to_pylist()[0]
                assert row["id"] == one.id


def test_histograms_hold_every_document_and_both_sides_of_the_bound(output, rows, page):
    found = of_scores.sample(judged(output))
    assert (found.documents, found.of) == (len(rows), len(rows))
    for name in found.columns:
        assert sum(one.documents for one in of_scores.histogram(found, name)) == rows[name].notna().sum(), name
    charts = {chart["layer"][0]["encoding"]["x"]["title"]: chart for chart in page.charts if "layer" in chart}
    assert charts.keys() == found.columns.keys()
    lines = charts["ppl_logratio_adult"]["layer"][1]["data"]["values"]
    assert lines == [{"rule": "adult_like", "bound": -0.03, "for": "en"}]
    low = min(one["low"] for one in charts["ppl_logratio_adult"]["layer"][0]["data"]["values"])
    assert low < -0.03
    table = page.tables["Documents on either side of the bounds on ppl_logratio_adult"]
    english = rows[(rows["language"] == "en") & rows["ppl_logratio_adult"].notna()]["ppl_logratio_adult"]
    (row,) = (row for row in table if row[1] == "en")
    assert [int(row[4]), int(row[5])] == [(english >= -0.03).sum(), (english < -0.03).sum()]


def test_a_large_output_is_sampled_by_id_and_the_page_says_so(output, rows, monkeypatch):
    found = of_scores.sample(judged(output), 100)
    limit = int(100 / len(rows) * (1 << 32))
    inside = rows[rows["id"].str[:8].map(lambda digits: int(digits, 16)) < limit]
    assert 0 < found.documents < len(rows)
    assert found.documents == len(inside)
    assert np.nansum(found.columns["text_chars"]) == inside["text_chars"].sum()
    monkeypatch.setattr(of_scores.sample, "__defaults__", (100,))
    target = output.parent / "sampled.html"
    call("report", output, "--output", target)
    assert f"Of a sample of {found.documents:,} of {len(rows):,} kept and rejected documents" in target.read_text("utf-8")


def test_correlations_of_complete_columns_are_those_of_scipy(output, rows):
    pairs = {(one.first, one.second): one for one in of_scores.correlations(of_scores.sample(judged(output)))}
    for first, second in (("text_chars", "language_score"), ("quality_accuracy", "quality_overall_raw")):
        both = rows[[first, second]].dropna()
        assert pairs[first, second].value == pytest.approx(spearmanr(both[first], both[second]).statistic, abs=1e-9)
        assert pairs[first, second].documents == len(both)
        assert pairs[second, first].value == pairs[first, second].value


def test_what_was_not_judged_dead_letters_and_skipped_records_are_listed(output, rows, page):
    counts = json.loads((output / "run.json").read_text())["counts"]
    for caption, key in (("Dead letters by reason", "dead_by"), ("Skipped records by kind", "skipped")):
        assert {row[0]: int(row[1]) for row in page.tables[caption][1:]} == counts[key]
    listed = page.tables["Documents that rules did not judge"]
    adult = {row[1]: int(row[5]) for row in listed if row[0] == "adult_like"}
    german = rows[(rows["language"] == "de") & rows["ppl_logratio_adult"].isna()]
    found = next(row for row in listed if row[:2] == ["adult_like", "de"])
    assert int(found[3]) + int(found[4]) == len(german)
    assert "de" in adult


def outcome_of(output: Path) -> dict[str, str]:
    found = {}
    for split, column in (("kept", None), ("rejected", "reject_reason"), ("dead", "dead_reason")):
        for row in pq.read_table(output / split).to_pylist():
            found[row["id"]] = row[column] if column else "kept"
    return found


@pytest.mark.parametrize("most", [2_000_000, 40], ids=["one pass", "several passes"])
def test_documents_that_changed_sides_are_those_of_both_outputs(output, other, monkeypatch, most):
    monkeypatch.setattr(of_changes, "PASS", most)
    found = of_changes.changes(judged(output), judged(other))
    before, after = outcome_of(output), outcome_of(other)
    moved = {one for one in before if (before[one] == "kept") != (after[one] == "kept")}
    assert found.moves == Counter((before[one], after[one]) for one in moved)
    assert found.same == sum(before[one] == after[one] for one in before)
    assert found.other_reason == len(before) - len(moved) - found.same
    assert [one.id for one in found.examples] == sorted(moved)[: of_changes.EXAMPLES]


def test_documents_of_only_one_output_are_compared_too(output, source, tmp_path):
    fewer = tmp_path / "fewer"
    call("run", "demo", "--input", source / "pages.warc.gz", "--output", fewer, "--workers", 1, "--quiet")
    found = of_changes.changes(judged(output), judged(fewer))
    before, after = outcome_of(output), outcome_of(fewer)
    absent = {one for one in before.keys() - after.keys() if before[one] == "kept"}
    assert found.moves == {("kept", of_changes.ABSENT): len(absent)}
    assert of_changes.changes(judged(fewer), judged(output)).moves == {(of_changes.ABSENT, "kept"): len(absent)}
    call("report", output, fewer, "--output", tmp_path / "page.html")
    assert f"{len(absent):,} documents that {output} keeps are not kept" in (tmp_path / "page.html").read_text("utf-8")


def test_the_comparison_names_settings_and_rules(output, other, tmp_path):
    call("report", output, other, "--output", tmp_path / "page.html")
    page = Page((tmp_path / "page.html").read_text("utf-8"))
    assert ["decide.low_quality.min: 2 -> 3"] in page.tables["Settings that differ"]
    before, after = outcome_of(output), outcome_of(other)
    lost = sum(before[one] == "kept" and after[one] == "low_quality" for one in before)
    assert lost > 0
    assert ["low_quality", str(lost), "0"] in page.tables["Documents that changed sides, by rule"]


def test_without_the_extra_the_message_names_the_command(output, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "vl_convert", None)
    done = CliRunner().invoke(curricle, ["report", str(output)])
    assert done.exit_code == 2
    assert "a report needs more packages" in done.stderr
    assert "[report]" in done.stderr


@pytest.fixture(scope="module")
def compared(output, other) -> str:
    target = output.parent / "compared.html"
    call("report", output, other, "--output", target)
    return target.read_text("utf-8")


def browse(page: str, script: str, folder: Path, *arguments: str) -> tuple[str, str]:
    """What the page is in Chromium after the script at its end has run, and what was written to the console."""
    at = page.rindex("</body>")
    target = folder / "page.html"
    safe = script.replace("</script", r"<\/script")
    target.write_text(f"{page[:at]}<script>{safe}</script>{page[at:]}", "utf-8")
    done = subprocess.run(
        [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"),
            *("--enable-logging=stderr", "--virtual-time-budget=30000", *arguments, "--dump-dom", target.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


@needs_chromium
@pytest.mark.parametrize("arguments", [[], [DARK], ["--window-size=500,900"]], ids=["light", "dark", "phone"])
def test_every_chart_is_drawn_without_errors_and_hostile_texts_do_nothing(compared, tmp_path, arguments):
    script = """document.body.dataset.hostile = String(window.hostile);
        document.body.dataset.wide = String(document.documentElement.scrollWidth > window.innerWidth);"""
    shown, console = browse(compared, script, tmp_path, *arguments)
    assert console == ""
    assert shown.count('class="marks"') == len(Page(compared).charts)
    assert 'data-hostile="undefined"' in shown
    assert 'data-wide="false"' in shown


@needs_chromium
def test_a_table_is_sorted_by_the_column_whose_head_is_clicked(compared, rows, tmp_path):
    script = """const tables = [...document.querySelectorAll("table")];
        const table = tables.find((one) => one.caption.textContent.endsWith("by language"));
        const values = (column) => [...table.tBodies[0].rows].map((row) => row.cells[column].textContent).join(" ");
        const head = table.tHead.rows[0].cells;
        head[0].firstElementChild.click(); document.body.dataset.names = values(0);
        head[1].firstElementChild.click(); document.body.dataset.down = values(1);
        head[1].firstElementChild.click(); document.body.dataset.up = values(1) + " " + head[1].getAttribute("aria-sort");"""
    shown, console = browse(compared, script, tmp_path)
    counts = rows["language"].value_counts()
    top = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:20]
    sizes = sorted(count for _, count in top)
    assert console == ""
    assert f'data-names="{" ".join(sorted(name for name, _ in top))}"' in shown
    assert f'data-down="{" ".join(map(str, reversed(sizes)))}"' in shown
    assert f'data-up="{" ".join(map(str, sizes))} ascending"' in shown


@needs_chromium
@pytest.mark.parametrize("arguments", [[], [DARK]], ids=["light", "dark"])
def test_axe_finds_no_fault(compared, tmp_path, arguments):
    axe_core = pytest.importorskip("axe_core_python", reason="needs axe-core-python")
    program = (Path(axe_core.__path__[0]) / "axe.min.js").read_text("utf-8")
    script = """setTimeout(() => axe.run().then((found) => {
        const faults = found.violations.map((one) => one.impact + " " + one.id).join(", ");
        document.body.dataset.axe = faults || "none of " + found.passes.length;
        }), 5000);"""
    shown, _ = browse(compared, f"{program};{script}", tmp_path, *arguments)
    found = shown.split('data-axe="')[1].split('"')[0]
    assert found.startswith("none of ")
    assert int(found.rsplit(" ", 1)[1]) > 15

"""`@curricle`: the same visible text gets the same measures and the same decision."""

import pyarrow as pa
import pytest

from curricle.pipelines.plan.recipe import check_recipe
from curricle.pipelines.plan.run_plan import place_decisions
from curricle.schemas.rule_sets import expand, rule_sets
from curricle.stages.decide import DecideConfig, decide
from curricle.stages.heuristics.config import HeuristicsConfig
from curricle.stages.heuristics.plain_text import plain
from curricle.stages.heuristics.tag import load_kernels, tag_heuristics

SENTENCES = [
    "The harbour was built by fishermen two hundred years ago and it still shelters a small fleet.",
    "Every morning the boats leave before sunrise and come back at noon with their catch.",
    "The town council wants to repair the old pier because the winter storms have damaged it.",
    "Some people of the town have said that the money would be better spent on a school.",
    "With the new road, visitors come from far away to see the lighthouse on the cliff.",
    "An old captain tells them how ships were guided through fog by ringing a bronze bell.",
    "Children collect shells below the rocks and sell them to tourists for small coins.",
    "In autumn herring swim close to shore, which brings seals, gulls and hungry cats.",
    "Nets dry on wooden poles, smelling of salt, tar and last week's rain.",
    "Whoever wants a quiet room should ask at one of three guesthouses behind church hill.",
]
PROSE = "\n\n".join(SENTENCES)
SPELLINGS = {
    "CR LF": PROSE.replace("\n", "\r\n"),
    "CR": PROSE.replace("\n", "\r"),
    "spaces in blank lines": PROSE.replace("\n\n", "\n   \n"),
    "tabs in blank lines": PROSE.replace("\n\n", "\n\t\n"),
    "no-break spaces in blank lines": PROSE.replace("\n\n", "\n\u00a0\n"),
    "zero-width spaces in blank lines": PROSE.replace("\n\n", "\n\u200b\n"),
    "spaces at the ends of lines": PROSE.replace("\n", "  \n"),
    "line separators": PROSE.replace("\n", "\u2028"),
    "next lines": PROSE.replace("\n", "\x85"),
    "no-break spaces": PROSE.replace(" ", "\u00a0"),
    "soft hyphens": PROSE.replace("fishermen", "fisher\u00admen"),
    "zero-width spaces": PROSE.replace("ou", "o\u200bu"),
    "a mark": "\ufeff" + PROSE,
}
SETS = ["gopher_quality@curricle", "gopher_repetition@curricle", "fineweb@curricle", "c4@curricle"]


def measured(text: str) -> pa.RecordBatch:
    config = HeuristicsConfig(language="en", variants=("datatrove", "curricle"))
    batch = pa.record_batch({"text": [text], "dead_reason": pa.nulls(1, pa.string())})
    return tag_heuristics(batch, load_kernels(config), config)


def failed(text: str, sets: list[str]) -> list[str]:
    stages = {"heuristics": {"language": "en", "variants": ["datatrove", "curricle"]}}
    recipe = check_recipe("x", {"stages": stages, "decide": [{"use": name} for name in sets]}, "x")
    place_decisions(recipe)
    return decide(measured(text), DecideConfig(rules=recipe.decide)).column("failed_rules")[0].as_py()


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS)
def test_the_same_visible_text_has_the_same_measures_and_decision(text):
    columns = [name for name in measured(PROSE).schema.names if name.startswith("plain_")]
    assert measured(text).select(columns).equals(measured(PROSE).select(columns))
    assert failed(text, SETS) == []


def test_the_exact_set_rejects_prose_with_other_line_ends():
    assert "dup_line_frac" in failed(SPELLINGS["CR LF"], ["gopher_repetition@datatrove"])
    assert failed(PROSE, ["gopher_repetition@datatrove"]) == []


def test_on_plain_text_both_count_the_same():
    out = measured(PROSE).to_pylist()[0]
    assert {name: out[f"plain_{name}"] for name in out if f"plain_{name}" in out} == {
        name: value for name, value in out.items() if f"plain_{name}" in out
    }


def test_repeated_text_is_still_rejected():
    assert "dup_line_frac" in failed("\r\n".join([SENTENCES[0]] * 30), SETS)


def test_every_exact_set_has_a_plain_one():
    exact = {name.removesuffix("@datatrove") for name in rule_sets() if name.endswith("@datatrove")}
    assert exact == {name.removesuffix("@curricle") for name in rule_sets() if name.endswith("@curricle")}
    assert {rule["column"] for rule in expand("fineweb2@curricle")} - {"language_score"} == {
        f"plain_{rule['column']}" for rule in expand("fineweb2@datatrove") if rule["column"] != "language_score"
    }


def test_plain_spelling_changes_only_what_cannot_be_seen():
    texts = ["a\tb", "a  b", "a\nb", "", "  indented", "a\r\n\r\nb \t\n c", None]
    assert plain(pa.array(texts[:6])).to_pylist() == ["a\tb", "a  b", "a\nb", "", "  indented", "a\n\nb\n c"]

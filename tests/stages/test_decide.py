import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from curricle.schemas.rule import Rule
from curricle.stages.decide import DecideConfig, decide


def batch(**columns: object) -> pa.RecordBatch:
    rows = len(next(iter(columns.values())))
    dead = columns.pop("dead_reason", [None] * rows)
    return pa.record_batch({"dead_reason": pa.array(dead, pa.string()), **columns}, metadata={"k": "v"})


def rules(*dicts: dict[str, object]) -> DecideConfig:
    return DecideConfig(rules=tuple(Rule(**rule) for rule in dicts))


CASES = {
    "a bound is inclusive": ({"min": 3}, [2, 3, 4], [True, False, False]),
    "over the maximum fails": ({"max": 3}, [2, 3, 4], [False, False, True]),
    "null stays by default": ({"min": 3}, [None, 1], [False, True]),
    "null fails where the rule says so": ({"min": 3, "on_null": "reject"}, [None, 5], [True, False]),
    "only nulls can fail": ({"on_null": "reject"}, [None, 1], [True, False]),
    "in": ({"in": ["a", "b"]}, ["a", "c", None], [False, True, False]),
    "not_in": ({"not_in": ["a"]}, ["a", "c", None], [True, False, False]),
    "true or false": ({"in": [True]}, [True, False, None], [False, True, False]),
    "whole numbers": ({"not_in": [2]}, [1, 2, None], [False, True, False]),
    "no rows": ({"min": 1}, pa.array([], pa.int8()), []),
}


@pytest.mark.parametrize(("rule", "values", "failed"), CASES.values(), ids=CASES)
def test_a_rule_fails_exactly_these(rule, values, failed):
    out = decide(batch(x=values), rules({"name": "r", "column": "x", **rule}))
    assert out.column("reject_reason").to_pylist() == ["r" if f else None for f in failed]
    assert out.column("failed_rules").to_pylist() == [["r"] if f else [] for f in failed]
    assert out.schema.metadata == {b"k": b"v"}


def test_the_first_failing_rule_gives_reason_and_value_and_all_are_listed():
    config = rules({"name": "long", "column": "x", "min": 5}, {"name": "good", "column": "y", "min": 0.5})
    out = decide(batch(x=[1, 9, 9], y=[0.25, 0.25, 1.0]), config)
    assert out.column("reject_reason").to_pylist() == ["long", "good", None]
    assert out.column("reject_value").to_pylist() == ["1", "0.25", None]
    assert out.column("failed_rules").to_pylist() == [["long", "good"], ["good"], []]


def test_a_later_decision_keeps_the_earlier_reason_and_does_not_count_what_was_skipped():
    first = decide(batch(x=[1, 9], y=[None, None]), rules({"name": "long", "column": "x", "min": 5}))
    out = decide(first, rules({"name": "rated", "column": "y", "min": 3, "on_null": "reject"}))
    assert out.column("reject_reason").to_pylist() == ["long", "rated"]
    assert out.column("failed_rules").to_pylist() == [["long"], ["rated"]]


@pytest.mark.parametrize(
    ("where", "judged"),
    [
        ({"source": "a"}, [True, False, False, False]),
        ({"source": ["a", "b"]}, [True, True, True, False]),
        ({"source": {"not_in": ["a"]}}, [False, True, True, False]),
        ({"language": ["deu", "und"]}, [False, True, False, True]),
        ({"score": {"min": 0.5}}, [False, True, True, False]),
        ({"score": {"max": 0.5}, "source": "b"}, [False, True, False, False]),
        ({"good": True}, [True, False, False, False]),
    ],
)
def test_a_rule_judges_only_what_meets_all_its_conditions(where, judged):
    columns = {
        "source": ["a", "b", "b", None],
        "language": ["en", "de", "en", "und"],
        "score": pa.array([0.25, 0.5, 0.75, None], pa.float32()),
        "good": [True, False, None, False],
    }
    out = decide(batch(x=[1, 1, 1, 1], **columns), rules({"name": "r", "column": "x", "min": 9, "where": where}))
    assert out.column("reject_reason").to_pylist() == ["r" if one else None for one in judged]


def test_thresholds_per_language_judge_only_the_languages_in_the_map():
    config = rules({"name": "p", "column": "x", "max": {"en": 10, "deu": 20}})
    out = decide(batch(x=[15, 15, 15, 25], language=["en", "de", "fr", "de"]), config)
    assert out.column("reject_reason").to_pylist() == ["p", None, None, "p"]
    config = rules({"name": "p", "column": "x", "max": {"en": 10, "default": 20}})
    out = decide(batch(x=[15, 25, 25], language=["en", "fr", None]), config)
    assert out.column("reject_reason").to_pylist() == ["p", "p", "p"]


def test_a_dead_row_is_not_judged():
    out = decide(batch(x=[1, 1], dead_reason=["broken", None]), rules({"name": "r", "column": "x", "min": 5}))
    assert out.column("reject_reason").to_pylist() == [None, "r"]
    assert out.column("failed_rules").to_pylist() == [None, ["r"]]


REFUSED = {
    "never fails": ({"column": "x"}, "rejects nothing; give min"),
    "empty range": ({"column": "x", "min": 3, "max": 2}, r"min \(3\) is greater than max \(2\)"),
    "unknown language": ({"column": "language", "in": ["enn"]}, "enn"),
    "unknown language in a map": ({"column": "x", "min": {"xx-": 1}}, "xx-"),
    "a name with a space": ({"name": "a b", "column": "x", "min": 3}, "pattern"),
    "unknown key": ({"column": "x", "mn": 3}, "mn"),
}


@pytest.mark.parametrize(("rule", "message"), REFUSED.values(), ids=REFUSED)
def test_a_rule_that_makes_no_sense_is_refused(rule, message):
    with pytest.raises(ValidationError, match=message):
        Rule(**{"name": "r", **rule})


@given(st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 9)), st.one_of(st.none(), st.floats(0, 1)))), st.integers(0, 9))
def test_a_row_does_not_see_its_neighbours(values, cut):
    config = rules({"name": "a", "column": "x", "min": 4, "on_null": "reject"}, {"name": "b", "column": "y", "max": 0.5})
    xs, ys = pa.array([x for x, _ in values], pa.int64()), pa.array([y for _, y in values], pa.float32())
    whole = batch(x=xs, y=ys) if values else batch(x=pa.array([], pa.int64()), y=pa.array([], pa.float32()))
    parts = [decide(whole.slice(0, cut), config), decide(whole.slice(cut), config)]
    assert pa.Table.from_batches(parts).to_pylist() == decide(whole, config).to_pylist()

"""What a plan says before anything starts."""

from curricle.pipelines.plan.recipe import load_recipe
from curricle.pipelines.plan.run_plan import make_plan


def test_the_largest_shard_comes_first_and_equal_ones_by_name(tmp_path):
    for name, lines in {"b": 3, "d": 1, "a": 1, "c": 7}.items():
        (tmp_path / f"{name}.jsonl").write_text('{"text": "x"}\n' * lines)
    plan = make_plan(load_recipe("web"), [str(tmp_path)])
    assert [shard.source.rpartition("/")[2] for shard in plan.shards] == ["c.jsonl", "b.jsonl", "a.jsonl", "d.jsonl"]

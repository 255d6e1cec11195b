"""`curricle plan`."""

from functools import partial
from typing import TYPE_CHECKING

import click

from curricle.pipelines.cli.run import check_engine, flags, inputs, runner, settings, workers

if TYPE_CHECKING:
    from curricle.pipelines.plan.run_plan import Plan


@click.command()
@click.argument("recipe")
@inputs
@settings
@workers
@runner
@flags
def command(
    recipe: str, inputs: tuple[str, ...], settings: tuple[str, ...], workers: int, runner: str, flags: tuple[str, ...]
) -> None:
    """Show what `curricle run RECIPE` would do: stages with the columns they read and write, rules, models and shards.

    With --runner, also show the flags that the run would set and why, and the graph as the engine would run it. A graph that
    would pickle texts or move them through a shuffle is an error.
    """
    check_engine(runner, flags)
    from curricle.pipelines.plan.recipe import load_recipe
    from curricle.pipelines.plan.run_plan import make_plan
    from curricle.stages.decide import DecideConfig

    plan = make_plan(load_recipe(recipe, settings), inputs)
    click.echo(f"recipe {plan.recipe.name}  fingerprint {plan.fingerprint[:12]}\n\nstages")
    for step in plan.steps:
        name = f"{step.name} ({step.use})" if step.use else step.name
        click.echo(f"  {name}: {', '.join(step.reads) or '-'} -> {', '.join(column.name for column in step.columns)}")
        for rule in step.config.rules if isinstance(step.config, DecideConfig) else ():
            bounds = rule.model_dump(by_alias=True, exclude={"name", "column", "source"}, exclude_none=True)
            click.echo(f"    {rule.name}: {rule.column} " + " ".join(f"{key}={value}" for key, value in bounds.items()))
    click.echo("\nmade by")
    for key, sha in plan.fingerprint_inputs.items():
        click.echo(f"  {key}: {sha[:12]}")
    click.echo(f"\nshards: {len(plan.shards)}, {sum(shard.size for shard in plan.shards) / 1e6:.1f} MB")
    for shard in plan.shards:
        click.echo(f"  {shard.name}  {shard.format}  {shard.size / 1e6:.2f} MB")
    if plan.left_out:
        click.echo(plan.left_out_line())
    if runner != "local":
        _show_settings(runner, flags, plan, workers)


def _show_settings(runner: str, flags: tuple[str, ...], plan: "Plan", workers: int) -> None:
    from apache_beam.options.pipeline_options import PipelineOptions

    from curricle.pipelines.engines.dataflow import check_dataflow, dry_run
    from curricle.pipelines.engines.flags import check_runner, parse_flags
    from curricle.pipelines.engines.fused import fused_stages, plan_pipeline
    from curricle.pipelines.engines.settings import WARNINGS
    from curricle.pipelines.engines.settings import settings as settings_of

    name = check_runner(runner)
    click.echo(f"\n{runner}: one job for all pending shards; flags set for it")
    given = parse_flags(name, flags)
    ours = settings_of(name, given, shards=len(plan.shards), models=plan.models, workers=workers)
    for setting in ours:
        click.echo(f"  {setting.flag}\n    {setting.why}")
    for line in WARNINGS[name]:
        click.echo(f"  {line}")
    click.echo("\ngraph, as it is fused")
    for number, stage in enumerate(fused_stages(plan_pipeline(plan, PipelineOptions([], runner="FnApiRunner"))), 1):
        click.echo(f"  {number}. {', '.join(stage.labels)}")
        if stage.inside:
            click.echo(f"     in one process: {', '.join(stage.inside)}")
        if stage.output:
            click.echo(f"     over a shuffle: {stage.output}")
    if given.get("dry_run"):
        check_dataflow(flags)
        options = PipelineOptions([f"--runner={name}", *(setting.flag for setting in ours), *flags])
        click.echo(f"\ndry run: {dry_run(partial(plan_pipeline, plan, options))}")

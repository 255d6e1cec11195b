"""The dataset card of an output folder: what it is, how to load it and what its columns mean."""

from collections.abc import Mapping
from typing import Any

from curricle.pipelines.output.data_model import table
from curricle.pipelines.output.manifest import Totals
from curricle.pipelines.output.write import SPLITS
from curricle.pipelines.plan.run_plan import Plan
from curricle.schemas.columns import COLUMNS

CARD = """---
configs:
{configs}
---
# {name}: made by curricle

{description}

{counts}{skipped} Recipe: `recipe.yaml`; versions, times:
`run.json`; one record a shard: `_manifest/`.

```python
datasets.load_dataset("FOLDER", "kept", split="train")          # Hugging Face datasets
duckdb.sql("select * from 'FOLDER/kept/*.parquet'")             # DuckDB
pandas.read_parquet("FOLDER/kept")                              # pandas
spark.read.parquet("FOLDER/kept")                               # Spark
```

| rejected by | documents |
{reasons}
{columns}
"""


Counts = Mapping[str, Any]
"""`Totals.to_dict()`, as run.json has it."""


def with_counts(card: str, before: Counts, now: Counts) -> str:
    """A card whose numbers are those of `now`, where those of `before` are in it."""
    return card.replace(_counts(before), _counts(now)).replace(_reasons(before), _reasons(now))


def _counts(counts: Counts) -> str:
    shares = f"{counts['kept']} kept, {counts['rejected']} rejected, {counts['dead']} dead letters"
    return f"{counts['records']} documents read: {shares}."


def _reasons(counts: Counts) -> str:
    return "|---|---|\n" + "\n".join(f"| {reason} | {count} |" for reason, count in counts["rejected_by"].items()) + "\n"


def dataset_card(plan: Plan, totals: Totals) -> str:
    """The card as Markdown, with a header that `datasets` reads."""
    carried = {column.name: column for column in plan.recipe.read.carried()}
    written = carried | {column.name: column for step in plan.steps for column in step.columns}
    columns = tuple((COLUMNS | written)[name] for name in plan.schemas["rejected"].names)
    return CARD.format(
        configs="\n".join(
            f"- config_name: {split}\n  data_files: {split}/*.parquet" + ("\n  default: true" if split == "kept" else "")
            for split in SPLITS
            if totals.rows[split] or split == "kept"
        ),
        name=plan.recipe.name,
        description=plan.recipe.description,
        counts=_counts(totals.to_dict()),
        skipped=f" Skipped: {totals.skipped_kinds()}." if totals.skipped else "",
        reasons=_reasons(totals.to_dict()),
        columns=table(columns),
    )

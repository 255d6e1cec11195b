"""The dataset card of a curriculum: README.md, whose header tells `datasets` the phases in their order and the held-out sets."""

from collections.abc import Mapping
from typing import Any

CARD = "README.md"
LOADED = {"parquet": "parquet", "jsonl.zst": "jsonl.zst"}
"""Formats that `datasets` loads -> how the names of their files end."""

TEXT = """# A curriculum made by curricle

{description}

| phase | tokens | rows | documents |
|---|---|---|---|
{phases}
{loading}
Each row is in its place of the order of training, and so are the files of a phase. Budgets and mixtures asked and met, the
seed, and the hash of every file: `curriculum.json`.
"""
LOADING = """
```python
datasets.load_dataset("FOLDER", "{first}", split="train", streaming=True)   # one phase, in order{heldout}
datasets.load_dataset("FOLDER")                                             # all phases, a split each
```
"""


def curriculum_card(record: Mapping[str, Any], file_format: str) -> str:
    """The card of what curriculum.json records."""
    phases, heldout = record["phases"], record["heldout"]
    rows = "\n".join(
        f"| {phase['folder']} | {phase['tokens_met']:,} | {phase['rows']:,} | {phase['documents']:,} |" for phase in phases
    )
    loading = ""
    header = ""
    if file_format in LOADED:
        test = '\ndatasets.load_dataset("FOLDER", "heldout")' if heldout else ""
        loading = LOADING.format(first=phases[0]["folder"], heldout=test)
        header = "---\n" + "\n".join(_configs(phases, heldout, LOADED[file_format])) + "\n---\n"
    description = record["description"] or "Ordered phases of training data."
    return header + TEXT.format(description=description, phases=rows, loading=loading)


def _configs(phases: list[dict[str, Any]], heldout: list[dict[str, Any]], ending: str) -> list[str]:
    """YAML: one configuration with all phases as splits, one for each phase, and one for the held-out sets."""
    tests = [("test" if len(heldout) == 1 else f"test_{_split(one['name'])}", one) for one in heldout if one["documents"]]
    named = [(_split(f"phase_{phase['folder']}"), phase) for phase in phases if phase["rows"]]
    lines = ["configs:", "- config_name: phases", "  default: true", "  data_files:"]
    lines += [line for split, one in (*named, *tests) for line in _files(split, one["folder"], ending)]
    for phase in phases:
        if phase["rows"]:
            lines += [f"- config_name: {phase['folder']}", "  data_files:"]
            lines += [line for split, one in (("train", phase), *tests) for line in _files(split, one["folder"], ending)]
    if tests:
        lines += ["- config_name: heldout", "  data_files:"]
        lines += [line for split, one in tests for line in _files(split, one["folder"], ending)]
    return lines


def _split(name: str) -> str:
    return name.replace("-", "_")


def _files(split: str, folder: str, ending: str) -> list[str]:
    return [f"  - split: {split}", f"    path: {folder}/part-*.{ending}"]

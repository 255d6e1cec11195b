"""What was asked and what was met: as a table for the terminal, and as plain values for phase.json and curriculum.json."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from curricle.pipelines.curriculum.destinations import OutputFolder
from curricle.pipelines.curriculum.documents import Documents
from curricle.pipelines.curriculum.draw import DrawnPhase
from curricle.pipelines.curriculum.order import worst_window
from curricle.schemas.curriculum import Curriculum

WIDTH = 110  # of the table, if the output is a file or a pipe


def phase_record(documents: Documents, drawn: DrawnPhase, folder: OutputFolder) -> dict[str, Any]:
    """Budget, mixture, replay, repeats and order of a phase, as asked and as met."""
    fresh, repeats = int(drawn.met.sum()), drawn.phase.repeats
    cells = {
        name: {
            "share_asked": round(float(drawn.share[cell]), 6),
            "share_met": round(int(drawn.met[cell]) / max(1, fresh), 6),
            "tokens_asked": int(drawn.quota[cell]),
            "tokens_met": int(drawn.met[cell]),
            "tokens_there": int(drawn.there[cell]),
            "documents": int(drawn.documents[cell]),
            "epochs": round(int(drawn.quota[cell]) / int(drawn.there[cell]), 4) if drawn.there[cell] else None,
        }
        for cell, name in enumerate(drawn.names)
        if drawn.quota[cell] or drawn.met[cell]
    }
    record: dict[str, Any] = {
        "phase": drawn.phase.name,
        "tokens_asked": drawn.budget,
        "tokens_met": fresh + drawn.replay_met,
        "rows": int(folder.rows.document.size),
        "documents": int(np.unique(folder.rows.document).size),
        "repeats_allowed": max(repeats.table.values(), default=repeats.most),
        "repeats_by": repeats.by,
        "rows_repeated": int(np.count_nonzero(folder.rows.repeat)),
        "without_score": drawn.nulls,
        "replay": {"tokens_asked": drawn.replay_quota, "tokens_met": drawn.replay_met} if drawn.phase.replay else None,
        "cells": cells,
        "order": drawn.phase.order.model_dump(exclude_none=True),
    }
    if window := drawn.phase.order.window:
        worst = worst_window(documents.tokens[folder.rows.document].astype(np.int64), folder.rows.cell, window)
        record["order"] |= {"worst_difference": round(worst, 4), "within_tolerance": worst <= drawn.phase.order.tolerance}
    return record


def print_report(plan: Curriculum, records: Sequence[dict[str, Any]], heldout: dict[str, int], problems: Sequence[str]) -> None:
    """Print tokens and repeats by phase and cell, and all notes and problems."""
    console = Console(highlight=False, soft_wrap=True)
    console.width = max(console.width, WIDTH)
    table = Table(title=f"tokens: {_unit(plan)}", title_justify="left")
    table.add_column("phase, cell")
    for name in ("there", "asked", "met", "share asked", "share met", "documents", "epochs"):
        table.add_column(name, justify="right")
    for record in records:
        asked, met = record["tokens_asked"], record["tokens_met"]
        table.add_row(record["phase"], "", f"{asked:,}", f"{met:,}", "", "", f"{record['documents']:,}", "")
        for name, cell in record["cells"].items():
            numbers = [f"{cell[key]:,}" for key in ("tokens_there", "tokens_asked", "tokens_met")]
            shares = [f"{cell[key]:.1%}" for key in ("share_asked", "share_met")]
            epochs = "none there" if cell["epochs"] is None else f"{cell['epochs']:.2f}"
            table.add_row(f"  {name}", *numbers, *shares, f"{cell['documents']:,}", epochs)
        if replay := record["replay"]:
            table.add_row("  (replayed)", "", f"{replay['tokens_asked']:,}", f"{replay['tokens_met']:,}", "", "", "", "")
    console.print(table)
    for name, count in heldout.items():
        console.print(f"held out as {name}: {count:,} documents", markup=False)
    for line in (*_notes(records), *problems):
        console.print(line, markup=False)


def _notes(records: Sequence[dict[str, Any]]) -> list[str]:
    notes = []
    for record in records:
        name, order = record["phase"], record["order"]
        again = [cell for cell, values in record["cells"].items() if values["epochs"] and values["epochs"] > 1]
        if record["repeats_by"]:
            notes.append(f"phase {name!r}: {record['rows_repeated']:,} rows are repeats, by {record['repeats_by']} or replayed")
        elif again and record["repeats_allowed"] > 1:
            notes.append(f"phase {name!r}: exhausted, so repeated: {', '.join(again)}")
        if record["without_score"]:
            notes.append(f"phase {name!r}: {record['without_score']:,} documents have no score")
        if "worst_difference" in order:
            says = "within" if order["within_tolerance"] else "NOT within"
            notes.append(
                f"phase {name!r}: in any {order['window']:,} tokens a share differs by at most {order['worst_difference']:.1%}, "
                f"{says} the tolerance of {order['tolerance']:.1%}"
            )
    return notes


def _unit(plan: Curriculum) -> str:
    return plan.tokens.tokenizer or plan.tokens.sentencepiece or "bytes of text"

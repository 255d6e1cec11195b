"""Checks a curriculum against curriculum.json: sizes and hashes of its files, their rows, and that there are no others."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from curricle.errors import OutputError
from curricle.pipelines.curriculum.card import CARD
from curricle.pipelines.output.manifest import damage

RECORD = "curriculum.json"


def is_curriculum(path: Path) -> bool:
    """Whether a folder holds a curriculum, finished or not."""
    return (path / RECORD).is_file() or (path / "_work" / "plan").is_file()


def listed_files(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The entries of all files of phases and held-out sets."""
    for part in (*record["phases"], *record["heldout"]):
        yield from part["files"]


def read_record(output: Path) -> dict[str, Any]:
    """curriculum.json; OutputError if it is damaged."""
    try:
        record: dict[str, Any] = orjson.loads((output / RECORD).read_bytes())
        list(listed_files(record))
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError, IndexError):
        raise OutputError(
            f"{output / RECORD} is damaged; delete it and run the same `curricle curriculum` command again"
        ) from None
    return record


def changed_file(output: Path, record: dict[str, Any]) -> Path | None:
    """The first file that is missing or has another size; None if there is none."""
    for file in listed_files(record):
        path = output / file["path"]
        if not path.is_file() or path.stat().st_size != file["bytes"]:
            return path
    return None


def verify_curriculum(output: Path) -> Iterator[str]:
    """One line for everything that is wrong; nothing if the curriculum is complete. OutputError if its record is damaged."""
    if not (output / RECORD).is_file():
        yield f"{output}: not finished; run the same `curricle curriculum` command again"
        return
    record = read_record(output)
    expected = {"_lock", RECORD, CARD}
    for part in (*record["phases"], *record["heldout"]):
        expected.add(f"{part['folder']}/_meta/phase.json")
        tokens = rows = 0
        for file in part["files"]:
            expected.add(file["path"])
            if what := damage(output / file["path"], file["sha256"]):
                yield what
            elif file["path"].endswith(".parquet"):
                yield from _wrong_rows(output / file["path"], file)
            tokens, rows = tokens + file.get("tokens", 0), rows + file.get("rows", 0)
        if "rows" in part and (rows, tokens) != (part["rows"], part["tokens_met"]):
            recorded = f"{part['rows']} and {part['tokens_met']} recorded"
            yield f"{output / part['folder']}: {rows} rows and {tokens} tokens in its files, {recorded}"
    for path in sorted(output.rglob("*")):
        if path.is_file() and path.relative_to(output).as_posix() not in expected:
            yield f"{path}: not listed in {RECORD}"


def _wrong_rows(path: Path, file: dict[str, Any]) -> Iterator[str]:
    try:
        rows = pq.read_metadata(path).num_rows
    except (OSError, pa.ArrowException) as error:
        yield f"{path}: {str(error).splitlines()[0]}"
        return
    if rows != file["rows"]:
        yield f"{path}: {rows} rows, but {RECORD} says {file['rows']}"

"""Plain text: one row or one dead letter for each line that is not blank, however the file is cut or compressed."""

import gzip
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curricle.schemas.columns import READ_SCHEMA
from curricle.schemas.shards import Shard, document_id
from curricle.stages.read.config import ReadConfig
from curricle.stages.read.text import read_text


def read(path: Path, config: ReadConfig | None = None, start: int = 0, end: int | None = None) -> list[dict]:
    shard = Shard(name="s", source="in.txt", url=str(path), format="text", start=start, end=end)
    batches = list(read_text(shard, config or ReadConfig(), []))
    assert all(batch.schema == READ_SCHEMA for batch in batches)
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert [row["id"] for row in rows] == [document_id("in.txt", row["source_offset"]) for row in rows]
    return rows


def outline(rows: list[dict]) -> list[tuple[int, str | None, str | None]]:
    return [(row["source_offset"], row["text"], row["dead_reason"]) for row in rows]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"one\n\n \t\ntwo", [(0, "one", None), (8, "two", None)], id="blank lines are skipped"),
        pytest.param(b"one\r\ntwo\r\n", [(0, "one", None), (5, "two", None)], id="lines that end as Windows ends them"),
        pytest.param(b"\xef\xbb\xbfone\n", [(0, "one", None)], id="a byte order mark"),
        pytest.param(" öne \n".encode(), [(0, " öne ", None)], id="white space is kept"),
        pytest.param(
            b"a\n\xff\nb\n", [(0, "a", None), (2, None, "not UTF-8 at byte 0 of the line"), (4, "b", None)], id="not UTF-8"
        ),
        pytest.param(b"", [], id="empty"),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_each_line_is_a_document(tmp_path: Path, data: bytes, expected: list, suffix: str) -> None:
    path = tmp_path / f"x.txt{suffix}"
    path.write_bytes({"": data, ".gz": gzip.compress(data), ".zst": zstandard.compress(data)}[suffix])
    assert outline(read(path)) == expected


def test_a_line_that_is_too_long_is_one_dead_letter(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(b"short\n" + b"x" * 5000 + b"\nend")
    rows = outline(read(tmp_path / "x.txt", ReadConfig(max_record_bytes=1000)))
    assert rows == [(0, "short", None), (6, None, "the line has 5000 bytes, more than 1000"), (5007, "end", None)]


def test_after_damage_the_rest_of_the_broken_line_is_part_of_it(tmp_path: Path) -> None:
    members = [gzip.compress(f"line {n} begins\nline {n} goes ".encode()) for n in range(3)]
    members[1] = members[1][:-12] + bytes(12)
    (tmp_path / "x.txt.gz").write_bytes(b"".join(members))
    rows = outline(read(tmp_path / "x.txt.gz"))
    assert [text for _, text, _ in rows if text] == ["line 0 begins", "line 0 goes line 1 begins", "line 2 goes "]
    assert len([reason for _, _, reason in rows if reason]) == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=8), max_size=8), cut=st.integers(0, 80)
)
def test_two_ranges_give_what_the_whole_file_gives(tmp_path: Path, lines: list[str], cut: int) -> None:
    data = "\n".join(lines).encode()
    (tmp_path / "x.txt").write_bytes(data)
    cut = min(cut, len(data))
    whole = outline(read(tmp_path / "x.txt"))
    assert outline(read(tmp_path / "x.txt", end=cut)) + outline(read(tmp_path / "x.txt", start=cut)) == whole
    assert [row[1] for row in whole] == [
        line.removeprefix("\ufeff" if not n else "").removesuffix("\r")
        for n, line in enumerate(lines)
        if line.encode().removeprefix(b"\xef\xbb\xbf" if not n else b"").strip()
    ]

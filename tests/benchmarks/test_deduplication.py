"""benchmarks/deduplication.py over a part of the real web pages: recall and removals by brute force."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

REPOSITORY = Path(__file__).parents[2]


def test_real_pages_with_edits_against_brute_force(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bands promise 99.2 % of the pairs with a similarity of 0.8; anchors find more. No removal is wrong."""
    monkeypatch.syspath_prepend(str(REPOSITORY / "benchmarks"))
    import deduplication as benchmark

    table = pq.read_table(shared_data / "web_text" / "web-00000.parquet", columns=["id", "text"]).slice(0, 900)
    texts = dict(zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True))
    planted = benchmark.plant(texts, 20, "tune")
    together = texts | {name: text for name, (_, _, text) in planted.items()}
    rows, _ = benchmark.run(tmp_path / "work", together)
    truth = benchmark.Truth(rows, {name: benchmark.shingles_of(text) for name, text in together.items()})
    found, promised = benchmark.count_pairs(truth)
    assert found["near"] > 140
    assert found["near found"] >= 0.98 * promised
    assert found["contained found"] >= 0.9 * found["contained"] > 70
    gone, wrong, least = benchmark.check_removals(truth)
    assert len(gone) > 200
    assert wrong == []
    assert least >= 0.8
    for name, (kind, original, _) in planted.items():
        jaccard, *containments = truth.measure(name, original)
        if kind == "another body in the frame" and max(jaccard, *containments) < benchmark.CONTAINED:
            assert rows[name]["duplicate_of"] != original
            assert rows[original]["duplicate_of"] != name

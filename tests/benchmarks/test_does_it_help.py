"""The experiment of benchmarks/does_it_help.py: its KenLM half from end to end on the bundled sample, and its parts."""

import math
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow.parquet as pq
import pytest

REPOSITORY = Path(__file__).parents[2]
SAMPLE = REPOSITORY / "pipelines" / "sample"


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(REPOSITORY / "benchmarks"))


@pytest.fixture
def script(benchmarks: None) -> ModuleType:
    import does_it_help

    return does_it_help


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every recipe over the bundled pages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(REPOSITORY / "benchmarks"))
        import help_arms

        pages = [str(SAMPLE / name) for name in ("pages.warc.gz", "pages.warc.wet.gz", "web.jsonl.zst", "documents.parquet")]
        return help_arms.run_recipes(pages, ["en"], (), tmp_path_factory.mktemp("runs"), workers=1)


def test_a_tiny_experiment_runs_from_pages_to_its_table(script: ModuleType, runs: dict[str, Path], tmp_path: Path) -> None:
    import help_arms
    import help_texts

    manuals = [path.read_text() for path in sorted((REPOSITORY / "docs").glob("*.md"))[:3]]
    sets = help_texts.held_out_sets([("manuals", manuals), ("licence", [(REPOSITORY / "LICENSE").read_text()])], [])
    seeds = (0, 2)  # seed 1 leaves so few pages that their ids, so the name of this folder, decide whether a phase is empty
    results = script.experiment("en", runs, sets, 35_000, seeds, ("KenLM",), tmp_path, script.Clock())

    bits = results.bits["KenLM"]
    assert list(bits) == [arm.name for arm in help_arms.ARMS if arm.name != "phases, shuffled"]
    sizes = np.array([len(text.encode()) for part in sets for text in part.texts])
    for values in bits.values():
        assert values.shape == (2, 4)
        assert ((values / sizes > 1) & (values / sizes < 8)).all()
    assert not np.array_equal(bits["random"], bits["ours"])
    lines = script.page([results])
    rows = [line for line in lines if line.startswith(("| manuals |", "| licence |", "| mean of these sets |"))]
    expected = [(bits["random"][:, part].sum() / 2 / sizes[part].sum()) for part in (slice(0, 3), slice(3, 4))]
    assert [row.split(" | ")[1] for row in rows[2:]] == [f"{value:.3f}" for value in (*expected, np.mean(expected))]


def test_every_arm_of_a_seed_draws_from_the_same_half(benchmarks: None, runs: dict[str, Path], tmp_path: Path) -> None:
    import help_arms

    inside, outside = set(), set()
    for arm in help_arms.ARMS[:3]:
        output = tmp_path / arm.name
        texts = help_arms.make_arm(arm, "en", 30_000, 0, runs, output)
        assert 20_000 < sum(len(text.encode()) for text in texts) < 40_000
        inside.update(texts)
        outside.update(pq.read_table(output / "heldout/part-00000.parquet")["text"].to_pylist())
    assert not inside & outside
    assert not outside & set(help_arms.make_arm(help_arms.RANDOM, "en", 100_000, 0, runs, tmp_path / "all"))


def test_documents_that_the_pool_has_parts_of_are_left_out(benchmarks: None) -> None:
    import help_texts

    def words(start: int) -> str:
        return " ".join(f"word{number}" for number in range(start, start + 100))

    pool = [f"Before. {words(1000).upper()} After."]
    sets = help_texts.held_out_sets([("a", [words(0), words(1000), f"{words(2000)} {words(1000)}"]), ("b", [words(3000)])], pool)
    assert [(part.name, part.texts, part.overlapping) for part in sets] == [("a", [words(0)], 2), ("b", [words(3000)], 0)]


def test_pieces_spell_any_text_exactly(benchmarks: None) -> None:
    import help_kenlm
    import sentencepiece

    texts = [(REPOSITORY / "README.md").read_text(), "  two  spaces\n\n\ttab \u00a0 é 漢字 🙂\r\n"]
    vocabulary = help_kenlm.train_vocabulary(texts[:1] * 20, 10_000_000)
    processor = sentencepiece.SentencePieceProcessor(model_proto=vocabulary)
    assert [processor.decode(ids.tolist()) for ids in help_kenlm.encode(vocabulary, texts)] == texts


def test_pieces_that_an_arm_lacks_share_the_unknown_word(benchmarks: None) -> None:
    import help_kenlm

    rng = np.random.default_rng(0)
    documents = [rng.integers(0, 10, 50).astype(np.uint32) for _ in range(20)]
    held_out = [np.array([piece], np.uint32) for piece in (3, 10, 11)]
    few, many = (help_kenlm.kenlm_bits(documents, held_out, pieces) for pieces in (12, 18))
    assert few[1] == few[2]
    np.testing.assert_allclose(many - few, [0, math.log2(8 / 2), math.log2(8 / 2)], atol=1e-9)


def test_differences_are_paired(script: ModuleType) -> None:
    rng = np.random.default_rng(0)
    base = rng.uniform(500, 1500, (3, 30))
    sizes = [np.full(10, 100.0), np.full(20, 50.0)]
    values = script.differences(base + 100, base, sizes)
    np.testing.assert_allclose(values, 1.5)  # 1 bit a byte in the first part, 2 in the second
    assert script.interval(values) == "**+1.500 [+1.500, +1.500]**"
    assert not script.interval(script.differences(base + rng.normal(0, 50, base.shape), base, sizes)).startswith("**")


def test_a_transformer_that_took_no_step_spends_the_logarithm_of_the_vocabulary_on_each_token(benchmarks: None) -> None:
    pytest.importorskip("torch", reason="the transformer judge needs torch")
    import help_transformer

    held_out = [np.arange(length, dtype=np.uint32) % 64 for length in (300, 5, 1)]
    bits = help_transformer.transformer_bits([np.zeros(10, np.uint32)], held_out, 64, 0)
    np.testing.assert_allclose(bits, [301 * 6, 6 * 6, 2 * 6], rtol=0.2)


def test_a_transformer_learns_what_it_reads(benchmarks: None) -> None:
    pytest.importorskip("torch", reason="the transformer judge needs torch")
    import help_transformer

    text = np.arange(20_000, dtype=np.uint32) % 60 + 4
    bits = help_transformer.transformer_bits([text] * 4, [text[:600]], 64, 0)
    assert bits[0] / 601 < 1

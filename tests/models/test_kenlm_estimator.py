"""The estimator, writers and readers against KenLM: the numbers of lmplz's files and kenlm's scores, bit for bit."""

import gzip
from pathlib import Path

import kenlm
import numpy as np
import pyarrow as pa
import pytest

from curricle.errors import ModelError
from curricle.models.kenlm.binary import write_probing
from curricle.models.kenlm.compact import CompactError, pack, read_compact, unpack
from curricle.models.kenlm.ngrams import NgramModel
from curricle.models.kenlm.spill import SpillError
from curricle.models.kenlm.train.arpa import write_arpa
from curricle.models.kenlm.train.corpus import Numbering
from curricle.models.kenlm.train.estimator import DiscountError, estimate

DATA = Path(__file__).parent / "data"
LINES = (DATA / "udhr-en.txt").read_text("utf-8").splitlines()
GOLDEN = {"o3": (3, (0,)), "o3-pruned": (3, (0, 0, 1)), "o5": (5, (0,))}


def numbered(lines: list[str]) -> tuple[list[np.ndarray], list[str]]:
    numbering = Numbering()
    sentences = [numbering.number(pa.array([line])) for line in lines]
    return sentences, list(numbering.ids)


def model(order: int, prune: tuple[int, ...], **options: object) -> NgramModel:
    sentences, words = numbered(LINES)
    return estimate(sentences, words, order, prune, True, **options)


def ngrams(arpa: bytes) -> dict[str, tuple[str, ...]]:
    rows = (line.split("\t") for line in arpa.decode().splitlines() if "\t" in line)
    return {row[1]: (row[0], *row[2:]) for row in rows}


@pytest.fixture(params=GOLDEN)
def golden(request, tmp_path):
    order, prune = GOLDEN[request.param]
    return model(order, prune), gzip.decompress((DATA / f"{request.param}.arpa.gz").read_bytes()), tmp_path


def test_every_ngram_has_the_numbers_of_lmplz(golden):
    ours, arpa, folder = golden
    write_arpa(ours, folder / "m.arpa")
    written = (folder / "m.arpa").read_bytes()
    assert ngrams(written) == ngrams(arpa)
    assert written.split(b"\n\n")[0] == arpa.split(b"\n\n")[0]


def test_a_corpus_that_does_not_fit_in_memory_gives_the_same_model(tmp_path):
    sentences, words = numbered(LINES * 40)
    whole = estimate(sentences, words, 3, (0,), True)
    spilled = estimate(sentences, words, 3, (0,), True, memory_bytes=1 << 12, spill_folder=tmp_path)
    write_arpa(whole, tmp_path / "a")
    write_arpa(spilled, tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}


def test_kenlm_reads_our_binary_and_scores_as_from_the_arpa_file(golden):
    ours, arpa, folder = golden
    (folder / "lmplz.arpa").write_bytes(arpa)
    write_probing(ours, folder / "m.bin")
    from_arpa, from_binary = kenlm.Model(str(folder / "lmplz.arpa")), kenlm.Model(str(folder / "m.bin"))
    for line in [*LINES, "", "everyone", "nobody knows this word", " ".join(reversed(LINES[3].split()))]:
        assert from_binary.score(line) == from_arpa.score(line)
        assert list(from_binary.full_scores(line)) == list(from_arpa.full_scores(line))


def test_packing_rounds_nothing(golden):
    ours, _, folder = golden
    pack(ours, folder / "m.compact")
    write_arpa(ours, folder / "a")
    write_arpa(read_compact(folder / "m.compact"), folder / "b")
    assert (folder / "a").read_bytes() == (folder / "b").read_bytes()
    write_probing(ours, folder / "direct.bin")
    unpack(folder / "m.compact", folder / "unpacked.bin")
    assert (folder / "direct.bin").read_bytes() == (folder / "unpacked.bin").read_bytes()


@pytest.mark.parametrize("content", [b"", b"hello\n"], ids=["empty", "text"])
def test_a_file_that_is_not_a_model_is_rejected_in_one_line(tmp_path, content):
    path = tmp_path / "m"
    path.write_bytes(content)
    with pytest.raises(CompactError) as error:
        read_compact(path)
    assert "\n" not in str(error.value)


def test_a_damaged_compact_file_is_rejected(golden):
    ours, _, folder = golden
    path = folder / "m.compact"
    pack(ours, path)
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 255
    path.write_bytes(content)
    with pytest.raises(CompactError):
        read_compact(path)


@pytest.mark.parametrize("lines", [[], ["", " "]], ids=["no document", "nothing but white space"])
def test_an_empty_corpus_is_rejected(lines):
    sentences, words = numbered(lines)
    with pytest.raises(ModelError, match="no text to train on"):
        estimate(sentences, words, 3)


def test_a_corpus_too_regular_for_discounts_needs_the_fallback():
    sentences, words = numbered(["a b c"])
    with pytest.raises(DiscountError, match="order"):
        estimate(sentences, words, 3)
    assert estimate(sentences, words, 3, discount_fallback=True).counts[0] == 6


@pytest.mark.parametrize("prune", [(1,), (0, 2, 1), (0, -1), (0, 0, 0, 0)])
def test_thresholds_that_lmplz_rejects_are_rejected(prune):
    sentences, words = numbered(["a b c"])
    with pytest.raises(ValueError, match="prune"):
        estimate(sentences, words, 3, prune, True)


def test_no_room_for_temporary_files_is_one_line(tmp_path):
    sentences, words = numbered(LINES * 40)
    with pytest.raises(SpillError, match="cannot write temporary files"):
        estimate(sentences, words, 3, memory_bytes=1 << 12, spill_folder=tmp_path / "not there")


def test_over_one_vocabulary_models_are_distributions_over_the_same_words(tmp_path):
    """The sum over all words, unseen ones too, is 1 after any history: what `--vocab_pad` is for."""
    numbering = Numbering()
    halves = [[numbering.number(pa.array([line])) for line in lines] for lines in (LINES[:20], LINES[20:])]
    words = list(numbering.ids)
    for number, sentences in enumerate(halves):
        ours = estimate(sentences, words, 3, (0,), True, vocabulary=len(words) - 1)
        assert len(ours.words) < len(words)
        write_probing(ours, tmp_path / f"{number}.bin")
        read = kenlm.Model(str(tmp_path / f"{number}.bin"))
        for history in ("", "the", "right to", "nobody wrote"):
            state, following = kenlm.State(), kenlm.State()
            read.BeginSentenceWrite(state)
            for word in history.split():
                read.BaseScore(state, word, following)
                state, following = following, kenlm.State()
            total = sum(10 ** read.BaseScore(state, word, following) for word in words if word != "<s>")
            assert total == pytest.approx(1, abs=1e-4)
        pack(ours, tmp_path / "m.compact")
        unpack(tmp_path / "m.compact", tmp_path / "unpacked.bin")
        assert (tmp_path / "unpacked.bin").read_bytes() == (tmp_path / f"{number}.bin").read_bytes()

"""The training example over a small curriculum: it learns, and an interrupted run has the numbers of one that was not."""

import math
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")
pytest.importorskip("transformers", reason="the extra `torch` is not installed")
sys.path += [str(Path(__file__).parents[1] / "pipelines"), str(Path(__file__).parents[2] / "examples")]

from curriculum_outputs import make, rows, store  # noqa: E402
from read_phases import blocks, load_codec  # noqa: E402
from train_phases import PhaseEnd, Settings, Step, bits_per_byte, load, main, train  # noqa: E402

SETTINGS = Settings(steps=6, block=64, batch=4, width=64, rate=3e-3, heldout=5)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def curriculum(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("train")
    phases = [
        {"name": "tr", "tokens": 20_000, "where": {"language": "tr"}},
        {"name": "en", "tokens": 1_100, "where": {"language": "en"}, "replay": {"from": ["tr"], "share": 0.2}},
    ]
    make({"heldout": {"share": 0.1}, "phases": phases}, [store(rows(300, "a.jsonl", 1), root / "out", 1)], root / "cur")
    return root / "cur"


@pytest.fixture(scope="module")
def whole(curriculum, tmp_path_factory) -> list[Step | PhaseEnd]:
    """A run that nothing interrupts."""
    return list(train(curriculum, tmp_path_factory.mktemp("whole"), SETTINGS, save_every=2))


def test_the_phases_are_trained_in_turn_and_the_loss_falls(whole, curriculum):
    count = len(list(blocks(curriculum / "02-en", 64, load_codec(None))))
    assert 3 < count / 4 < 6
    assert count % 4  # the last batch is a part of one
    assert [(event.phase, getattr(event, "number", "end")) for event in whole] == [
        *(("01-tr", number) for number in (1, 2, 3, 4, 5, 6, "end")),
        *(("02-en", number) for number in (*range(1, count // 4 + 2), "end")),
    ]
    losses = [event.loss for event in whole if isinstance(event, Step)]
    assert losses[0] == pytest.approx(math.log(257), rel=0.02)  # knows nothing yet
    assert losses[-1] < losses[0] - 1
    ends = [event for event in whole if isinstance(event, PhaseEnd)]
    assert [end.loss for end in ends] == [pytest.approx(np.mean(part)) for part in (losses[:6], losses[6:])]
    assert ends[1].bits_per_byte < ends[0].bits_per_byte < 8


@pytest.mark.parametrize("seen", [1, 4, 6, 7, 9], ids=lambda seen: f"after {seen}")
def test_interrupted_anywhere_it_goes_on_with_the_same_numbers(seen, whole, curriculum, tmp_path):
    run = train(curriculum, tmp_path, SETTINGS, save_every=2)
    before = list(islice(run, seen))
    run.close()
    after = list(train(curriculum, tmp_path, SETTINGS, save_every=2))
    assert before == whole[:seen]
    again = len(before) + len(after) - len(whole)  # steps since the last checkpoint are made once more
    assert 0 <= again < 2
    assert after == whole[seen - again :]


def test_blocks_are_the_rows_in_their_order_with_a_separator_behind_each(curriculum):
    found = np.concatenate(list(blocks(curriculum / "01-tr", 64, load_codec(None))))
    expected = [ids for text in pq.read_table(curriculum / "01-tr")["text"].to_pylist() for ids in (*text.encode(), 256)]
    assert found.tolist() == expected[: len(expected) // 64 * 64]


def test_bits_per_byte_count_every_byte_once(curriculum, tmp_path):
    codec = load_codec(None)
    model = load(tmp_path, SETTINGS, codec, {}).model
    nats = size = 0
    for text in pq.read_table(curriculum / "heldout")["text"].to_pylist()[:5]:
        ids = [256, *text.encode()]
        size += len(ids) - 1
        for place in range(1, len(ids)):
            first = (place - 1) // 63 * 63  # where its piece begins
            with torch.no_grad():
                logits = model(input_ids=torch.tensor([ids[first:place]])).logits[0, -1]
            nats -= torch.log_softmax(logits, -1)[ids[place]].item()
    assert bits_per_byte(model, curriculum / "heldout", SETTINGS, codec) == pytest.approx(nats / math.log(2) / size, rel=1e-4)


def test_the_command_prints_each_phase_and_refuses_other_settings_or_another_curriculum(curriculum, tmp_path):
    options = ["--steps", "2", "--block", "32", "--batch", "2", "--width", "32", "--heldout", "0"]
    done = CliRunner().invoke(main, [str(curriculum), str(tmp_path / "run"), *options])
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        *("01-tr step 1", "01-tr step 2", "01-tr"),
        *("02-en step 1", "02-en step 2", "02-en"),
    ]
    assert lines[-1].endswith("no held-out texts")
    other = CliRunner().invoke(main, [str(curriculum), str(tmp_path / "run"), *options, "--seed", "1"])
    assert other.exit_code == 1
    assert other.output == f"Error: {tmp_path / 'run'}: begun with seed 0, not 1\n"


def test_a_tokenizer_has_its_own_separator_behind_its_vocabulary(curriculum, tmp_path):
    tokenizers = pytest.importorskip("tokenizers", reason="the extra `tokenizers` is not installed")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"?": 0, "göl": 1, "yasa": 2, "madde": 3}, "?"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    made.save(str(tmp_path / "tokenizer.json"))
    codec = load_codec(tmp_path / "tokenizer.json")
    assert codec.separator == 4
    assert codec.encode("göl und yasa").tolist() == [1, 0, 2]
    settings = Settings(steps=1, block=16, batch=1, width=32, tokenizer=str(tmp_path / "tokenizer.json"), heldout=1)
    first = next(iter(train(curriculum, tmp_path / "run", settings)))
    assert first.loss == pytest.approx(math.log(5), rel=0.15)

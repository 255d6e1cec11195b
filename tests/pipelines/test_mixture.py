"""`curricle mixture`: weights that are known, the same from any storage, bounded, included by a plan; candidates ranked."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from curricle.models.catalog import model_folder
from curricle.pipelines.curriculum.errors import CurriculumError
from curricle.pipelines.curriculum.plan_file import load_plan
from curricle.pipelines.curriculum.run import make_curriculum, write_curriculum
from curricle.pipelines.curriculum.workers import Processes
from curricle.pipelines.inputs.find import InputError
from curricle.pipelines.mixture.config import UnitsConfig
from curricle.pipelines.mixture.fit import bounds, fit_weights, write_mixture
from curricle.pipelines.mixture.predict import predict, read_candidates
from curricle.pipelines.mixture.score import ScoreTask, score_target
from curricle.pipelines.mixture.target import read_target
from curricle.pipelines.mixture.units import Trained, Units, find_units, train_units
from curricle.pipelines.output.manifest import OutputError
from curricle.schemas.shards import document_id

sys.path.append(str(Path(__file__).parent))

from curriculum_outputs import QUIET, store

CLI = [sys.executable, "-c", "from curricle.pipelines.cli.main import main; main()"]
LETTERS = {"Law": "abdeg", "Culture": "ilmno", "Medicine": "rstuv"}
CONFIG = UnitsConfig(by=("domain", "language"), unit_bytes=30_000)
FREE = np.ones(3)
NAMES = ("Culture/en", "Law/en", "Medicine/en")


def text(domain: str, words: int, random: np.random.Generator) -> str:
    """Some lines of words that only this domain has, frequent ones first, as Zipf says."""
    letters = np.array(list(LETTERS[domain]))
    vocabulary = ["".join(letters[(n // 5**place) % 5] for place in range(4)) for n in range(300)]
    chosen = random.choice(300, words, p=1 / np.arange(1, 301) / (1 / np.arange(1, 301)).sum())
    return "\n".join(" ".join(vocabulary[n] for n in chosen[start : start + 12]) for start in range(0, words, 12))


def documents() -> pa.Table:
    """Three domains with 200 documents each, and one with next to no text."""
    random = np.random.default_rng(1)
    rows = [(domain, text(domain, int(random.integers(40, 120)), random)) for domain in LETTERS for _ in range(200)]
    rows.append(("Other", "a short text"))
    ids = [document_id("a.jsonl", number) for number in range(len(rows))]
    return pa.table({"id": ids, "text": [one for _, one in rows], "domain": [one for one, _ in rows], "language": ["en"] * 601})


def target_lines(shares: dict[str, int], seed: int = 9) -> list[str]:
    random = np.random.default_rng(seed)
    return [text(domain, 12, random) for domain, count in shares.items() for _ in range(count)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("mixture")
    store(documents(), root / "out", 3, group_rows=50)
    (root / "dev.txt").write_text("\n".join(target_lines({"Law": 280, "Culture": 120})), "utf-8")
    return root


@pytest.fixture(scope="module")
def units(folder) -> Units:
    return find_units([folder / "out"], read_target([str(folder / "dev.txt")]), CONFIG, QUIET)


@pytest.fixture(scope="module")
def trained(units) -> Iterator[Trained]:
    with train_units(units, QUIET) as made:
        yield made


def test_the_weights_are_the_shares_that_the_target_was_made_of(trained):
    fitted = fit_weights(trained, FREE, 100)
    assert trained.units.names == NAMES
    assert fitted.weights == pytest.approx([0.3, 0.7, 0], abs=0.02)
    assert fitted.weights[2] < 0.001
    assert (fitted.low <= fitted.weights + 1e-3).all()
    assert (fitted.high >= fitted.weights - 1e-3).all()
    assert fitted.low[1] < 0.7 < fitted.high[1]
    assert fitted.high[1] - fitted.low[1] < 0.12, "400 lines say more than that"
    bits = fitted.bits_per_byte
    assert bits["fitted"] < bits["proportional"] - 0.01
    assert bits["fitted"] < bits["uniform"] - 0.01
    assert not any(fitted.bound)


def test_a_unit_with_too_little_text_is_left_out_by_name(units):
    assert [(cell.name, cell.sample_bytes) for cell in units.left_out] == [("Other/en", 12)]


def test_units_give_samples_of_one_size(units, trained):
    """Words of one length here, so that equal bytes are nearly equal tokens."""
    assert [sum(len(one.encode()) for one in sample) for sample in units.samples] == [30_000] * 3
    lengths = [len(np.load(path)) for path in trained.sentences]
    assert trained.sample_tokens == min(lengths) > 0.97 * max(lengths)


def test_unit_models_are_distributions_over_one_vocabulary(tmp_path):
    """Of a sentence's first word: all words of the vocabulary, those that a unit lacks and its end included, sum to 1."""
    words = pa.array(["<unk>", "<s>", "</s>", "a", "b", "c", "d", "e"])
    np.save(tmp_path / "sample.npy", np.array([3, 4, 3, 2, 3, 3, 2, 4, 3, 2], np.uint32))  # c, d, e do not occur
    first = np.array([0, 3, 4, 5, 6, 7], np.int32)
    np.savez(
        tmp_path / "target.npz", tokens=first, offsets=np.array([0, 0, 1, 2, 3, 4, 5, 6])
    )  # an empty sentence, then each word
    parts = ((tmp_path / "sample.npy", 10),)
    score_target(ScoreTask("unit", parts, words, 3, tmp_path / "target.npz", tmp_path / "scores.npy"), lambda *_: None)
    log10 = np.load(tmp_path / "scores.npy")
    assert len(log10) == 13  # words and ends
    assert 10 ** log10[0] + (10 ** log10[1::2]).sum() == pytest.approx(1, abs=1e-5)


def test_neither_order_nor_number_of_shards_changes_a_weight(trained, tmp_path):
    table = documents()
    shuffled = table.take(pa.array(np.random.default_rng(2).permutation(len(table))))
    store(shuffled.slice(0, 222), tmp_path / "one", 1, group_rows=50)
    store(shuffled.slice(222), tmp_path / "two", 7, group_rows=50)
    lines = target_lines({"Law": 280, "Culture": 120})
    (tmp_path / "dev-1.txt").write_text("\n".join(lines[:50:-1]), "utf-8")
    (tmp_path / "dev-2.txt").write_text("\n".join(lines[:51]), "utf-8")
    target = read_target([str(tmp_path / name) for name in ("dev-1.txt", "dev-2.txt")])
    found = find_units([tmp_path / "two", tmp_path / "one"], target, CONFIG, QUIET)
    assert found.samples == trained.units.samples
    with train_units(found, Processes(2, quiet=True)) as again:
        first, second = (fit_weights(one, FREE, 50) for one in (trained, again))
    assert first.weights.tolist() == second.weights.tolist()
    assert first.low.tolist() == second.low.tolist()
    assert first.bits_per_byte == second.bits_per_byte
    assert target.digest == trained.units.target.digest


def test_another_vocabulary_can_be_used(units):
    theirs = units.config.model_copy(update={"sentencepiece": model_folder("en-clean") / "sp.model"})
    with train_units(replace(units, config=theirs), QUIET) as made:
        assert fit_weights(made, FREE, 2).weights == pytest.approx([0.3, 0.7, 0], abs=0.03)


def test_what_the_target_holds_is_in_no_sample(folder, tmp_path):
    """A unit all of whose documents are in the target has nothing to learn from."""
    table = documents()
    law = [row["text"] for row in table.to_pylist() if row["domain"] == "Law"]
    (tmp_path / "dev.jsonl").write_bytes(b"\n".join(orjson.dumps({"text": one}) for one in law))
    found = find_units([folder / "out"], read_target([str(tmp_path / "dev.jsonl")]), CONFIG, QUIET)
    assert {cell.name: cell.sample_bytes for cell in found.left_out} == {"Other/en": 12, "Law/en": 0}
    assert found.names == ("Culture/en", "Medicine/en")


def test_weights_are_bounded_by_what_is_there(units, trained):
    budget = 4 * int(units.available[1])  # twice the text of Law is half of it
    fitted = fit_weights(trained, bounds(units, budget, 2), 50)
    assert fitted.weights[1] == pytest.approx(0.5, abs=2e-6)
    assert (fitted.weights * budget <= 2 * units.available + 1e-6).all()
    assert fitted.bound == [False, True, False]
    assert fitted.weights.sum() == pytest.approx(1, abs=1e-12)
    assert fitted.bits_per_byte["fitted"] > fit_weights(trained, FREE, 2).bits_per_byte["fitted"]
    with pytest.raises(CurriculumError, match=r"^--budget 9,000,000: the units have only [0-9,]+ tokens at --max-epochs 2$"):
        bounds(units, 9_000_000, 2)


PLAN = {"phases": [{"name": "one", "tokens": 20_000, "mixture": {"file": "mixes/mix.yaml", "when_short": "rest"}}]}


def plan_of(folder: Path, content: dict) -> str:
    (folder / "plan.yaml").write_text(yaml.safe_dump(content), "utf-8")
    return str(folder / "plan.yaml")


def test_a_plan_includes_the_file_and_its_phase_has_the_weights(trained, folder, tmp_path):
    (tmp_path / "mixes").mkdir()
    path = tmp_path / "mixes/mix.yaml"
    fitted = fit_weights(trained, bounds(trained.units, 10_000, 4), 10)
    write_mixture(path, trained, fitted, {"budget": 10_000, "max_epochs": 4})
    plan = load_plan(plan_of(tmp_path, PLAN))
    assert plan.phases[0].mixture.when_short == "rest"
    assert plan.phases[0].mixture.by == ("domain", "language")
    assert sum(plan.phases[0].mixture.weights.values()) == pytest.approx(1, abs=1e-12)
    planned = make_curriculum(plan, [folder / "out"], QUIET)
    write_curriculum(planned, tmp_path / "cur", QUIET)
    rows = pq.read_table(tmp_path / "cur/01-one", columns=["domain", "token_count"]).group_by("domain")
    met = {row["domain"]: row["token_count_sum"] / 20_000 for row in rows.aggregate([("token_count", "sum")]).to_pylist()}
    assert met == pytest.approx({"Law": 0.7, "Culture": 0.3}, abs=0.03)
    content = yaml.safe_load(path.read_text("utf-8"))
    about = content["fitted"]
    assert about["bits_per_byte"]["fitted"] < about["bits_per_byte"]["uniform"]
    assert about["intervals"]["Law/en"][0] < 0.7 < about["intervals"]["Law/en"][1]
    assert (about["budget"], about["target"]["documents"], about["left_out"]) == (10_000, 400, {"Other/en": 12})
    content["weights"] |= {"Law/en": 0.0, "Culture/en": 0.0, "Medicine/en": 1.0}
    path.write_text(yaml.safe_dump(content), "utf-8")
    other = make_curriculum(load_plan(str(tmp_path / "plan.yaml")), [folder / "out"], QUIET)
    assert other.plan_hash != planned.plan_hash


@pytest.mark.parametrize(
    ("mixture", "file", "line"),
    [
        ({"file": "no.yaml"}, "", r"plan\.yaml: phases\.0\.mixture: .*no\.yaml: no such file$"),
        ({"file": "mix.yaml", "by": "domain"}, "", "mixture: give either file or by, not both$"),
        ({"file": "mix.yaml"}, "- 1", r"mix\.yaml: a mixture file is a mapping with by and weights$"),
        ({"file": "mix.yaml"}, "by: domain\nweights: {Law: 0.5}", r"mix\.yaml: weights must sum to 1, not 0\.5$"),
        ({"file": "mix.yaml"}, "by: domain\nwieghts: {Law: 1}", r"unknown key; did you mean 'weights'\?$"),
        (
            {"file": "mix.yaml", "when_shrt": "rest"},
            "by: domain\nweights: {Law: 1}",
            r"unknown key; did you mean 'when_short'\?$",
        ),
    ],
    ids=["missing", "by twice", "no mapping", "sum", "misspelt in the file", "misspelt in the plan"],
)
def test_a_plan_with_a_file_that_is_no_mixture_is_refused_in_one_line(mixture, file, line, tmp_path):
    (tmp_path / "mix.yaml").write_text(file, "utf-8")
    with pytest.raises(CurriculumError, match=line):
        load_plan(plan_of(tmp_path, {"phases": [{"name": "one", "tokens": 1, "mixture": mixture}]}))


def mixtures(count: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(3)
    return {f"mix-{n}": random.dirichlet(np.ones(3)) for n in range(count)}


def test_predictions_rank_as_models_that_are_really_trained(trained):
    predicted = predict(trained, mixtures(20), 8)
    assert list(predicted.bits.values()) == sorted(predicted.bits.values())
    assert len(predicted.bits) == 20
    assert len(predicted.real) == 8
    assert predicted.correlation > 0.9
    assert predicted.low <= predicted.correlation <= predicted.high
    again = predict(trained, dict(reversed(mixtures(20).items())), 8)
    assert (again.bits, again.real) == (predicted.bits, predicted.real)


def test_the_mixture_that_is_all_of_a_unit_is_that_units_model(trained):
    """On the shortest sample both see the same sentences: what is predicted must be what is trained."""
    shortest = int(np.argmin([len(np.load(path)) for path in trained.sentences]))
    predicted = predict(trained, {"alone": np.eye(3)[shortest]}, 1)
    assert predicted.real["alone"] == pytest.approx(predicted.bits["alone"], rel=1e-6)
    assert np.isnan(predicted.low), "one candidate has no interval"


def test_nothing_is_trained_with_check_0(trained):
    predicted = predict(trained, mixtures(3), 0)
    assert (len(predicted.bits), predicted.real) == (3, {})
    assert np.isnan(predicted.correlation)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("a: {Law/en: 0.5}", r"a: weights sum to 0\.5, not 1$"),
        ("a: {Law/en: 1.5, Culture/en: -0.5}", "a: weights are negative$"),
        ("a: [Law/en]", "a: a candidate must be a mapping of cells to weights$"),
        ("a: {Law/en: much}", "a: a candidate must be a mapping of cells to weights$"),
        ("a: {Law/en: .nan}", "a: weights sum to nan, not 1$"),
        ("{}", "no candidates$"),
        ("- a", "candidates are a mapping"),
        ("a: {Lwa/en: 1}", r"a: no document is in cell 'Lwa/en'; did you mean 'Law/en'\?$"),
        ("a: {Other/en: 1}", r"a: unit 'Other/en' has 12 bytes of text, but 30,000 are needed \(--unit-bytes\)$"),
    ],
)
def test_a_wrong_candidate_is_one_line(content, line, units, tmp_path):
    path = tmp_path / "mixes.yaml"
    path.write_text(content, "utf-8")
    with pytest.raises(CurriculumError, match=line):
        read_candidates(path, units)


@pytest.mark.parametrize(
    ("target", "config", "error", "line"),
    [
        ("\n \n", {}, CurriculumError, "the target has no text$"),
        ("abba", {"by": ("domian",)}, CurriculumError, r"no column 'domian'; did you mean 'domain'\?$"),
        (
            "abba",
            {"unit_bytes": 10**7},
            CurriculumError,
            r"no unit has enough text .* 10,000,000 bytes .*the largest one, '\w+/en', has [0-9,]+$",
        ),
    ],
    ids=["empty target", "unknown column", "no unit"],
)
def test_bad_input_is_one_line(target, config, error, line, folder, tmp_path):
    (tmp_path / "dev.txt").write_text(target, "utf-8")
    changed = CONFIG.model_copy(update=config)
    with pytest.raises(error, match=line):
        find_units([folder / "out"], read_target([str(tmp_path / "dev.txt")]), changed, QUIET)


def test_a_target_in_other_letters_is_one_line(folder, tmp_path):
    (tmp_path / "dev.txt").write_text("漢字 仮名\nعربي", "utf-8")
    found = find_units([folder / "out"], read_target([str(tmp_path / "dev.txt")]), CONFIG, QUIET)
    with pytest.raises(CurriculumError, match="the target shares no token with any unit"), train_units(found, QUIET):
        pass


def test_no_finished_output_and_no_target_are_refused(folder, tmp_path):
    target = read_target([str(folder / "dev.txt")])
    with pytest.raises(OutputError, match=r"not an output of `curricle run`"):
        find_units([tmp_path], target, CONFIG, QUIET)
    with pytest.raises(InputError, match=r"no such file"):
        read_target([str(tmp_path / "no.txt")])


def test_the_commands_print_what_they_found(folder, tmp_path):
    options = ["--target", str(folder / "dev.txt"), "--units", "by=domain,language", "--from", str(folder / "out")]
    options += ["--unit-bytes", "30000", "--workers", "1", "--quiet"]
    mix, mixes = tmp_path / "mix.yaml", tmp_path / "mixes.yaml"
    done = subprocess.run([*CLI, "mixture", "fit", *options, "--output", str(mix)], capture_output=True, text=True, check=True)
    row = next(line.split("│") for line in done.stdout.splitlines() if "Law/en" in line)
    assert float(row[3]) == yaml.safe_load(mix.read_text("utf-8"))["weights"]["Law/en"].__round__(4)
    assert "bits per byte of the target under weights: uniform" in done.stdout
    assert "left out, under 30,000 bytes of text for a sample: Other/en (12)" in done.stdout
    mixes.write_text(yaml.safe_dump({"a": {"Law/en": 1.0}, "b": {"Law/en": 0.7, "Culture/en": 0.3}}), "utf-8")
    command = [*CLI, "mixture", "predict", *options, "--candidates", str(mixes), "--check", "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert [line.split("│")[1].strip() for line in done.stdout.splitlines() if line.startswith("│")] == ["b", "a"]
    assert "nothing was checked" in done.stdout
    bad = subprocess.run([*CLI, "mixture", "fit", *options, "--output", str(tmp_path / "new.yaml"), "--budget", "99999999"],
                         capture_output=True, text=True, check=False)  # fmt: skip
    assert (bad.returncode, bad.stderr.count("\n"), (tmp_path / "new.yaml").exists()) == (2, 1, False)
    bad = subprocess.run([*CLI, "mixture", "fit", "--units", "domain", *options[:2], *options[4:], "--output", str(mix)],
                         capture_output=True, text=True, check=False)  # fmt: skip
    assert bad.returncode == 2
    assert "--units must be by=COLUMN" in bad.stderr

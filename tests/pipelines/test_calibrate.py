"""`curricle models calibrate`, and recipes that use its result: real runs over the bundled sample and a few lines."""

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner

from curricle.models.cards import file_sha256, write_card
from curricle.models.kenlm.card import KenlmCard
from curricle.pipelines.cli.demo import SAMPLE
from curricle.pipelines.cli.main import group
from curricle.pipelines.output.manifest import OutputError
from curricle.pipelines.plan.fingerprint import fingerprint_sha256
from curricle.pipelines.plan.recipe import RecipeError, load_recipe
from curricle.pipelines.plan.run_plan import make_plan

ARPA = r"""\data\
ngram 1=4
ngram 2=1

\1-grams:
-1	<unk>
0	<s>	-0.1
-1	</s>
-0.7	the	-0.2

\2-grams:
-0.3	the </s>

\end\
"""


def curricle(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "curricle"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, cwd=cwd)


def run(recipe: object, source: Path, output: Path, *settings: str) -> None:
    options = [part for setting in settings for part in ("--set", setting)]
    done = curricle("run", recipe, "--input", source, "--output", output, "--quiet", *options)
    assert done.returncode == 0, done.stderr


CHEAP = ("stages.quality=false", "stages.domain=false")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """`all`: the sample, nothing rejected; `rules`: a part of which a rule rejects some; `other`: a word model of our own."""
    root = tmp_path_factory.mktemp("calibrate")
    run("web", SAMPLE, root / "all", *CHEAP, "decide=[]")
    run("web", SAMPLE / "web.jsonl.zst", root / "rules", *CHEAP, "decide=[{name: short, column: text_chars, min: 2000}]")
    for language in ("en", "zh"):
        model = root / language
        model.mkdir()
        (model / "model.arpa").write_text(ARPA)
        files = {"model.arpa": file_sha256(model / "model.arpa")}
        card = {"name": language, "version": "1", "licence": "none", "source": "by hand", "languages": (language,), "order": 2}
        kind = {"role": "clean", "profile": "oscar-harmful", "tokenizer": "words", "model": "model.arpa", "files": files}
        write_card(model, KenlmCard(**card, **kind))
    english = [f"The {number} pages of this book are about the history of the town." for number in range(30)]
    chinese = [f"这本书有{number}页，讲的是这座城市的历史。" for number in range(30)]
    (root / "in.jsonl").write_bytes(b"\n".join(orjson.dumps({"text": text}) for text in english + chinese))
    models = f"stages.perplexity={{clean: {{en: {root}/en, zh: {root}/zh}}, harmful: {{}}}}"
    run("web", root / "in.jsonl", root / "other", *CHEAP, "decide=[]", models)
    return root


def calibrate(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return curricle("models", "calibrate", *arguments, cwd=folder)


LABELS = (
    "--method",
    "labels",
    "--label",
    "metadata.source",
    "--positive",
    "SpamAssassin",
    "--maximise",
    "recall-at-fpr",
    "--min-documents",
    "50",
)


@pytest.fixture(scope="module")
def spam(folder) -> Path:
    """Thresholds of the sample's spam against its other pages."""
    done = calibrate(folder, "all", "--column", "ppl_logratio_spam", *LABELS, "--output", "spam.yaml")
    assert done.returncode == 0, done.stderr
    assert "warning: en: 24 positives, fewer than 30: the intervals are wide\n" in done.stderr
    assert "| en | " in done.stdout
    assert "wrote spam.yaml\n" in done.stdout
    return folder / "spam.yaml"


def test_the_file_says_what_it_was_made_from_and_by(spam, folder):
    content = yaml.safe_load(spam.read_text("utf-8"))
    record = orjson.loads((folder / "all/run.json").read_bytes())
    labels = " ".join(LABELS)
    assert content["command"] == f"curricle models calibrate all --column ppl_logratio_spam {labels} --output spam.yaml"
    assert content["runs"] == [{"output": "all", "fingerprint": record["fingerprint"], "documents": record["counts"]["kept"]}]
    assert content["models"] == {
        f"perplexity.{role}.en": {"name": f"en-{role}", "sha256": record["made_by"][f"model en-{role}"]}
        for role in ("clean", "spam")
    }
    rows = pq.read_table(folder / "all/kept", columns=["language", "ppl_logratio_spam", "metadata"]).to_pylist()
    english = [row for row in rows if row["language"] == "en" and "source" in orjson.loads(row["metadata"])]
    assert content["figures"]["en"]["documents"] == len(english)
    assert content["figures"]["en"]["positives"] == sum("SpamAssassin" in row["metadata"] for row in english) == 24
    assert content["figures"]["en"]["auc"][0] > 0.9
    (rule,) = content["rules"]
    assert (rule["name"], rule["column"], list(rule["min"])) == ("low_ppl_logratio_spam", "ppl_logratio_spam", ["en"])
    assert rule["source"].startswith("spam: above the threshold of best recall at FPR 0.01 for metadata.source SpamAssassin")


def test_the_same_command_gives_the_same_bytes_and_the_plot_shows_both_classes(spam, folder):
    before = {path: path.read_bytes() for path in (spam, spam.with_suffix(".svg"))}
    assert calibrate(folder, "all", "--column", "ppl_logratio_spam", *LABELS, "--output", "spam.yaml").returncode == 0
    assert {path: path.read_bytes() for path in before} == before
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    texts = [node.text for node in ElementTree.fromstring(spam.with_suffix(".svg").read_text("utf-8")).iter() if node.text]
    assert "SpamAssassin, 24" in texts
    assert any(text.startswith("negative, ") for text in texts)


def recipe(folder: Path, decide: list[object], **stages: object) -> Path:
    content = {"stages": {"extract": {}, "language": {}, "perplexity": {}, **stages}, "decide": decide}
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(content), "utf-8")
    return path


def test_a_recipe_that_uses_the_file_rejects_what_lies_under_its_threshold_and_nothing_else(spam, folder, tmp_path):
    used = recipe(folder, [{"use": "./spam.yaml"}])  # the path starts at the recipe, not here
    run(used, SAMPLE, tmp_path / "out")
    minimum = yaml.safe_load(spam.read_text("utf-8"))["rules"][0]["min"]["en"]
    scored = pq.read_table(folder / "all/kept", columns=["id", "language", "ppl_logratio_spam"]).to_pylist()
    under = {row["id"] for row in scored if row["language"] == "en" and row["ppl_logratio_spam"] < minimum}
    rejected = pq.read_table(tmp_path / "out/rejected").to_pylist()
    assert {row["id"] for row in rejected} == under
    assert {row["reject_reason"] for row in rejected} == {"low_ppl_logratio_spam"}
    assert sum("SpamAssassin" in (row["metadata"] or "") for row in rejected) >= 20
    shown = curricle("plan", used, "--input", SAMPLE).stdout
    assert f"low_ppl_logratio_spam: ppl_logratio_spam min={{'en': {minimum}}}" in shown


def test_the_content_of_the_file_belongs_to_the_fingerprint_and_its_path_does_not(spam, folder):
    def made_with(name: str) -> str:
        return fingerprint_sha256(make_plan(load_recipe(str(recipe(folder, [{"use": name}]))), [str(SAMPLE)]).fingerprint_inputs)

    (folder / "sub").mkdir()
    (folder / "sub/copy.yaml").write_bytes(spam.read_bytes())
    changed = yaml.safe_load(spam.read_text("utf-8"))
    changed["rules"][0]["min"]["en"] += 0.1
    (folder / "changed.yaml").write_text(yaml.safe_dump(changed), "utf-8")
    assert made_with("spam.yaml") == made_with(str(folder / "sub/copy.yaml")) != made_with("changed.yaml")


def test_set_and_without_work_as_for_a_published_set(spam, folder):
    changes = {"use": "spam.yaml", "set": {"low_ppl_logratio_spam": {"min": {"en": 0.5}}}}
    assert load_recipe(str(recipe(folder, [changes]))).decide[0].min == {"en": 0.5}
    assert load_recipe(str(recipe(folder, [{"use": "spam.yaml", "without": ["low_ppl_logratio_spam"]}]))).decide == ()
    with pytest.raises(RecipeError, match="has no rule 'low'"):
        load_recipe(str(recipe(folder, [{"use": "spam.yaml", "without": ["low"]}])))


def test_another_model_no_model_and_no_stage_are_refused_with_names_and_hashes(spam, folder):
    expected = yaml.safe_load(spam.read_text("utf-8"))["models"]["perplexity.clean.en"]["sha256"][:12]
    refused = {
        f"calibrated with en-clean ({expected}) as perplexity.clean.en, but the recipe uses {folder}/en (": {
            "perplexity": {"clean": {"en": f"{folder}/en"}}
        },
        "as perplexity.spam.en, but the recipe has no model there": {"perplexity": {"harmful": {}}},
        f"en-clean ({expected}) as perplexity.clean.en, but the recipe has no model there": {"perplexity": False},
    }
    for message, stages in refused.items():
        with pytest.raises(RecipeError) as error:
            make_plan(load_recipe(str(recipe(folder, [{"use": "spam.yaml"}], **stages))), [str(SAMPLE)])
        assert message in str(error.value)
        assert str(error.value).startswith(f"{folder}/recipe.yaml: decide.0: spam.yaml: ")
        assert "\n" not in str(error.value)
    done = curricle("run", folder / "recipe.yaml", "--input", SAMPLE, "--output", folder / "refused")
    assert (done.returncode, done.stderr) == (2, f"curricle: {error.value}\n")
    assert not (folder / "refused").exists()


FILES = {
    "missing": (None, "no such file"),
    "not YAML": ("[", "not valid YAML"),
    "something else": ("stages: {}", "neither a list of rules nor a thresholds file"),
    "a misspelt key": ("{ruls: [], rules: []}", "did you mean 'rules'"),
}


@pytest.mark.parametrize(("content", "message"), FILES.values(), ids=FILES)
def test_a_file_that_is_none_is_one_line(tmp_path, content, message):
    if content is not None:
        (tmp_path / "t.yaml").write_text(content)
    with pytest.raises(RecipeError, match=r"decide\.0: ") as error:
        load_recipe(str(recipe(tmp_path, [{"use": "t.yaml"}])))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_quantiles_of_a_language_and_what_is_said_of_the_others(folder):
    options = ["--column", "ppl_clean", "--method", "quantiles", "--min-documents", 50, "--output", "head.yaml"]
    done = calibrate(folder, "all", *options, "--quantile", 0.3, "--quantile", 0.6)
    assert done.returncode == 0, done.stderr
    content = yaml.safe_load((folder / "head.yaml").read_text("utf-8"))
    rows = pq.read_table(folder / "all/kept", columns=["language", "ppl_clean"], filters=[("language", "=", "en")])
    low, high = (np.quantile(rows["ppl_clean"].to_numpy(), level) for level in (0.3, 0.6))
    assert [rule["name"] for rule in content["rules"]] == ["low_ppl_clean", "high_ppl_clean"]
    assert (content["rules"][0]["min"]["en"], content["rules"][1]["max"]["en"]) == (low, high)
    assert set(content["models"]) == {"perplexity.clean.en", "perplexity.clean.de"}
    assert "warning: tr: no threshold: 30 documents, fewer than 50" in done.stderr


def test_rejected_rows_count_and_are_told(folder):
    options = ["--column", "ppl_clean", "--method", "quantiles", "--quantile", 0.3, "--min-documents", 20]
    done = calibrate(folder, "rules", *options, "--output", "r.yaml")
    kept, rejected = (pq.read_table(folder / "rules" / part, columns=["language", "ppl_clean"]) for part in ("kept", "rejected"))
    documents = f"rules: {len(rejected)} of {len(kept) + len(rejected)} documents were rejected by its rules, "
    assert (
        f"warning: {documents}{rejected['ppl_clean'].null_count} of them without ppl_clean; for calibration run with"
        in done.stderr
    )
    assert len(rejected)
    both = pa.concat_tables([kept, rejected])
    english = both.filter(pc.equal(both["language"], "en"))["ppl_clean"].drop_null().to_numpy()
    maximum = yaml.safe_load((folder / "r.yaml").read_text("utf-8"))["rules"][0]["max"]["en"]
    assert maximum == np.quantile(english, 0.3)


def test_a_score_that_is_the_wrong_way_round_gives_no_threshold(folder):
    done = calibrate(folder, "all", "--column", "ppl_logratio_spam", *LABELS, "--keep", "below", "--output", "wrong.yaml")
    assert done.returncode == 1
    assert "under 0.5: positives do not lie over negatives" in done.stderr
    assert done.stderr.endswith("no threshold was found for any language\n")
    assert (folder / "wrong.svg").is_file()
    assert not (folder / "wrong.yaml").exists()


def test_no_valley_is_told_and_gives_no_threshold(folder):
    options = ["--column", "ppl_logratio_spam", "--method", "valley", "--min-documents", 100]
    done = calibrate(folder, "all", *options, "--output", "v.yaml")
    assert done.returncode == 1
    assert "warning: en: no threshold: " in done.stderr
    assert not (folder / "v.yaml").exists()


def test_a_model_of_words_for_a_language_without_spaces_is_told(folder):
    options = ["--column", "ppl_clean", "--method", "quantiles", "--quantile", 0.5, "--min-documents", 20]
    done = calibrate(folder, "other", *options, "--output", "zh.yaml")
    assert done.returncode == 0
    assert "warning: zh: zh reads words between spaces, which the language does not write\n" in done.stderr


def test_outputs_of_different_models_do_not_mix(folder):
    options = ["--column", "ppl_clean", "--method", "quantiles", "--quantile", 0.5]
    done = calibrate(folder, "all", "other", *options, "--output", "mix.yaml")
    assert done.returncode == 2
    assert done.stderr.startswith("curricle: other: scored with en (")
    assert done.stderr.endswith("scores of different models cannot be combined\n")
    assert not (folder / "mix.yaml").exists()


QUANTILE = ("--method", "quantiles", "--quantile", "0.5")
MISTAKES = {
    "an option of another method": (
        ["all", "--column", "ppl_clean", *QUANTILE, "--fpr", "0.1"],
        "--fpr: --method quantiles does not use this option",
    ),
    "a quantile over 1": (["all", "--column", "ppl_clean", "--method", "quantiles", "--quantile", "30"], "between 0 and 1"),
    "no quantile": (["all", "--column", "ppl_clean", "--method", "quantiles"], "--quantile is required"),
    "between one": (
        ["all", "--column", "ppl_clean", *QUANTILE, "--keep", "between"],
        "with one quantile, keep must be above or below; with two, between",
    ),
    "no side": (["all", "--column", "text_chars", *QUANTILE], "--keep is required for text_chars: above or below"),
    "beta without f-beta": (
        ["all", "--column", "ppl_clean", *LABELS[:6], "--beta", "2"],
        "beta can only be used with --maximize f-beta",
    ),
    "an unknown column": (["all", "--column", "ppl_clan", *QUANTILE, "--keep", "below"], "did you mean 'ppl_clean'"),
    "a column of text": (["all", "--column", "url", *QUANTILE, "--keep", "below"], "has type string; a number is required"),
    "an unknown label": (
        ["all", "--column", "ppl_clean", *LABELS[:4], "--positive", "SpamAssasin"],
        "did you mean 'SpamAssassin'",
    ),
    "a field that is not there": (
        ["all", "--column", "ppl_clean", "--method", "labels", "--label", "metadata.lbl", "--positive", "1"],
        "no document has a label in the column 'metadata.lbl'",
    ),
    "an output twice": (["all", "./all", "--column", "ppl_clean", *QUANTILE], "named twice"),
    "no output": (["en", "--column", "ppl_clean", *QUANTILE], "no readable run.json"),
    "a stage that did not run": (["all", "--column", "quality_overall_raw", *QUANTILE, "--keep", "above"], "no stage 'quality'"),
    "a name that is no YAML file's": (["all", "--column", "ppl_clean", *QUANTILE, "--output", "x.json"], "ends in .yaml"),
}


@pytest.mark.parametrize(("arguments", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_said_in_one_line_and_nothing_is_written(folder, monkeypatch, arguments, message):
    output = [] if "--output" in arguments else ["--output", "mistake.yaml"]
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(group, ["models", "calibrate", *arguments, *output])
    line = str(done.exception) if isinstance(done.exception, OutputError) else done.output.strip().splitlines()[-1]
    assert done.exit_code != 0
    assert message in line
    assert "\n" not in line
    assert not list(folder.glob("mistake*"))


def test_a_run_that_is_not_finished_is_refused(folder, tmp_path):
    record = orjson.loads((folder / "all/run.json").read_bytes())
    (tmp_path / "half").mkdir()
    (tmp_path / "half/run.json").write_bytes(orjson.dumps(record | {"finished": False}))
    done = calibrate(tmp_path, "half", "--column", "ppl_clean", *QUANTILE, "--output", "x.yaml")
    assert (done.returncode, "not finished" in done.stderr) == (2, True)

"""What a run's fingerprint is made of."""

import os
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

import orjson
import pytest

from curricle.models.cards import Card, write_card
from curricle.models.raters.classifier import ClassifierConfig
from curricle.models.raters.endpoint import EndpointConfig
from curricle.pipelines.execute.resume import resume
from curricle.pipelines.output.manifest import OutputError
from curricle.pipelines.output.write import SPLITS
from curricle.pipelines.plan import fingerprint
from curricle.pipelines.plan.fingerprint import (
    ForeignCodeError,
    check_packages,
    code_folders,
    code_sha256,
    difference,
    model_hashes,
    model_sha256,
    package_versions,
)
from curricle.pipelines.plan.recipe import load_recipe
from curricle.pipelines.plan.run_plan import make_plan
from curricle.pipelines.plan.stage_table import built_in
from curricle.schemas.config import Config
from curricle.schemas.stage import Stage, Step
from curricle.storage.output import output_at

FILES = {split: {"path": f"{split}/part-x.parquet", "bytes": 4} for split in SPLITS}


def tasks_of(plan, manifests, folder):
    """The tasks that are left in a folder with the files of these manifests."""
    for file in FILES.values():
        (folder / file["path"]).parent.mkdir(exist_ok=True)
        (folder / file["path"]).write_bytes(b"PAR1")
    return resume(plan, output_at(folder), [{"files": FILES, **one} for one in manifests], append=False, prune=False).tasks


SAMPLE = Path(__file__).parents[3] / "pipelines/sample/documents.parquet"


def step_with(*folders: Path) -> Step:
    stage = Stage(name="reads", kernel=lambda batch, config: batch, models=lambda config: folders)
    return Step("reads", stage, Config())


def model(folder: Path, content: str) -> Path:
    folder.mkdir(parents=True)
    fields = {"kind": "rater", "version": "1", "licence": "none", "source": "by hand", "languages": ("en",)}
    write_card(folder, Card(name=folder.name, files={"file": content * 64}, **fields))
    return folder


def test_a_model_counts_by_its_name_and_two_of_one_name_both_count(tmp_path):
    a, b, same, c = (
        model(tmp_path / place, content) for place, content in (("1/m", "a"), ("2/m", "b"), ("3/m", "a"), ("n", "c"))
    )
    assert model_hashes([step_with(a, c)]) == {"m": model_sha256(a), "n": model_sha256(c)}
    assert model_hashes([step_with(a, same)]) == {"m": model_sha256(a)}
    both = model_hashes([step_with(a), step_with(b)])
    assert both == {f"m {model_sha256(folder)[:12]}": model_sha256(folder) for folder in (a, b)}


def packages(*names: str, **settings: dict) -> list[str]:
    found = [Step(name, built_in(name), built_in(name).config(**settings.get(name, {}))) for name in names]
    return [package for step in found for package in step.packages]


@pytest.mark.parametrize(
    ("modules", "found", "absent"),
    [
        pytest.param(packages("extract"), {"resiliparse"}, {"trafilatura", "numpy"}, id="the default extractor"),
        pytest.param(
            packages("extract", extract={"extractor": "trafilatura"}),
            {"resiliparse", "trafilatura", "justext", "lxml"},
            set(),
            id="the other extractor and what it calls",
        ),
        pytest.param(packages("language"), {"fasttext-community"}, {"kenlm"}, id="the package that brings the module fasttext"),
        pytest.param(packages("url_rules"), {"pyahocorasick", "tldextract"}, {"resiliparse"}, id="url rules"),
        pytest.param(
            packages("quality"), {"sentencepiece", "unicodedata"}, {"torch", "transformers"}, id="no torch for a student"
        ),
        pytest.param(packages("datatrove"), {"datatrove", "spacy"}, {"fasttext-community"}, id="datatrove"),
        pytest.param(packages("clean_lines"), set(), {"numpy", "pyarrow"}, id="stages of our own code alone"),
    ],
)
def test_packages_count_where_a_stage_uses_them(modules, found, absent):
    versions = package_versions(modules)
    assert found <= versions.keys()
    assert not absent & versions.keys()
    assert (versions == {}) == (found == set())
    for name in found - {"unicodedata"}:
        assert versions[name] == version(name)


def test_raters_that_run_a_model_here_count_torch_and_transformers(tmp_path):
    config = ClassifierConfig(model=str(tmp_path), columns=("a",))
    assert config.packages() == ("torch", "transformers", "tokenizers")
    assert EndpointConfig(url="http://localhost:1/v1", model="m").packages() == ()


def test_another_version_of_a_package_is_another_fingerprint(monkeypatch):
    recipe = load_recipe("web")
    before = make_plan(recipe, [str(SAMPLE)])
    assert before.fingerprint_inputs["package resiliparse"] == version("resiliparse")
    monkeypatch.setattr(fingerprint, "version", lambda name: "99.1" if name == "resiliparse" else version(name))
    after = make_plan(recipe, [str(SAMPLE)])
    assert after.fingerprint != before.fingerprint
    assert (
        difference(before.fingerprint_inputs, after.fingerprint_inputs)
        == f"resiliparse {version('resiliparse')}, this environment has 99.1"
    )


def test_a_worker_with_another_version_of_a_package_is_refused():
    here = package_versions(packages("extract", "quality"))
    check_packages(here)
    with pytest.raises(ForeignCodeError, match=rf"has resiliparse {here['resiliparse']}, this run was planned with 1\.9"):
        check_packages({**here, "resiliparse": "1.9"})
    with pytest.raises(ForeignCodeError, match=r"has no nosuchpackage, this run was planned with 2\.0"):
        check_packages({"nosuchpackage": "2.0"})


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        pytest.param({"recipe": "1"}, {"recipe": "2"}, "another recipe", id="recipe"),
        pytest.param(
            {"code": "1", "model m": "1"}, {"code": "2", "model m": "2"}, "another code and another model m", id="code and model"
        ),
        pytest.param(
            {"recipe": "1", "package a": "1", "package b": "1"},
            {"recipe": "2", "package a": "2", "package c": "1"},
            "another recipe; with a 1, this environment has 2; with b 1, this environment has none; "
            "with no c, this environment has 1",
            id="everything at once",
        ),
    ],
)
def test_what_differs_is_named(before, now, said):
    assert difference(before, now) == said


def test_a_run_goes_on_with_the_same_versions_only(tmp_path, monkeypatch):
    recipe = load_recipe("demo")
    plan = make_plan(recipe, [str(SAMPLE)])
    manifest = {"fingerprint": plan.fingerprint, "shard": asdict(plan.shards[0])}
    (tmp_path / "run.json").write_bytes(orjson.dumps({"made_by": {**plan.fingerprint_inputs, "package resiliparse": "1.9"}}))
    assert len(tasks_of(plan, [manifest], tmp_path)) == len(plan.shards) - 1
    with pytest.raises(OutputError) as raised:
        tasks_of(plan, [{**manifest, "fingerprint": "another"}], tmp_path)
    here = version("resiliparse")
    assert (
        str(raised.value) == f"{tmp_path}: made with resiliparse 1.9, this environment has {here}; choose another output folder"
    )


def test_the_model_is_part_of_the_fingerprint():
    recipe = load_recipe("web")
    one, other = (fingerprint.fingerprint(recipe, {"m": sha}, {}) for sha in ("1" * 64, "2" * 64))
    assert {key for key in one if one[key] != other.get(key)} == {"model m"}
    assert fingerprint.fingerprint_sha256(one) != fingerprint.fingerprint_sha256(other)


def test_an_output_made_with_another_model_is_not_continued(tmp_path):
    (tmp_path / "in.jsonl").write_text('{"text": "one"}\n')
    plan = make_plan(load_recipe("web"), [str(tmp_path / "in.jsonl")])
    other_model = plan.fingerprint_inputs | {"model lid.176": "0" * 64}
    assert "model lid.176" in plan.fingerprint_inputs
    other = replace(plan, fingerprint_inputs=other_model)
    (tmp_path / "run.json").write_bytes(orjson.dumps({"made_by": other_model}))
    manifests = [{"fingerprint": other.fingerprint, "shard": {"name": plan.shards[0].name, "version": plan.shards[0].version}}]
    with pytest.raises(OutputError, match=r"model lid\.176"):
        tasks_of(plan, manifests, tmp_path)
    assert tasks_of(other, manifests, tmp_path) == ()


HASH = "from curricle.pipelines.plan.fingerprint import check_code, code_sha256; print(code_sha256());"


def installed_copy(folder: Path) -> Path:
    """The package in one folder, as a wheel installs it, without the starter models."""
    for name, source in code_folders().items():
        target = folder / name.replace(".", "/")
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("starter", "__pycache__"), dirs_exist_ok=True)
    return folder


def in_a_process(code: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Runs code in a process that imports from `folder` first."""
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False)


def test_an_installed_package_has_the_hash_of_its_checkout_and_one_changed_byte_another(tmp_path):
    folder = installed_copy(tmp_path)
    code = HASH + f"check_code({code_sha256()!r})"
    done = in_a_process(code, folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{code_sha256()}\n"
    with (folder / "curricle/storage/local.py").open("a") as changed:
        changed.write("#")
    done = in_a_process(code, folder)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("curricle.errors.ForeignCodeError: the worker on ")
    assert f"curricle in {folder / 'curricle'}" in last
    assert "install the same packages there" in last


def test_folders_that_are_named_like_our_rooms_do_not_matter(tmp_path):
    for name in ("schemas", "models", "stages", "pipelines"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('foreign')")
    done = in_a_process(HASH + f"check_code({code_sha256()!r})", tmp_path)
    assert (done.returncode, done.stdout) == (0, f"{code_sha256()}\n"), done.stderr

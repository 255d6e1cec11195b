"""The house rules that hold for every module."""

import ast
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ["schemas", "models", "stages", "pipelines"]
MODULES = sorted(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))


def imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_go_only_downwards(path):
    layer = LAYERS.index(path.relative_to(ROOT).parts[0])
    above = {name for name in imports(path) if name.split(".")[0] in LAYERS[layer + 1 :]}
    assert not above


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_models_and_schemas_know_no_beam_and_annotations_are_never_deferred(path):
    names = imports(path)
    if "apache_beam" in {name.split(".")[0] for name in names}:
        assert path.relative_to(ROOT).parts[0] in ("stages", "pipelines") or path.name == "coder.py"
        assert "__future__" not in names  # it erases type hints, and pickle comes back


def test_the_four_import_names_are_ours_alone():
    owners = packages_distributions()
    assert {name: set(owners[name]) for name in LAYERS} == {name: {"curricle"} for name in LAYERS}

"""The architecture: which room may import which, that no import runs in a circle, and what is installed."""

import ast
from collections.abc import Iterable
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("schemas", "models", "stages", "pipelines")

FLOORS = (
    ("curricle.errors", "curricle.installation", "curricle.storage", "curricle.portable_math", "curricle.c_math"),
    ("curricle.schemas",),
    ("curricle.models",),
    ("curricle.stages",),
    ("curricle.pipelines.inputs",),
    ("curricle.pipelines.plan",),
    ("curricle.pipelines.output",),
    ("curricle.pipelines.execute",),
    ("curricle.pipelines.engines",),
    (
        "curricle.pipelines.curriculum",
        "curricle.pipelines.decontamination",
        "curricle.pipelines.deduplication",
        "curricle.pipelines.explain",
        "curricle.pipelines.mixture",
        "curricle.pipelines.ratings",
        "curricle.pipelines.redecide",
        "curricle.pipelines.thresholds",
    ),
    ("curricle.pipelines.cli",),
    ("curricle",),
)
"""Rooms, lowest floor first. A room imports from itself, from lower floors, and from its neighbors if that makes no circle."""

BEAM = ("curricle.pipelines.execute", "curricle.pipelines.engines")
"""Rooms whose modules may import Beam."""

OTHERS_WITH_BEAM = ("curricle.pipelines.curriculum.engine_workers", "curricle.pipelines.cli.plan")
"""Modules elsewhere that may import it: one defines the transform of a curriculum's tasks, one checks a graph."""


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "curricle" else ("curricle", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {
    module_name(path): path
    for folder in ("curricle", *FOLDERS)
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not path.is_symlink()
}

KERNELS = {module_name(path) for folder in ("curricle", *FOLDERS) for path in (ROOT / folder).rglob("*.pyx")}
"""Compiled modules. Of this project they import only each other's declarations."""


@cache
def imported_names(module: str) -> frozenset[str]:
    """Everything that a module imports anywhere in its text, also inside functions, by full name."""
    names = set()
    for node in ast.walk(ast.parse(SOURCES[module].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


@cache
def imported_modules(module: str) -> frozenset[str]:
    """The modules of this project among them."""
    found = set()
    for name in imported_names(module):
        while name not in SOURCES.keys() | KERNELS and name.startswith("curricle."):
            name = name.rpartition(".")[0]
        found |= {name} & SOURCES.keys()
    return frozenset(found - {module})


def room(module: str) -> str:
    """The room of a module; the package `curricle` itself is the public API."""
    rooms = (name for floor in FLOORS for name in floor if module == name or module.startswith(f"{name}."))
    return max(rooms, key=len)


def floor(module: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room(module) in rooms)


def circle(graph: dict[str, Iterable[str]]) -> list[str]:
    """One circle of the graph, the first name repeated at the end; empty if there is none."""
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        done.add(name)
        return next(filter(None, (visit(other, [*path, name]) for other in sorted(graph[name]))), [])

    return next(filter(None, (visit(name, []) for name in sorted(graph))), [])


@pytest.mark.parametrize("module", SOURCES)
def test_imports_point_only_downwards(module):
    if module == "curricle.pipelines":
        assert not imported_modules(module)
        return
    above = {
        other
        for other in imported_modules(module)
        if floor(other) > floor(module) and other not in ("curricle", "curricle.pipelines")
    }
    assert not above


def test_no_import_runs_in_a_circle_of_files():
    assert circle({module: imported_modules(module) for module in SOURCES}) == []


def test_no_import_runs_in_a_circle_of_rooms():
    graph: dict[str, set[str]] = {}
    for module in SOURCES.keys() - {"curricle.pipelines"}:
        graph.setdefault(room(module), set()).update(
            room(other) for other in imported_modules(module) - {"curricle.pipelines"} if room(other) != room(module)
        )
    assert circle(graph) == []


@pytest.mark.parametrize("module", SOURCES)
def test_only_the_rooms_that_execute_import_beam(module):
    beam = {name for name in imported_names(module) if name.split(".")[0] == "apache_beam"}
    if room(module) in BEAM:
        # It erases the type hints by which Beam chooses coders, and Beam pickles batches.
        assert not beam or "__future__.annotations" not in imported_names(module)
    else:
        assert module in OTHERS_WITH_BEAM or not beam


def test_curricle_is_the_only_import_name_that_is_installed():
    assert {name for name, owners in packages_distributions().items() if "curricle" in owners} == {"curricle"}


def test_every_folder_with_modules_is_a_package():
    assert {path.parent for path in SOURCES.values()} == {path.parent for path in SOURCES.values() if path.name == "__init__.py"}


def test_no_module_lies_beside_the_rooms():
    assert [path.name for path in (ROOT / "pipelines").glob("*.py")] == ["__init__.py"]


def test_there_are_no_packages_among_the_tests():
    assert not list((ROOT / "tests").rglob("__init__.py"))

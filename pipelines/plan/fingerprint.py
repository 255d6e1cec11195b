"""What an output depends on besides its input: recipe, models and code, each as one hash, and versions of packages."""

import hashlib
import os
import platform
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatch
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from importlib.util import find_spec
from pathlib import Path

import orjson

from curricle.errors import ForeignCodeError as ForeignCodeError
from curricle.errors import ModelError
from curricle.models.cards import CARD, Card, file_sha256, read_card
from curricle.pipelines.plan.recipe import Recipe
from curricle.schemas.extensions import code_hashes
from curricle.schemas.stage import Step

ROOMS = ("curricle.schemas", "curricle.models", "curricle.stages", "curricle.pipelines")

PACKAGE = "package "
"""Prefix of the names of packages among the inputs of a fingerprint."""

CODE = ("*.py", "*.pyx", "*.pxd", "*.h")
"""Source files that decide what runs. Compiled kernels are identified by their sources."""

DISTRIBUTIONS = {
    "ahocorasick": ("pyahocorasick",),
    "fasttext": ("fasttext-community", "fasttext", "fasttext-modern", "fasttext-numpy2-wheel"),
    "kenlm": ("ufal.kenlm", "kenlm", "kenlm-ex"),
}
"""Module -> packages that may provide it, if their name is not that of the module."""


def code_folders() -> dict[str, Path]:
    """The folder of `curricle` and of each room in it. In a checkout the rooms are not inside `curricle`."""
    found = {name: find_spec(name) for name in ("curricle", *ROOMS)}
    return {name: Path(spec.origin).parent for name, spec in found.items() if spec and spec.origin}


def code_sha256(modules: Iterable[str] = ()) -> str:
    """Hash over the names and contents of all source files of `curricle` that this process would import, and of the packages
    of `modules`.

    It is the same for a checkout and for an installed wheel with the same sources.
    """
    files = {
        f"{name.replace('.', '/')}/{path.relative_to(folder).as_posix()}": path
        for name, folder in code_folders().items()
        for path in _sources(folder)
    }
    digest = hashlib.sha256(version("curricle").encode())
    for name, path in sorted(files.items()):
        digest.update(f"{name}\0".encode() + path.read_bytes() + b"\0")
    for package, sha in code_hashes(modules).items():
        digest.update(f"{package}\0{sha}\0".encode())
    return digest.hexdigest()


def _sources(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder, followlinks=True):
        yield from (Path(parent, name) for name in names if any(fnmatch(name, pattern) for pattern in CODE))


@cache
def check_code(expected: str, modules: tuple[str, ...] = ()) -> None:
    """Raise ForeignCodeError, in one line, unless `expected` is the hash of the code in this process: ours and the packages of
    `modules`.
    """
    if (found := code_sha256(modules)) != expected:
        where = ", ".join(f"{name} in {folder}" for name, folder in code_folders().items())
        where += "".join(f", {package} ({sha[:12]})" for package, sha in code_hashes(modules).items())
        raise ForeignCodeError(
            f"the worker on {platform.node()} has another version of the code ({found[:12]}) than this run "
            f"({expected[:12]}): {where}; install the same packages there"
        )


def model_hashes(steps: Sequence[Step]) -> dict[str, str]:
    """Name -> hash of all models of these steps. If two models share a name, the start of the hash is added to it.

    Raises ModelError if a model is missing.
    """
    folders = sorted({folder for step in steps for folder in step.models()})
    hashes = [(folder.name, model_sha256(folder)) for folder in folders]
    several = {name for name, sha in hashes if any(name == other and sha != sha2 for other, sha2 in hashes)}
    return {f"{name} {sha[:12]}" if name in several else name: sha for name, sha in hashes}


def model_sha256(folder: Path) -> str:
    """Hash over the names and hashes of a model's files. They are taken from its card, or computed if there is no card."""
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such folder; a stage names it as a model")
    if not (folder / CARD).is_file():
        files = {path.relative_to(folder).as_posix(): file_sha256(path) for path in folder.rglob("*") if path.is_file()}
        return hashlib.sha256(orjson.dumps(files, option=orjson.OPT_SORT_KEYS)).hexdigest()
    fields = orjson.loads((folder / CARD).read_bytes())
    known = {name: fields[name] for name in Card.model_fields if name in fields}
    return read_card(folder, Card).sha256 if set(known) == set(fields) else Card.model_validate(known).sha256


def package_versions(modules: Iterable[str]) -> dict[str, str]:
    """Name -> version of the installed packages that these modules belong to.

    Python's Unicode tables count as a package, `unicodedata`.
    """
    found = {}
    for module in sorted(set(modules)):
        candidates = DISTRIBUTIONS.get(module, (module,))
        if not any(map(_version, candidates)):  # the package has another name than its module
            candidates = tuple(packages_distributions().get(module.partition(".")[0], ()))
        for package in candidates:
            if number := _version(package):
                found[package] = number
                break
    return found


def check_packages(expected: Mapping[str, str]) -> None:
    """Raise ForeignCodeError, in one line, unless this process has these versions of these packages."""
    for package, number in expected.items():
        if (found := _version(package)) != number:
            here = f"{package} {found}" if found else f"no {package}"
            raise ForeignCodeError(
                f"the worker on {platform.node()} has {here}, this run was planned with {number}; install the same version there"
            )


def _version(package: str) -> str | None:
    if package == "unicodedata":
        return unicodedata.unidata_version
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def fingerprint(recipe: Recipe, models: dict[str, str], packages: dict[str, str]) -> dict[str, str]:
    """Everything that must be the same in two runs into one output, by name."""
    return {
        "recipe": recipe.sha256(),
        "code": code_sha256(),
        **{f"model {name}": sha for name, sha in models.items()},
        **{f"{PACKAGE}{name}": number for name, number in packages.items()},
    }


def difference(before: Mapping[str, object], now: Mapping[str, object]) -> str:
    """What has changed since an output was made: `another recipe`, `resiliparse 2.0.1, this environment has 2.0.3`."""
    changed = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
    other = [key for key in changed if not key.startswith(PACKAGE)]
    parts = [" and ".join(f"{'other' if key.endswith('s') else 'another'} {key}" for key in other)] if other else []
    for key in changed:
        if key.startswith(PACKAGE):
            name = key.removeprefix(PACKAGE)
            had = f"{name} {before[key]}" if key in before else f"no {name}"
            parts.append(f"{had}, this environment has {now.get(key, 'none')}")
    return "; with ".join(parts) or "another recipe"


def fingerprint_sha256(inputs: dict[str, str]) -> str:
    """One hash over the result of `fingerprint`."""
    return hashlib.sha256(orjson.dumps(inputs, option=orjson.OPT_SORT_KEYS)).hexdigest()

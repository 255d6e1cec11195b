"""Finds objects from outside this package by name: `module:attribute`, or an entry point of an installed package.

Used for stages, raters and curriculum formats. The hash of their sources is part of an output's fingerprint.
"""

import hashlib
import re
import sys
from collections.abc import Iterable
from functools import reduce
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from curricle.errors import ExtensionError as ExtensionError
from curricle.errors import did_you_mean, one_line

OURS = "curricle"
CODE = (".py", ".pyx", ".pxd", ".h", ".so", ".pyd")
"""Suffixes of the files that are hashed: sources and compiled modules."""

_REFERENCE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def look_in(*folders: Path) -> None:
    """Make the modules in these folders importable; installed packages come first."""
    for folder in folders:
        if (path := str(folder.absolute())) not in sys.path:
            sys.path.append(path)


def is_reference(name: str) -> bool:
    """Whether `name` has the form `module:attribute`."""
    return _REFERENCE.fullmatch(name) is not None


def extension_names(group: str) -> list[str]:
    """Names of the entry points of a group, over all installed packages."""
    return sorted({point.name for point in entry_points(group=group)})


def find_extension(name: str, group: str) -> Any:
    """The object that `module:attribute` names, or the entry point `name` of `group`.

    Raises ExtensionError, one line, if there is none.
    """
    module, attribute, said = _located(name, group)
    found = _imported(module, said)
    try:
        return reduce(getattr, attribute.split(".") if attribute else (), found)
    except AttributeError:
        public = [one for one, value in vars(found).items() if not one.startswith("_") and not isinstance(value, ModuleType)]
        raise ExtensionError(f"{said}{module} ({found.__file__}) has no {attribute!r}{did_you_mean(attribute, public)}") from None


def module_of(name: str, group: str) -> str:
    """The module of `module:attribute`, or of the entry point `name` of `group`, without importing it."""
    return _located(name, group)[0]


def _located(name: str, group: str) -> tuple[str, str, str]:
    """Module, attribute, and the beginning of a message about them."""
    if ":" in name:
        if not is_reference(name):
            raise ExtensionError(f"{name!r}: write MODULE:NAME, such as my_package.casino:STAGE")
        module, _, attribute = name.partition(":")
        return module, attribute, ""
    point: EntryPoint
    for point in entry_points(group=group):
        if point.name == name:
            package = f" of the package {point.dist.name}" if point.dist else ""
            return point.module, point.attr, f"entry point {name!r}{package}: "
    raise ExtensionError(f"no entry point {name!r} of the group {group}{did_you_mean(name, extension_names(group))}")


def _imported(module: str, said: str) -> ModuleType:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name and f"{module}.".startswith(f"{error.name}."):
            raise ExtensionError(
                f"{said}no module {error.name!r} in the file's folder, in the current folder or among the installed packages"
            ) from None
        raise ExtensionError(f"{said}importing {module} fails: {one_line(error, kind=True)}") from None
    except (Exception, SystemExit) as error:  # whatever the module does when it is imported
        raise ExtensionError(f"{said}importing {module} fails: {one_line(error, kind=True)}") from error


def code_hashes(modules: Iterable[str]) -> dict[str, str]:
    """Hash of the code of each package that these modules belong to, by package; this package is left out.

    For a module outside any package, its own file is hashed. What it imports from elsewhere is not hashed.
    """
    hashes = {}
    for module in sorted(set(modules)):
        if module.partition(".")[0] != OURS:
            name, files = _code_of(module)
            digest = hashlib.sha256()
            for path_in_package, path in sorted(files.items()):
                digest.update(f"{path_in_package}\0".encode() + path.read_bytes() + b"\0")
            hashes[name] = digest.hexdigest()
    return hashes


def _code_of(module: str) -> tuple[str, dict[str, Path]]:
    """The outermost package around `module` that has an `__init__`, or the module itself, and its files by relative path."""
    parts = module.split(".")
    for length in range(1, len(parts) + 1):
        name = ".".join(parts[:length])
        spec = find_spec(name)
        if spec is None or spec.origin is None or not spec.has_location:
            continue  # a namespace
        origin = Path(spec.origin)
        if spec.submodule_search_locations is None:
            return name, {origin.name: origin}
        files = (path for path in origin.parent.rglob("*") if path.suffix in CODE and path.is_file())
        return name, {path.relative_to(origin.parent).as_posix(): path for path in files}
    raise ExtensionError(f"the module {module} has no file, so that its code cannot be identified")

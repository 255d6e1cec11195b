"""YAML files that a user writes or names: a recipe, a plan, thresholds; each error is one line that begins with the file."""

from pathlib import Path
from typing import Any

import yaml
from curricle.schemas.config import did_you_mean


def shipped(folder: Path) -> list[str]:
    """Names of the files in a folder of the package."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def find(name: str, kind: str, folder: Path, error: type[ValueError]) -> Path:
    """The path that `name` is, or the file of that name in `folder`; `error` where it is no name of there."""
    if name.endswith((".yaml", ".yml")):
        return Path(name)
    path = folder / f"{name}.yaml"
    if not path.is_file():
        raise error(f"no {kind} named {name!r}{did_you_mean(name, shipped(folder))}")
    return path


def read_mapping(path: Path, name: str, shape: str, error: type[ValueError]) -> dict[str, Any]:
    """What the file holds; `error` where it cannot be read, is not YAML, or no mapping (`shape` says what it should be)."""
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except OSError as cause:
        raise error(f"{name}: {cause.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as cause:
        raise error(f"{name}: not YAML: {' '.join(str(cause).split())}") from None
    if not isinstance(content, dict):
        raise error(f"{name}: {shape}")
    return content

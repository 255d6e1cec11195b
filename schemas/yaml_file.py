"""Reads YAML that a user writes: recipes, plans, thresholds. Every error is one line that begins with the file."""

import itertools
from pathlib import Path
from typing import Any

import yaml

from curricle.errors import CurricleError, did_you_mean

MOST_NODES = 100_000


class _Loader(yaml.SafeLoader):
    """Rejects a key that appears twice in a mapping; YAML itself would silently use the last one."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        lines: dict[Any, int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                line = key.start_mark.line + 1
                if (name := (key.tag, key.value)) in lines:
                    where = f"on line {line}" if line == lines[name] else f"on lines {lines[name]} and {line}"
                    raise yaml.constructor.ConstructorError(problem=f"the key {key.value!r} appears twice, {where}")
                lines[name] = line
        super().flatten_mapping(node)


def parse_yaml(text: str) -> Any:
    """Plain values; ValueError, one line with line and column, for text that is not YAML or has a key twice.

    Aliases (`*name`) count as often as they are used: together with the rest at most MOST_NODES values.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _count_nodes(node, {})
        return loader.construct_document(node)
    except yaml.constructor.ConstructorError as error:
        raise ValueError(str(error.problem)) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ValueError(f"{where}not valid YAML: {error.problem or error.context}") from None
    except RecursionError:
        raise ValueError("not valid YAML: too many brackets inside each other") from None
    except yaml.YAMLError as error:
        raise ValueError(f"not valid YAML: {' '.join(str(error).split())}") from None
    finally:
        loader.dispose()


def _count_nodes(node: yaml.Node, sizes: dict[int, int]) -> int:
    """Values below a node, with aliases written out. ConstructorError if they are too many, or a node contains itself."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in sizes:
        sizes[id(node)] = MOST_NODES  # while it is being counted: an alias to it from within has no end
        children = itertools.chain.from_iterable(node.value) if isinstance(node, yaml.MappingNode) else node.value
        sizes[id(node)] = 1 + sum(_count_nodes(child, sizes) for child in children)
    if sizes[id(node)] > MOST_NODES:
        raise yaml.constructor.ConstructorError(
            problem=f"line {node.start_mark.line + 1}: aliases make this more than {MOST_NODES:,} values"
        )
    return sizes[id(node)]


def shipped(folder: Path) -> list[str]:
    """Names of the YAML files in a folder of the package."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def find(name: str, kind: str, folder: Path, error: type[CurricleError]) -> Path:
    """`name` as a path if it ends in .yaml, else the file of that name in `folder`; `error` if there is none."""
    if name.endswith((".yaml", ".yml")):
        return Path(name)
    path = folder / f"{name}.yaml"
    if not path.is_file():
        near = next((f"{name}{suffix}" for suffix in (".yaml", ".yml") if Path(f"{name}{suffix}").is_file()), None)
        hint = f"; did you mean {near!r}?" if near else did_you_mean(name, shipped(folder))
        if Path(name).is_file():
            hint = "; the name of a YAML file must end in .yaml or .yml"
        raise error(f"no {kind} named {name!r}{hint}")
    return path


def read_yaml(path: Path, name: str, error: type[CurricleError]) -> Any:
    """The content of a file; `error`, which calls it `name`, if it cannot be read or is not YAML."""
    try:
        return parse_yaml(path.read_text("utf-8"))
    except FileNotFoundError:
        raise error(f"{name}: no such file") from None
    except OSError as cause:
        raise error(f"{name}: cannot be read: {cause.strerror}") from None
    except UnicodeDecodeError as cause:
        raise error(f"{name}: not UTF-8 text (byte {cause.start})") from None
    except ValueError as cause:
        raise error(f"{name}: {cause}") from None


def read_mapping(path: Path, name: str, shape: str, error: type[CurricleError]) -> dict[str, Any]:
    """`read_yaml` of a mapping; `error` if it is something else (`shape` says what it should be)."""
    content = read_yaml(path, name, error)
    if not isinstance(content, dict):
        raise error(f"{name}: {shape}")
    return content

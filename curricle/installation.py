"""Commands that work when they are copied from a message: how this curricle was installed, and where its programs are."""

import json
import shlex
import shutil
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit


def install_hint(extra: str) -> str:
    """The command that installs an extra into this environment, from the same source as curricle itself."""
    if find_spec("pip") is None:
        return f"uv pip install --python {shlex.quote(_short(Path(sys.executable)))} {_requirement(extra)}"
    pip = program("pip") if Path(sys.executable).with_name("pip").exists() else f"{program('python')} -m pip"
    return f"{pip} install {_requirement(extra)}"


def program(name: str) -> str:
    """How to call a program of this environment, such as `curricle` or `python`: by name if the shell would find this one."""
    own = Path(sys.executable).with_name(name)
    if not own.exists():
        return name
    found = shutil.which(name)
    if found and Path(found).absolute() == own.absolute():
        return name
    return shlex.quote(_short(own))


def _requirement(extra: str) -> str:
    source = _source()
    url = source.get("url", "")
    if not url:
        return shlex.quote(f"curricle[{extra}]")
    if source.get("dir_info", {}).get("editable"):
        return f"-e {shlex.quote(f'{_short(Path(unquote(urlsplit(url).path)))}[{extra}]')}"
    if control := source.get("vcs_info"):
        url = f"{control['vcs']}+{url}@{control['commit_id']}"
    return shlex.quote(f"curricle[{extra}] @ {url}")


@cache
def _source() -> dict[str, Any]:
    """What pip noted about where curricle came from (PEP 610); empty for a package index."""
    try:
        noted = distribution("curricle").read_text("direct_url.json")
    except PackageNotFoundError:
        return {}
    source: dict[str, Any] = json.loads(noted) if noted else {}
    return source


def _short(path: Path) -> str:
    """Relative to the working folder where that is shorter."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)

"""What pyproject.toml cannot say: which folders make up the package `curricle`, and how its kernels are compiled.

Kernels are Cython modules (`*.pyx`) beside the Python code that calls them. The C compiler comes with the build requirements
(`ziglang`), unless the environment variable `CC` names another one.
"""

import os
import platform
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, find_packages, setup

ROOMS = ("schemas", "models", "stages", "pipelines")
"""Folders of the repository that are installed inside the package `curricle`."""

LINKS = Path("build/links")
"""Holds `curricle` as it is installed, as links: where `cimport` finds the declarations (`*.pxd`) of other kernels."""

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
}
FLAGS = ["-O3", "-g0", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]
"""No fused multiply-add and no fast-math: floating-point results are the same on every processor."""


def packages() -> list[str]:
    """Names of all packages, as they are installed."""
    inside = [f"curricle.{name}" for room in ROOMS for name in (room, *(f"{room}.{sub}" for sub in find_packages(room)))]
    return ["curricle", *(f"curricle.{sub}" for sub in find_packages("curricle")), *inside]


def link_package() -> None:
    """Make the folder of links."""
    package = LINKS / "curricle"
    package.mkdir(parents=True, exist_ok=True)
    for source in (*map(Path, ROOMS), *Path("curricle").iterdir()):
        link = package / source.name
        if not link.is_symlink():
            link.symlink_to(source.resolve())


def target_flags() -> list[str]:
    """Which processors the kernels run on: x86-64 with SSE4.2 (all since 2011), or any arm64."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return []
    return ["-march=x86_64_v2" if "CC" not in os.environ else "-march=x86-64-v2"]


def use_zig() -> list[str]:
    """Compile with the C compiler of the package `ziglang`, unless CC names another one; returns the flags it needs."""
    if "CC" in os.environ:
        return []
    zig = f"{sys.executable} -m ziglang cc"
    os.environ["CC"], os.environ["LDSHARED"] = zig, f"{zig} -shared"
    return ["-fno-sanitize=all"]  # zig traps undefined behavior unless told not to


def kernels() -> list[Extension]:
    """One extension module for each `*.pyx`, named as the package installs it."""
    flags = [*FLAGS, *target_flags(), *use_zig()]
    sources = sorted(path for room in ("curricle", *ROOMS) for path in Path(room).rglob("*.pyx"))
    extensions = []
    for path in sources:
        name = ".".join(path.with_suffix("").parts)
        extensions.append(
            Extension(
                name if name.startswith("curricle.") else f"curricle.{name}",
                [path.as_posix()],
                include_dirs=[LINKS.as_posix()],
                extra_compile_args=flags,
            )
        )
    return extensions


link_package()
setup(
    packages=packages(),
    package_dir={"curricle": "curricle", **{f"curricle.{room}": room for room in ROOMS}},
    package_data={
        "": ["*.pyx", "*.pyi", "*.pxd", "*.h"],
        "curricle": ["py.typed"],
        "curricle.models": ["get/registry.yaml", "starter/**/*"],
        "curricle.pipelines": ["plans/*.yaml", "recipes/*.yaml", "sample/*"],
        "curricle.schemas": ["rule_sets/*"],
    },
    ext_modules=cythonize(
        kernels(), include_path=[LINKS.as_posix()], compiler_directives=DIRECTIVES, build_dir="build/cython", quiet=True
    ),
)

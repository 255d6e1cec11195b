"""What pyproject.toml cannot say: which folders make up the package `curricle`, and how its kernels are compiled.

Kernels are Cython modules (`*.pyx`) beside the Python code that calls them. The C compiler comes with the build requirements
(`ziglang`), unless the environment variable `CC` names another one.
"""

import os
import platform
import re
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, find_packages, setup

ROOMS = ("schemas", "models", "stages", "pipelines")
"""Folders of the repository that are installed inside the package `curricle`."""

LINKS = Path("build/links")
"""Holds the package as it is installed, as links: where `cimport` finds the declarations (`*.pxd`) of other kernels."""

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
}

FLAGS = ["-O3", "-g0", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]
"""No fused multiply-add and no fast-math: floating-point results are the same on every processor. The last two only say that
nobody reads errno or the floating-point flags, so that square roots are one instruction."""


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


def compiler_flags() -> list[str]:
    """Flags for this machine and compiler; chooses zig's compiler unless CC names another one.

    On x86-64 the kernels run on every processor with SSE4.2 (since 2011). The few functions that gain from AVX2 are compiled for
    both, and the loader picks one (`target_clones`).
    """
    flags = list(FLAGS)
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    if "CC" in os.environ:
        return [*flags, "-march=x86-64-v2"] if x86 else flags
    zig = f"{sys.executable} -m ziglang cc"
    target = ["-march=x86_64_v2"] if x86 else []  # for linking too: zig's run-time library
    os.environ["CC"], os.environ["LDSHARED"] = zig, " ".join([zig, "-shared", *target])
    flags.append("-fno-sanitize=all")  # zig adds traps for undefined behavior unless told not to
    return [*flags, *target]


def kernels() -> list[Extension]:
    """One extension module for each `*.pyx`, under the name that the package installs it as."""
    flags = compiler_flags()
    extensions = []
    for path in sorted(path for folder in ("curricle", *ROOMS) for path in Path(folder).rglob("*.pyx")):
        name = ".".join(path.with_suffix("").parts)
        name = name if name.startswith("curricle.") else f"curricle.{name}"
        extensions.append(Extension(name, [path.as_posix()], include_dirs=[LINKS.as_posix()], extra_compile_args=flags))
    return extensions


def readme() -> str:
    """README.md with absolute links, which also work on the page of a package index."""
    repository = "https://github.com/curricle/curricle"
    text = Path("README.md").read_text("utf-8")
    text = re.sub(r"(!\[[^]]*\]\()(?!https?:|#)", rf"\1{repository}/raw/main/", text)
    return re.sub(r"(?<!!)(\[[^]]*\]\()(?!https?:|#)", rf"\1{repository}/blob/main/", text)


link_package()
setup(
    long_description=readme(),
    long_description_content_type="text/markdown",
    include_package_data=False,  # package_data is all that is installed
    packages=packages(),
    package_dir={"curricle": "curricle", **{f"curricle.{room}": room for room in ROOMS}},
    package_data={
        "": ["*.pyx", "*.pxd", "*.pyi", "*.h"],
        "curricle": ["py.typed"],
        "curricle.models": ["get/registry.yaml", "starter/**/*"],
        "curricle.pipelines": ["plans/*.yaml", "recipes/*.yaml", "sample/*", "report/page/*"],
        "curricle.schemas": ["rule_sets/*"],
    },
    ext_modules=cythonize(
        kernels(),
        include_path=[LINKS.as_posix()],
        compiler_directives=DIRECTIVES,
        build_dir="build/cython",
        nthreads=os.cpu_count() or 1,
        quiet=True,
    ),
    options={"build_ext": {"parallel": os.cpu_count() or 1}},
)

"""What pyproject.toml cannot say: which folders make up the package `curricle`, and how its kernels are compiled."""

from setuptools import find_packages, setup

ROOMS = ("schemas", "models", "stages", "pipelines")
"""Folders of the repository that are installed inside the package `curricle`."""


def packages() -> list[str]:
    """Names of all packages, as they are installed."""
    inside = [f"curricle.{name}" for room in ROOMS for name in (room, *(f"{room}.{sub}" for sub in find_packages(room)))]
    return ["curricle", *(f"curricle.{sub}" for sub in find_packages("curricle")), *inside]


setup(
    packages=packages(),
    package_dir={"curricle": "curricle", **{f"curricle.{room}": room for room in ROOMS}},
    package_data={
        "curricle": ["py.typed"],
        "curricle.models": ["get/registry.yaml", "starter/**/*", "*/compiled.bin"],
        "curricle.pipelines": ["*/compiled.bin", "plans/*.yaml", "recipes/*.yaml", "sample/*"],
        "curricle.schemas": ["rule_sets/*"],
        "curricle.stages": ["*/compiled.bin"],
    },
)

"""What is written is the same on every processor: jobs are done again by processes that see an older one, and bytes are compared.

NumPy chooses its functions by what the processor can do (`NPY_DISABLE_CPU_FEATURES` takes abilities away), OpenBLAS by its name
(`OPENBLAS_CORETYPE`), and so does the C library (`GLIBC_TUNABLES`; other systems ignore it).
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy._core._multiarray_umath import __cpu_features__

JOBS = ("train", "starter", "distil", "thresholds", "curriculum", "recipe")
HERE = {"OPENBLAS_CORETYPE": "SkylakeX"}
OLDER = {
    "no-avx512": {"NPY_DISABLE_CPU_FEATURES": "X86_V4", "OPENBLAS_CORETYPE": "Haswell"},
    "no-avx2": {
        "NPY_DISABLE_CPU_FEATURES": "X86_V4 X86_V3",
        "OPENBLAS_CORETYPE": "Zen",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-FMA,-FMA4,-AVX2,-AVX2_Usable,-FMA_Usable,-AVX512F",
    },
}

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif("X86_V4" not in __cpu_features__, reason=f"NumPy {np.__version__} does not know the feature X86_V4"),
    pytest.mark.skipif(not __cpu_features__.get("X86_V4"), reason="the processor lacks AVX-512: its results cannot be compared"),
]


def reported(folder: Path, settings: dict[str, str]) -> dict[str, Any]:
    """What a process with these settings wrote."""
    inherited = {name: value for name, value in os.environ.items() if name not in OLDER["no-avx2"]}
    environment = {**inherited, "CURRICLE_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1", **settings}
    command = [sys.executable, str(Path(__file__).parent / "same_bits_jobs.py"), str(folder / "jobs")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """By setting; `here` is the processor as it is. One after the other: each fills a core."""
    settings = {"here": HERE, **OLDER}
    return {name: reported(tmp_path_factory.mktemp(name), variables) for name, variables in settings.items()}


def test_the_settings_take_effect(reports: dict[str, dict[str, Any]]) -> None:
    features = {name: report["about"]["features"] for name, report in reports.items()}
    assert features == {
        "here": {"X86_V3": True, "X86_V4": True},
        "no-avx512": {"X86_V3": True, "X86_V4": False},
        "no-avx2": {"X86_V3": False, "X86_V4": False},
    }
    numpy, blas = ({name: report["about"]["last_digits"][kind] for name, report in reports.items()} for kind in ("numpy", "blas"))
    assert len(set(numpy.values())) == 3, "NumPy's own functions give other last digits in each"
    assert blas["here"] != blas["no-avx512"], "and so does BLAS"


@pytest.mark.parametrize("setting", OLDER)
@pytest.mark.parametrize("job", JOBS)
def test_every_byte_is_the_same(reports: dict[str, dict[str, Any]], job: str, setting: str) -> None:
    for name in ("here", setting):
        assert job not in reports[name]["failed"], reports[name]["failed"][job]
    here, older = reports["here"]["bytes"][job], reports[setting]["bytes"][job]
    assert here
    assert sorted(name for name in {*here, *older} if here.get(name) != older.get(name)) == []

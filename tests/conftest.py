"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

SHARED_DATA = Path(os.environ.get("CURRICLE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the larger public test collections; CURRICLE_REQUIRE_SHARED_DATA=1 makes its absence a failure."""
    if not SHARED_DATA.is_dir():
        if os.environ.get("CURRICLE_REQUIRE_SHARED_DATA"):
            pytest.fail(f"no test collections at {SHARED_DATA}")
        pytest.skip(f"needs the larger test collections at {SHARED_DATA}")
    return SHARED_DATA

import math
import sys
from pathlib import Path

import mpmath
import numpy as np
import pytest

from curricle import portable_math

sys.path.insert(0, str(Path(__file__).parent))
import portable_math_tables

ROOT = Path(__file__).parents[1]
NAMES = ("exp", "exp10", "expm1", "log", "log10", "log1p")
LARGEST_ERROR = {"exp": 0.51, "exp10": 0.51, "expm1": 0.545, "log": 0.51, "log10": 0.51, "log1p": 0.51}
"""In units in the last place."""

COUNT = 12_000
"""Values from each range."""

QUIET_NAN = "7ff8000000000000"
SMALLEST = 5e-324
LARGEST = sys.float_info.max

SPECIAL = {
    "exp": [
        (0.0, 1.0),
        (-0.0, 1.0),
        (math.inf, math.inf),
        (-math.inf, 0.0),
        (709.782712893384, float.fromhex("0x1.fffffffffff2ap+1023")),
        (709.7827128933841, math.inf),
        (1e300, math.inf),
        (-745.1332191019411, SMALLEST),
        (-745.1332191019412, 0.0),
        (-1e300, 0.0),
        (SMALLEST, 1.0),
    ],
    "exp10": [
        (0.0, 1.0),
        (-0.0, 1.0),
        (math.inf, math.inf),
        (-math.inf, 0.0),
        (308.0, 1e308),
        (309.0, math.inf),
        (1e300, math.inf),
        (-323.0, 1e-323),
        (-324.0, 0.0),
        (-1e300, 0.0),
    ],
    "expm1": [
        (0.0, 0.0),
        (-0.0, -0.0),
        (math.inf, math.inf),
        (-math.inf, -1.0),
        (-40.5, -1.0),
        (SMALLEST, SMALLEST),
        (-1e-300, -1e-300),
        (710.0, math.inf),
    ],
    "log": [
        (1.0, 0.0),
        (0.0, -math.inf),
        (-0.0, -math.inf),
        (math.inf, math.inf),
        (-math.inf, math.nan),
        (-1.0, math.nan),
        (-SMALLEST, math.nan),
        (SMALLEST, -744.4400719213812),
        (LARGEST, 709.782712893384),
    ],
    "log10": [
        (1.0, 0.0),
        (0.0, -math.inf),
        (-0.0, -math.inf),
        (math.inf, math.inf),
        (-math.inf, math.nan),
        (-1.0, math.nan),
        (SMALLEST, -323.3062153431158),
        (LARGEST, 308.25471555991674),
    ],
    "log1p": [
        (0.0, 0.0),
        (-0.0, -0.0),
        (-1.0, -math.inf),
        (math.inf, math.inf),
        (-math.inf, math.nan),
        (-1.5, math.nan),
        (SMALLEST, SMALLEST),
        (-1e-300, -1e-300),
        (LARGEST, 709.782712893384),
    ],
}

GOLDEN_INPUTS = {
    "exp": (-740.5, -100.25, -1.0, -0.3, 1e-5, 0.1, 1.0, 2.5, 33.3, 709.5),
    "exp10": (-320.5, -7.3, -0.1, 0.25, 0.5, 1.9, 3.0, 17.77, 300.1),
    "expm1": (-30.5, -1.0, -0.35, -0.2, 1e-9, 0.1, 0.36, 1.0, 20.5),
    "log": (1e-310, 1e-5, 0.1, 0.5, 0.999, 1.001, 1.375, 2.0, 3.0, 1e300),
    "log10": (1e-310, 1e-5, 0.1, 0.5, 0.999, 1.001, 1.375, 2.0, 3.0, 1e300),
    "log1p": (-0.999, -0.5, -0.003, 1e-9, 0.005, 0.1, 1.0, 2.0, 12345.678, 1e17),
}

GOLDEN_BITS = {
    "exp": [
        "0000000000000033",
        "36e4acd31e167ebb",
        "3fd78b56362cef38",
        "3fe7b4c869c37c05",
        "3ff0000a7c5e340e",
        "3ff1aec7b35a00d4",
        "4005bf0a8b145769",
        "40285d6fd931e0bb",
        "42f078401f5a3ec8",
        "7fe81e9b4b52d0c9",
    ],
    "exp10": [
        "0000000000000280",
        "3e6ae843cfb8a8e0",
        "3fe96b230bcdc434",
        "3ffc73d51c54470e",
        "40094c583ada5b53",
        "4053dbb36138c148",
        "408f400000000000",
        "43a057fc5e936cbe",
        "7e3e13e2af95fa83",
    ],
    "expm1": [
        "bfeffffffffffe01",
        "bfe43a54e4e98864",
        "bfd2e663ed31c11e",
        "bfc733d4a7a67a9b",
        "3e112e0be84bbb51",
        "3fbaec7b35a00d3a",
        "3fdbbbab4bfb9d7e",
        "3ffb7e151628aed3",
        "41c7d6c4f03cdd5c",
    ],
    "log": [
        "c0864e69394d9508",
        "c027069e2aa2aa5b",
        "c0026bb1bbb55515",
        "bfe62e42fefa39ef",
        "bf5064670d979b73",
        "3f5060354f8c3cc4",
        "3fd4618bc21c5ec2",
        "3fe62e42fefa39ef",
        "3ff193ea7aad030b",
        "4085963447f87fb5",
    ],
    "log10": [
        "c073600000000000",
        "c014000000000000",
        "bff0000000000000",
        "bfd34413509f79ff",
        "bf3c79e5dbf022b6",
        "3f3c729c93ddd23a",
        "3fc1b3e71ec94f7b",
        "3fd34413509f79ff",
        "3fde8927964fd5fd",
        "4072c00000000000",
    ],
    "log1p": [
        "c01ba18a998fff9f",
        "bfe62e42fefa39ef",
        "bf689ce97f72713c",
        "3e112e0be801f1d9",
        "3f746dd0fad67274",
        "3fb8663f793c46c7",
        "3fe62e42fefa39ef",
        "3ff193ea7aad030b",
        "4022d79ff745b2fd",
        "4043926cd770aa67",
    ],
}


def of(name):
    return getattr(portable_math, name)


def bits(value: float) -> str:
    return np.float64(value).tobytes()[::-1].hex()


def samples(name: str) -> np.ndarray:
    """Values over the whole domain, and more of them where a function changes its method or loses digits."""
    random = np.random.default_rng(15)
    uniform = random.uniform
    small = np.exp(uniform(-40, -1, COUNT)) * random.choice([-1.0, 1.0], COUNT)
    any_positive = random.integers(1, 0x7FF0000000000000, COUNT).view(np.float64)
    if name == "exp":
        ranges = [uniform(-745, 709.7, COUNT), uniform(-2, 2, COUNT), small, uniform(-745, -708, COUNT)]
    elif name == "exp10":
        ranges = [uniform(-323, 308.2, COUNT), uniform(-2, 2, COUNT), small, uniform(-323, -307, COUNT)]
    elif name == "expm1":
        ranges = [uniform(-39, 60, COUNT), uniform(-1, 1, COUNT), small, uniform(0.3, 0.5, COUNT), uniform(-0.5, -0.3, COUNT)]
    else:
        shift = 1.0 if name == "log1p" else 0.0
        ranges = [any_positive, uniform(0.98, 1.03, COUNT) - shift, uniform(0.5, 2, COUNT) - shift, 1.0 + small - shift]
        ranges += [small] if name == "log1p" else [uniform(0, 1000, COUNT)]
    values = np.concatenate(ranges)
    return values[values != 0.0] if name in ("expm1", "log1p") else values[values != 1.0]


def exact(name: str, value: float):
    value = mpmath.mpf(value)
    return mpmath.power(10, value) if name == "exp10" else getattr(mpmath, name)(value)


@pytest.mark.parametrize("name", NAMES)
def test_error_is_below_its_bound_everywhere(name: str) -> None:
    values = samples(name)
    largest = 0.0
    with mpmath.workprec(120):
        for value, result in zip(values.tolist(), of(name)(values).tolist(), strict=True):
            truth = exact(name, value)
            last_place = mpmath.ldexp(1, max(mpmath.frexp(truth)[1] - 53, -1074))
            largest = max(largest, float(abs(result - truth) / last_place))
    assert 0.49 < largest < LARGEST_ERROR[name]


@pytest.mark.parametrize("name", NAMES)
def test_float32_results_are_rounded_correctly(name: str) -> None:
    limit = {"exp": 80, "exp10": 30, "expm1": 80}.get(name, np.finfo(np.float32).max)
    values = samples(name)
    values = values[np.abs(values) < limit].astype(np.float32)
    values = values[(values > 0) | name.startswith("exp") | (name == "log1p")]
    results = of(name)(values)
    assert results.dtype == np.float32
    step = 1 if name == "log10" else 4
    with mpmath.workprec(120):
        for value, result in zip(values[::step].tolist(), results[::step], strict=True):
            truth = exact(name, value)
            for neighbor in (np.nextafter(result, np.float32(-np.inf)), np.nextafter(result, np.float32(np.inf))):
                assert abs(mpmath.mpf(float(result)) - truth) <= abs(mpmath.mpf(float(neighbor)) - truth), value


@pytest.mark.parametrize("name", NAMES)
def test_special_values(name: str) -> None:
    given, wanted = zip(*SPECIAL[name], strict=True)
    results = of(name)(np.array(given))
    assert [bits(result) for result in results] == [QUIET_NAN if math.isnan(value) else bits(value) for value in wanted]
    assert bits(of(name)(math.nan)) == bits(of(name)(-math.nan)) == QUIET_NAN


def test_powers_of_ten_are_exact() -> None:
    whole = np.arange(-307.0, 309.0)
    powers = np.array([float(f"1e{int(exponent)}") for exponent in whole])
    assert np.array_equal(portable_math.log10(powers), whole)
    assert [portable_math.exp10(float(exponent)) for exponent in range(23)] == [float(10**exponent) for exponent in range(23)]


@pytest.mark.parametrize("name", NAMES)
def test_results_have_the_bits_of_the_golden_table(name: str) -> None:
    assert [bits(of(name)(value)) for value in GOLDEN_INPUTS[name]] == GOLDEN_BITS[name]


def test_the_table_of_constants_is_what_the_script_computes() -> None:
    header = (ROOT / "curricle/portable_math_tables.h").read_text()
    assert header.splitlines() == list(portable_math_tables.lines())


@pytest.mark.parametrize("name", NAMES)
def test_shape_and_type_of_the_result_follow_the_input(name: str) -> None:
    function = of(name)
    grid = np.array([[0.25, 0.5, 0.75], [1.0, 1.25, 1.5]])
    assert function(grid).shape == (2, 3)
    assert np.array_equal(function(grid.T), function(grid).T)
    assert np.array_equal(function(grid[:, ::2]), function(grid)[:, ::2])
    assert function(grid.astype(np.float32)).dtype == np.float32
    assert np.array_equal(function(grid.astype(np.float32)), function(grid).astype(np.float32))
    assert function(np.array([1, 2])).dtype == np.float64
    assert function(np.empty((0, 4))).shape == (0, 4)
    assert type(function(0.5)) is float
    assert type(function(1)) is float
    assert function(np.float32(0.5)).dtype == np.float32
    assert function([0.5, 1.0]).tolist() == [function(0.5), function(1.0)]
    read_only = np.array([0.5])
    read_only.flags.writeable = False
    assert function(read_only)[0] == function(0.5)

"""Compiled functions: a small library made by Numba here, and the ones that ship."""

import platform
import sys
from importlib import import_module, invalidate_caches

import numpy as np
import pytest
from curricle.models.compiled import machine
from curricle.models.compiled.build import build, write_shipped
from curricle.models.compiled.library import Library, Parameter, parse
from llvmlite import binding as llvm

FUNCTIONS = """
import numpy as np
from curricle.models.compiled.library import Library
from curricle.models.compiled.memory import load64, pointer, store64, trailing_zeros
from pathlib import Path

LIBRARY = Library(__package__, Path(__file__).parent, ("functions",))
FACTOR = 3

@LIBRARY.inner
def times(value):
    return value * FACTOR

@LIBRARY.export("int64(int64[:, :, ::1], int64, float64)")
def weigh(table, start, share):
    '''The sum, weighed by place.'''
    total = np.float64(start)
    for i in range(table.shape[0]):
        for j in range(table.shape[1]):
            for k in range(table.shape[2]):
                total += table[i, j, k] * times(100 * i + 10 * j + k) * share
    return np.int64(total)

@LIBRARY.export("void(uint8[::1], uint64[::1])")
def first_bytes(data, out):
    kept = pointer(out)
    kept[0] = load64(data, 1)
    kept[1] = trailing_zeros(kept[0])
    store64(data, 0, np.uint64(0))

@LIBRARY.export("float64(int64)")
def through_memory(n):
    squares = np.zeros(n, np.float64)
    for i in range(n):
        squares[i] = np.sqrt(np.float64(i * i)) + np.log1p(0.0)
    return squares.sum()
"""


@pytest.fixture
def make(tmp_path, monkeypatch):
    """A function that writes a package and imports it; its cache is this test's own."""
    monkeypatch.setenv("CURRICLE_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(tmp_path)

    def package(name, text=FUNCTIONS):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "__init__.py").write_text("")
        (folder / "functions.py").write_text(text)
        invalidate_caches()
        return import_module(f"{name}.functions")

    return package


def objects(tmp_path):
    return sorted(path for path in (tmp_path / "cache").rglob("*.o"))


def test_a_signature_says_what_a_function_takes_and_gives():
    assert parse("void()") == ("void", ())
    assert parse("float32(uint8[::1], int64[:, ::1], int64)") == (
        "float32",
        (Parameter("uint8", 1), Parameter("int64", 2), Parameter("int64", 0)),
    )


@pytest.mark.parametrize("text", ["void", "void(uint8[:])", "void(uint8)", "int32(int64)", "void(int64[::1],int64)"])
def test_another_signature_is_refused(text):
    with pytest.raises(ValueError, match=r"signature|scalar"):
        parse(text)


def test_functions_do_what_their_sources_say(make):
    functions = make("tiny_values")
    table = np.arange(24, dtype=np.int64).reshape(2, 3, 4)
    places = 3 * (100 * np.arange(2)[:, None, None] + 10 * np.arange(3)[:, None] + np.arange(4))
    assert functions.weigh(table, 7, 0.5) == int(7 + (table * places).sum() * 0.5)
    data, out = np.arange(9, dtype=np.uint8), np.zeros(2, np.uint64)
    assert functions.first_bytes(data, out) is None
    assert out.tolist() == [int.from_bytes(range(1, 9), sys.byteorder), 0]
    assert data.tolist() == [0] * 8 + [8]
    assert functions.through_memory(1000) == 999 * 500
    assert functions.weigh.__doc__ == "The sum, weighed by place."


def test_wrong_arguments_are_refused_and_want_of_memory_is_told(make):
    functions = make("tiny_wrong")
    table = np.zeros((2, 3, 4), np.int64)
    with pytest.raises(TypeError, match="takes 3 arguments, not 1"):
        functions.weigh(table)
    for wrong in (table.astype(np.int32), table[0], table.transpose(2, 0, 1), table[:, :, ::2], table.astype(">i8")):
        with pytest.raises(TypeError, match=r"weigh: .* for int64\(int64\[:, :, ::1\], int64, float64\)"):
            functions.weigh(wrong, 0, 1.0)
    with pytest.raises(TypeError, match="for compiled functions"):
        functions.load64(np.zeros(8, np.uint8), 0)
    with pytest.raises(MemoryError, match="through_memory"):
        functions.through_memory(1 << 58)


def test_a_machine_makes_its_object_once_and_again_where_it_is_damaged(make, tmp_path, monkeypatch):
    functions = make("tiny_cache")
    assert functions.through_memory(10) == 45
    (made,) = objects(tmp_path)
    whole = made.read_bytes()
    made.write_bytes(whole[:-1])
    monkeypatch.setattr("curricle.models.compiled.build.build", lambda library: pytest.fail("built twice"))
    again = Library(functions.LIBRARY.package, functions.LIBRARY.folder, functions.LIBRARY.modules)
    again.exported = functions.LIBRARY.exported
    assert again.load().keys() == {"weigh", "first_bytes", "through_memory"}
    assert made.read_bytes() == whole


def test_other_sources_are_another_library(make, tmp_path):
    assert make("tiny_three").weigh(np.ones((1, 1, 2), np.int64), 0, 1.0) == 3
    functions = make("tiny_four", FUNCTIONS.replace("FACTOR = 3", "FACTOR = 4"))
    assert functions.weigh(np.ones((1, 1, 2), np.int64), 0, 1.0) == 4
    before = functions.LIBRARY.key()
    (tmp_path / "tiny_four" / "functions.py").write_text(FUNCTIONS)
    assert functions.LIBRARY.key() != before


def test_a_cache_that_cannot_be_written_costs_time_and_nothing_else(make, tmp_path):
    (tmp_path / "cache").write_text("a file, no folder")
    assert make("tiny_full").through_memory(4) == 6


def test_what_ships_is_used_where_it_fits_and_built_anew_where_not(make, monkeypatch):
    functions = make("tiny_ships")
    library = functions.LIBRARY
    write_shipped(library)
    shipped = machine.read_shipped(library.folder / "compiled.bin", library.key())
    assert shipped is not None
    built = []
    monkeypatch.setattr("curricle.models.compiled.build.build", lambda library: built.append(library) or build(library))
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert str(machine._module(library)) == str(llvm.parse_bitcode(shipped))
    assert not built
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    machine._module(library)
    assert len(built) == 1
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(machine, "read_shipped", lambda path, key: b"code of a later LLVM")
    machine._module(library)
    assert len(built) == 2


def test_a_function_of_the_runtime_that_is_not_there_is_refused(make):
    text = FUNCTIONS + "\n@LIBRARY.export('float64(float64)')\ndef foreign(x):\n    return np.random.normal(x)\n"
    with pytest.raises(RuntimeError, match=r"tiny_foreign calls .*random.*, which is not in the C library"):
        make("tiny_foreign", text).foreign(8.0)


@pytest.mark.parametrize("package", ["curricle.models.kenlm", "curricle.models.raters", "curricle.pipelines.curriculum"])
def test_what_ships_was_built_from_these_sources(package):
    library = import_module(f"{package}.compiled").LIBRARY
    assert machine.read_shipped(library.folder / "compiled.bin", library.key()) is not None

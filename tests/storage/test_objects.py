"""One object at a time: uploads that fail, are cut or killed, and the memory that large ones take."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from curricle.storage.files import StoreError, open_input
from curricle.storage.objects import CHUNK, ObjectOutput, ObjectPath

COMMIT = """
import sys
from pathlib import Path
from curricle.storage.objects import ObjectOutput, ObjectPath
ObjectOutput(ObjectPath(sys.argv[1])).commit(Path(sys.argv[2]), "kept/x")
"""
READ = """
import sys
from curricle.stages.read.files import Window
from curricle.storage.files import open_input
with open_input(sys.argv[1]) as file:
    window = Window(file)
    while window.take(1 << 18):
        pass
"""
PEAK = "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])\n"  # KiB


@pytest.fixture
def output(store, monkeypatch) -> ObjectOutput:
    monkeypatch.setattr("curricle.storage.objects.PAUSE_S", 0.0)
    return ObjectOutput(ObjectPath(f"{store.url}/out"))


def written(folder: Path, size: int) -> Path:
    path = folder / "x"
    path.write_bytes(os.urandom(1 << 20) * (size >> 20))
    return path


@pytest.mark.parametrize("fault", [(500, "InternalError"), (503, "SlowDown"), "cut", "lost"], ids=["500", "503", "cut", "lost"])
@pytest.mark.parametrize("step", ["uploads", "partNumber=2", "uploadId"], ids=["begin", "part", "complete"])
def test_an_upload_in_parts_survives_a_fault_in_each_step(store, output, tmp_path, fault, step):
    def once(number, method, path):
        wanted = method == ("PUT" if "part" in step else "POST") and step in path and not failed
        failed.extend([path] * wanted)
        return fault if wanted else None

    failed = []
    store.proxy.fault = once
    path = written(tmp_path, 2 * CHUNK + (1 << 20))
    data = path.read_bytes()
    output.commit(path, "kept/x")
    assert failed
    assert store.objects("out") == {"kept/x": data}
    assert not path.exists()
    output.write("run.json", b"{}")
    with output.hold():  # one that was begun twice is left
        pass
    assert store.uploads() == []


def test_an_upload_that_fails_for_good_names_the_object_and_leaves_nothing(store, output, tmp_path):
    store.proxy.fault = lambda number, method, path: (500, "InternalError") if "partNumber=2" in path else None
    with pytest.raises(StoreError, match=f"{store.url}/out/kept/x: .*InternalError"):
        output.commit(written(tmp_path, 2 * CHUNK + (1 << 20)), "kept/x")
    assert (store.objects("out"), store.uploads()) == ({}, [])


def test_a_killed_upload_is_no_object_and_the_next_run_sweeps_it(store, output, tmp_path):
    def kill(number, method, path):
        if "partNumber=2" in path:
            process.send_signal(signal.SIGKILL)
            return "cut"
        return None

    store.proxy.fault = kill
    path = written(tmp_path, 2 * CHUNK + (1 << 20))
    process = subprocess.Popen([sys.executable, "-c", COMMIT, output.path.url, str(path)])
    assert process.wait(60) == -signal.SIGKILL
    assert (store.objects("out"), store.uploads()) == ({}, ["out/kept/x"])
    assert list(output.leftovers()) == [
        f"{store.url}/out/kept/x: an unfinished upload of a run that was killed; the next run removes it"
    ]
    with output.hold():
        assert store.uploads() == []


def test_a_folder_of_something_else_is_refused(store, output):
    store.put("out/mine.txt", b"x")
    with pytest.raises(StoreError, match="not empty, and not made by curricle; choose another output folder"), output.hold():
        pass
    assert set(store.objects("out")) == {"mine.txt"}


def test_a_run_that_was_killed_before_it_wrote_anything_goes_on(store, output):
    store.put("out/_tmp/begun", b"")
    store.put("out/_tmp/notes/together/0.1", b"{}")
    with output.hold():
        assert store.objects("out") == {}
        output.write("run.json", b"{}")
        store.put("out/_tmp/notes/alone/0.2", b"{}")
    assert set(store.objects("out")) == {"run.json"}


def test_a_second_run_on_this_machine_is_refused(output):
    with output.hold(), pytest.raises(StoreError, match="another run is writing to this folder"), output.hold():
        pass


def test_a_right_that_is_missing_to_look_for_uploads_stops_nothing(store, output, caplog):
    store.proxy.fault = lambda number, method, path: (403, "AccessDenied") if "uploads" in path else None
    with output.hold():
        output.write("run.json", b"{}")
    assert store.objects("out") == {"run.json": b"{}"}
    assert "unfinished uploads of earlier runs may be left" in caplog.text


def test_a_path_has_the_answers_of_a_local_one(store):
    folder = ObjectPath(f"{store.url}/a")
    store.put("a/b", b"1")
    store.put("a/c/d", b"2")
    assert sorted(folder.iterdir()) == [folder / "b", folder / "c"]
    assert list((folder / "none").iterdir()) == []
    assert [(folder / name).exists() for name in ("b", "c", "c/d", "none")] == [True, False, True, False]
    assert ((folder / "c/d").read_bytes(), (folder / "b").parent, (folder / "c/d").name) == (b"2", folder, "d")
    with pytest.raises(FileNotFoundError):
        (folder / "none").read_bytes()
    with (folder / "c/d").open() as file:
        assert (file.read(), file.seek(0), file.read(1)) == (b"2", 0, b"2")


def test_a_read_that_breaks_off_is_made_again(store):
    data = os.urandom(9 << 20)
    store.put("x", data)
    store.proxy.fault = lambda number, method, path: "lost" if method == "GET" and number % 2 else None
    with open_input(f"{store.url}/x") as file:
        assert file.read(1 << 18) + file.read() == data


@pytest.mark.parametrize("program", [READ + PEAK, COMMIT + PEAK], ids=["read", "upload"])
def test_memory_does_not_grow_with_the_object(store, tmp_path, program):
    """Peak of a process of its own: 96 MiB more of an object cost under 24 MiB."""
    peaks = []
    for size in (32 << 20, 128 << 20):
        path = written(tmp_path, size)
        if program.startswith(READ):
            store.put("x", path.read_bytes())
        arguments = [f"{store.url}/x"] if program.startswith(READ) else [f"{store.url}/out", str(path)]
        done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout.split()[-1]))
    assert peaks[1] - peaks[0] < 24 << 10

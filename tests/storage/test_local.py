"""A local output: what is committed survives a power failure, and nothing else is taken for output."""

import os

from curricle.storage.local import LocalOutput


def test_a_commit_syncs_the_folder_after_the_rename(tmp_path, monkeypatch):
    synced = []

    def fsync(descriptor: int) -> None:
        synced.append((os.fstat(descriptor).st_ino, (tmp_path / "out/kept/a").exists()))

    output = LocalOutput(tmp_path / "out")
    output.path.mkdir()
    file = output.attempt("a") / "kept"
    file.write_bytes(b"rows")
    monkeypatch.setattr(os, "fsync", fsync)
    output.commit(file, "kept/a")
    assert synced == [((tmp_path / "out/kept").stat().st_ino, True)]
    assert (tmp_path / "out/kept/a").read_bytes() == b"rows"
    assert not file.exists()

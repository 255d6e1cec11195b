"""Bytes that are used are bytes that were checked: models and compiled lists in the cache, and the cache itself."""

import gzip
import logging
import os
import shutil
from pathlib import Path

import pytest

from curricle.models import checked_files, language_id
from curricle.models.cards import ModelError, file_sha256, read_card
from curricle.models.catalog import STARTER, cache_folder, check_cache, model_folder, own_cache_folder
from curricle.models.checked_files import has_sha256, is_as_noted, note_sha256
from curricle.models.kenlm import model as kenlm_model
from curricle.models.kenlm.card import KenlmCard
from curricle.models.raters import student
from curricle.stages.extraction.extractor import load_extractor
from curricle.stages.url_rules.blocklist_table import EntryTable, compile_lists


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("CURRICLE_CACHE", str(tmp_path / "cache"))
    kenlm_model.load.cache_clear()
    yield tmp_path / "cache"
    kenlm_model.load.cache_clear()


def zero(path: Path, start: int, size: int) -> None:
    """Overwrite bytes, with the times of the file as they were."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(start)
        file.write(b"\0" * size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def unpacked(name: str) -> Path:
    folder = model_folder(name)
    return kenlm_model.model_path(folder, read_card(folder, KenlmCard))


def test_a_file_is_hashed_once_and_again_if_it_has_changed(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_bytes(b"content" * 1000)
    right = file_sha256(file)
    hashed = []
    monkeypatch.setattr(checked_files, "file_sha256", lambda path: hashed.append(path) or file_sha256(path))
    assert [has_sha256(file, right) for _ in range(3)] == [True] * 3
    assert len(hashed) == 1
    zero(file, 100, 1)
    assert not has_sha256(file, right)
    assert not has_sha256(file, right)
    file.write_bytes(b"content" * 1000)
    assert has_sha256(file, right)
    assert not has_sha256(file, "0" * 64)


def test_a_note_of_another_file_or_a_damaged_one_does_not_count(tmp_path, cache):
    file = tmp_path / "file"
    file.write_bytes(b"x")
    note_sha256(file, "any")
    assert is_as_noted(file)
    (note,) = (cache / "checked").iterdir()
    for content in (b"", b"{}", b"[1, 2]", b'["x"]', b"[[1,2,3,4,5,6], 7]"):
        note.write_bytes(content)
        assert not is_as_noted(file)
        assert not has_sha256(file, "any")


def test_a_damaged_unpacked_model_is_unpacked_again(caplog):
    path = unpacked("en-clean")
    whole = path.read_bytes()
    zero(path, 2_000_000, 1_200_000)
    assert path.read_bytes() != whole
    with caplog.at_level(logging.WARNING):
        assert kenlm_model.load(model_folder("en-clean")).path == path
    assert [record.getMessage() for record in caplog.records] == [f"{path}: was changed or damaged; it is unpacked again"]
    assert path.read_bytes() == whole


def test_a_compressed_model_without_a_hash_of_its_unpacked_form_is_noted(tmp_path, caplog):
    packed = tmp_path / "model.arpa.gz"
    packed.write_bytes(gzip.compress(b"\\data\\\n"))

    def unpack() -> Path:
        return kenlm_model._unpacked(packed, file_sha256(packed), "model.arpa", kenlm_model._gunzip)

    path = unpack()
    assert path.read_bytes() == b"\\data\\\n"
    path.write_bytes(b"\\dbta\\\n")
    assert unpack().read_bytes() == b"\\data\\\n"
    assert "unpacked again" in caplog.text


LOADERS = {
    "student": (student.load, "table.npy"),
    "extractor": (load_extractor, "trees.npz"),
    "languages": (language_id.load, "*.ftz"),
    "en-clean": (kenlm_model.load, "sp.model"),
}


@pytest.mark.parametrize("name", LOADERS)
def test_a_damaged_file_of_a_model_is_refused(name, tmp_path):
    load, file = LOADERS[name]
    folder = tmp_path / "copies" / name
    shutil.copytree(STARTER / name, folder)
    load(folder)
    getattr(load, "cache_clear", lambda: None)()
    path = next(folder.glob(file))
    zero(path, path.stat().st_size // 2, 10)
    with pytest.raises(ModelError, match=r"its SHA-256 is not the one on its card, \w+\.\.\.; the file is damaged"):
        load(folder)


def test_a_damaged_compiled_list_is_compiled_again(tmp_path, cache, caplog):
    (tmp_path / "list").write_text("bad.example\n")
    paths = {"domains": [str(tmp_path / "list")]}
    folder = compile_lists(paths)
    whole = (folder / "hashes.npy").read_bytes()
    zero(folder / "hashes.npy", len(whole) - 8, 8)
    assert compile_lists(paths) == folder
    assert (folder / "hashes.npy").read_bytes() == whole
    assert "the lists are compiled again" in caplog.text
    assert EntryTable(folder).find("domains", ["bad.example"]) != [None]
    assert [path.name for path in (cache / "url_rules").iterdir()] == [folder.name]


def test_the_cache_is_private_whatever_the_umask(cache):
    before = os.umask(0)
    try:
        path = unpacked("en-clean")
    finally:
        os.umask(before)
    for folder in (cache, *path.relative_to(cache).parents):
        assert (cache / folder).stat().st_mode & 0o077 == 0
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_cache_that_others_can_write_to_is_refused(cache):
    own_cache_folder("unpacked")
    cache.chmod(0o777)
    with pytest.raises(ModelError, match=rf"others can write to the cache {cache}: run `chmod go-w {cache}`"):
        unpacked("en-clean")
    cache.chmod(0o700)
    check_cache()


def test_an_empty_variable_counts_as_unset(monkeypatch, tmp_path):
    monkeypatch.setenv("CURRICLE_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache/curricle"

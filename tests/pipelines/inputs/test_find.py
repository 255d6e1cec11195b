"""Finding inputs and splitting them: what is named, what is refused with one line, and which shards come out."""

import bz2
import gzip
import lzma
import os
import re
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curricle.installation import install_hint
from curricle.pipelines.inputs.find import InputError, InputFile, find_inputs, plan_shards
from curricle.stages.read.config import ReadConfig
from curricle.stages.read.shard import read_shard

LINE = b'{"text":"a"}\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with one file of each kind and some that are no inputs."""
    monkeypatch.chdir(tmp_path)
    for name in ("in/b.jsonl", "in/a.jsonl", "in/deep/c.jsonl", "in/.hidden.jsonl", "in/_tmp/d.jsonl", "in/.git/e.jsonl"):
        write(tmp_path / name, LINE)
    write(tmp_path / "in/README.md", b"# no input")
    write(tmp_path / "in/config.json", b"{}")
    write(tmp_path / "in/z.jsonl.gz", gzip.compress(LINE))
    return tmp_path


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def sources(*patterns: str) -> list[str]:
    return [file.source for file in find_inputs(patterns)]


def refused(*patterns: str) -> str:
    with pytest.raises(InputError) as raised:
        plan_shards(find_inputs(patterns), ReadConfig())
    message = str(raised.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        pytest.param(["in/a.jsonl"], ["in/a.jsonl"], id="file"),
        pytest.param(["./in//./a.jsonl"], ["in/a.jsonl"], id="normalised"),
        pytest.param(["in/deep/../a.jsonl"], ["in/deep/../a.jsonl"], id="up"),
        pytest.param(["in"], ["in/a.jsonl", "in/b.jsonl", "in/deep/c.jsonl", "in/z.jsonl.gz"], id="folder"),
        pytest.param(["./in/"], ["in/a.jsonl", "in/b.jsonl", "in/deep/c.jsonl", "in/z.jsonl.gz"], id="folder-with-slash"),
        pytest.param(["in/*.jsonl"], ["in/a.jsonl", "in/b.jsonl"], id="glob"),
        pytest.param(["in/**/*.jsonl"], ["in/_tmp/d.jsonl", "in/a.jsonl", "in/b.jsonl", "in/deep/c.jsonl"], id="deep-glob"),
        pytest.param(["i[n]/?.jsonl"], ["in/a.jsonl", "in/b.jsonl"], id="other-wildcards"),
        pytest.param(["in/de*"], ["in/deep/c.jsonl"], id="glob-of-folders"),
        pytest.param(["in/b.jsonl", "in"], ["in/b.jsonl", "in/a.jsonl", "in/deep/c.jsonl", "in/z.jsonl.gz"], id="order"),
        pytest.param(["in/a.jsonl", "in/../in/a.jsonl", "in/a.*"], ["in/a.jsonl"], id="once"),
        pytest.param(["in/.hidden.jsonl"], ["in/.hidden.jsonl"], id="hidden-if-named"),
    ],
)
def test_patterns_name_files(folder: Path, patterns: list[str], expected: list[str]) -> None:
    assert sources(*patterns) == expected


def test_an_absolute_path_stays_absolute(folder: Path) -> None:
    [file] = find_inputs([str(folder / "in/a.jsonl")])
    assert (file.source, file.url) == (str(folder / "in/a.jsonl"), str(folder / "in/a.jsonl"))
    assert find_inputs([(folder / "in/a.jsonl").as_uri()]) == [file]


def test_a_file_is_described(folder: Path) -> None:
    [file] = find_inputs(["in/a.jsonl"])
    mtime = (folder / "in/a.jsonl").stat().st_mtime_ns
    assert file == InputFile(source="in/a.jsonl", url=str(folder / "in/a.jsonl"), format="jsonl", size=13, version=f"13-{mtime}")


def test_a_file_whose_name_has_wildcards_is_found(folder: Path) -> None:
    write(folder / "a[1]*.jsonl", LINE)
    assert sources("a[1]*.jsonl") == ["a[1]*.jsonl"]


def test_a_link_to_a_file_is_the_same_file(folder: Path) -> None:
    (folder / "link.jsonl").symlink_to("in/a.jsonl")
    assert sources("link.jsonl", "in/a.jsonl") == ["link.jsonl"]


def test_the_kept_folder_of_a_run_is_an_input_and_the_whole_output_is_not(folder: Path) -> None:
    pq.write_table(pa.table({"text": ["a"]}), folder / "part.parquet")
    write(folder / "out/kept/part-x.parquet", (folder / "part.parquet").read_bytes())
    write(folder / "out/_manifest/x.json", b"{}")
    assert sources("out/kept") == ["out/kept/part-x.parquet"]
    assert refused("out") == "out: this is the output of a run; to read the documents it kept, name out/kept"


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        pytest.param("none.jsonl", "none.jsonl: no such file or folder", id="missing"),
        pytest.param("in/*.parquet", "in/*.parquet: no file matches this pattern", id="empty-glob"),
        pytest.param("", "the name of an input must not be empty", id="nothing"),
        pytest.param(
            "in/README.md",
            "in/README.md: unknown format (known: WARC, JSON lines, Parquet, .csv, .tsv, .txt): it begins with '# no input'",
            id="other",
        ),
        pytest.param("wrong.jsonl", "wrong.jsonl: the content does not match the name: it is gzip", id="wrong-name"),
        pytest.param("s3://bucket/x", "s3://bucket/x: s3:// needs a package that is not installed: {s3}", id="s3"),
        pytest.param("gs://bucket/x", "gs://bucket/x: gs:// needs a package that is not installed: {gcs}", id="gs"),
        pytest.param("none://x", "none://x: Protocol not known: none", id="scheme"),
        pytest.param("memory://none/x.jsonl", "memory://none/x.jsonl: no such file or folder", id="remote-missing"),
        pytest.param("/dev/null", "/dev/null: not a regular file", id="device"),
        pytest.param("x" * 5000, "x" * 5000 + ": File name too long", id="long-name"),
    ],
)
def test_what_cannot_be_read_is_refused_with_one_line(folder: Path, pattern: str, message: str, monkeypatch) -> None:
    write(folder / "wrong.jsonl", gzip.compress(LINE))
    for package in ("s3fs", "gcsfs"):  # not installed, wherever the test runs
        monkeypatch.setitem(__import__("sys").modules, package, None)
    assert refused(pattern) == message.format(s3=install_hint("s3"), gcs=install_hint("gcs"))


def test_a_folder_without_inputs_is_refused(folder: Path) -> None:
    (folder / "empty").mkdir()
    assert refused("empty") == "empty: no input files in this folder"
    write(folder / "empty/notes.txt", b"Notes")
    assert refused("empty") == (
        "empty: no input files in this folder; left out: empty/notes.txt (plain text is read only if it is named)"
    )


def test_a_folder_is_read_by_content_and_what_is_left_out_is_named(folder: Path) -> None:
    for name, data in {
        "a.jsonl.bz2": bz2.compress(LINE),
        "b.jsonl.xz": lzma.compress(LINE),
        "c.jsonl.gzip": gzip.compress(LINE),
        "part-00000": LINE,
        "d.json": LINE * 2,
        "e.jsonl.part": LINE,
        "f.txt": b"Notes",
        "_SUCCESS": b"",
        ".hidden.jsonl": LINE,
        "part-00000.crc": b"crc",
    }.items():
        write(folder / "mixed" / name, data)
    left_out: list[str] = []
    found = find_inputs(["mixed"], left_out)
    assert [file.source for file in found] == [
        f"mixed/{name}" for name in ("a.jsonl.bz2", "b.jsonl.xz", "c.jsonl.gzip", "d.json", "part-00000")
    ]
    assert left_out == ["mixed/e.jsonl.part (looks unfinished)", "mixed/f.txt (plain text is read only if it is named)"]


def test_an_unreadable_file_is_refused(folder: Path) -> None:
    (folder / "in/a.jsonl").chmod(0)
    user = os.geteuid()
    if user == 0:  # root reads everything
        os.seteuid(65534)
    try:
        assert refused("in/a.jsonl") == "in/a.jsonl: Permission denied"
    finally:
        os.seteuid(user)


def test_a_broken_link_is_refused(folder: Path) -> None:
    (folder / "link.jsonl").symlink_to("nowhere")
    assert refused("link.jsonl") == "link.jsonl: No such file or directory"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"PAR1 cut", "x.parquet: damaged, or not a Parquet file: ", id="no-footer"),
        pytest.param(
            b"text", "x.parquet: the content does not match the name: it is not Parquet, but begins with 'text'", id="no-parquet"
        ),
    ],
)
def test_a_damaged_footer_is_refused(folder: Path, data: bytes, message: str) -> None:
    write(folder / "x.parquet", data)
    assert refused("x.parquet").startswith(message)


def test_a_parquet_file_without_the_text_column_is_refused(folder: Path) -> None:
    pq.write_table(pa.table({"content": ["a"], "n": [1]}), folder / "x.parquet")
    assert refused("x.parquet") == "x.parquet: no column 'text' (choose from: content, n)"
    assert len(plan_shards(find_inputs(["x.parquet"]), ReadConfig(text_column="content"))) == 1


@pytest.mark.parametrize("name", ["e.jsonl", "e.jsonl.gz", "e.warc", "e.warc.gz", "e.parquet"])
def test_an_empty_file_is_one_shard(folder: Path, name: str) -> None:
    write(folder / name, b"")
    [shard] = plan_shards(find_inputs([name]), ReadConfig())
    assert (shard.start, shard.end, shard.size) == (0, None, 0)
    assert [batch.num_rows for batch in read_shard(shard, ReadConfig())] == [0]


def texts(shards: list) -> list[str]:
    return [text for shard in shards for batch in read_shard(shard, ReadConfig()) for text in batch.column("text").to_pylist()]


def test_a_plain_jsonl_file_is_split_in_even_ranges(folder: Path) -> None:
    data = b"".join(b'{"text":"%d"}\n' % n for n in range(100))
    write(folder / "x.jsonl", data)
    shards = plan_shards(find_inputs(["x.jsonl"]), ReadConfig(), shard_bytes=500)
    assert [(shard.start, shard.end, shard.size) for shard in shards] == [(0, 463, 463), (463, 926, 463), (926, 1390, 464)]
    assert texts(shards) == [str(n) for n in range(100)]
    assert [re.sub("-[0-9a-f]{12}-", "-", shard.name) for shard in shards] == [f"x.jsonl-0000{n}-of-00003" for n in range(3)]
    assert len({shard.name for shard in shards}) == 3
    assert len({shard.version for shard in shards}) == 1


def test_compressed_and_warc_files_are_not_split(folder: Path) -> None:
    write(folder / "x.jsonl.gz", gzip.compress(LINE * 1000))
    write(folder / "x.warc", b"WARC/1.0\r\n" * 100)
    shards = plan_shards(find_inputs(["x.jsonl.gz", "x.warc"]), ReadConfig(), shard_bytes=10)
    assert [(shard.format, shard.start, shard.end) for shard in shards] == [("jsonl", 0, None), ("warc", 0, None)]


def test_a_parquet_file_is_split_by_row_groups(folder: Path) -> None:
    table = pa.table({"text": [f"{n}" * 100 for n in range(100)]})
    pq.write_table(table, folder / "x.parquet", row_group_size=10, compression="none", use_dictionary=False)
    metadata = pq.read_metadata(folder / "x.parquet")
    stored = [metadata.row_group(group).column(0).total_compressed_size for group in range(10)]
    shards = plan_shards(find_inputs(["x.parquet"]), ReadConfig(), shard_bytes=sum(stored[1:4]))
    assert [(shard.start, shard.end) for shard in shards] == [(0, 3), (3, 6), (6, 9), (9, 10)]
    assert [shard.size for shard in shards] == [sum(stored[shard.start : shard.end]) for shard in shards]
    assert texts(shards) == table["text"].to_pylist()
    assert [shard.end for shard in plan_shards(find_inputs(["x.parquet"]), ReadConfig(), shard_bytes=1)] == list(range(1, 11))
    [whole] = plan_shards(find_inputs(["x.parquet"]), ReadConfig())
    assert (whole.start, whole.end, whole.size) == (0, None, (folder / "x.parquet").stat().st_size)


def test_a_name_depends_on_source_format_and_range_only(folder: Path) -> None:
    [first] = plan_shards(find_inputs(["in/a.jsonl"]), ReadConfig())
    write(folder / "in/a.jsonl", LINE * 9)
    [second] = plan_shards(find_inputs(["in", "./in/a.jsonl"]), ReadConfig(text_column="x"))[:1]
    [other] = plan_shards(find_inputs(["in/b.jsonl"]), ReadConfig())
    assert first.name == second.name == "a.jsonl-777030eb857d"
    assert first.version != second.version
    assert other.name != first.name


def test_equal_basenames_get_different_names(folder: Path) -> None:
    for number in range(3):
        write(folder / f"{number}/part.jsonl", LINE)
    names = [shard.name for shard in plan_shards(find_inputs(["?/part.jsonl"]), ReadConfig())]
    assert len(set(names)) == 3
    assert all(re.fullmatch("part.jsonl-[0-9a-f]{12}", name) for name in names)


@pytest.mark.parametrize(
    ("name", "slug"),
    [("a b/ü&c.jsonl", "c.jsonl"), ("_x.jsonl", "x.jsonl"), ("ü.jsonl", "jsonl"), ("x" * 200 + ".jsonl", "x" * 74 + ".jsonl")],
)
def test_a_name_is_safe_in_a_file_name(folder: Path, name: str, slug: str) -> None:
    write(folder / name, LINE)
    [shard] = plan_shards(find_inputs([name]), ReadConfig())
    assert re.sub("-[0-9a-f]{12}$", "", shard.name) == slug
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{,100}", shard.name)


@pytest.fixture
def remote() -> str:
    """A folder in fsspec's memory store."""
    files = fsspec.filesystem("memory")
    base = "/test-inputs"
    if files.exists(base):
        files.rm(base, recursive=True)
    for name in ("a.jsonl", "deep/b.jsonl", "_tmp/c.jsonl", ".d.jsonl"):
        files.pipe_file(f"{base}/{name}", LINE * 3)
    with files.open(f"{base}/x.parquet", "wb") as file:
        pq.write_table(pa.table({"text": ["a", "b", "c"]}), file, row_group_size=1)
    return f"memory://{base}"


def test_remote_files_folders_and_globs_are_inputs(remote: str) -> None:
    assert sources(remote) == [f"{remote}/{name}" for name in ("a.jsonl", "deep/b.jsonl", "x.parquet")]
    assert sources(f"{remote}/*.jsonl") == [f"{remote}/a.jsonl"]
    assert sources(f"{remote}/.*") == [f"{remote}/.d.jsonl"]
    assert sources(f"{remote}/de*", f"{remote}/**/*.jsonl") == [
        f"{remote}/deep/b.jsonl",
        f"{remote}/_tmp/c.jsonl",
        f"{remote}/a.jsonl",
    ]
    assert sources(f"{remote}/a.jsonl", f"{remote}/a.*") == [f"{remote}/a.jsonl"]


def test_remote_files_are_split_and_read_like_local_ones(remote: str) -> None:
    files = find_inputs([f"{remote}/a.jsonl", f"{remote}/x.parquet"])
    shards = plan_shards(files, ReadConfig(), shard_bytes=30)
    assert [(shard.start, shard.end) for shard in shards] == [(0, 19), (19, 39), (0, 1), (1, 2), (2, 3)]
    assert texts(shards) == ["a", "a", "a", "a", "b", "c"]
    assert all(shard.version.startswith(f"{file.size}-") for shard, file in zip(shards[::2], files, strict=False))


def test_a_remote_file_that_changed_has_another_version(remote: str) -> None:
    [before] = find_inputs([f"{remote}/a.jsonl"])
    fsspec.filesystem("memory").pipe_file(f"{remote}/a.jsonl", LINE * 4)
    [after] = find_inputs([f"{remote}/a.jsonl"])
    assert before.version != after.version
    assert before.source == after.source


def test_a_store_that_fails_is_named_in_one_line(remote: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no route\nto host")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "cat_file", fail)
    assert refused(f"{remote}/a.jsonl") == f"{remote}/a.jsonl: no route to host"


def test_the_real_collections_are_found(shared_data: Path) -> None:
    files = find_inputs([str(shared_data / "web_html" / "warc"), str(shared_data / "web_text")])
    assert [Path(file.source).name for file in files] == [
        "docs-multilang-00000.warc.gz",
        *(f"pages-{n:05}.warc.gz" for n in range(4)),
        *(f"docs-{n:05}.parquet" for n in range(3)),
        "pages-wet-00000.warc.wet.gz",
        *(f"web-{n:05}.parquet" for n in range(3)),
        "web-sample.jsonl.zst",
    ]
    assert len(plan_shards(files, ReadConfig())) == len(files)

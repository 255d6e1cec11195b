"""Reads evaluation items: JSON Lines, JSON, CSV, Parquet, Arrow and text files, folders of them, and data sets of the hub."""

import gzip
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import zstandard

from curricle.errors import InputError, did_you_mean, one_line
from curricle.installation import install_hint
from curricle.pipelines.decontamination.items import Fields, Item, find_fields, make_item, merged
from curricle.pipelines.decontamination.registry import BENCHMARKS, Benchmark

SUFFIXES = (".jsonl", ".json", ".ndjson", ".parquet", ".arrow", ".csv", ".tsv", ".txt")
PACKED = (".gz", ".zst")
EXTRA = "benchmarks"
"""The extra that installs `datasets`."""

Rows = Iterator[Mapping[str, Any]]


def read_items(against: Sequence[str], fields: Fields) -> list[Item]:
    """All items of these evaluation sets, each a `PATH`, `NAME=PATH` or a name of the registry.

    `fields` names columns for all of them. Raises InputError, one line, for anything that cannot be read.
    """
    sources = [_source(one) for one in against]
    names = [name for name, _ in sources]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"--against: two evaluation sets are called {twice!r}; name them with NAME=PATH")
    return merged(chain.from_iterable(_read(name, place, fields) for name, place in sources))


def _source(text: str) -> tuple[str, Path | Benchmark]:
    path = Path(text)
    if path.exists():
        return _stem(path), path
    name, equals, rest = text.partition("=")
    if equals and name and Path(rest).exists():
        return name, Path(rest)
    if text in BENCHMARKS:
        return text, BENCHMARKS[text]
    if equals or "/" in text or "." in text:
        raise InputError(f"{rest or text}: no such file or folder")
    raise InputError(f"--against: {text!r} is neither a file nor a known evaluation set{did_you_mean(text, BENCHMARKS)}")


def _stem(path: Path) -> str:
    """The name of a folder, or that of a file without its endings."""
    return path.resolve().name if path.is_dir() else path.name.partition(".")[0] or path.name


def _read(name: str, place: Path | Benchmark, fields: Fields) -> Iterator[Item]:
    known = BENCHMARKS.get(name)
    number = 0
    if isinstance(place, Benchmark):
        groups = [(name, _hub_rows(name, place))]
    else:
        groups = [(str(file), _rows(file)) for file in _files(place)]
    for where, rows in groups:
        first = next(rows, None)
        if first is None:
            continue
        usual = {part: names for part, names in (known.fields if known else {}).items() if set(names) <= first.keys()}
        found = find_fields(first, {**usual, **fields}, where)
        for row in chain([first], rows):
            number += 1
            if item := make_item(name, number, row, found):
                yield item
    if not number:
        raise InputError(f"{place if isinstance(place, Path) else name}: no items in it")


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    files = sorted(file for file in path.rglob("*") if file.is_file() and _format(file) and not _is_about(file))
    if not files:
        raise InputError(f"{path}: no file of items in this folder; known endings: {', '.join(SUFFIXES)}, also with .gz or .zst")
    return files


def _is_about(file: Path) -> bool:
    """Whether a file of `datasets`' own only describes the data beside it."""
    return file.name in ("dataset_info.json", "state.json", "dataset_dict.json", "dataset_infos.json")


def _format(file: Path) -> str | None:
    endings = file.suffixes[-2:]
    ending = endings[0] if endings and endings[-1] in PACKED else file.suffix
    return ending if ending in SUFFIXES else None


def _rows(file: Path) -> Rows:
    ending = _format(file)
    if ending is None:
        raise InputError(f"{file}: not a format of items; known endings: {', '.join(SUFFIXES)}, also with .gz or .zst")
    try:
        if ending in (".parquet", ".arrow"):
            yield from _table_rows(file, ending)
            return
        data = _content(file)
        if ending in (".csv", ".tsv"):
            options = pa.csv.ParseOptions(delimiter="\t" if ending == ".tsv" else ",", newlines_in_values=True)
            yield from pa.csv.read_csv(io.BytesIO(data), parse_options=options).to_pylist()
        elif ending == ".txt":
            yield from ({"question": text} for text in _paragraphs(data.decode("utf-8")))
        else:
            yield from _json_rows(file, data)
    except (OSError, EOFError, UnicodeDecodeError, pa.ArrowException, zstandard.ZstdError) as error:
        raise InputError(f"{file}: {one_line(error)}") from None


def _content(file: Path) -> bytes:
    data = file.read_bytes()
    if file.suffix == ".gz":
        return gzip.decompress(data)
    if file.suffix == ".zst":
        return zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read()
    return data


def _paragraphs(text: str) -> list[str]:
    """Paragraphs between blank lines; lines where there is no blank line."""
    blocks = [block for block in text.replace("\r\n", "\n").split("\n\n") if block.strip()]
    return blocks if len(blocks) > 1 else [line for line in text.splitlines() if line.strip()]


def _json_rows(file: Path, data: bytes) -> Rows:
    if data.lstrip()[:1] == b"[":
        try:
            rows = list(enumerate(orjson.loads(data), 1))
        except orjson.JSONDecodeError as error:
            raise InputError(f"{file}: not JSON: {one_line(error)}") from None
    else:
        rows = [(number, line) for number, line in enumerate(data.split(b"\n"), 1) if line.strip()]
    for number, row in rows:
        if isinstance(row, bytes):
            try:
                row = orjson.loads(row)
            except orjson.JSONDecodeError as error:
                raise InputError(f"{file}: line {number}: not JSON: {one_line(error)}") from None
        if not isinstance(row, dict):
            raise InputError(f"{file}: item {number}: not an object with named fields")
        yield row


def _table_rows(file: Path, ending: str) -> Rows:
    batches: Iterable[pa.RecordBatch]
    if ending == ".parquet":
        with pq.ParquetFile(file) as parquet:
            for batch in parquet.iter_batches(4096):
                yield from batch.to_pylist()
        return
    with pa.memory_map(str(file)) as source:  # `save_to_disk` writes streams, other programs files
        stream = source.read(6) != b"ARROW1"
        source.seek(0)
        if stream:
            batches = pa.ipc.open_stream(source)
        else:
            reader = pa.ipc.open_file(source)
            batches = (reader.get_batch(number) for number in range(reader.num_record_batches))
        for batch in batches:
            yield from batch.to_pylist()


def _hub_rows(name: str, benchmark: Benchmark) -> Rows:
    if find_spec("datasets") is None:
        raise InputError(f"--against {name}: needs a package that is not installed: {install_hint(EXTRA)}")
    datasets = import_module("datasets")

    try:
        rows = datasets.load_dataset(benchmark.hub, benchmark.config, split=benchmark.split)
    except Exception as error:  # whatever the network, the hub and the files of the data set raise
        advice = f"download it and give --against {name}=FOLDER"
        raise InputError(f"--against {name}: cannot load {benchmark.hub}: {one_line(error)[:200]}; {advice}") from None
    yield from rows

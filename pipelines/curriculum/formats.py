"""The formats of output files. Each has one function that writes the rows, in order, to files whose names begin with `stem`.

A format from outside this package is named by `module:NAME`, or by an entry point.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from curricle.installation import install_hint
from curricle.pipelines.curriculum.documents import ADDED
from curricle.pipelines.curriculum.errors import CurriculumError
from curricle.pipelines.curriculum.measure import BATCH
from curricle.pipelines.curriculum.tokens import load_encoder
from curricle.pipelines.output.write import ROW_GROUP_BYTES, parquet_options
from curricle.schemas.curriculum import FORMAT_GROUP, TOKEN_COUNT, Tokens
from curricle.schemas.extensions import ExtensionError, code_hashes, find_extension, module_of

Entry = dict[str, Any]
"""A file's entry in the index of its folder; empty if the format has no such index or the file has no rows."""


def no_index(entries: list[Entry]) -> None:
    """For formats whose folders have no index."""


@dataclass(frozen=True)
class Format:
    """`write(rows, stem, tokens)` makes files with these endings, the one that holds the documents first; without rows it may
    make none.
    """

    endings: tuple[str, ...]
    write: Callable[[pa.Table, Path, Tokens], Entry]
    module: str | None = None  # must be importable
    packages: str = ""  # must be installed
    extra: str = ""  # extra of curricle that installs them
    index: Callable[[list[Entry]], tuple[str, bytes] | None] = no_index  # of a folder, from what `write` returned for its files


def find_format(name: str) -> Format:
    """The format with this name, at `module:NAME`, or of an entry point; CurriculumError if there is none."""
    if name in FORMATS:
        return FORMATS[name]
    try:
        found = find_extension(name, FORMAT_GROUP)
    except ExtensionError as error:
        raise CurriculumError(f"format: {error}") from None
    if not isinstance(found, Format):
        raise CurriculumError(f"format: {name} is a {type(found).__name__}, not a Format")
    return found


def outside_code(name: str) -> dict[str, str]:
    """Package -> hash of its code, for a format from outside; empty for one of this package."""
    return {} if name in FORMATS else code_hashes([module_of(name, FORMAT_GROUP), find_format(name).write.__module__])


def check_format(name: str) -> None:
    """Raise CurriculumError if the format, or the package that writes it, is missing."""
    found = find_format(name)
    if found.module and find_spec(found.module) is None:
        raise CurriculumError(f"format {name} needs {found.packages}: {install_hint(found.extra)}")


def write_parquet(rows: pa.Table, stem: Path, tokens: Tokens) -> Entry:
    """Parquet with zstd, row groups as in `curricle run`."""
    group = max(1, rows.num_rows * ROW_GROUP_BYTES // max(rows.nbytes, 1))
    pq.write_table(rows, f"{stem}.parquet", row_group_size=group, **parquet_options(rows.schema))
    return {}


def write_jsonl(rows: pa.Table, stem: Path, tokens: Tokens) -> Entry:
    """One JSON object for each row, all in one zstd frame."""
    with Path(f"{stem}.jsonl.zst").open("wb") as file, zstandard.ZstdCompressor(level=3).stream_writer(file) as writer:
        for batch in rows.to_batches(BATCH):
            for row in batch.to_pylist():
                writer.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
    return {}


def write_mds(rows: pa.Table, stem: Path, tokens: Tokens) -> Entry:
    """One shard of MosaicML's format, by its own writer: `str` for id and text, `str` and `int` for the columns that we add.

    All others are `json`, as MDS has no null: a null comes back as None, a date or time as its text.
    """
    from streaming import MDSWriter

    columns = dict.fromkeys(rows.schema.names, "json") | {"id": "str", "text": "str"}
    columns |= {field.name: "str" if pa.types.is_string(field.type) else "int" for field in ADDED}
    fields = [pa.field(one.name, pa.string() if pa.types.is_temporal(one.type) else one.type) for one in rows.schema]
    folder = stem.with_name(f"{stem.name}.mds-writer")
    with MDSWriter(out=str(folder), columns=columns, size_limit=None) as writer:
        for batch in rows.cast(pa.schema(fields)).to_batches(BATCH):
            for row in batch.to_pylist():
                writer.write(row)
    shards: list[Entry] = orjson.loads((folder / "index.json").read_bytes())["shards"]
    for shard in shards:  # one, or none without rows
        (folder / shard["raw_data"]["basename"]).replace(f"{stem}.mds")
        shard["raw_data"]["basename"] = f"{stem.name}.mds"
    shutil.rmtree(folder)
    return shards[0] if shards else {}


def write_megatron(rows: pa.Table, stem: Path, tokens: Tokens) -> Entry:
    """Megatron-LM's `.bin` of ids (uint16, or int32 if an id needs it) and `.idx`, by datatrove's writer."""
    from datatrove.pipeline.tokens.megatron_tokenizer import MegatronTokenizedFile

    writer = MegatronTokenizedFile(str(stem.parent), stem.name, token_size=token_bytes(tokens))
    for ids in _ids(rows, tokens):
        writer.write(ids)
    writer.close()
    return {}


def write_datatrove(rows: pa.Table, stem: Path, tokens: Tokens) -> Entry:
    """datatrove's `.ds` of ids (uint16 or uint32), `.ds.index` of document ends and `.ds.metadata`, by its writer."""
    from datatrove.pipeline.tokens.tokenizer import TokenizedFile

    name = f"{tokens.tokenizer or tokens.sentencepiece}"
    writer = TokenizedFile(
        str(stem.parent), f"{stem.name}.ds", tokenizer_name_or_path=name, save_final_metadata=True, token_size=token_bytes(tokens)
    )
    for ids in _ids(rows, tokens):
        writer.write(ids, None)
    writer.close()
    return {}


def token_bytes(tokens: Tokens) -> int:
    """2 if every id of the vocabulary is below 65,536, else 4."""
    return 2 if load_encoder(tokens).largest_id <= np.iinfo(np.uint16).max else 4


def _ids(rows: pa.Table, tokens: Tokens) -> Iterator[list[int]]:
    encode = load_encoder(tokens).encode
    for batch in rows.select(["text", TOKEN_COUNT]).to_batches(BATCH):
        for text, count in zip(batch.column("text").to_pylist(), batch.column(TOKEN_COUNT).to_pylist(), strict=True):
            ids = encode(text)
            if len(ids) != count:
                raise RuntimeError(f"{len(ids)} tokens in a document of {count}: the tokenizer is not the one that counted")
            yield ids


def mds_index(entries: list[Entry]) -> tuple[str, bytes] | None:
    """Name and content of the file that joins a folder's shards into one data set; None for a folder without rows."""
    if not any(entries):
        return None
    return "index.json", orjson.dumps({"version": 2, "shards": [entry for entry in entries if entry]}, option=orjson.OPT_INDENT_2)


TOKEN_FILES = ("datatrove", "the packages datatrove and tokenizers", "token-files")
FORMATS = {
    "parquet": Format((".parquet",), write_parquet),
    "jsonl.zst": Format((".jsonl.zst",), write_jsonl),
    "mds": Format((".mds",), write_mds, "streaming", "the package mosaicml-streaming", "mds", mds_index),
    "megatron": Format((".bin", ".idx"), write_megatron, *TOKEN_FILES),
    "datatrove": Format((".ds", ".ds.index", ".ds.metadata"), write_datatrove, *TOKEN_FILES),
}
"""The formats of this package, by the plan's `format`."""

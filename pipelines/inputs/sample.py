"""Draws a stratified sample of documents. The same seed gives the same sample, however the inputs are split."""

from collections import Counter
from collections.abc import Iterator, Sequence

import pyarrow as pa
import xxhash
from pydantic import ValidationError

from curricle.pipelines.inputs.carried import with_types
from curricle.pipelines.inputs.find import InputError, find_inputs, plan_shards
from curricle.schemas.config import explain_error
from curricle.stages.extract import ExtractConfig, extract_text
from curricle.stages.read.config import ReadConfig
from curricle.stages.read.shard import read_shard

Stratum = tuple[str | None, ...]
FIELDS = ("id", "url", "source", "language", "text")


def choose(ids: Sequence[str], strata: Sequence[Stratum], size: int, seed: int) -> list[int]:
    """Choose up to `size` rows. Returns their numbers in a random order that depends only on `seed` and the ids.

    The strata take turns, and the rows of a stratum are ordered by a hash keyed with the seed. So small strata are used up, large
    ones share the rest, and a larger sample begins with the smaller one.
    """
    keys = [xxhash.xxh3_128_intdigest(id_.encode(), seed) for id_ in ids]
    turns: Counter[Stratum] = Counter()
    order = []
    for row in sorted(range(len(ids)), key=keys.__getitem__):
        order.append((turns[strata[row]], keys[row], row))
        turns[strata[row]] += 1
    return [row for _, _, row in sorted(order)[:size]]


def draw(patterns: Sequence[str], size: int, stratify: Sequence[str], seed: int) -> pa.Table:
    """FIELDS and the columns of `stratify` of the chosen documents, in the order of `choose`. A repeated id counts once.

    The inputs are read twice, so that only the texts of the sample are held in memory. Raises InputError, in one line, also if a
    column of `stratify` is null in all documents.
    """
    columns = dict.fromkeys(("language", *stratify))
    try:
        config = with_types(ReadConfig(carry=tuple(columns), metadata=False), find_inputs(patterns))
    except ValidationError as error:
        raise InputError(explain_error(error, ReadConfig, "--stratify")) from None
    seen: dict[str, Stratum] = {}
    for rows in _rows(patterns, config):
        for id_, *stratum in zip(*(rows.column(name).to_pylist() for name in ("id", *stratify)), strict=True):
            seen.setdefault(id_, tuple(stratum))
    for number, name in enumerate(stratify):
        if seen and all(stratum[number] is None for stratum in seen.values()):
            raise InputError(
                f"--stratify: no document has a {name!r}; name the kept/ folder of a run with the stage that writes it"
            )
    ids = list(seen)
    wanted = [ids[row] for row in choose(ids, list(seen.values()), size, seed)]
    positions = {id_: position for position, id_ in enumerate(wanted)}
    found: list[tuple[int, pa.RecordBatch]] = []
    for rows in _rows(patterns, config):
        for row, id_ in enumerate(rows.column("id").to_pylist()):
            if (position := positions.pop(id_, None)) is not None:
                found.append((position, rows.slice(row, 1).select(list(dict.fromkeys((*FIELDS, *columns))))))
    if not found:
        raise InputError("the inputs hold no document with a text")
    return pa.Table.from_batches([rows for _, rows in sorted(found, key=lambda pair: pair[0])]).combine_chunks()


def _rows(patterns: Sequence[str], config: ReadConfig) -> Iterator[pa.RecordBatch]:
    """Batches of the documents that have a text. The text of HTML documents is extracted."""
    for shard in plan_shards(find_inputs(patterns), config):
        for batch in read_shard(shard, config):
            rows = extract_text(batch, ExtractConfig())
            yield rows.filter(rows.column("text").is_valid()).replace_schema_metadata(None)

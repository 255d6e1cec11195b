"""Documents and bytes of text of an output, by split and by rule, language, domain and host."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curricle.pipelines.report.columns import Judged

ROWS: Final = 4096
"""Rows that are read at a time: their texts are in memory, to be measured."""

MOST_HOSTS: Final = 200_000
"""Hosts that are counted at a time. Beyond that, the rarer half of them is forgotten."""

HOST: Final = r"^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?(?P<host>\[[^\]]*\]|[^/?#:]+)"
NONE: Final = "(none)"


@dataclass
class Size:
    """Documents and bytes of kept and rejected documents."""

    documents: Counter[str] = field(default_factory=Counter)  # by split
    bytes: Counter[str] = field(default_factory=Counter)


@dataclass
class Sizes:
    """What was counted. `hosts_exact` is False if rare hosts were forgotten on the way."""

    by: dict[str, dict[str, Size]] = field(default_factory=dict)  # language, domain, host, reject_reason: value: size
    hosts_exact: bool = True


def sizes(source: Judged) -> Sizes:
    """Counts every kept and rejected document. Sizes of texts are in no column, so texts are read, a few thousand at a time."""
    found = Sizes()
    for batch in source.batches(("language", "domain", "url", "reject_reason", "text"), ROWS):
        lengths = pc.fill_null(pc.binary_length(batch.rows.column("text")), 0).to_numpy(zero_copy_only=False)
        for name in ("language", "domain", "reject_reason"):
            if name in batch.rows.schema.names and (name != "reject_reason" or batch.split == "rejected"):
                _add(found.by.setdefault(name, {}), batch.split, batch.rows.column(name), lengths)
        hosts = found.by.setdefault("host", {})
        _add(hosts, batch.split, pc.struct_field(pc.extract_regex(batch.rows.column("url"), HOST), "host"), lengths)
        if len(hosts) > MOST_HOSTS:
            found.by["host"] = dict(largest(hosts.items(), MOST_HOSTS // 2))
            found.hosts_exact = False
    return found


def largest(items: Iterable[tuple[str, Size]], count: int) -> list[tuple[str, Size]]:
    """Those with the most documents, in order; the name decides between equals."""
    return sorted(items, key=lambda item: (-item[1].documents.total(), item[0]))[:count]


def _add(found: dict[str, Size], split: str, values: pa.Array, lengths: np.ndarray) -> None:
    encoded = pc.fill_null(values.cast(pa.string()), NONE).dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    names = encoded.dictionary.to_pylist()
    documents = np.bincount(codes, minlength=len(names))
    total = np.bincount(codes, weights=lengths, minlength=len(names))
    for name, count, size in zip(names, documents.tolist(), total.tolist(), strict=True):
        of_value = found.setdefault(name, Size())
        of_value.documents[split] += count
        of_value.bytes[split] += int(size)

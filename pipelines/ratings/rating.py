"""Rates a sample of documents into Parquet files, each committed completely, which `agree` and `distil` read."""

import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curricle.models.raters.backends import RaterConfigs
from curricle.models.raters.dataman import LIMITS, REPLY_TOKENS, cut_characters
from curricle.models.raters.rater import FormConfig, Rater
from curricle.models.raters.student import Student
from curricle.pipelines.output.manifest import OutputError
from curricle.pipelines.plan.fingerprint import PACKAGE, difference, model_sha256, package_versions
from curricle.schemas.extensions import code_hashes
from curricle.storage.whole_file import whole_file

PART_ROWS = 200
RECORD = "_sample.json"
BYTES_PER_TOKEN = 4
"""An estimate: about 4 to 5 in English text, 3 to 4 in Chinese."""
SPEED_SETTINGS = {"concurrency", "timeout_s", "retries", "pause_s", "max_failures", "batch_tokens", "device"}
"""Settings that may change between two runs into one folder."""


class Cost(NamedTuple):
    """The size of a sample to rate. Tokens in and out are estimates; 0 if the rater is not a language model."""

    documents: int
    characters: int
    tokens_in: int
    tokens_out: int


def estimate(texts: pa.Array, config: RaterConfigs) -> Cost:
    """Estimate the cost without a tokenizer: a quarter of the UTF-8 bytes of prompt and cut text."""
    characters = pc.sum(pc.utf8_length(texts)).as_py() or 0
    if not isinstance(config, FormConfig):
        return Cost(len(texts), characters, 0, 0)
    limits = LIMITS[config.edition]
    by_tokens = getattr(config, "tokenizer", "the model's own") is not None
    sent = [len(cut_characters(text, limits.chars).encode()) // BYTES_PER_TOKEN for text in texts.to_pylist()]
    prompt = len(config.prompt_text().encode()) // BYTES_PER_TOKEN
    tokens = sum(prompt + (min(tokens, limits.tokens) if by_tokens else tokens) for tokens in sent)
    return Cost(len(texts), characters, tokens, REPLY_TOKENS * len(texts))


def rate(sample: pa.Table, config: RaterConfigs, output: Path, say: Callable[[str], None]) -> Counter[str]:
    """Rate `sample` (see `pipelines.inputs.sample`) into `output`/part-*.parquet; existing parts are not rated again.

    Returns the number of rows by status (`rated`, for a rater without one). Raises OutputError if the folder has other contents,
    or is from another sample or rater. Errors of the rater are passed on; committed parts stay.
    """
    _take(output, sample, config)
    rater: Rater | None = None
    statuses: Counter[str] = Counter()
    for start in range(0, sample.num_rows, PART_ROWS):
        path = output / f"part-{start // PART_ROWS:05}.parquet"
        if not path.is_file():
            rater = rater or config.load()
            with whole_file(path) as part:
                pq.write_table(ratings(sample.slice(start, PART_ROWS), rater, config), part, compression="zstd")
            say(f"{min(start + PART_ROWS, sample.num_rows):,} of {sample.num_rows:,} documents rated")
        statuses.update(_statuses(path, config))
    return statuses


def ratings(rows: pa.Table, rater: Rater, config: RaterConfigs) -> pa.Table:
    """The columns `id url lang source text text_sha256`, those of the rater (the domain as `domain`), `rater` and `model`."""
    texts, languages = rows["text"].combine_chunks(), rows["language"].combine_chunks()
    found = rater.predict(texts, languages)
    columns = {
        "id": rows["id"],
        "url": rows["url"],
        "lang": languages,
        "source": rows["source"],
        "text": texts,
        "text_sha256": pa.array([_sha256(text) for text in texts.to_pylist()], pa.string()),
    }
    for column in config.writes():
        own = column.name.removeprefix(f"{config.prefix}_")
        columns["domain" if own == "domain" else column.name] = found[own]
    if isinstance(rater, Student):
        columns["domain"] = rater.tag(texts)["domain"]
    columns["rater"] = pa.repeat(config.rater, len(texts))
    columns["model"] = pa.repeat(getattr(config, "model", ""), len(texts))
    return pa.table(columns)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _statuses(path: Path, config: RaterConfigs) -> list[str]:
    name = f"{config.prefix}_status"
    if name not in pq.read_schema(path).names:
        return ["rated"] * pq.read_metadata(path).num_rows
    return pq.read_table(path, columns=[name])[name].to_pylist()


def _take(output: Path, sample: pa.Table, config: RaterConfigs) -> None:
    """Create the folder and record what it is for; OutputError if it is in use for something else."""
    rows = orjson.dumps([sample["id"].to_pylist(), sample["text"].to_pylist()])
    settings = {name: value for name, value in config.model_dump(mode="json").items() if name not in SPEED_SETTINGS}
    record: dict[str, Any] = {
        "rater": settings,
        "models": {folder.name: model_sha256(folder) for folder in config.models()},
        "documents": sample.num_rows,
        "sample": _sha256(rows.decode()),
        **{f"code {package}": sha for package, sha in code_hashes([type(config).__module__]).items()},
        **{f"{PACKAGE}{name}": number for name, number in package_versions(config.packages()).items()},
    }
    path = output / RECORD
    try:
        output.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            before = orjson.loads(path.read_bytes())
            if before != record:
                raise OutputError(f"{output}: made with {difference(before, record)}; choose another output folder")
            return
        if any(output.iterdir()):
            raise OutputError(f"{output}: not empty, and not made by `curricle raters rate`; choose another output folder")
        with whole_file(path) as part:
            part.write_bytes(orjson.dumps(record, option=orjson.OPT_INDENT_2))
    except OSError as error:
        raise OutputError(f"{output}: {error.strerror}") from None

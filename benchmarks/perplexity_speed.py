"""MB/s of normalizing, tokenising and scoring under several models, beside the bare loop that everyone writes, in one run.

    python benchmarks/perplexity_speed.py [--model en-clean --model en-spam] FILE.parquet... [--language en] [--rows 3000]

The bare loop is one document at a time: normalize in Python, `sp.encode`, join, `kenlm.score` for each model. CPU seconds, one
thread, the best of `--repeat` runs. `cold` is the first pass over the texts in batches of 1 to 8 MB (no word was seen before),
`warm` the second.
"""

import argparse
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sentencepiece

from curricle.models.catalog import model_folder
from curricle.models.kenlm.model import Kenlm, load
from curricle.models.kenlm.profiles import normalize, normalize_text, string_buffers
from curricle.models.kenlm.scorer import score_all
from curricle.models.kenlm.tokenizer import SentencePiece

BATCH_BYTES = 4_000_000


def read_texts(files: list[Path], language: str | None, rows: int | None) -> pa.Array:
    """The `text` columns, of one language by `cld2_lang` where asked for."""
    columns = ["text", *(["cld2_lang"] if language else [])]
    table = pa.concat_tables([pq.read_table(file, columns=columns) for file in files])
    if language:
        table = table.filter(pc.equal(table["cld2_lang"], language))
    return pa.concat_arrays(table["text"].chunks)[:rows].drop_null()


def batches(texts: pa.Array) -> list[pa.Array]:
    """Consecutive slices of about `BATCH_BYTES`."""
    _, offsets = string_buffers(texts)
    cuts = [0, *np.searchsorted(offsets, range(BATCH_BYTES, int(offsets[-1]), BATCH_BYTES)).tolist(), len(texts)]
    return [texts[a:b] for a, b in pairwise(cuts)]


def seconds(work: Callable[[], object], repeat: int) -> float:
    """CPU seconds of the fastest of `repeat` calls."""
    times = []
    for _ in range(repeat):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


def bare_loop(texts: list[str], models: list[Kenlm]) -> None:
    """One document at a time."""
    card = models[0].card
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(models[0].folder / card.tokenizer))
    for text in texts:
        line = " ".join(pieces.encode(normalize_text(card.rules, text), out_type=str))
        for model in models:
            model.kenlm.score(line)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", help="name or folder, the clean one first; two where left out")
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--language")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()

    texts = read_texts(options.files, options.language, options.rows)
    models = [load(model_folder(name)) for name in options.model or ("en-clean", "en-spam")]
    score_all(models, pa.array(["warm up"]), models[0])
    cuts = batches(texts)
    megabytes = string_buffers(texts)[1][-1] / 1e6
    strings = texts.to_pylist()
    rules, tokenizer = models[0].card.rules, models[0].tokenizer
    normalized = [normalize(rules, cut) for cut in cuts]
    clean_strings = [text for cut in normalized for text in cut.to_pylist()]
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(models[0].folder / models[0].card.tokenizer))
    lines = [" ".join(row) for row in pieces.encode(clean_strings, out_type=str, num_threads=1)]

    def tokens() -> list[tuple[object, ...]]:
        return [tokenizer.tokens(*string_buffers(cut)) for cut in normalized]

    def cold() -> None:
        if isinstance(tokenizer, SentencePiece):
            tokenizer.forget()

    def cold_all() -> None:
        cold()
        for cut in cuts:
            score_all(models, cut, models[0])

    def scores() -> None:
        for numbers, offsets, hashes in known:
            for model in models:
                if model.table is not None:
                    model.table.score(numbers, offsets, model.table.ids(hashes))

    known = [(numbers.copy(), offsets, hashes.copy()) for numbers, offsets, hashes in tokens()]
    print(
        f"{len(texts)} texts, {megabytes:.1f} MB, "
        f"{sum(len(offsets) and offsets[-1] for _, offsets, _ in known) / 1e6:.2f} M tokens"
    )
    print("ours (MB/s)")
    report = {
        "normalize": seconds(lambda: [normalize(rules, cut) for cut in cuts], options.repeat),
        "tokens, cold": seconds(lambda: (cold(), tokens()), options.repeat),
        "tokens, warm": seconds(tokens, options.repeat),
        f"score, {len(models)} models": seconds(scores, options.repeat),
        "all, cold": seconds(cold_all, options.repeat),
        "all, warm": seconds(lambda: [score_all(models, cut, models[0]) for cut in cuts], options.repeat),
    }
    bare = {
        "normalize_text": seconds(lambda: [normalize_text(rules, text) for text in strings], 1),
        "sp.encode (ids)": seconds(lambda: pieces.encode(clean_strings, out_type=int, num_threads=1), options.repeat),
        "sp.encode (pieces)": seconds(lambda: pieces.encode(clean_strings, out_type=str, num_threads=1), options.repeat),
        f"kenlm.score, {len(models)} models": seconds(
            lambda: [model.kenlm.score(line) for model in models for line in lines], options.repeat
        ),
        "all": seconds(lambda: bare_loop(strings, models), 1),
    }
    for name, value in report.items():
        print(f"  {name:24} {megabytes / value:7.1f}   {value:6.2f} s")
    print("bare loop (MB/s)")
    for name, value in bare.items():
        print(f"  {name:24} {megabytes / value:7.1f}   {value:6.2f} s")
    without = bare["all"] - bare["normalize_text"] + report["normalize"]
    ours = report["all, cold"]
    print(f"ours is {bare['all'] / ours:.1f} x the bare loop, {without / ours:.1f} x with our normalizer in it")


if __name__ == "__main__":
    main()

"""Trains the starter model `languages`: a fastText classifier of characters and words that stands beside lid.176.

    python training/language.py --data DIR --output models/starter/languages

DIR holds lid/lid.parquet, clean_lm/*.txt.zst, clean_lm/other_langs.parquet and web_text/docs-*.parquet. Trains twice: on three
quarters of the sentences and manuals, to calibrate the scores and to print figures on the last quarter, and on all of them for
the model that is shipped. Takes three minutes on one core; one thread, so that the result is the same each time.
"""

import argparse
import random
import tempfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import fasttext
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from curricle.models.cards import file_sha256, write_card
from curricle.models.catalog import model_folder
from curricle.models.language_id import LanguageId, LanguageIdCard, normalized
from curricle.schemas.languages import UNDETERMINED, canonical

BESIDE = "lid.176"
LINES = 4000
"""Training lines of a language; those of languages with fewer are repeated up to FEWEST."""

FEWEST = 1500
LEFT_OUT = frozenset({"wuu", "yue"})
"""Varieties of Chinese of which there are too few texts here: lid.176 alone tells them apart."""

LENGTHS = (80, 150, 300)  # characters of a training line, besides whole sentences
SHAPE = {"dim": 16, "minn": 1, "maxn": 4, "bucket": 150_000, "minCount": 5, "epoch": 10, "lr": 0.5, "loss": "softmax"}
SMALL = {"qnorm": True, "dsub": 2, "cutoff": 100_000, "retrain": True, "epoch": 2, "lr": 0.1}
KNOTS = 24

Lines = dict[str, list[str]]
"""By language code."""


def code_of(tag: str) -> str | None:
    """The code of the `language` column for a tag such as `zh-Hant`; None for a language that is not in it."""
    code = tag.split("-")[0].split("_")[0]
    try:
        found = canonical("sq" if code == "als" else code)  # Tosk Albanian in these sets, Alemannic in lid.176
    except ValueError:
        return None
    return None if found == UNDETERMINED or found in LEFT_OUT else found


def quarter(key: str) -> bool:
    """True for a quarter of the keys."""
    return zlib.crc32(key.encode()) % 4 == 0


def read_sentences(data: Path) -> Iterator[tuple[str, str]]:
    """Language and text of the Leipzig sentences."""
    for row in pq.read_table(data / "lid" / "lid.parquet").to_pylist():
        if row["source"] == "lingua-leipzig" and (code := code_of(row["lang"])):
            yield code, row["text"]


def read_manuals(data: Path) -> Iterator[tuple[str, str, str]]:
    """Language, text and the key that translations of a page share."""
    for file in sorted((data / "web_text").glob("docs-*.parquet")):
        for row in pq.read_table(file, columns=["text", "lang", "parallel_key"]).to_pylist():
            if code := code_of(row["lang"]):
                yield code, row["text"], str(row["parallel_key"])


def read_others(data: Path) -> Lines:
    """Lines of the corpora for language models, and of the declarations of human rights."""
    lines: Lines = defaultdict(list)
    for file in sorted((data / "clean_lm").glob("*.txt.zst")):
        if code := code_of(file.name.partition(".")[0]):
            text = zstandard.ZstdDecompressor().stream_reader(file.read_bytes()).read().decode()
            lines[code] += [line for line in text.split("\n") if len(line) > 20]
    for row in pq.read_table(data / "clean_lm" / "other_langs.parquet").to_pylist():
        if code := code_of(row["lang"]):
            lines[code] += [line for line in row["text"].split("\n") if len(line) > 20]
    for row in pq.read_table(data / "lid" / "lid.parquet").to_pylist():
        if row["source"] == "udhr" and (code := code_of(row["lang"])):
            lines[code] += [line for line in row["text"].split("\n") if len(line) > 40]
    return lines


def training_lines(data: Path, hold_out: bool) -> list[str]:
    """Labelled lines in a fixed random order; without the held-out quarter if `hold_out`."""
    own: Lines = defaultdict(list)
    for code, text in read_sentences(data):
        if not (hold_out and quarter(text)):
            own[code].append(text)
    others = read_others(data)
    for code, text, key in read_manuals(data):
        if not (hold_out and quarter(key)):
            others[code] += [line for line in text.split("\n") if len(line) > 30][:40]
    chance = random.Random(0)
    rows = []
    for code in sorted({*own, *others}):
        more = others[code]
        chance.shuffle(more)
        lines = own[code] + [line[: chance.choice(LENGTHS)] for line in more[:LINES]]
        if len(lines) < 60:
            continue
        lines *= -(-FEWEST // len(lines))
        rows += [f"__label__{code} {normalized(line)}\n" for line in lines[:LINES]]
    chance.shuffle(rows)
    return rows


def train(rows: Sequence[str], file: Path) -> None:
    """Train on the labelled lines and write the small model."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as corpus:
        corpus.writelines(rows)
        corpus.flush()
        model = fasttext.train_supervised(corpus.name, thread=1, verbose=0, **SHAPE)
        model.quantize(corpus.name, thread=1, verbose=0, **SMALL)
    model.save_model(str(file))


def open_pair(file: Path, calibration: Sequence[tuple[float, float]]) -> LanguageId:
    """The model and the one beside it."""
    other = model_folder(BESIDE) / "lid.176.ftz"
    return LanguageId([fasttext.load_model(str(one)).f for one in (file, other)], calibration)


def calibrate(model: LanguageId, labeled: Sequence[tuple[str, str]]) -> tuple[tuple[float, float], ...]:
    """Pairs of a probability and the share of right answers at it, each language counting the same; never decreasing."""
    codes, scores, *_ = (column.to_pylist() for column in model.predict(pa.array([text for _, text in labeled])))
    sizes = Counter(code for code, _ in labeled)
    points = sorted((score, code == true, 1 / sizes[true]) for (true, _), code, score in zip(labeled, codes, scores, strict=True))
    blocks: list[list[float]] = []  # weight, weighted probability, weighted right answers
    for score, right, weight in points:
        blocks.append([weight, weight * score, weight * right])
        while len(blocks) > 1 and blocks[-2][2] * blocks[-1][0] >= blocks[-1][2] * blocks[-2][0]:
            last = blocks.pop()
            blocks[-1] = [a + b for a, b in zip(blocks[-1], last, strict=True)]
    pairs = [(p / weight, right / weight) for weight, p, right in blocks]
    step = max(1, len(pairs) // KNOTS)
    kept = sorted({*pairs[::step], pairs[-1]})
    return tuple((round(p, 4), round(min(share, 0.9999), 4)) for p, share in kept if p > 0)


def report(name: str, model: LanguageId, labeled: Sequence[tuple[str, str]]) -> None:
    """Print accuracy and macro-F1, and how well scores say how often the answer is right."""
    codes, scores, *_ = (column.to_pylist() for column in model.predict(pa.array([text for _, text in labeled])))
    pairs = [(true, code) for (true, _), code in zip(labeled, codes, strict=True)]
    right, found, there = Counter(a for a, b in pairs if a == b), Counter(b for _, b in pairs), Counter(a for a, _ in pairs)
    f1 = {code: 2 * right[code] / (there[code] + found[code]) for code in there}
    sure = Counter(a for (a, b), score in zip(pairs, scores, strict=True) if a == b and score >= 0.65)
    gap = 0.0
    for low in range(10):
        inside = [(a == b, score) for (a, b), score in zip(pairs, scores, strict=True) if low / 10 <= score < (low + 1.0001) / 10]
        gap += abs(sum(one for one, _ in inside) - sum(score for _, score in inside)) / len(pairs)
    kept = sum(sure[code] / there[code] for code in there) / len(there)
    print(f"{name}: {len(pairs):,} texts, {len(there)} languages: right {right.total() / len(pairs):.4f}, ", end="")
    print(f"macro-F1 {sum(f1.values()) / len(f1):.4f}, calibration error {gap:.3f}, right at 0.65 {kept:.3f} of a language")
    worst = sorted(f1, key=f1.__getitem__)[:12]
    print("  worst: " + ", ".join(f"{code} {f1[code]:.2f} ({sure[code] / there[code]:.2f} at 0.65)" for code in worst))


def main() -> None:
    """Train, print figures on held-out text, and write the model with its card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    file = args.output / "languages.ftz"
    sentences = [(code, text) for code, text in read_sentences(args.data) if quarter(text)]
    manuals = [(code, text) for code, text, key in read_manuals(args.data) if quarter(key)]
    train(training_lines(args.data, hold_out=True), file)
    # Half of the held-out sentences calibrate, the other half is reported.
    halves = [sentences[half::2] for half in (0, 1)]
    calibration = calibrate(open_pair(file, ()), halves[0])
    report("sentences", open_pair(file, calibration), halves[1])
    report("manuals", open_pair(file, calibration), manuals)
    train(training_lines(args.data, hold_out=False), file)
    labels = fasttext.load_model(str(file)).f.getLabels("strict")[0]
    card = LanguageIdCard(
        name=args.output.name,
        version="1",
        licence="CC BY 4.0 for the Leipzig sentences, and those of the corpora in docs/language.md",
        source="training/language.py: Leipzig sentences, treebanks, news, manuals of free software, declarations of human rights",
        languages=tuple(sorted(label.removeprefix("__label__") for label in labels)),
        files={file.name: file_sha256(file)},
        beside=BESIDE,
        calibration=calibration,
    )
    write_card(args.output, card)


if __name__ == "__main__":
    main()

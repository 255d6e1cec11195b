"""NeMo Curator on the benchmark's documents, in one process without Ray, which costs it the least: language ID, the rules of
Gopher and three of C4's, every document kept, as JSONL to Parquet. It wants an environment of its own (`pip install
nemo-curator fasttext-community`): `main_job.py --nemo ENV/bin/python` runs it.
"""

import sys

import pandas as pd
from nemo_curator.stages.text.filters import Score
from nemo_curator.stages.text.filters.fasttext import FastTextLangId
from nemo_curator.stages.text.filters.heuristic import repetition, string
from nemo_curator.tasks import DocumentBatch

ROWS = 1024

GOPHER = [
    string.WordCountFilter(),
    string.MeanWordLengthFilter(),
    string.SymbolsToWordsFilter(),
    string.BulletsFilter(),
    string.EllipsisFilter(),
    string.WordsWithoutAlphabetsFilter(),
    string.CommonEnglishWordsFilter(),
    repetition.RepeatedLinesFilter(),
    repetition.RepeatedParagraphsFilter(),
    repetition.RepeatedLinesByCharFilter(),
    repetition.RepeatedParagraphsByCharFilter(),
    *(repetition.RepeatingTopNGramsFilter(n=n) for n in (2, 3, 4)),
    *(repetition.RepeatingDuplicateNGramsFilter(n=n) for n in (5, 6, 7, 8, 9, 10)),
]
C4 = [string.PunctuationFilter(), string.BoilerPlateStringFilter(), string.ParenthesesFilter()]


def main(source: str, output: str, language_model: str) -> None:
    """Score every document of `source` and write all of them."""
    filters = [FastTextLangId(language_model), *GOPHER, *C4]
    stage = Score(filters, [f"score_{n}" for n in range(len(filters))])
    stage.setup()
    parts = []
    for frame in pd.read_json(source, lines=True, chunksize=ROWS):
        parts.append(stage.process(DocumentBatch(dataset_name="web", data=frame)).to_pandas())
    pd.concat(parts).to_parquet(output, compression="zstd")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Rule sets, as data: `expand("gopher_quality@datatrove")` gives rules for `schemas.rule.Rule`.

The published ones are the files of this folder: one for each set and variant, with the source of each threshold. FineWeb2's
thresholds differ by language: they are its published configurations, as one JSON file, with the commit that each was taken from.
A file of the user's own has the same form: a list of rules.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
import yaml
from pydantic import ValidationError

from curricle.errors import RuleSetError as RuleSetError
from curricle.errors import did_you_mean
from curricle.schemas.config import explain_error
from curricle.schemas.heuristic_columns import CURRICLE, PLAIN
from curricle.schemas.rule import Rule
from curricle.schemas.yaml_file import read_yaml

FOLDER = Path(__file__).parent
FINEWEB2 = "fineweb2@datatrove"
EXACT, OURS = "@datatrove", "@curricle"
"""Sets of datatrove's rules exactly as it counts, and the same rules over the text in plain spelling."""

DUP_NGRAMS = (5, 6, 7, 8, 9, 10)
TOP_NGRAMS = (2, 3, 4)

RuleData = dict[str, Any]


def rule_sets() -> list[str]:
    """Names of the published rule sets, `<set>@<variant>`."""
    published = [*(path.stem for path in FOLDER.glob("*.yaml")), FINEWEB2]
    return sorted([*published, *(f"{name.removesuffix(EXACT)}{OURS}" for name in published if name.endswith(EXACT))])


def is_rule_file(name: str) -> bool:
    """True for the path of a YAML file: published sets have no such names."""
    return name.endswith((".yaml", ".yml"))


def expand(name: str, folder: Path = Path()) -> list[RuleData]:
    """The rules of a set, in the order in which its publisher judges; of a file, if `name` is a path that starts in `folder`.

    Raises RuleSetError for an unknown name, or a file that is not a list of rules.
    """
    if is_rule_file(name):
        return _read(folder / name)
    if name == FINEWEB2:
        return _fineweb2()
    if name not in rule_sets():
        raise RuleSetError(f"no rule set named {name!r}{did_you_mean(name, rule_sets())}")
    if name.endswith(OURS):
        return [_plain(rule) for rule in expand(f"{name.removesuffix(OURS)}{EXACT}")]
    rules: list[RuleData] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8"))
    return rules


def _plain(rule: RuleData) -> RuleData:
    """The rule over the text in plain spelling."""
    column = f"{PLAIN}{rule['column']}"
    return {**rule, "column": column} if column in {one.name for one in CURRICLE} else rule


def holds_rules(path: Path) -> bool:
    """Whether a YAML file holds a list, as a rule set does, and not a mapping, as a thresholds file does; RuleSetError."""
    return isinstance(read_yaml(path, str(path), RuleSetError), list)


def _read(path: Path) -> list[RuleData]:
    content = read_yaml(path, str(path), RuleSetError)
    if not isinstance(content, list):
        raise RuleSetError(f"{path}: a rule set is a list of rules")
    rules = []
    for number, entry in enumerate(content):
        try:
            rules.append(Rule.model_validate(entry).model_dump(by_alias=True, exclude_none=True))
        except ValidationError as error:
            raise RuleSetError(explain_error(error, Rule, f"{path}: rule {number + 1}")) from None
    return rules


@lru_cache(maxsize=1)
def fineweb2_languages() -> dict[str, dict[str, Any]]:
    """FineWeb2's published settings by language code, as in its configs/<language>_<script>.yml."""
    settings: dict[str, dict[str, Any]] = orjson.loads((FOLDER / "fineweb2_languages.json").read_bytes())
    return settings


def fineweb2_stop_words() -> dict[str, tuple[str, ...]]:
    """FineWeb2's stop words by language code."""
    return {language: tuple(settings["stopwords"]) for language, settings in fineweb2_languages().items()}


def _fineweb2() -> list[RuleData]:
    """Steps 3 and 5 of huggingface/fineweb-2's fineweb-2-pipeline.py; a language without a configuration is not judged."""

    def bound(key: str, at: int | None = None) -> dict[str, float]:
        return {
            language: float(settings[key] if at is None else settings[key][at])
            for language, settings in fineweb2_languages().items()
        }

    def every(value: float) -> dict[str, float]:
        return dict.fromkeys(fineweb2_languages(), value)

    source = "FineWeb2 (arXiv 2506.20920), configs of huggingface/fineweb-2"
    rules: list[RuleData] = [
        {"name": "language_score", "column": "language_score", "min": bound("language_score")},
        {"name": "dup_line_frac", "column": "dup_line_ratio", "max": bound("dup_line_frac")},
    ]
    for at, n in enumerate(TOP_NGRAMS):
        rules.append({"name": f"top_{n}_gram", "column": f"top_{n}gram_chars_ratio", "max": bound("top_n_grams", at)})
    for at, n in enumerate(DUP_NGRAMS):
        rules.append({"name": f"duplicated_{n}_n_grams", "column": f"dup_{n}gram_chars_ratio", "max": bound("dup_n_grams", at)})
    rules += [
        {"name": "line_punct_ratio", "column": "terminal_line_ratio", "min": bound("line_punct_thr")},
        {"name": "char_dup_ratio", "column": "dup_text_line_chars_ratio", "max": every(0.1)},
        {"name": "list_ratio", "column": "newline_per_word", "max": bound("new_line_ratio")},
        {"name": "gopher_short_doc", "column": "nonsymbol_word_count", "min": every(50)},
        {"name": "gopher_long_doc", "column": "nonsymbol_word_count", "max": every(100_000)},
        {"name": "gopher_below_avg_threshold", "column": "mean_word_chars", "min": bound("min_avg_word_length")},
        {"name": "gopher_above_avg_threshold", "column": "mean_word_chars", "max": bound("max_avg_word_length")},
        {"name": "gopher_too_many_hashes", "column": "hash_per_word", "max": every(0.1)},
        {"name": "gopher_too_many_ellipsis", "column": "ellipsis_per_word", "max": every(0.1)},
        {"name": "gopher_too_many_bullets", "column": "bullet_line_ratio", "max": every(0.9)},
        {"name": "gopher_too_many_end_ellipsis", "column": "ellipsis_line_ratio", "max": every(0.3)},
        {"name": "gopher_below_alpha_threshold", "column": "alpha_word_ratio", "min": bound("max_non_alpha_words_ratio")},
        {"name": "gopher_enough_stop_words", "column": "language_stop_word_kinds", "min": every(2)},
    ]
    return [{**rule, "source": source} for rule in rules]

"""Words in URLs, as datatrove finds them: whole words, soft words that block together, words anywhere inside (Aho-Corasick)."""

import re
from collections.abc import Mapping
from typing import Final

import ahocorasick

_NOT_ALPHANUMERIC: Final = re.compile(r"[^a-zA-Z0-9]+")

Hit = tuple[str, str]
"""The rule, and what matched."""


def normalise(text: str) -> str:
    """ASCII letters and digits only, lower case."""
    return _NOT_ALPHANUMERIC.sub("", text).lower()


class WordTable:
    """Words, each with the rule of its list; `soft_word_threshold` distinct soft words block a URL."""

    def __init__(self, words: Mapping[str, Mapping[str, str]], soft_word_threshold: int) -> None:
        self.words, self.soft_words, subwords = words["words"], words["soft_words"], words["subwords"]
        self.soft_word_threshold = soft_word_threshold
        self.inside = ahocorasick.Automaton()
        for word, rule in subwords.items():
            self.inside.add_word(word, (rule, word))
        self.inside.make_automaton()
        self.empty = not any(words.values())

    def find(self, url: str) -> Hit | None:
        """The first of: a word, enough soft words, a subword. A whole word's case counts: lists hold lower case."""
        parts = set(_NOT_ALPHANUMERIC.split(url))
        if hard := parts & self.words.keys():
            word = min(hard)
            return self.words[word], word
        soft = parts & self.soft_words.keys()
        if len(soft) >= self.soft_word_threshold:
            return self.soft_words[min(soft)], " ".join(sorted(soft))
        if len(self.inside):
            for _, hit in self.inside.iter(normalise(url)):
                return hit
        return None

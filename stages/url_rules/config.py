"""Settings of the stage `url_rules`."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from curricle.schemas.config import Config


class UrlRulesConfig(Config):
    """Paths of lists with one entry per line, plain or .gz; `#` starts a comment line.

    A folder means every file below it that has the setting's name (`domains`, `urls`, ..., the layout of UT1,
    https://dsi.ut-capitole.fr/blacklists/).
    """

    domains: tuple[str, ...] = ()
    """Lists of domains. A document's registered domain and its whole host are looked up."""
    urls: tuple[str, ...] = ()
    """Lists of URLs. A URL is looked up whole."""
    words: tuple[str, ...] = ()
    """Lists of words. One of them, between the punctuation of a URL, blocks it."""
    soft_words: tuple[str, ...] = ()
    """Lists of words that count towards `soft_word_threshold`."""
    subwords: tuple[str, ...] = ()
    """Lists of strings that block a URL wherever they occur in it, punctuation taken out."""
    match: Literal["canonical", "datatrove"] = "canonical"
    """How domains and URLs are compared: as the same address in whatever spelling, or only as datatrove writes them."""
    soft_word_threshold: int = Field(default=2, ge=1)
    """Number of distinct soft words that block a URL."""

    def models(self) -> tuple[Path, ...]:
        """The folder of the compiled lists, so that their content is in the run's fingerprint; ModelError if one is missing."""
        from curricle.stages.url_rules.blocklist_table import compile_lists  # numpy stays out of the command line's start

        return (compile_lists({kind: getattr(self, kind) for kind in ("domains", "urls", "words", "soft_words", "subwords")}),)

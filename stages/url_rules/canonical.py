"""The canonical form of a URL (WHATWG URL Standard, by ada-url), in which two spellings of one address are equal."""

import re
from typing import NamedTuple

import ada_url

_SCHEME = re.compile(r"[\s\x00]*([A-Za-z][A-Za-z0-9+.-]*):(?=/)")
_WEB = ("http:", "https:")
_PLAIN = re.compile(
    r"https?://((?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,})(?=[/?#]|\Z)"
    r"(/[A-Za-z0-9_/=+,;:@!$*()~-]*(?:\.[A-Za-z0-9_=+-][A-Za-z0-9_/=+-]*)?)?(?:\?([A-Za-z0-9_./=+&%;:-]+))?"
)
"""A URL that is in canonical form already, as four of five are: 2 us in place of 7."""


class Canonical(NamedTuple):
    """Parts of a web address: the host in ASCII and lower case, the path with its query."""

    host: str
    path: str  # begins with a slash
    query: str  # begins with a question mark, or is empty

    @property
    def page(self) -> str:
        """Host and path: what is the same whatever the scheme, a leading `www.`, the port, the query and the fragment."""
        return self.host.removeprefix("www.") + self.path

    def hosts(self) -> list[str]:
        """The host, then each domain above it: `a.b.example.com`, `b.example.com`, `example.com`, `com`. An IP address alone."""
        labels = self.host.split(".")
        if self.host.startswith("[") or labels[-1].isdigit():
            return [self.host]
        return [".".join(labels[at:]) for at in range(len(labels))]

    def pages(self) -> list[str]:
        """The page with its query, then without: one entry if it has none."""
        return [self.page + self.query, self.page] if self.query else [self.page]


def canonical(url: str) -> Canonical | None:
    """The parts of a web address, also without a scheme; None for what browsers do not understand as one.

    Case, Unicode and Punycode hosts, percent escapes in hosts, forms of IP addresses, user names, default ports, fragments, dots
    in paths, a dot at the end of the host and white space around it make no difference.
    """
    plain = _PLAIN.fullmatch(url)
    if plain and "xn--" not in plain[1]:
        return Canonical(plain[1], plain[2] or "/", f"?{plain[3]}" if plain[3] else "")
    found = _SCHEME.match(url)
    if found is None:
        url = f"http://{url.strip().lstrip('/')}"
    elif f"{found[1].lower()}:" not in _WEB:
        return None
    try:
        parsed = ada_url.URL(url)
    except ValueError:
        return None
    host = parsed.hostname.removesuffix(".")
    return Canonical(host, parsed.pathname, parsed.search) if host else None


def canonical_url(url: str) -> str | None:
    """One spelling for all URLs of a page: `example.com/path?query`; None for what is no web address."""
    found = canonical(url)
    return None if found is None else found.page + found.query

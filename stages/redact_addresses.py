"""Finds e-mail and public IPv4 addresses in running text, and leaves alone what only looks like them.

A word around an address may be of any script. No addresses: `react@18.2.0`, `logo@2x.png`, `git@github.com:a/b`,
`@jo@example.social`, `user:pass@host` in a URL, version numbers, section numbers, OIDs.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address
from typing import Final

Span = tuple[int, int]

_LOCAL: Final = r"[A-Za-z0-9\u00c0-\u024f_%+'-]"
_EMAIL: Final = re.compile(
    rf"(?<![A-Za-z0-9\u00c0-\u024f_.%+@-]){_LOCAL}+(?:\.{_LOCAL}+)*+@"
    r"((?:[A-Za-z0-9\u00c0-\u024f](?:[A-Za-z0-9\u00c0-\u024f-]{0,61}[A-Za-z0-9\u00c0-\u024f])?\.)+)"
    r"([A-Za-z]{2,24}|xn--[A-Za-z0-9-]{2,59})(?![A-Za-z0-9_\u00c0-\u024f@-]|\.[A-Za-z0-9]|\[)"
)
_SCALED: Final = re.compile(r"[0-9.]+x\.", re.IGNORECASE)
"""`@2x.` in the name of an image."""

_REPOSITORY: Final = re.compile(r":(?=[A-Za-z~/_])")
"""Behind the host of `git@github.com:a/b`."""

_IN_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s/@]*\Z")

_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IP: Final = re.compile(
    rf"(?<![A-Za-z0-9_.\u00c0-\u024f-])(?:{_OCTET}\.){{3}}{_OCTET}(?![A-Za-z0-9_\u00c0-\u024f-]|\.[0-9A-Za-z])"
)
_SMALL: Final = 32
"""Octets of version and section numbers are smaller than this; an address with such octets alone needs a word beside it."""

_RESOLVERS: Final = frozenset({"1.1.1.1", "1.0.0.1", "8.8.8.8", "8.8.4.4", "9.9.9.9"})
_VERSION_WORD: Final = re.compile(
    r"(?:\b(?:v|ver|vers|version|versión|versão|versione|versie|wersja|verze|versio|sürüm|release|rel|rev|revision|build|firmware"
    r"|update|patch|section|sec|sect|abschnitt|kapitel|chapter|chap|clause|article|art|annex|appendix|table|tab|tabelle|tableau"
    r"|tabla|figure|fig|abbildung|bild|step|item|no|nr|oid|bölüm|madde|раздел|глава|таблица|версия|рис|п)[.:]?\s*|§\s*"
    r"|版本\s*|第\s*|[A-Za-z]/)\Z",
    re.IGNORECASE,
)
_ADDRESS_WORD: Final = re.compile(
    r"\b(?:ip|ipv4|host|server|dns|address|addr|gateway|router|ping|netmask|from|via|at|adresse|adres)\b", re.IGNORECASE
)
_PORT_OR_MASK: Final = re.compile(r":[0-9]{2,5}\b|/[0-9]{1,2}\b")
_BEFORE: Final = 24  # characters that are looked at before an address


def find_emails(text: str) -> Iterator[Span]:
    """Start and end of each e-mail address whose host ends in a domain that exists."""
    endings = top_level_domains()
    for found in _EMAIL.finditer(text):
        host, ending = found[1], found[2].lower()
        if ending not in endings or _SCALED.match(host) or len(found[0]) > 254:
            continue
        if _REPOSITORY.match(text, found.end()) or _IN_URL.search(text, max(0, found.start() - 200), found.start()):
            continue
        yield found.span()


@lru_cache(maxsize=1)
def top_level_domains() -> frozenset[str]:
    """Those of the public suffix list inside tldextract, in ASCII and lower case."""
    from tldextract import TLDExtract

    extract = TLDExtract(cache_dir=None, suffix_list_urls=())
    return frozenset(
        suffix.encode("idna").decode() for suffix in extract.tlds if "." not in suffix and not suffix.startswith("*")
    )


def find_public_ips(text: str) -> Iterator[Span]:
    """Start and end of each globally reachable IPv4 address that is not a version or the number of a section."""
    for found in _IP.finditer(text):
        before = text[max(0, found.start() - _BEFORE) : found.start()]
        try:
            if not IPv4Address(found[0]).is_global or _VERSION_WORD.search(before):
                continue
        except AddressValueError:
            continue
        small = all(int(octet) < _SMALL for octet in found[0].split("."))
        if small and found[0] not in _RESOLVERS and not _is_address(text, found, before):
            continue
        yield found.span()


def _is_address(text: str, found: re.Match[str], before: str) -> bool:
    """Whether what stands beside small octets shows an address: `ip 4.3.2.1`, `http://4.3.2.1`, `4.3.2.1:80`, `4.3.2.1/24`."""
    behind = _PORT_OR_MASK.match(text, found.end(), found.end() + 8)
    return behind is not None or before.endswith(("://", "@")) or _ADDRESS_WORD.search(before) is not None

"""Replaces e-mail and public IPv4 addresses by placeholders.

`find: addresses` finds what is one (`stages.redact_addresses`). `find: datatrove` finds what datatrove 0.10.1's PIIFormatter
finds, in which `react@18.2.0` is an address too: FineWeb (arXiv 2406.17557) and FineWeb2 publish their texts in this form.

Deviation from datatrove: it cycles through its list of placeholders, so a text depends on the documents before it. Here the
address chooses (XXH3-64 of its bytes): the same address always gets the same placeholder, and a row does not see its neighbors.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from ipaddress import AddressValueError, IPv4Address
from typing import Final, Literal, Self

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import model_validator
from xxhash import xxh3_64_intdigest

from curricle.schemas.batches import append_columns, replace_text
from curricle.schemas.cleaning_columns import REDACT
from curricle.schemas.config import Config
from curricle.schemas.stage import Stage
from curricle.stages import redact_addresses
from curricle.stages.redact_addresses import Span

EMAILS: Final = ("email@example.com", "firstname.lastname@example.org")
"""datatrove's placeholders: example.com and example.org belong to nobody (RFC 2606)."""

IPS: Final = ("22.214.171.124", "126.96.36.199", "188.8.131.52", "184.108.40.206", "220.127.116.11", "18.104.22.168")
"""datatrove's: they answered no ping when it chose them."""

_ATOM: Final = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~-"
_LOCAL_CHARS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+/=?^_`{|}~-."
_START: Final = re.compile(rf"\b[{_ATOM}]")
_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)"
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST: Final = re.compile(rf"@(?:(?:{_LABEL}\.)+{_LABEL}|\[(?:{_OCTET}\.){{3}}(?:{_OCTET}|[A-Za-z0-9-]*[A-Za-z0-9]:)\])")
_IP: Final = re.compile(rf"(?:{_OCTET}\.){{3}}{_OCTET}")

_MAYBE_EMAIL: Final = {"datatrove": rf"[{_ATOM}]@[A-Za-z0-9\[]", "addresses": r"\S@[A-Za-z0-9\x{c0}-\x{24f}]"}
_MAYBE_IP: Final = r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]"


class RedactConfig(Config):
    """Settings of the stage `redact`."""

    emails: bool = True
    """Replace e-mail addresses."""
    public_ips: bool = True
    """Replace public IP addresses."""
    find: Literal["addresses", "datatrove"] = "addresses"
    """What counts as an address: what is one, or exactly what datatrove's expressions match."""

    def packages(self) -> tuple[str, ...]:
        """The list of top-level domains is inside tldextract."""
        return ("tldextract",) if self.emails and self.find == "addresses" else ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not (self.emails or self.public_ips):
            raise ValueError("nothing to redact; set emails or public_ips")
        return self


def find_emails(text: str) -> Iterator[Span]:
    """Start and end of each address, as datatrove's expression finds them: leftmost first, none inside another.

    That expression tries every word of the text and is quadratic in a run such as `a-a-a-`; this looks at both sides of each `@`.
    """
    begin = 0  # after the last match or `@`: an address has one `@`, so each character is read a few times at most
    at = text.find("@")
    while at >= 0:
        host = _HOST.match(text, at)
        start = None
        if host and at > begin and text[at - 1] != ".":
            run = begin + len(text[begin:at].rstrip(_LOCAL_CHARS))
            start = _START.search(text, max(run, text.rfind("..", run, at)), at)
        begin = at + 1
        if host and start:
            begin = host.end()
            yield start.start(), begin
        at = text.find("@", begin)


def find_public_ips(text: str) -> Iterator[Span]:
    """Start and end of each IPv4 address that is globally reachable (IANA's registries, as Python knows them)."""
    for match in _IP.finditer(text):
        try:
            if IPv4Address(match[0]).is_global:
                yield match.span()
        except AddressValueError:  # a leading zero
            continue


def replace_spans(text: str, spans: Iterator[Span], placeholders: Sequence[str]) -> tuple[str, int]:
    """The text with each span replaced by the placeholder that its content chooses, and the number of spans."""
    pieces, end, count = [], 0, 0
    for start, stop in spans:
        pieces += [text[end:start], placeholders[xxh3_64_intdigest(text[start:stop].encode()) % len(placeholders)]]
        end, count = stop, count + 1
    return ("".join([*pieces, text[end:]]), count) if count else (text, 0)


FIND_EMAILS: Final = {"addresses": redact_addresses.find_emails, "datatrove": find_emails}
FIND_IPS: Final = {"addresses": redact_addresses.find_public_ips, "datatrove": find_public_ips}
"""By the setting `find`."""


def redact(batch: pa.RecordBatch, config: RedactConfig) -> pa.RecordBatch:
    """Replace addresses in `text`; append `redacted_emails` and `redacted_ips` (int32; null: no text, or turned off)."""
    counts = {}
    for name, wanted, maybe, find, placeholders in (
        ("redacted_emails", config.emails, _MAYBE_EMAIL[config.find], FIND_EMAILS[config.find], EMAILS),
        ("redacted_ips", config.public_ips, _MAYBE_IP, FIND_IPS[config.find], IPS),
    ):
        if wanted:
            batch, counts[name] = _replace(batch, maybe, find, placeholders)
        else:
            counts[name] = pa.nulls(batch.num_rows, pa.int32())
    return append_columns(batch, REDACT, counts)


def _replace(
    batch: pa.RecordBatch, maybe: str, find: Callable[[str], Iterator[Span]], placeholders: Sequence[str]
) -> tuple[pa.RecordBatch, pa.Array]:
    """The batch with new text, and the number of replacements a row; Python sees only rows that match `maybe` (RE2)."""
    text = batch.column("text")
    candidates = pc.fill_null(pc.match_substring_regex(text, maybe), False)
    results = [replace_spans(row, find(row), placeholders) for row in text.filter(candidates).to_pylist()]
    counts = pc.replace_with_mask(
        pc.if_else(text.is_valid(), pa.scalar(0, pa.int32()), None),
        candidates,
        pa.array([count for _, count in results], pa.int32()),
    )
    if any(count for _, count in results):
        text = pc.replace_with_mask(text, candidates, pa.array([row for row, _ in results], pa.string()))
        batch = replace_text(batch, text)
    return batch, counts


STAGE: Final = Stage(name="redact", kernel=redact, config=RedactConfig, columns=REDACT, packages=RedactConfig.packages)

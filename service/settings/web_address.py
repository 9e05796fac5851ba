"""One URL that requests are sent to, strictly: what reads as one host to us must not be another to whoever dials it.

Whether the host may be reached is decided later, by its addresses (`net_address.py`). Must not resolve names. No error
says any part of the URL: the paths of incoming webhooks are secrets.
"""

import re
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

import idna

# Longer ones are refused by servers and proxies (RFC 9110 section 4.1 asks for 8,000 octets).
URL_CHARS_MAX = 8000

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
# What RFC 3986 allows in a path and a query, each % with its two digits.
_REST = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")


class BadUrl(ValueError):
    """Not one plain URL; the text says why, and nothing of the URL."""


class WebAddress(NamedTuple):
    """`url` is written in ASCII, with its host as `host` says it: a name in lower case, or an address without []."""

    url: str
    scheme: str
    host: str
    port: int


def normalise(url: str) -> WebAddress:
    """The URL with its host in IDNA ASCII; raises BadUrl with the reason."""
    if len(url) > URL_CHARS_MAX:
        raise BadUrl(f"is longer than {URL_CHARS_MAX} characters")
    if any(char.isspace() or not char.isprintable() or char == "\\" for char in url):
        raise BadUrl("holds a space, a backslash or a control character")
    parts, port = _split(url)
    if parts.scheme not in ("http", "https"):
        raise BadUrl("does not begin with https://")
    if "@" in parts.netloc:
        raise BadUrl("holds a user or a password")
    if parts.fragment or "#" in url:
        raise BadUrl("holds a #")
    if not parts.hostname:
        raise BadUrl("has no host")
    rest = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    if not _REST.fullmatch(rest):
        raise BadUrl("holds a character that has to be written with %")
    host = _host(parts.hostname)
    is_v6 = ":" in host
    default = 443 if parts.scheme == "https" else 80
    where = (f"[{host}]" if is_v6 else host) + ("" if port in (None, default) else f":{port}")
    return WebAddress(f"{parts.scheme}://{where}{rest}", parts.scheme, host, port or default)


def _split(url: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadUrl("is not one URL") from None
    if port == 0 or parts.netloc.endswith(":"):
        raise BadUrl("has no port after its :")
    return parts, port


def _host(written: str) -> str:
    """A name, or an address in its one usual form; `127.1`, `0x7f.1` and `2130706433` are dialled by some and not by
    others."""
    if "%" in written:
        raise BadUrl("has a host with a %")
    if ":" in written:
        try:
            return str(IPv6Address(written))
        except ValueError:
            raise BadUrl("has a host that is no address") from None
    try:
        host = written if written.isascii() else idna.encode(written.lower(), uts46=False).decode()
        if "xn--" in host:
            idna.decode(host)  # refuses labels that no registry accepts
    except (idna.IDNAError, UnicodeError):
        raise BadUrl("has a host that IDNA 2008 does not allow") from None
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1] or labels[-2:][0]):
        try:
            return str(IPv4Address(host))
        except ValueError:
            raise BadUrl("has a host that is a number in disguise") from None
    if len(host) > 253 or not all(_LABEL.fullmatch(label) and len(label) <= 63 for label in labels):
        raise BadUrl("has a host that is no name")
    return host

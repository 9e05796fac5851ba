"""One e-mail address, strictly: what looks like one address to us must not be two, or another, to a mail server.

The rules are from the public record of address confusion (CVE-2023-27043 and its kin). Must not resolve names.
"""

import re
import unicodedata

import idna

# RFC 5321 section 4.5.3.1: 254 characters in a path, 64 before the @, 255 in a domain.
ADDRESS_CHARS_MAX = 254
LOCAL_CHARS_MAX = 64

# RFC 5322 dot-atom in ASCII: no quotes, no comments, no spaces.
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


class BadAddress(ValueError):
    """Not one plain e-mail address; the text says why."""


def normalise(address: str) -> str:
    """The address with its domain in IDNA ASCII and lower case; raises BadAddress with the reason."""
    if any(unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp", "Zs") for char in address):
        raise BadAddress("holds a space or a control character")
    if len(address) > ADDRESS_CHARS_MAX:
        raise BadAddress(f"is longer than {ADDRESS_CHARS_MAX} characters")
    local, separator, domain = address.partition("@")
    if not separator and unicodedata.normalize("NFKC", address) != address:
        raise BadAddress("has a character that only looks like @")
    if not separator or not local or not domain:
        raise BadAddress("is not name@domain")
    if "@" in domain or any(char in address for char in ',;<>()[]:\\"'):
        raise BadAddress("is not exactly one plain address")
    if local.startswith("-"):
        raise BadAddress("begins with a dash, which mail programs read as an option")
    if not _LOCAL.fullmatch(local) or len(local) > LOCAL_CHARS_MAX:
        raise BadAddress("has a name before the @ that is not plain ASCII")
    return f"{local}@{_domain(domain)}"


def _domain(domain: str) -> str:
    try:
        ascii_domain = (
            domain.lower() if domain.isascii() else idna.encode(domain.lower(), uts46=False).decode()
        )
        if "xn--" in ascii_domain:
            idna.decode(ascii_domain)  # refuses labels that no registry accepts
    except (idna.IDNAError, UnicodeError):
        raise BadAddress("has a domain that IDNA 2008 does not allow") from None
    labels = ascii_domain.split(".")
    if len(labels) < 2 or not all(_LABEL.fullmatch(label) and len(label) <= 63 for label in labels):
        raise BadAddress("has a domain that is not one")
    if labels[-1].isdigit():
        raise BadAddress("has a number for a domain")
    return ascii_domain

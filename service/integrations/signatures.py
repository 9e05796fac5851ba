"""Whether a request comes from where it says: the schemes of `settings/integration_model.py`, over its raw bytes.

Every comparison takes equally long, whatever is wrong. A replay is no matter of signatures: the route drops
a body that it has taken within a day. Must not know a web framework.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from service.settings.integration_model import Authenticate

# HubSpot: these escapes stand decoded in what is signed, whatever the address was written like.
_HUBSPOT_DECODED = {f"%{ord(char):02X}": char for char in ":/?@!$'()*,;"}
_ESCAPE = re.compile("|".join(_HUBSPOT_DECODED), re.IGNORECASE)
# Milliseconds since 1970 are above this, seconds are below (the year 5138).
_SECONDS_MAX = 100_000_000_000


class NotGenuine(Exception):
    """The request is not proved to be the sender's; `reason` is a stable code, the text may be shown to anybody."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason, self.text = reason, text


@dataclass(frozen=True)
class Received:
    """A request as it came: `url` as the sender knows it, header names in lower case, `token` from the path."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    token: str = ""

    def header(self, name: str) -> str:
        """The one header of this name; NotGenuine when there is none, or two to choose from."""
        found = [value for known, value in self.headers if known == name.lower()]
        if len(found) != 1 or not found[0].strip():
            raise NotGenuine("no_signature", f"the header {name} is expected once")
        return found[0].strip()


def verify(how: Authenticate, request: Received, now: datetime) -> None:
    """Nothing, or NotGenuine."""
    _SCHEMES[how.scheme](how, request, now)


def _hmac(how: Authenticate, request: Received, now: datetime) -> None:
    given = request.header(how.header)
    timestamp = ""
    if how.timestamp_header:
        timestamp = request.header(how.timestamp_header)
        _check_fresh(timestamp, how.tolerance, now)
    if not given.startswith(how.prefix):
        raise NotGenuine("wrong_signature", f"the signature in {how.header} does not begin with {how.prefix}")
    given = given.removeprefix(how.prefix)
    content = _signed(how, timestamp, request.body)
    if how.scheme == "hmac-sha256-hex":
        _expect(given.lower(), (_digest(key, content).hex() for key in _keys(how)))
    else:
        _expect(given, (_base64(_digest(key, content)) for key in _keys(how)))


def _hubspot(how: Authenticate, request: Received, now: datetime) -> None:
    """https://developers.hubspot.com: method, address, body and time in milliseconds. Its older signatures have no
    time in them and are refused."""
    given, timestamp = request.header("X-HubSpot-Signature-v3"), request.header("X-HubSpot-Request-Timestamp")
    _check_fresh(timestamp, how.tolerance, now)
    url = _ESCAPE.sub(lambda found: _HUBSPOT_DECODED[found[0].upper()], request.url)
    content = request.method.encode() + url.encode() + request.body + timestamp.encode()
    _expect(given, (_base64(_digest(key, content)) for key in _keys(how)))


def _standard(how: Authenticate, request: Received, now: datetime) -> None:
    """https://www.standardwebhooks.com: `id.timestamp.body`; several signatures while a secret is replaced."""
    name, timestamp = request.header("webhook-id"), request.header("webhook-timestamp")
    if "." in name:
        raise NotGenuine("wrong_signature", "a webhook-id has no `.` in it")
    _check_fresh(timestamp, how.tolerance, now)
    given = [one[3:] for one in request.header("webhook-signature").split(" ")[:10] if one.startswith("v1,")]
    content = f"{name}.{timestamp}.".encode() + request.body
    expected = [_base64(_digest(key, content)) for key in _keys(how, _standard_key)]
    if not any([_equal(one, wanted) for one in given for wanted in expected]):  # noqa: C419  # all are compared
        raise NotGenuine("wrong_signature", "no signature is that of this body")


def _basic(how: Authenticate, request: Received, _: datetime) -> None:
    scheme, _space, rest = request.header("Authorization").partition(" ")
    pairs = (f"{how.username}:{secret.get_secret_value()}" for secret in how.secret)
    if scheme.lower() != "basic":
        raise NotGenuine("no_signature", "Basic authentication is expected")
    _expect(rest.strip(), (_base64(pair.encode()) for pair in pairs))


def _token(how: Authenticate, request: Received, _: datetime) -> None:
    _expect(request.token, (secret.get_secret_value() for secret in how.secret))


def _none(_how: Authenticate, _request: Received, _now: datetime) -> None:
    """Refused at load unless we listen on this machine alone; the route refuses what was forwarded to us."""


_SCHEMES: dict[str, Callable[[Authenticate, Received, datetime], None]] = {
    "hmac-sha256-hex": _hmac,
    "hmac-sha256-base64": _hmac,
    "hubspot-v3": _hubspot,
    "standard-webhooks": _standard,
    "basic": _basic,
    "path-token": _token,
    "none": _none,
}


def _expect(given: str, expected: Iterator[str]) -> None:
    """NotGenuine unless `given` is one of them; each is compared, so that the time tells nothing."""
    if not any([_equal(given, one) for one in expected]):  # noqa: C419  # all are compared
        raise NotGenuine("wrong_signature", "the signature, password or token is not the one expected")


def _equal(given: str, expected: str) -> bool:
    return bool(given) and hmac.compare_digest(given.encode(), expected.encode())


def _check_fresh(timestamp: str, tolerance_s: int, now: datetime) -> None:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 15):
        raise NotGenuine(
            "stale_timestamp", "the time of sending is not in seconds or milliseconds since 1970"
        )
    seconds = int(timestamp) if int(timestamp) < _SECONDS_MAX else int(timestamp) / 1000
    if abs(now.timestamp() - seconds) > tolerance_s:
        text = f"the time of sending differs from ours by more than {tolerance_s} s"
        raise NotGenuine("stale_timestamp", text)


def _signed(how: Authenticate, timestamp: str, body: bytes) -> bytes:
    template = how.signed or ("{timestamp}.{body}" if how.timestamp_header else "{body}")
    before, _, after = template.partition("{body}")
    return b"".join(
        (
            before.replace("{timestamp}", timestamp).encode(),
            body,
            after.replace("{timestamp}", timestamp).encode(),
        )
    )


def _keys(how: Authenticate, key: Callable[[SecretStr], bytes] | None = None) -> Iterator[bytes]:
    return map(key or (lambda secret: secret.get_secret_value().encode()), how.secret)


def _standard_key(secret: SecretStr) -> bytes:
    return base64.b64decode(secret.get_secret_value().removeprefix("whsec_"))


def _digest(key: bytes, content: bytes) -> bytes:
    return hmac.new(key, content, hashlib.sha256).digest()


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()

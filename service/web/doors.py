"""Who may knock: the hosts we answer to, and the API keys. Pure, made anew when the configuration changes.

The middleware that asks is `guard.py`.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from service.settings.service import ServiceSettings, is_loopback, is_open_door

DEFAULT_PORTS = {"http": 80, "https": 443}


class OpenDoor(Exception):
    """The service would be reachable from other machines with nobody at the door."""


@dataclass(frozen=True)
class Key:
    name: str
    digest: bytes
    scopes: frozenset[str]


@dataclass(frozen=True)
class Doors:
    """What the guard needs of the settings."""

    public_scheme: str
    public_host: str
    public_port: int
    keys: tuple[Key, ...]

    @classmethod
    def of(cls, service: ServiceSettings) -> "Doors":
        url = urlsplit(service.web.public_url)
        keys = tuple(
            Key(key.name, _digest(key.key.get_secret_value()), frozenset(key.scopes))
            for key in service.api_keys or ()
        )
        port = url.port or DEFAULT_PORTS[url.scheme]
        return cls(url.scheme, (url.hostname or "").rstrip("."), port, keys)

    def knows_host(self, host: str) -> bool:
        """Whether a Host header names this machine or `public_url`: a page of another site that has rebound its
        name to us sends that name here."""
        try:
            parts = urlsplit(f"//{host}")
            name, port = parts.hostname, parts.port
        except ValueError:
            return False
        if not name or parts.username is not None or parts.path or parts.query or parts.fragment:
            return False
        if is_loopback(name):
            return True
        default = DEFAULT_PORTS[self.public_scheme]
        return name.rstrip(".") == self.public_host and (port or default) == self.public_port

    def holder(self, secret: str) -> Key | None:
        """The key that `secret` is. Takes equally long for every wrong one."""
        digest, found = _digest(secret), None
        for key in self.keys:
            if hmac.compare_digest(digest, key.digest):
                found = key
        return found


def secret_in(authorization: str) -> str:
    """The key in an Authorization header: `Bearer KEY`, or a browser's `Basic` with the key as the password."""
    scheme, _, rest = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest.strip(), validate=True).decode().partition(":")[2]
        except ValueError:
            return ""
    return ""


def refuse_open_door(host: str, keys: Sequence[object] | None) -> None:
    """Raise OpenDoor when `host` can be reached from other machines and there is no API key.

    `load` says so first, with the line; this is for settings that came by another way."""
    if is_open_door(host, keys):
        raise OpenDoor(
            f"web.listen is {host}, which other machines reach, and there are no api_keys: anybody could send events "
            "and read messages. Listen on 127.0.0.1, or add an entry to api_keys."
        )


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()

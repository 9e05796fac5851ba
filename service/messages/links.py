"""Signed links: what a button of a message may do, for whom, and until when. No clock inside, and no state.

Opening a link never acts (see web/answers.py). Equal input makes equal links, in every process that has the keys.
"""

import hashlib
import os
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from itsdangerous import BadData, URLSafeSerializer
from itsdangerous.encoding import base64_encode
from msgspec import Struct

from service.core.effects import Owed

# The policy window of safety.md, section 4: long enough for a holiday, short enough that a forwarded mail goes stale.
EXPIRES_AFTER = timedelta(days=14)

# As long as a SHA-256 digest: a shorter secret would be the weakest part of the signature.
KEY_CHARS_MIN = 32

# Two ids of 200 characters, four bytes each, in base64, and some: nothing longer is worth a signature check.
TOKEN_CHARS_MAX = 4000

_PURPOSE = "ack.v1"


class BadLink(Exception):
    """Tampered with, expired or made for something else: on purpose there is one text for all."""

    def __init__(self) -> None:
        super().__init__("This link is not valid (any more). Please use the newest message about it.")


class LinkPayload(Struct, frozen=True):
    """What a link says. `as_of` is the cycle its message spoke of; `actions` are all its page may offer."""

    notification: str
    person: str
    subject: str
    as_of: int
    actions: tuple[str, ...]
    decided_at: datetime
    expires_at: datetime
    moment: str = ""  # of a subject with several: the one its message spoke of


class _Wire(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The payload as it travels, short names for short links; instants in epoch milliseconds."""

    n: str
    p: str
    s: str
    c: int
    a: list[str]
    d: int
    e: int
    k: str
    m: str = ""


class _Serializer(URLSafeSerializer):
    """Never compresses: another zlib would make another token, and every attempt must send equal bytes."""

    def dump_payload(self, obj: object) -> bytes:
        return base64_encode(msgspec.json.encode(obj))


class Links:
    """Makes and reads links. `keys`: the newest first; it signs, all of them verify."""

    def __init__(
        self, keys: Sequence[str], public_url: str, expires_after: timedelta = EXPIRES_AFTER
    ) -> None:
        if not keys or any(len(key) < KEY_CHARS_MIN for key in keys):
            raise ValueError(
                f"a signing key has at least {KEY_CHARS_MIN} characters, and there is at least one"
            )
        self._serializers = [(key_id(key), _serializer(key)) for key in keys]
        self._base = public_url.rstrip("/")
        self._expires_after = expires_after

    def token(self, owed: Owed, actions: Sequence[str]) -> str:
        """The one token of a message: it allows `actions` to whoever the message is for."""
        id_, serializer = self._serializers[0]
        wire = _Wire(
            n=owed.key,
            p=owed.to,
            s=owed.subject,
            c=_cycle(owed),
            a=list(actions),
            d=_to_ms(owed.decided_at),
            e=_to_ms(owed.decided_at + self._expires_after),
            k=id_,
            m=str(owed.facts.get("moment", "")),
        )
        return str(serializer.dumps(wire))

    def url(self, token: str, action: str) -> str:
        """The page of a token; `action` is chosen there already, and still has to be confirmed."""
        return f"{self._base}/a/{token}" + ("" if action == "open" else f"?do={action}")

    def make(self, owed: Owed, action: str) -> str:
        """The link of one action alone; a message's own buttons share one token instead."""
        return self.url(self.token(owed, (action,)), action)

    def read(self, token: str, now: datetime | None = None) -> LinkPayload:
        """What the link says, if one of the keys signed it for this purpose; raises BadLink.

        With `now` an expired one is bad too; without it the caller compares `expires_at` with its own clock.
        """
        wire = self._verified(token)
        payload = LinkPayload(
            notification=wire.n,
            person=wire.p,
            subject=wire.s,
            as_of=wire.c,
            actions=tuple(wire.a),
            decided_at=_from_ms(wire.d),
            expires_at=_from_ms(wire.e),
            moment=wire.m,
        )
        if now is not None and payload.expires_at <= now:
            raise BadLink
        return payload

    def _verified(self, token: str) -> _Wire:
        if len(token) > TOKEN_CHARS_MAX:
            raise BadLink
        for id_, serializer in self._serializers:
            try:
                wire = msgspec.convert(serializer.loads(token), _Wire)
            except (BadData, msgspec.ValidationError, UnicodeError):
                continue
            if wire.k == id_:
                return wire
        raise BadLink


def key_id(key: str) -> str:
    """Names a key without telling anything of it."""
    return hashlib.sha256(b"key id\x00" + key.encode()).hexdigest()[:8]


def load_or_make_keys(path: Path) -> list[str]:
    """The keys in the file, newest first, one a line; when there is no file, makes one, readable by its owner only.

    Two processes that start together agree: the file appears whole under its name, and whoever is late reads it.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        mine = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(48) + "\n")
                file.flush()
                os.fsync(file.fileno())
            os.link(mine, path)
        except FileExistsError:
            pass
        finally:
            mine.unlink()
    return [line.strip() for line in path.read_text().splitlines() if line.strip()]


def _serializer(key: str) -> _Serializer:
    return _Serializer(
        key, salt=_PURPOSE, signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"}
    )


def _cycle(owed: Owed) -> int:
    """The cycle in which date, owner or open/closed last changed: an answer to it is stale once they change again."""
    changed = owed.facts.get("changed")
    return changed if isinstance(changed, int) and 0 <= changed < 2**31 else owed.cycle


def _to_ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _from_ms(ms: int) -> datetime:
    try:
        return datetime.fromtimestamp(ms / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        raise BadLink from None

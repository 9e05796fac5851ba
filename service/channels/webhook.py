"""Signed webhooks, as Standard Webhooks says: each notification as JSON, for a program of your own."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec

from service.channels import fit
from service.channels.contract import ChannelError, Rate
from service.channels.hook import Hook
from service.channels.http import Http
from service.core.effects import Owed
from service.core.message import Message
from service.settings.hooks import WebhookChannel as WebhookSettings

# https://www.standardwebhooks.com, "Payload size": smaller than 20 kB.
BYTES_MAX = 20_000

_encode = msgspec.json.Encoder().encode


class WebhookChannel:
    """Each notification as a signed POST to a program of yours: `url`, and a `secret` that begins with `whsec_`.

    It follows Standard Webhooks, so any of its libraries verifies it: `webhook-id` is the delivery's key and the same
    on every attempt, so drop what you have seen; `webhook-timestamp` is when this attempt was made;
    `webhook-signature` has one signature for each secret. To change the secret write both, the new one first, a blank
    between them, until your program knows the new one. The body is
    `{"type": "notification.missed", "timestamp": …, "data": …}`: `data` has
    `key to channel template policy step subject reason title short text links` and more, less than 20 kB in all.
    Answer 2xx within 20 seconds. 410 or 404 says that there is nobody any more, and the reader's next channel is used;
    429 and 5xx are tried again over three days, not before `Retry-After`; redirects are not followed. `allow_private`
    opens private ranges (`[10.1.0.0/16]`): without it only public addresses are called, by https.
    """

    kind = "webhook"
    concurrency = 4
    # No vendor's figure: what a small program of one's own takes without noticing. Its 429 slows us further.
    rate = Rate(10, 10)

    def __init__(
        self, http: Http, secrets: Sequence[bytes], clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._hook, self._secrets, self._clock = Hook(http), tuple(secrets), clock

    @classmethod
    def of(cls, settings: WebhookSettings) -> "WebhookChannel":
        """As channels.yaml says."""
        return cls(Http(settings.to, settings.opened, connections=cls.concurrency), settings.secrets)

    async def send(self, owed: Owed, message: Message, address: str) -> None:
        """One notification. A receiver drops copies by their id, so an unknown outcome is simply tried again."""
        body = payload(owed, message)
        try:
            await self._hook.deliver(body, self._signed(owed.key, body), address)
        except ChannelError as error:
            error.is_unknown = False
            raise

    def _signed(self, key: str, body: bytes) -> dict[str, str]:
        """By the wall clock, because receivers compare it with theirs: only the body is equal on every attempt."""
        at = str(int(self._clock().timestamp()))
        signatures = [signature(secret, key, at, body) for secret in self._secrets]
        return {"webhook-id": key, "webhook-timestamp": at, "webhook-signature": " ".join(signatures)}

    async def probe(self) -> str:
        """See `Http.probe`."""
        return await self._hook.probe()

    async def close(self) -> None:
        await self._hook.close()


def signature(secret: bytes, key: str, at: str, body: bytes) -> str:
    """Of `id.timestamp.body`, symmetric (`v1`)."""
    digest = hmac.new(secret, b".".join((key.encode(), at.encode(), body)), hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def payload(owed: Owed, message: Message) -> bytes:
    """The body, equal for every attempt. The text is cut to what is left; what else is too long goes without it."""
    encoded = _payload(owed, message, message.text, owed.facts)
    if len(encoded) < BYTES_MAX:
        return encoded
    for facts in (owed.facts, {}):
        room = BYTES_MAX - 1 - len(_payload(owed, message, "", facts))
        if room >= 2:
            return _payload(owed, message, fit.lines(message.text, room, _size), facts)
    return _payload(owed, message, "", {})


def _payload(owed: Owed, message: Message, text: str, facts: dict[str, object]) -> bytes:
    data = {
        # The names of /v1/caught, as far as they go.
        "key": owed.key,
        "to": owed.to,
        "channel": owed.channel,
        "template": owed.template,
        "policy": owed.policy,
        "step": owed.step,
        "subject": owed.subject,
        "reason": owed.reasons[0] if owed.reasons else "",
        "title": message.subject,
        "short": message.short,
        "text": text,
        "links": [{"name": a.name, "label": a.label, "url": a.url} for a in message.actions],
        "kind": owed.kind,
        "cycle": owed.cycle,
        "round": owed.round,
        "urgency": owed.urgency,
        "facts": facts,
        "is_cut": text != message.text or facts != owed.facts,
    }
    return _encode({"type": f"notification.{owed.template}", "timestamp": owed.decided_at, "data": data})


def _size(text: str) -> int:
    return len(_encode(text)) - 2

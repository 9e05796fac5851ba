"""Messages that stay on this machine: kept in the store, shown on the page of caught messages."""

import msgspec

from service.channels.contract import Outlets
from service.core.effects import Owed
from service.core.message import Message

_encode = msgspec.json.Encoder().encode


class CaughtChannel:
    """Nothing leaves the machine: the message is kept, newest 1,000, and shown as it would look.

    Use it to look at messages before a real channel is configured: `email: {kind: caught}` in channels.yaml. A
    channel that a policy or a person names and channels.yaml does not is caught as well.
    """

    kind = "caught"
    # Catching is one write to our own store; more at once would only queue there.
    concurrency = 4
    rate = None

    def __init__(self, name: str, outlets: Outlets) -> None:
        self._name, self._outlets = name, outlets

    async def send(self, owed: Owed, message: Message, address: str) -> None:
        """Keep it. Fails only when the store does, with the store's own error."""
        at = await self._outlets.now()
        await self._outlets.catch(_encode({"at": at, **self._shown(owed, message, address)}))

    def _shown(self, owed: Owed, message: Message, address: str) -> dict[str, object]:
        """The fields of `/v1/caught` (all but `at`): the names before `address` are part of the outside contract."""
        return {
            "to": owed.to,
            "channel": self._name,
            "template": owed.template,
            "policy": owed.policy,
            "step": owed.step,
            "subject": owed.subject,
            "reason": owed.reasons[0] if owed.reasons else "",
            "key": owed.key,
            "title": message.subject,
            "text": message.text,
            "html": message.html,
            "links": [{"name": a.name, "label": a.label, "url": a.url} for a in message.actions],
            "address": address,
            "reasons": owed.reasons,
            "short": message.short,
            "kind": owed.kind,
            "cycle": owed.cycle,
            "round": owed.round,
            "urgency": owed.urgency,
            "decided_at": owed.decided_at,
            "is_fallback": message.is_fallback,
        }

    async def close(self) -> None:
        """Nothing is held."""

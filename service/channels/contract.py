"""What every channel promises, and the one error it may raise. One suite (tests/channels) runs over each of them.

A channel makes one attempt and needs no memory: retries, limits and fallbacks are delivery's. It must not know a
store or a policy; what it needs from outside is passed in as a callable (`Outlets`).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from service.core.effects import Owed
from service.core.message import Message


class ChannelError(Exception):
    """The attempt failed, and this is the vendor's (or the address's) fault.

    The text is one line for people and the log: it names neither the address nor a secret.

    permanent: no later attempt on this channel can succeed; try the next channel.
    retry_after_s: the vendor's own wish, never shortened.
    bounced: the address does not exist (any more); it is put out of order.
    is_unknown: the vendor may have it all the same (the connection broke after the message was handed over).
    is_outage: the channel itself is out of order, whoever the message is for; the breaker counts these.
    """

    def __init__(
        self,
        text: str,
        permanent: bool = False,
        retry_after_s: float | None = None,
        bounced: bool = False,
        *,
        is_unknown: bool = False,
        is_outage: bool = False,
    ) -> None:
        super().__init__(text)
        self.text, self.permanent, self.retry_after_s, self.bounced = text, permanent, retry_after_s, bounced
        self.is_unknown, self.is_outage = is_unknown, is_outage


class Rate(NamedTuple):
    """What the vendor takes for one destination: so many a second, after a first `burst` at once."""

    per_s: float
    burst: int = 1


class Channel(Protocol):
    """`kind` is the row of CHANNELS it was made by; `concurrency` how many sends at once it is good for."""

    kind: str
    concurrency: int

    @property
    def rate(self) -> Rate | None:
        """What its vendor takes; None for no limit."""

    async def send(self, owed: Owed, message: Message, address: str) -> None:
        """One attempt within 30 seconds; raises ChannelError. Equal arguments send equal bytes, whatever `attempt`
        says: that is what lets a receiver drop a copy."""

    async def close(self) -> None:
        """Let go of every connection. Sends in flight may fail."""


async def _forget(_name: str, _value: bytes, _for_s: int) -> None:
    """Where nothing is kept."""


async def _forgotten(_name: str) -> bytes | None:
    return None


@dataclass(frozen=True)
class Outlets:
    """What a channel may use besides its own settings: where caught messages are kept, the service's clock, and a
    memory that all delivery workers share (`keep` a value under a name, for so many seconds). `keep` never fails: what
    cannot be kept is lost, and must be missed by nobody."""

    catch: Callable[[bytes], Awaitable[str]]
    now: Callable[[], Awaitable[datetime]]
    keep: Callable[[str, bytes, int], Awaitable[None]] = _forget
    kept: Callable[[str], Awaitable[bytes | None]] = _forgotten

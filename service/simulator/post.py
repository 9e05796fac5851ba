"""What becomes of a message whose channel does not take it, by the rules of delivery itself. Pure, on a virtual clock.

Without a refusal nothing of this is asked: in the core's run a message is sent when it is decided.
"""

from datetime import UTC, datetime

from service.channels.contract import ChannelError
from service.core.effects import Owed
from service.delivery import outcome
from service.delivery.outcome import Outcome
from service.delivery.retry import quiet_ends_at

REFUSAL = ChannelError("it takes nothing for now")


class Post:
    """Channels that take what they are given, except until `refuses_until`."""

    def __init__(self) -> None:
        self.refuses_until = datetime.min.replace(tzinfo=UTC)

    def attempt(self, owed: Owed, now: datetime) -> Outcome | None:
        """None where it is sent; else what follows, in the order of service/delivery/attempt.py."""
        quiet_ends = quiet_ends_at(owed, now)
        if quiet_ends is not None:
            wait_s = (quiet_ends - now).total_seconds()
            return outcome.waiting(owed, wait_s, f"it would come in {owed.to}'s quiet hours by now", now)
        return outcome.failed(owed, REFUSAL, now) if now < self.refuses_until else None

"""What becomes of a message whose channel does not take it, by the rules of delivery itself. Pure, on a virtual clock.

Without a refusal a message is sent when it is decided.
"""

from datetime import datetime

from service.channels.contract import ChannelError
from service.core.effects import Owed
from service.delivery import outcome
from service.delivery.outcome import Outcome
from service.delivery.retry import quiet_ends_at
from service.settings.hooks import HookSettings
from service.settings.model import Settings
from service.settings.web_address import normalise
from service.simulator.refusal import Refusal, refused

_OWN = ChannelError("the server said 422", permanent=True)  # as web/integrations.py answers it


def leading_back(settings: Settings) -> frozenset[str]:
    """The channels whose URL is an integration of our own."""
    own = {
        normalise(f"{settings.service.web.public_url}/integrations/{one}") for one in settings.integrations
    }
    hooks = {name: one for name, one in settings.channels.items() if isinstance(one, HookSettings)}
    return frozenset(name for name, hook in hooks.items() if hook.to in own)


class Post:
    """Channels that take what they are given, except for `refusals`, and except those that lead back to us."""

    def __init__(self, settings: Settings) -> None:
        self.refusals: list[Refusal] = []
        self.leads_back = leading_back(settings)

    def attempt(self, owed: Owed, now: datetime) -> Outcome | None:
        """None where it is sent; else what follows, in the order of service/delivery/attempt.py."""
        quiet_ends = quiet_ends_at(owed, now)
        if quiet_ends is not None:
            wait_s = (quiet_ends - now).total_seconds()
            return outcome.waiting(owed, wait_s, f"it would come in {owed.to}'s quiet hours by now", now)
        refusal = refused(self.refusals, owed.channel, now)
        if refusal is not None:
            return outcome.failed(owed, refusal, now)
        return outcome.failed(owed, _OWN, now) if owed.channel in self.leads_back else None

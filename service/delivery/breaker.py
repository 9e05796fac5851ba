"""A circuit breaker per channel: when a channel is out of order, deliveries fail at once instead of waiting for it.

Counts only what the channel says is an outage (`ChannelError.is_outage`), never a refusal of one address. The worker
knows the `Breakers` protocol, whose methods are coroutines so that its state may move to the store later.

States: closed (all go) → open, after FAILURES_MAX outages in a row (none go) → half open, when the pause is over (one
goes as a probe, the others wait for it) → closed, when a send succeeds; or open again, for twice as long.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

# Fewer would open on a single restart of a mail server between two sends; more would hold up a lane of four for
# longer than one total deadline.
FAILURES_MAX = 5
# The longest pause is short because a delivery refused meanwhile goes one step down its own schedule.
PAUSE_S_MIN, PAUSE_S_MAX = 10, 60
# A probe that has not come back by then is lost with its worker: over the total send deadline of 30 s.
PROBE_S_MAX = 45


class Verdict(NamedTuple):
    """`go`; or `refused`, with the error that opened the breaker; or else wait for the probe: `wait_s`."""

    is_go: bool
    refused: str = ""
    wait_s: float = 0


GO = Verdict(is_go=True)


class Breakers(Protocol):
    async def admit(self, channel: str, now: datetime) -> Verdict:
        """Whether a send may be tried now."""

    async def succeeded(self, channel: str) -> None:
        """The channel answered, be it with a refusal of this one message: it is in order."""

    async def failed(self, channel: str, error: str, now: datetime) -> None:
        """The channel is out of order for everybody."""


@dataclass
class _State:
    failures: int = 0
    error: str = ""
    pause_s: float = 0
    open_until: datetime | None = None
    probing_until: datetime | None = None


class LocalBreakers:
    """The state of this process: each delivery process finds out for itself."""

    def __init__(self, on_change: Callable[[str, str], None] = lambda _channel, _error: None) -> None:
        self._states: dict[str, _State] = {}
        self._on_change = on_change  # (channel, the error that opened it, "" when it closed)

    async def admit(self, channel: str, now: datetime) -> Verdict:
        state = self._states.get(channel)
        if state is None or state.open_until is None:
            return GO
        if now < state.open_until:
            return Verdict(is_go=False, refused=state.error)
        if state.probing_until is not None and now < state.probing_until:
            return Verdict(is_go=False, wait_s=1)
        state.probing_until = now + timedelta(seconds=PROBE_S_MAX)
        return GO

    async def succeeded(self, channel: str) -> None:
        state = self._states.pop(channel, None)
        if state is not None and state.open_until is not None:
            self._on_change(channel, "")

    async def failed(self, channel: str, error: str, now: datetime) -> None:
        state = self._states.setdefault(channel, _State())
        state.failures, state.error = state.failures + 1, error
        was_probe = state.probing_until is not None
        state.probing_until = None
        if was_probe or (state.open_until is None and state.failures >= FAILURES_MAX):
            state.pause_s = min(PAUSE_S_MAX, max(PAUSE_S_MIN, state.pause_s * 2))
            state.open_until = now + timedelta(seconds=state.pause_s)
            self._on_change(channel, error)

"""What delivery says about itself: metrics, log lines, notes. Never an address, never a text of a message."""

from datetime import datetime

from service.channels.contract import ChannelError
from service.core.effects import Owed
from service.delivery.notes import Notes
from service.delivery.outcome import Outcome
from service.store.contract import StoreDown
from service.telemetry.logs import get_log
from service.telemetry.metrics import Metrics

_log = get_log()

# outcome -> (name of the log line, whether somebody should look at it). Told apart from `outcome.py` by these two:
# `taken` (another worker settled it first) and `unsettled` (left in the outbox for a later worker).
_LINES = {
    "sent": ("delivered", False),
    "already_sent": ("already_sent", False),
    "cancelled": ("delivery_cancelled", False),
    "retry": ("delivery_retried", False),
    "waiting": ("delivery_waits", False),
    "checked": ("digest_checked", False),
    "taken": ("delivery_taken", False),
    "fallback": ("delivery_failed", True),
    "dead": ("delivery_failed", True),
    "unsettled": ("delivery_unsettled", True),
}


class Report:
    """One worker's; every line carries the delivery's key, which leads to the rest."""

    def __init__(self, metrics: Metrics, notes: Notes) -> None:
        self._metrics, self._notes = metrics, notes

    def settled(self, key: str, owed: Owed | None, name: str, result: Outcome) -> None:
        """One attempt ended as `name`."""
        channel = owed.channel if owed else ""
        self._metrics.deliveries.labels(channel, name).inc()
        line, is_notable = _LINES[name]
        say = _log.warning if is_notable else _log.info
        say(line, key=key, channel=channel, outcome=name, reason=result.reason.text)
        if name == "dead":
            self._metrics.dead_letters.labels(result.dead_kind).inc()

    def sent(self, owed: Owed, now: datetime, *, is_fallback_text: bool) -> None:
        """A vendor has it. Said before it is settled: it left, whatever the store does next."""
        self._notes.delivered(owed, now)
        self._metrics.event_to_message_seconds.observe(max(0.0, (now - owed.decided_at).total_seconds()))
        if is_fallback_text:
            self._metrics.template_fallbacks.labels(owed.template).inc()
            _log.warning("template_broke", key=owed.key, template=owed.template)

    def refused(self, owed: Owed, error: ChannelError, now: datetime) -> None:
        """A vendor does not have it, or nobody knows."""
        self._notes.failed(owed, error, now)

    def took(self, channel: str, seconds: float) -> None:
        """How long a send took, successful or not."""
        self._metrics.delivery_seconds.labels(channel).observe(seconds)

    def breaker(self, channel: str, error: str) -> None:
        """The breaker of a channel opened, because of `error`; or closed, when that is empty."""
        self._metrics.breaker_open.labels(channel).set(1 if error else 0)
        if error:
            _log.warning("breaker_opened", channel=channel, reason=error)
        else:
            _log.info("breaker_closed", channel=channel)

    def failure(self, where: str, error: Exception, key: str = "") -> None:
        """The store being down is its own trouble; anything else is a mistake of ours, and an error."""
        failure = f"{type(error).__name__}: {error}"
        if isinstance(error, StoreDown):
            _log.warning("store_down", where=f"delivery: {where}", key=key, failure=failure)
        else:
            _log.error("delivery_crashed", where=where, key=key, failure=failure, exc_info=error)

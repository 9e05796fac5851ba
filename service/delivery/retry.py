"""When to try again, and when to stop trying. Pure: the same delivery is always due at the same moments."""

import hashlib
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from service.core.effects import Owed
from service.core.quiet import quiet_until
from service.core.unreached import TEMPLATE

# Before the n-th attempt on one channel, as Standard Webhooks advises: 75 hours outlast a weekend's outage.
SCHEDULE_S = (0, 5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)

# Added to a delay, never taken away: a fifth spreads those who failed in one second, and is not felt as a delay.
JITTER_MAX = 0.2

# A vendor who wants to be left alone for longer than our longest pause is not coming back for this message.
RETRY_AFTER_S_MAX = SCHEDULE_S[-1] * (1 + JITTER_MAX)


# A message takes no longer from its decision to its channel while all is well.
ON_ITS_WAY = timedelta(minutes=1)


def retry_in_s(key: str, attempts: int, retry_after_s: float | None = None) -> float | None:
    """Seconds until the next attempt after `attempts` failed ones; None when there is no next one.

    A vendor's Retry-After only ever lengthens the pause.
    """
    if attempts >= len(SCHEDULE_S):
        return None
    delay_s = SCHEDULE_S[attempts] * (1 + JITTER_MAX * spread(key, attempts))
    if retry_after_s is None:
        return delay_s
    return max(delay_s, retry_after_s) if retry_after_s <= RETRY_AFTER_S_MAX else None


def spread(key: str, salt: int = 0) -> float:
    """A number from 0 up to 1 that belongs to this key: jitter without randomness, so that a replay is equal."""
    digest = hashlib.blake2b(f"{key}:{salt}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def quiet_ends_at(owed: Owed, now: datetime) -> datetime | None:
    """When this may be given to its reader, where `now` is in their quiet hours. What was decided just before them is
    on its way."""
    if not owed.quiet or now - owed.decided_at < ON_ITS_WAY:
        return None
    span, _, zone = owed.quiet.partition(" ")
    return quiet_until(span, ZoneInfo(zone), now)


def is_reminder(owed: Owed) -> bool:
    """Whether it was decided before its moment, by a step of the timeline.

    When nobody knows whether a message arrived, a reminder is not worth a second copy; a notice that something was
    missed, an escalation or good news is.
    """
    due_at = owed.facts.get("due_at")
    if owed.template == TEMPLATE:
        return False  # the word to the fallback contact is no reminder, whenever it is said
    if owed.cause or owed.kind != "notice" or not isinstance(due_at, str):
        return False
    return owed.decided_at < datetime.fromisoformat(due_at)

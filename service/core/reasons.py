"""Why somebody was told, or was not: every decision carries at least one of these, also for silence.

`code` is stable (metrics, tests); `text` is the sentence a person reads.
"""

from enum import StrEnum

from msgspec import Struct


class Code(StrEnum):
    # told
    STEP = "step"
    REACTION = "reaction"
    CLOSURE = "closure"
    RETRACTED = "retracted"
    ALREADY_LATE = "already_late"
    MOVED_EARLIER = "moved_earlier"
    REPLANNED = "replanned"
    HANDED_OVER = "handed_over"
    HELP_WANTED = "help_wanted"
    WHO_ACKNOWLEDGED = "who_acknowledged"
    FALLBACK = "fallback"
    DELIVER = "deliver"
    ASKED = "asked"
    DIGEST = "digest"
    DELEGATED = "delegated"
    # not told, or not yet
    SUPERSEDED = "superseded"
    STALE = "stale"
    SKIP_IF = "skip_if"
    WHEN_FALSE = "when_false"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    NOBODY = "nobody"
    MERGED = "merged"
    LIMIT = "limit"
    SHADOW = "shadow"
    PRIVATE = "private"
    PASSED = "passed"
    IMPORTED = "imported"
    NO_POLICY = "no_policy"
    NO_DATE = "no_date"
    UNROUTABLE = "unroutable"
    FALLBACK_UNREACHED = "fallback_unreached"
    ALREADY_DECIDED = "already_decided"
    NOT_ASKED = "not_asked"
    EXCUSED = "excused"
    MISSED = "missed"
    QUIET = "quiet"
    LOW = "low"
    BUDGET = "budget"
    AWAY = "away"
    UNREACHABLE = "unreachable"
    # what happened to the event
    RECORDED = "recorded"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"
    OLDER = "older"
    CLOSED = "closed"
    STUB = "stub"
    CLOCK_AHEAD = "clock_ahead"
    UNMATCHED = "unmatched"
    STALE_ANSWER = "stale_answer"
    REFUSED = "refused"
    EXPIRED = "expired"
    RESUMED = "resumed"
    RESCHEDULED = "rescheduled"
    RECKONED = "reckoned"
    POLICY_REPLACED = "policy_replaced"
    REMOVED = "removed"
    NOT_DUE = "not_due"
    ROLLED_BACK = "rolled_back"
    FORWARDED = "forwarded"
    STATE_LOST = "state_lost"
    DEADLY = "deadly"
    CONDITION_FAILED = "condition_failed"
    ADDRESS_DISABLED = "address_disabled"
    # what became of a delivery
    SENT = "sent"
    ALREADY_SENT = "already_sent"
    RETRY = "retry"
    WAITING = "waiting"
    NEXT_CHANNEL = "next_channel"
    BOUNCED = "bounced"
    DEAD = "dead"
    UNKNOWN_OUTCOME = "unknown_outcome"
    TEMPLATE_BROKEN = "template_broken"


class Reason(Struct, frozen=True, array_like=True):
    code: str
    text: str


# Reasons for a word; all others are for silence.
SPOKEN = frozenset(
    {
        *(Code.STEP, Code.REACTION, Code.CLOSURE, Code.RETRACTED, Code.ALREADY_LATE, Code.MOVED_EARLIER),
        *(Code.REPLANNED, Code.HANDED_OVER, Code.HELP_WANTED, Code.WHO_ACKNOWLEDGED, Code.FALLBACK),
        *(Code.DELIVER, Code.ASKED, Code.RECORDED),
    }
)

"""The figures of a simulation that a manager asks for, and how much earlier or later misses are found than before.

Pure arithmetic over outcomes; `cli/simulate.py` shows them.
"""

import statistics
from collections import Counter
from datetime import datetime

from service.core.directory import Directory
from service.simulator.outcome import Outcome, Told

# What an inbox did instead of telling at once, by the code of its reason.
INBOX = {"quiet": "quiet_hours", "digest": "digest", "low": "digest", "budget": "over_budget", "away": "away"}


def summary(outcome: Outcome, directory: Directory) -> dict[str, object]:
    """`off_hours` are messages to people outside of their working hours; `misses_found` are subjects of which somebody
    besides the owner heard that they were missed; `inbox` counts what was put off, and why. A digest is one message,
    and each miss in it an escalation."""
    messages = outcome.messages
    people = [told for told in messages if told.owed.to in directory.people]
    a_day = Counter(
        (told.owed.to, told.at.astimezone(directory.zone_of(told.owed.to)).date()) for told in people
    )
    escalations = escalations_by_person(outcome)
    put_off = Counter(
        INBOX[why.reason.code]
        for why in outcome.whys
        if why.reason.code in INBOX and why.subject.startswith("inbox/")
    )
    return {
        "messages": len(messages),
        "escalations": escalations.total(),
        "off_hours": sum(_is_off_hours(told, directory) for told in people),
        "most_in_a_day": max(a_day.values(), default=0),
        "misses_found": len(first_heard(outcome)),
        "inbox": {name: put_off[name] for name in dict.fromkeys(INBOX.values())},
        "by_person": dict(Counter(told.owed.to for told in messages).most_common()),
        "escalations_by_person": dict(escalations.most_common()),
        "by_template": dict(Counter(told.owed.template for told in messages).most_common()),
        "by_policy": dict(Counter(told.owed.policy for told in messages).most_common()),
        "silences": dict(Counter(str(why.reason.code) for why in outcome.silences).most_common()),
        "decisions": outcome.decisions,
    }


def escalations_by_person(outcome: Outcome) -> Counter[str]:
    """How often each hears of a miss of somebody else's, by itself or in a digest."""
    return Counter(one.to for told in outcome.messages for one in told.escalations)


def first_heard(outcome: Outcome) -> dict[str, datetime]:
    """When somebody besides the owner first heard of a miss, by subject."""
    found: dict[str, datetime] = {}
    for told in outcome.messages:
        for one in told.escalations:
            found[one.subject] = min(told.at, found.get(one.subject, told.at))
    return found


def misses(old: Outcome, new: Outcome) -> dict[str, object]:
    """How many misses are found earlier, later, or by one of the two only; `median_shift_s` is of those found by both,
    negative when the new finds them earlier."""
    before, now = first_heard(old), first_heard(new)
    shifts = [(now[subject] - at).total_seconds() for subject, at in before.items() if subject in now]
    return {
        "earlier": sum(shift < 0 for shift in shifts),
        "same": sum(shift == 0 for shift in shifts),
        "later": sum(shift > 0 for shift in shifts),
        "only_old": len(before.keys() - now.keys()),
        "only_new": len(now.keys() - before.keys()),
        "median_shift_s": statistics.median(shifts) if shifts else None,
    }


def _is_off_hours(told: Told, directory: Directory) -> bool:
    return directory.calendar_of(told.owed.to).working(told.at) != told.at

"""Somebody is away: what is asked of them goes to whoever stands in, and to nobody it is said so.

Who asked hears both by an event: who was told in their place may answer, too, and a ladder that has nobody on this rung
takes the next one at once. Good news and other facts wait for the return instead: a win told to somebody else has not
been noticed by the one whose it is.
"""

from datetime import datetime

import msgspec
from msgspec import Struct

from service.core import reader, unreached
from service.core.effects import Emit
from service.core.events import (
    TOPIC_OF_FAMILY,
    NotificationDelegated,
    NotificationRequested,
    NotificationUnreachable,
)
from service.core.ids import effect_key, notify_key, split_subject
from service.core.model import Absence
from service.core.reasons import Code
from service.core.tray import Tray

# A longer chain of people who are all away is a mistake in the directory.
DEPTH_MAX = 10

# What the fallback contact is asked to mend. It is true for ever, and yet somebody has to do it now.
_FOR_FALLBACK = frozenset({unreached.TEMPLATE, "policy_broken"})

_encode = msgspec.json.Encoder().encode


def waits_for_return(tray: Tray, request: NotificationRequested, gone: Absence) -> bool:
    """Whether it is told when the reader is back: a fact (`until: nothing`), or, where nobody stands in, a reminder of
    something that is due after the return."""
    if request.urgency == "high" or request.template in _FOR_FALLBACK:
        return False
    if request.until == "nothing":
        return True
    if _stand_in(tray, request, gone) or tray.person is None:
        return False
    due_at, back_at = due_of(request), reader.free_from(tray.inbox, tray.person, tray.world, tray.now)
    return due_at is not None and back_at is not None and back_at < due_at


def due_of(request: NotificationRequested) -> datetime | None:
    due_at = request.facts.get("due_at")
    return datetime.fromisoformat(due_at) if isinstance(due_at, str) else None


def hand_on(tray: Tray, request: NotificationRequested, gone: Absence) -> None:
    """To the delegate's inbox, which decides anew; without one back to who asked."""
    why = _in_words(tray, gone)
    delegate = _stand_in(tray, request, gone)
    if not delegate:
        nobody = "nobody else stands in" if _is_theirs(tray, request, gone.delegate) else "nobody stands in"
        _unreachable(tray, request, f"{why}, and {nobody}" if not request.visited else why)
        return
    own = request.others.get(delegate)
    if own in ("high", request.urgency):
        tray.because(Code.MERGED, f"{why}; {delegate}, who stands in, is told of it at the same time anyway")
        _delegated(tray, request, (*request.visited, tray.to)[0], delegate)
        return
    handed = msgspec.structs.replace(
        request,
        to=delegate,
        visited=[*request.visited, tray.to],
        reasons=[*request.reasons, f"{why}; {delegate} stands in"],
        extra={**request.extra, "stands_in_for": (*request.visited, tray.to)[0]},
    )
    # The key that the request would have if it had been the delegate's from the start: whoever has two roles in one
    # step, or stands in for two, is told once.
    key = notify_key(handed)
    tray.emits.append(
        Emit(key, "inbox", "notification.requested", f"inbox/{delegate}", tray.now, _encode(handed))
    )
    tray.because(Code.DELEGATED, f"{why}; {delegate} is told instead")


def accepted(tray: Tray, request: NotificationRequested) -> None:
    """Who asked hears that `request` has found its reader in the place of another: they may answer it."""
    if request.visited and request.template not in _FOR_FALLBACK:
        _delegated(tray, request, request.visited[0], tray.to)


def _delegated(tray: Tray, request: NotificationRequested, to: str, delegate: str) -> None:
    data = NotificationDelegated(
        to=to,
        delegate=delegate,
        policy=request.policy,
        step=request.step,
        cycle=request.cycle,
        moment=_moment(request),
    )
    _send_back(tray, request, "notification.delegated", data)


def _stand_in(tray: Tray, request: NotificationRequested, gone: Absence) -> str:
    """Whoever takes it; "" when nobody does. A check-in is one's own: nobody reports for another."""
    if request.facts.get("family") == "checkin" and request.facts.get("owner") == tray.to:
        return ""
    if _is_theirs(tray, request, gone.delegate):
        return ""
    known = tray.world.directory.people.get(gone.delegate)
    is_new = gone.delegate not in (*request.visited, tray.to) and len(request.visited) < DEPTH_MAX
    return gone.delegate if known is not None and known.active and is_new else ""


def _is_theirs(tray: Tray, request: NotificationRequested, delegate: str) -> bool:
    """Whether it is about the delegate: nobody is told of their own miss, or asked for the help that they ask for, in
    the place of somebody above them."""
    if request.template in _FOR_FALLBACK:
        return False
    asked_by, owner = request.extra.get("asked_by"), request.facts.get("owner")
    return delegate == asked_by or (delegate == owner != (*request.visited, tray.to)[0])


def _unreachable(tray: Tray, request: NotificationRequested, why: str) -> None:
    first = (*request.visited, tray.to)[0]
    tray.because(Code.UNREACHABLE, f"{why}; {unreached.title_of(request)} goes back to where it came from")
    if request.template in _FOR_FALLBACK:
        tray.unroutable(request, why)
        return
    data = NotificationUnreachable(
        to=first,
        policy=request.policy,
        policy_hash=request.policy_hash,
        step=request.step,
        cycle=request.cycle,
        round=request.round,
        moment=_moment(request),
        reason=why,
        extra=request.extra,
    )
    _send_back(tray, request, "notification.unreachable", data)
    if request.facts.get("family") == "checkin" and request.facts.get("owner") == first:
        return  # nobody misses a report of somebody who is away
    # A day's losses are one message a reader: the fallback contact may name somebody who stands in.
    lost = msgspec.structs.replace(request, to=first)
    emits, said = unreached.report(tray.inbox, lost, "", why, tray.now, tray.world)
    tray.emits += emits
    tray.reasons.append(said)


def _send_back(tray: Tray, request: NotificationRequested, kind: str, data: Struct) -> None:
    topic = TOPIC_OF_FAMILY.get(split_subject(request.subject)[0], "deadlines")
    key = effect_key(kind, notify_key(request), tray.to)
    tray.emits.append(Emit(key, topic, kind, request.subject, tray.now, _encode(data)))


def _moment(request: NotificationRequested) -> str:
    return str(request.facts.get("moment", "due"))


def _in_words(tray: Tray, gone: Absence) -> str:
    until = gone.until
    if until is None:
        return f"{tray.to} is away"
    return (
        f"{tray.to} is away until {until.astimezone(tray.world.directory.zone_of(tray.to)):%a %Y-%m-%d %H:%M}"
    )

"""What becomes of a notification nobody could be given: the fallback contact is told, once, in plain words.

A reader who is not reached by one channel is one piece of news, however many notifications it costs: the first is told
at once, the others are counted and told together a day later. So a channel that is down for days brings its fallback
contact a message a reader and day, and what was lost is named all the same. Kept by the inbox of whoever was not
reached; its rules are in `rules/inbox.py`.
"""

from datetime import datetime, timedelta

import msgspec

from service.core.directory import World
from service.core.effects import Emit, Owed, decode_owed
from service.core.events import NotificationRequested
from service.core.fallback import fallback
from service.core.ids import effect_key
from service.core.model import Inbox, Unreached
from service.core.reasons import Code, Reason
from service.core.view import minute

# Long enough that an outage of days is no flood, short enough that nothing lost waits for more than a working day.
TELL_AGAIN_AFTER = timedelta(days=1)
# A message names so many commitments; the rest is a number, and `dead-letters list` has them all.
NAMED_MAX = 20

# The template of the word to the fallback contact. One that is lost itself has nobody after it: no loop.
TEMPLATE = "unroutable"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(NotificationRequested).decode

Told = tuple[tuple[Emit, ...], Reason]


def title_of(about: Owed | NotificationRequested) -> str:
    """What a reader knows the subject of a notification by."""
    return str(about.facts.get("title") or about.subject)


def request_of(owed: Owed) -> NotificationRequested:
    """What was asked for when this delivery was decided: what is left of it when the delivery is given up."""
    return NotificationRequested(
        to=owed.to,
        subject=owed.subject,
        policy=owed.policy,
        policy_hash=owed.policy_hash,
        step=owed.step,
        cycle=owed.cycle,
        round=owed.round,
        cause=owed.cause,
        kind=owed.kind,
        template=owed.template,
        urgency=owed.urgency,
        visibility="private",  # whoever was meant, the word to the fallback contact is for them alone
        until=owed.until,
        decided_at=owed.decided_at,
        reasons=list(owed.reasons),
        facts=owed.facts,
        extra=owed.extra | _inside(owed) if owed.parts else owed.extra,
    )


def _inside(digest: Owed) -> dict[str, object]:
    """What a digest stands for: it is all lost with it."""
    parts = [decode_owed(part) for part in digest.parts]
    more = digest.extra.get("more")
    return {
        "lost": len(parts) + (more if isinstance(more, int) else 0),
        "titles": [title_of(part) for part in parts],
    }


def report(
    inbox: Inbox, request: NotificationRequested, route: str, why: str, now: datetime, world: World
) -> Told:
    """`request` was lost on `route` (a channel; empty: on none at all): tell the fallback contact now, or later."""
    if request.template == TEMPLATE:
        return (), Reason(
            Code.FALLBACK_UNREACHED, f"{request.to} is the fallback contact: nobody is told now"
        )
    known = inbox.unreached.get(route)
    is_urgent = request.urgency == "high"
    # What is urgent does not wait behind a word that may itself wait for the morning.
    if known is not None and now < known.at + TELL_AGAIN_AFTER and known.is_urgent >= is_urgent:
        lost, titles = request.extra.get("lost"), request.extra.get("titles")
        known.count += lost if isinstance(lost, int) else 1
        known.last, known.why = _encode(request), why
        for title in titles if isinstance(titles, list) else [title_of(request)]:
            if str(title) not in known.titles and len(known.titles) < NAMED_MAX:
                known.titles.append(str(title))
        told_at = minute(known.at, world.directory.zone_of(request.to))
        said = f"the fallback contact was told at {told_at} that {request.to} is not reached"
        return (), Reason(Code.MERGED, f"{said}; this one is told with others on the next day")
    waiting = known or Unreached(now)
    inbox.unreached[route] = msgspec.structs.replace(waiting, at=now, is_urgent=is_urgent)
    return _tell(request, route, why, now, world, "~fallback", {})


def next_due(inbox: Inbox) -> datetime | None:
    """When what was lost meanwhile is told; None when nothing was."""
    return min((u.at + TELL_AGAIN_AFTER for u in inbox.unreached.values() if u.count), default=None)


def report_others(inbox: Inbox, now: datetime, world: World) -> list[Told]:
    """The day is over: what was lost since the last word is told as one message a route."""
    found = []
    for route, known in inbox.unreached.items():
        if known.count and known.at + TELL_AGAIN_AFTER <= now:
            inbox.unreached[route] = Unreached(now)
            since: dict[str, object] = {"count": known.count, "titles": known.titles}
            request = _decode(known.last)
            found.append(_tell(request, route, known.why, now, world, "~fallback-more", since))
    return found


def _tell(
    request: NotificationRequested,
    route: str,
    why: str,
    now: datetime,
    world: World,
    step: str,
    since: dict[str, object],
) -> Told:
    found = fallback(world.fallback_contact, world.directory)
    others = [to for to in found if to != request.to]
    if not others:
        nobody = f"{request.to} is" if found else f"{world.fallback_contact} is nobody, not"
        return (), Reason(
            Code.FALLBACK_UNREACHED, f"{why}; {nobody} the fallback contact: nobody is told now"
        )
    extra: dict[str, object] = {
        "step": f"{request.policy}.{request.step}" if request.policy else request.step,
        "why": why,
        "reader": request.to,
        "channel": route,
        "template": request.template,
        **since,
    }
    emits = tuple(_to_fallback(to, request, why, now, step, extra) for to in others)
    return emits, Reason(Code.FALLBACK, f"{why}; {', '.join(others)} is told as the fallback contact")


def _to_fallback(
    to: str, request: NotificationRequested, why: str, now: datetime, step: str, extra: dict[str, object]
) -> Emit:
    """True for ever (`until: nothing`): that somebody was not reached stays news when the commitment is done."""
    # A step of its own: the fallback contact may have been told of the same step in its own right.
    told = msgspec.structs.replace(
        request,
        to=to,
        step=f"{step}:{request.policy}.{request.step}:{request.to}",
        template=TEMPLATE,
        # That somebody is not reached waits for no digest, however small the thing they were not told.
        urgency="high" if request.urgency == "high" else "normal",
        kind="notice",
        until="nothing",
        decided_at=now,
        reasons=[why],
        extra=extra,
    )
    parts = (request.subject, request.cycle, request.policy, request.step, request.round, request.cause)
    key = effect_key(step.removeprefix("~"), *parts, request.to, to)
    return Emit(key, "inbox", "notification.requested", f"inbox/{to}", now, _encode(told))

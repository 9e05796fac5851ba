"""What waits for its reader: kept in their inbox, and told at the end of quiet time as one digest.

Whether each of it is still true is asked by the delivery, just before it is sent (still_owed.py): an inbox sees no
subject. One that waits alone goes out as itself.
"""

from datetime import datetime

import msgspec

from service.core import reader, unreached
from service.core.effects import Owed, encode_effect
from service.core.events import NotificationRequested
from service.core.ids import subject_key
from service.core.model import IMPORTED, Inbox, Waiting
from service.core.reader import Later
from service.core.reasons import Code
from service.core.standing_in import hand_on, waits_for_return
from service.core.tray import Tray
from service.core.unreached import title_of
from service.core.view import iso

# Of news so much is kept, and the rest is counted: nobody waits for an answer to it. Of an import as well, which may be
# ten thousand: a digest names no more.
NEWS_MAX = 20
# All that somebody has to act on is kept, to be handed on or taken back; an inbox is one value in the store, though.
KEPT_MAX = 300
TEMPLATE = "digest"

_DONE = "done"  # of what makes a word unnecessary the stronger: an acknowledgement is not enough

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(NotificationRequested).decode


def keep(tray: Tray, request: NotificationRequested, later: Later) -> None:
    """`request` waits for the reader's digest."""
    inbox = tray.inbox
    when = f"at {tray.minute(later.at)}" if later.at else "when they are back"
    tray.because(Code(later.code), f"{later.why}; it waits for the digest {when}")
    until = forget_older(tray, request)
    if not until:
        tray.because(Code.MERGED, f"something newer about {title_of(request)} waits already")
    elif _is_full(inbox, request):
        inbox.more += 1
        tray.because(Code.DIGEST, f"{title_of(request)} is only counted: so much waits already")
    else:
        inbox.waiting.append(Waiting(_encode(msgspec.structs.replace(request, until=until)), later.why))
    if later.at is not None:
        inbox.digest_at = min(inbox.digest_at or later.at, later.at)


def _is_full(inbox: Inbox, request: NotificationRequested) -> bool:
    if not _is_news(request) or len(inbox.waiting) < NEWS_MAX:
        return len(inbox.waiting) >= KEPT_MAX
    return sum(_is_news(_decode(one.request)) for one in inbox.waiting) >= NEWS_MAX


def _is_news(request: NotificationRequested) -> bool:
    return request.until == "nothing" or request.step == IMPORTED


def forget_older(tray: Tray, request: NotificationRequested) -> str:
    """Of what is asked about one moment of one subject only the last word counts, whichever comes first: one that was
    handed on comes late. What makes that word unnecessary: an answer that leaves either of them true is not enough.
    "" when something newer waits in its place."""
    inbox, until = tray.inbox, request.until
    if until == "nothing" or not inbox.waiting:
        return until
    kept = []
    for one in inbox.waiting:
        other = _decode(one.request)
        if other.until == "nothing" or _about(other) != _about(request):
            kept.append(one)
            continue
        strongest = _DONE if other.cycle == request.cycle and _DONE in (other.until, until) else ""
        if (other.cycle, other.decided_at) > (request.cycle, request.decided_at):
            newer = msgspec.structs.replace(other, until=strongest or other.until)
            kept.append(Waiting(_encode(newer), one.why))
            until = ""
        else:
            tray.because(
                Code.MERGED, f"what waited about {title_of(other)} ({other.step}) is overtaken by it"
            )
            until = until and (strongest or until)
    _now_waits(inbox, kept)
    return until


def _now_waits(inbox: Inbox, kept: list[Waiting]) -> None:
    """The digest of what has gone is off with it."""
    inbox.waiting = kept
    if not kept:
        inbox.digest_at = None


def tell_waiting(tray: Tray) -> None:
    """The time of the digest has come, or who reads it when has changed: all that waits is decided again."""
    inbox, person = tray.inbox, tray.person
    if person is None or not person.active:
        why = f"{tray.to} is not {'in the directory' if person is None else 'active any more'}"
        for request in _take_all(tray):
            tray.unroutable(request, why)
        _lose_counted(tray, why)
        return
    gone = reader.absence(inbox, person, tray.now)
    if gone is not None:
        kept = []
        for one in inbox.waiting:
            request = _decode(one.request)
            if waits_for_return(tray, request, gone):
                kept.append(one)
            else:
                hand_on(tray, request, gone)
        _now_waits(inbox, kept)
        if not kept:
            _lose_counted(tray, f"{tray.to} is away")
    free_at = reader.free_from(inbox, person, tray.world, tray.now)
    if free_at != tray.now:
        inbox.digest_at = free_at if inbox.waiting else None
    elif inbox.waiting:
        _tell(tray)


def hasten(tray: Tray) -> None:
    """Somebody is away no longer, or for less long, or never will be back: what waits for a return that is off waits no
    longer than anything else."""
    inbox, person, world, now = tray.inbox, tray.person, tray.world, tray.now
    is_there = person is not None and person.active
    at = reader.next_digest(inbox, person, world, now) if person is not None and is_there else now
    if inbox.waiting and at is not None and (inbox.digest_at is None or at < inbox.digest_at):
        inbox.digest_at = at


def _tell(tray: Tray) -> None:
    inbox = tray.inbox
    # When it was due, not when somebody looked: a decision that is repeated after a crash makes the same key.
    window = min(inbox.digest_at or tray.now, tray.now)
    whys, more = list(dict.fromkeys(one.why for one in inbox.waiting)), inbox.more
    parts = [tray.owes(request) for request in _take_all(tray)]
    inbox.more = 0
    if len(parts) == 1 and not more:
        tray.send(msgspec.structs.replace(parts[0], reasons=(*parts[0].reasons, *whys)))
        return
    for part in parts:
        tray.because(Code.DIGEST, f"{title_of(part)} ({part.template}) is in the digest")
    tray.send(_digest(tray, parts, more, whys, window))


def _take_all(tray: Tray) -> list[NotificationRequested]:
    requests = [_decode(one.request) for one in tray.inbox.waiting]
    _now_waits(tray.inbox, [])
    return requests


def _lose_counted(tray: Tray, why: str) -> None:
    """What was only counted cannot be handed on: whoever looks after what is lost hears how much it is."""
    more, tray.inbox.more = tray.inbox.more, 0
    if more:
        lost = _request(tray, [why], {"title": f"{more} more"}, {"lost": more}, tray.now)
        emits, said = unreached.report(tray.inbox, lost, "", why, tray.now, tray.world)
        tray.emits += emits
        tray.reasons.append(said)


def _digest(tray: Tray, parts: list[Owed], more: int, whys: list[str], window: datetime) -> Owed:
    request = _request(tray, whys, {"title": titles_of(parts, more)}, {"more": more}, window)
    return msgspec.structs.replace(tray.owes(request), parts=tuple(encode_effect(part) for part in parts))


def _request(
    tray: Tray, whys: list[str], facts: dict[str, object], extra: dict[str, object], window: datetime
) -> NotificationRequested:
    return NotificationRequested(
        to=tray.to,
        subject=subject_key("inbox", tray.to),
        policy="",
        policy_hash="",
        step="~digest",
        cycle=0,
        round=0,
        cause=str(iso(window)),
        kind="notice",
        template=TEMPLATE,
        urgency="normal",
        visibility="private",
        until="nothing",
        decided_at=tray.now,
        reasons=whys,
        facts=facts,
        extra=extra,
    )


def titles_of(parts: list[Owed], more: int) -> str:
    """What the digest is called where nobody sees inside."""
    named = list(dict.fromkeys(title_of(part) for part in parts))
    rest = len(named) - 3 + more
    return f"{', '.join(named[:3])} and {rest} more" if rest > 0 else ", ".join(named)


def _about(request: NotificationRequested) -> tuple[str, object]:
    return request.subject, request.facts.get("moment", "due")

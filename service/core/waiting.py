"""What waits for its reader: kept in their inbox, and told at the end of quiet time as one digest.

Whether each of it is still true is asked by the delivery, just before it is sent (still_owed.py): an inbox sees no
subject. One that waits alone goes out as itself.
"""

from datetime import datetime

import msgspec

from service.core import reader
from service.core.effects import Owed, encode_effect
from service.core.events import NotificationRequested
from service.core.ids import subject_key
from service.core.model import Waiting
from service.core.reader import Later
from service.core.reasons import Code
from service.core.standing_in import hand_on, waits_for_return
from service.core.tray import Tray
from service.core.view import iso

# A digest names so many, and counts the rest: it is one mail, and the state of an inbox is one value in the store.
KEPT_MAX = 20
TEMPLATE = "digest"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(NotificationRequested).decode


def keep(tray: Tray, request: NotificationRequested, later: Later) -> None:
    """`request` waits for the reader's digest."""
    inbox = tray.inbox
    when = f"at {later.at:%Y-%m-%d %H:%M} UTC" if later.at else "when they are back"
    tray.because(Code(later.code), f"{later.why}; it waits for the digest {when}")
    forget_older(tray, request)
    if len(inbox.waiting) < KEPT_MAX:
        inbox.waiting.append(Waiting(_encode(request), later.why))
    else:
        inbox.more += 1
        tray.because(
            Code.DIGEST, f"{title_of(request)} is only counted: the digest names {KEPT_MAX}, of more"
        )
    if later.at is not None:
        inbox.digest_at = min(inbox.digest_at or later.at, later.at)


def forget_older(tray: Tray, request: NotificationRequested) -> None:
    """Of what is asked about one moment of one subject only the last word counts."""
    if request.until == "nothing":
        return
    kept = []
    for one in tray.inbox.waiting:
        older = _decode(one.request)
        if older.until != "nothing" and _about(older) == _about(request):
            tray.because(
                Code.MERGED, f"what waited about {title_of(older)} ({older.step}) is overtaken by it"
            )
        else:
            kept.append(one)
    tray.inbox.waiting = kept


def tell_waiting(tray: Tray) -> None:
    """The time of the digest has come, or who reads it when has changed: all that waits is decided again."""
    inbox, person = tray.inbox, tray.person
    if person is None or not person.active:
        why = f"{tray.to} is not {'in the directory' if person is None else 'active any more'}"
        for request in _take_all(tray):
            tray.unroutable(request, why)
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
        inbox.waiting = kept
    free_at = reader.free_from(inbox, person, tray.world, tray.now)
    if free_at != tray.now:
        inbox.digest_at = free_at
    elif inbox.waiting:
        _tell(tray)


def _tell(tray: Tray) -> None:
    inbox = tray.inbox
    # When it was due, not when somebody looked: a decision that is repeated after a crash makes the same key.
    window = min(inbox.digest_at or tray.now, tray.now)
    whys, more = list(dict.fromkeys(one.why for one in inbox.waiting)), inbox.more
    parts = [tray.owes(request) for request in _take_all(tray)]
    if len(parts) == 1 and not more:
        tray.send(msgspec.structs.replace(parts[0], reasons=(*parts[0].reasons, *whys)))
        return
    for part in parts:
        tray.because(Code.DIGEST, f"{title_of(part)} ({part.template}) is in the digest")
    tray.send(_digest(tray, parts, more, whys, window))


def _take_all(tray: Tray) -> list[NotificationRequested]:
    requests = [_decode(one.request) for one in tray.inbox.waiting]
    tray.inbox.waiting, tray.inbox.more, tray.inbox.digest_at = [], 0, None
    return requests


def _digest(tray: Tray, parts: list[Owed], more: int, whys: list[str], window: datetime) -> Owed:
    request = NotificationRequested(
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
        facts={"title": _titles(parts, more)},
        extra={"more": more},
    )
    return msgspec.structs.replace(tray.owes(request), parts=tuple(encode_effect(part) for part in parts))


def _titles(parts: list[Owed], more: int) -> str:
    """What the digest is called where nobody sees inside."""
    named = list(dict.fromkeys(title_of(part) for part in parts))
    rest = len(named) - 3 + more
    return f"{', '.join(named[:3])} and {rest} more" if rest > 0 else ", ".join(named)


def title_of(about: Owed | NotificationRequested) -> str:
    return str(about.facts.get("title") or about.subject)


def _about(request: NotificationRequested) -> tuple[str, object]:
    return request.subject, request.facts.get("moment", "due")

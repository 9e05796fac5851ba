"""Notifications that never happened: every template is rendered with them at load, and shown by `preview`.

They go through what differs: the owner and somebody else, before and after the date, without a date, closed.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from service.core.effects import Owed, encode_effect
from service.core.message import Reader

NOW = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
NAMES = {"ana": "Ana Ruiz", "dana": "Dana Cole", "leo": "Leo Brandt", "omar": "Omar Haddad", "east": "East"}
ANA = Reader("ana", "Ana Ruiz", "Europe/Madrid", {"email": "ana@example.com"})
DANA = Reader("dana", "Dana Cole", "America/New_York", {"email": "dana@example.com"})
WINS = Reader("channel:wins", "wins")

_FACTS: dict[str, object] = {
    "id": "deadline/c1",
    "family": "deadline",
    "title": "Send the Contoso proposal",
    "owner": "ana",
    "team": "east",
    "kind": "proposal",
    "importance": "high",
    "description": "Three-year offer with the new support terms.\nLegal has seen the draft.",
    "url": "https://crm.example.com/deals/42",
    "deal_id": "42",
    "goal_id": "",
    "progress": 60,
    "confidence": 4,
    "note": "Waiting for the price list.",
    "status": "open",
    "due_at": "2026-11-27T16:00:00.000Z",
    "due_on": "",
    "slips": 1,
    "opened_at": "2026-11-10T09:00:00.000Z",
    "closed_at": None,
    "on_time": None,
    "escalated": False,
    "told": [],
    "cycle": 1,
    "changed": 1,
}
_LATE: dict[str, object] = {
    "due_at": "2026-11-24T12:00:00.000Z",
    "told": [
        {
            "to": "ana",
            "step": "missed",
            "policy": "deadlines",
            "at": "2026-11-24T12:00:00.000Z",
            "after": True,
        },
        {"to": "leo", "step": "help", "policy": "deadlines", "at": "2026-11-24T15:00:00.000Z", "after": True},
    ],
    "escalated": True,
}
_NOW_LATE: dict[str, object] = {**_LATE, "due_at": "2026-11-24T16:00:00.000Z", "told": [], "escalated": False}
_DAY_LATE: dict[str, object] = {
    **_LATE,
    "due_at": "2026-11-23T16:00:00.000Z",
    "told": [
        {
            "to": "ana",
            "step": "missed",
            "policy": "deadlines",
            "at": "2026-11-23T16:00:00.000Z",
            "after": True,
        },
        {"to": "leo", "step": "help", "policy": "deadlines", "at": "2026-11-23T20:00:00.000Z", "after": True},
    ],
}
_MET: dict[str, object] = {"status": "met", "closed_at": "2026-11-24T15:30:00.000Z", "progress": 100}
_IN_TIME: dict[str, object] = {"due_at": "2026-11-27T16:00:00.000Z", "on_time": True, "told": []}
_DEAL: dict[str, object] = {
    "id": "deal/42",
    "family": "deal",
    "title": "Contoso, three years of support",
    "description": "",
    "progress": 0,
    "note": "",
    "moment": "close",
    "amount": "48000.00",
    "currency": "EUR",
    "stage": "Proposal",
    "next_step": "Send the offer",
    "next_step_at": "2026-11-26T16:00:00.000Z",
    "last_activity_at": "2026-11-10T09:00:00.000Z",
    "helpers": ["leo"],
}
_WON: dict[str, object] = {**_DEAL, "status": "won", "closed_at": "2026-11-24T15:30:00.000Z", "slips": 0}
_STALLED: dict[str, object] = {**_DEAL, "moment": "last_activity", "due_at": "2026-11-10T09:00:00.000Z"}
_CHECKIN: dict[str, object] = {
    "id": "checkin/ana:weekly",
    "family": "checkin",
    "title": "Weekly check-in",
    "description": "",
    "kind": "",
    "url": "",
    "deal_id": "",
    "progress": 0,
    "confidence": 0,
    "note": "",
    "slips": 0,
    "cadence": "weekly",
    "period": "2026-W48",
    "outcome": "",
    "waits_until": "2026-11-27T18:00:00.000Z",
    "submitted_at": None,
    "report": {"progress": "", "next": "", "roadblocks": [], "wins": []},
}
_CHECKIN_LATE: dict[str, object] = {**_CHECKIN, "due_at": "2026-11-23T16:00:00.000Z", "outcome": "missed"}
_GOAL: dict[str, object] = {
    "id": "goal/q4",
    "family": "goal",
    "title": "Q4 revenue, East",
    "description": "",
    "kind": "",
    "deal_id": "",
    "note": "",
    "slips": 0,
    "moment": "period_end",
    "metric": "revenue",
    "target": "250000",
    "value": "205000.00",
    "unit": "EUR",
    "why": "",
    "milestone": 80,
    "progress": 82,
    "period_start": "2026-10-01",
    "period_end": "2026-12-31",
    "due_at": "2026-12-31T16:00:00.000Z",
    "due_on": "2026-12-31",
}
_GOAL_SHORT: dict[str, object] = {**_GOAL, "due_at": "2026-11-23T16:00:00.000Z"}
_GOAL_REACHED: dict[str, object] = {**_GOAL, **_MET, "value": "261000", "milestone": 100, "progress": 104}
_BROKEN = (
    "`skip_if` of step last-call of deadlines could not be computed (`<` not supported between instances of `nothing` "
    "and `str`); taken as False"
)
_NEXT = {"at": "2026-11-25T16:00:00.000Z", "to": ["dana"]}


class Sample(NamedTuple):
    owed: Owed
    reader: Reader


def name_of(id_: str) -> str:
    return NAMES.get(id_, id_)


def owed(template: str, to: str = "ana", **more: object) -> Owed:
    """An outbox entry; `more` overrides its fields, `facts` is merged into the sample's."""
    facts = more.pop("facts", {})
    assert isinstance(facts, dict)
    fields: dict[str, object] = {
        "key": "0123456789abcdef0123456789abcdef",
        "to": to,
        "channel": "email",
        "address": "",
        "fallbacks": (),
        "subject": "deadline/c1",
        "policy": "deadlines",
        "policy_hash": "00000000",
        "step": template.replace("_", "-"),
        "cycle": 1,
        "round": 0,
        "cause": "",
        "kind": "notice",
        "template": template,
        "template_hash": "",
        "urgency": "normal",
        "until": "done",
        "decided_at": NOW,
        "reasons": (f"step {template.replace('_', '-')} of Deadlines: 3 days before",),
        "facts": {**_FACTS, **facts},
        "extra": {},
    }
    return Owed(**{**fields, **more})  # type: ignore[arg-type]  # the tests of samples hold it


# The most usual case of each shipped template: who reads it, the facts that differ, what the decision adds, and why.
_USUAL: dict[str, tuple[Reader, dict[str, object], dict[str, object], str]] = {
    "reminder": (ANA, {}, {}, "step heads-up of Deadlines: 3 days before"),
    "missed": (ANA, _NOW_LATE, {"next": _NEXT}, "step missed of Deadlines: the moment"),
    "offer_help": (ANA, _LATE, {"next": _NEXT}, "step offer-help of Deadlines: 4 hours after"),
    "escalated": (DANA, _DAY_LATE, {}, "step manager of Deadlines: 1 day after"),
    "resolved": (DANA, {**_DAY_LATE, **_MET}, {"by": "ana", "how": "met", "reason": ""}, "it is closed: met"),
    "replanned": (
        DANA,
        {"told": _LATE["told"], "due_at": "2026-12-04T16:00:00.000Z", "slips": 2},
        {
            "from": "2026-11-24T12:00:00.000Z",
            "to": "2026-12-04T16:00:00.000Z",
            "by": "ana",
            "reason": "Contoso moved its board meeting.",
        },
        "re-planned to another date",
    ),
    "kept": (WINS, {**_MET, **_IN_TIME}, {}, "reaction kept of Deadlines: deadline.met"),
    "deal_won": (WINS, _WON, {"reason": ""}, "reaction win of Deals won: deal.won"),
    "deal_stalled": (
        ANA,
        _STALLED,
        {"next": _NEXT},
        "step quiet of Stalled deals: 14 days after the last activity",
    ),
    "milestone": (WINS, _GOAL, {"reason": ""}, "reaction milestone of Goals: goal.milestone"),
    "checkin_ask": (ANA, _CHECKIN, {}, "Weekly check-in asks for 2026-W48, until Friday 17:00"),
    "checkin_missed": (
        DANA,
        {**_CHECKIN_LATE, "told": _DAY_LATE["told"]},
        {},
        "step manager of Check-ins: 1 day after the deadline",
    ),
    "acknowledged": (DANA, _DAY_LATE, {"by": "leo", "how": "acknowledged"}, "leo is on it"),
    "unroutable": (
        Reader("omar", "Omar Haddad"),
        _DAY_LATE,
        {"step": "deadlines.manager", "why": "step manager of Deadlines resolves to nobody (owner.manager)"},
        "step manager resolves to nobody; omar is the fallback contact",
    ),
    "digest": (
        ANA,
        {
            "title": "Send the Contoso proposal, Contoso, three years of support and 3 more",
            "due_at": None,
            "owner": "",
            "url": "",
        },
        {"more": 2},
        "it waited for the end of your quiet hours (20:00-08:00)",
    ),
    "policy_broken": (
        Reader("omar", "Omar Haddad"),
        {},
        {"why": _BROKEN},
        _BROKEN,
    ),
}


def usual(template: str) -> Sample:
    """The case by which a template is judged; for one that is not shipped, a late commitment read by its owner."""
    reader, facts, extra, reason = _USUAL.get(template, (ANA, _LATE, {}, "step s of Deadlines: the moment"))
    step = {
        "resolved": "~closed",
        "replanned": "~moved",
        "acknowledged": "~acknowledged",
        "policy_broken": "~condition",
    }.get(template, "")
    more: dict[str, object] = {"step": step} if step else {}
    if template == "digest":
        more = {"step": "~digest", "subject": "inbox/ana", "parts": _parts()}
    return Sample(owed(template, reader.id, facts=facts, extra=extra, reasons=(reason,), **more), reader)


def _parts() -> tuple[bytes, ...]:
    """What a digest stands for: one's own, another's, and good news."""
    others = owed("escalated", "ana", facts={**_DAY_LATE, "owner": "leo", "title": "Renew the licence"})
    news = owed("kept", "ana", facts={**_MET, **_IN_TIME}, until="nothing")
    return tuple(encode_effect(part) for part in (usual("missed").owed, others, news))


def samples(template: str) -> Iterator[Sample]:
    """What a template must survive before it is used."""
    yield usual(template)
    late, met = _LATE, {**_LATE, **_MET}
    every: dict[str, object] = {
        "by": "leo",
        "asked_by": "ana",
        "reason": "A reason.",
        "next": _NEXT,
        "why": "w",
    }
    for reader in (ANA, DANA, WINS):
        yield Sample(owed(template, reader.id), reader)
        yield Sample(owed(template, reader.id, facts=late, extra=every), reader)
        yield Sample(owed(template, reader.id, facts=met, extra={"how": "met"}, kind="retraction"), reader)
    yield Sample(owed(template, facts={**late, "status": "cancelled"}, extra={"how": "cancelled"}), ANA)
    for deal in (_DEAL, {**_DEAL, "moment": "next_step"}, _STALLED, _WON, {**_WON, "status": "lost"}):
        yield Sample(owed(template, facts=deal), ANA)
    for away in ("ana", "dana"):
        yield Sample(
            owed(template, "leo", facts=late, extra={"stands_in_for": away}), Reader("leo", "Leo Brandt")
        )
    for goal in (_GOAL, _GOAL_SHORT, _GOAL_REACHED):
        yield Sample(owed(template, facts=goal), ANA)
    for reader in (ANA, DANA):
        yield Sample(owed(template, reader.id, facts=_CHECKIN), reader)
        yield Sample(owed(template, reader.id, facts=_CHECKIN_LATE, extra={"next": _NEXT}), reader)
    handed = {"from_owner": "leo", "to_owner": "ana"}
    yield Sample(owed(template, extra=handed), ANA)
    yield Sample(owed(template, "leo", extra=handed), Reader("leo", "Leo Brandt"))
    moved = {"from": "2026-11-30T16:00:00.000Z", "to": "2026-11-27T16:00:00.000Z", "by": "ana", "reason": ""}
    yield Sample(owed(template, extra=moved), ANA)
    lost = {"reader": "dana", "channel": "email", "template": "escalated", "why": "w", "step": "s"}
    yield Sample(owed(template, "omar", extra=lost), Reader("omar", "Omar Haddad"))
    more = {**lost, "count": 2, "titles": ["Send the offer", "Call back"]}
    yield Sample(owed(template, "omar", extra=more), Reader("omar", "Omar Haddad"))
    bare = owed(
        template, facts={"due_at": None, "told": [], "description": "", "note": "", "progress": 0, "url": ""}
    )
    yield Sample(bare, ANA)

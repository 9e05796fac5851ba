"""A subject as conditions and messages see it: a plain dict of JSON types, instants as ISO strings in UTC.

Names here are public: policies and templates are written against them.
"""

from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from service.core.directory import Directory
from service.core.events import Event
from service.core.ids import split_subject
from service.core.model import CheckIn, Commitment, Deal, Goal, Moment, Report, name_of, told_of

CLOSED = frozenset({"met", "cancelled", "no_date", "won", "lost"})
KEPT = frozenset({"met", "won"})


@lru_cache(
    maxsize=16_384
)  # a decision writes the same few instants again and again: a twentieth of it (2026-11)
def iso(at: datetime | None) -> str | None:
    """`2026-11-24T16:00:00.000Z`: one width, so that strings compare as the instants do."""
    return None if at is None else f"{at.isoformat(timespec='milliseconds')[:23]}Z"


def minute(at: datetime, zone: ZoneInfo) -> str:
    """`2026-11-24 16:00 Europe/Madrid`, as sentences have it, in the zone of whom it is about; `strftime` takes ten
    times as long."""
    return f"{at.astimezone(zone).isoformat(' ', 'minutes')[:16]} {zone.key}"


def on_time(state: Commitment, moment: Moment) -> bool | None:
    """Whether it was met by the moment; None while it is not met, or had no date."""
    if state.status not in KEPT or moment.at is None or state.closed_at is None:
        return None
    return state.closed_at <= moment.at


def facts(subject: str, state: Commitment, moment: Moment) -> dict[str, object]:
    """What is known of the subject, seen from one of its moments."""
    known: dict[str, object] = {
        "id": subject,
        "family": split_subject(subject)[0],
        "title": state.title,
        "owner": state.owner,
        "team": state.team,
        "kind": state.kind,
        "importance": state.importance,
        "description": state.description,
        "url": state.url,
        "deal_id": state.deal_id,
        "goal_id": state.goal_id,
        "progress": state.progress,
        "confidence": state.confidence,
        "note": state.note,
        "status": state.status,
        "due_at": iso(moment.at),
        "due_on": moment.on,
        "slips": moment.slips,
        "opened_at": iso(state.opened_at),
        "closed_at": iso(state.closed_at),
        "on_time": on_time(state, moment),
        "escalated": moment.escalated,
        "told": [
            {"to": t.to, "step": t.step, "policy": t.policy, "at": iso(t.at), "after": t.after}
            for t in told_of(state, moment)
        ],
        "cycle": moment.cycle,
        "changed": moment.changed,
    }
    if state.checkin is not None:
        known |= _of_checkin(state.checkin)
    if state.goal is not None:
        known |= _of_goal(state.goal, moment)
    return known if state.deal is None else {**known, **_of_deal(state, state.deal, moment)}


def _of_checkin(checkin: CheckIn) -> dict[str, object]:
    report = checkin.report or Report()
    is_in = checkin.submitted_at is not None
    return {
        "cadence": checkin.cadence,
        "period": checkin.period,
        "outcome": checkin.outcome,
        "on_time": checkin.outcome == "submitted" if is_in else None,
        "waits_until": iso(checkin.grace_at),
        "submitted_at": iso(checkin.submitted_at),
        "confidence": report.confidence,
        "report": {
            "progress": report.progress,
            "next": report.next,
            "roadblocks": list(report.roadblocks),
            "wins": list(report.wins),
        },
    }


def _of_goal(goal: Goal, moment: Moment) -> dict[str, object]:
    return {
        "moment": "period_end",
        "metric": goal.metric,
        "target": goal.target,
        "value": goal.value,
        "unit": goal.unit,
        "why": goal.why,
        "milestone": max(goal.reached, default=0),
        "period_start": goal.starts_on,
        "period_end": moment.on,
    }


def _of_deal(state: Commitment, deal: Deal, moment: Moment) -> dict[str, object]:
    at = {name: iso(moment.at) for name, moment in state.moments.items()}
    return {
        "moment": name_of(state, moment),
        "amount": deal.amount,
        "currency": deal.currency,
        "stage": deal.stage,
        "close_at": at.get("close"),
        "next_step": deal.next_step,
        "next_step_at": at.get("next_step"),
        "last_activity_at": at.get("last_activity"),
        "helpers": list(deal.helpers),
    }


def expression_view(
    commitment: dict[str, object], directory: Directory, event: Event | None
) -> dict[str, object]:
    """What a condition sees: the commitment, its owner, its team, and the event where there is one.

    A deal goes by both names, and its amount is a number: exact, and 0 where none is known. So are a goal's numbers.
    """
    is_deal = commitment["family"] == "deal"
    if is_deal:
        commitment = {**commitment, "amount": Decimal(str(commitment["amount"]) or 0)}
    elif commitment["family"] == "goal":
        numbers = {name: Decimal(str(commitment[name]) or 0) for name in ("target", "value")}
        commitment = {**commitment, **numbers}
    owner = directory.people.get(str(commitment["owner"]))
    team = directory.teams.get(str(commitment["team"]))
    return {
        "commitment": commitment,
        **({"deal": commitment} if is_deal else {}),
        "owner": {
            "id": str(commitment["owner"]),
            "manager": owner.manager if owner else "",
            "teams": list(owner.teams) if owner else [],
            "roles": list(owner.roles) if owner else [],
            "time_zone": owner.time_zone if owner else directory.time_zone,
        },
        "team": {"id": team.id if team else "", "lead": team.lead if team else ""},
        "event": {"type": event.type, "data": msgspec.to_builtins(event.data)}
        if event
        else {"type": "", "data": {}},
    }

"""A subject as conditions and messages see it: a plain dict of JSON types, instants as ISO strings in UTC.

Names here are public: policies and templates are written against them.
"""

from datetime import datetime

import msgspec

from service.core.directory import Directory
from service.core.events import Event
from service.core.ids import split_subject
from service.core.model import Commitment, Moment

CLOSED = frozenset({"met", "cancelled", "no_date"})


def iso(at: datetime | None) -> str | None:
    """`2026-11-24T16:00:00.000Z`: one width, so that strings compare as the instants do."""
    return None if at is None else f"{at.isoformat(timespec='milliseconds')[:23]}Z"


def on_time(state: Commitment, moment: Moment) -> bool | None:
    """Whether it was met by the moment; None while it is not met, or had no date."""
    if state.status != "met" or moment.at is None or state.closed_at is None:
        return None
    return state.closed_at <= moment.at


def facts(subject: str, state: Commitment, moment: Moment) -> dict[str, object]:
    """What is known of the subject, seen from one of its moments."""
    return {
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
        "escalated": state.escalated,
        "told": [
            {"to": t.to, "step": t.step, "policy": t.policy, "at": iso(t.at), "after": t.after}
            for t in state.told
        ],
        "cycle": moment.cycle,
        "changed": moment.changed,
    }


def expression_view(
    commitment: dict[str, object], directory: Directory, event: Event | None
) -> dict[str, object]:
    """What a condition sees: the commitment, its owner, its team, and the event where there is one."""
    owner = directory.people.get(str(commitment["owner"]))
    team = directory.teams.get(str(commitment["team"]))
    return {
        "commitment": commitment,
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

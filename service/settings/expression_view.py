"""What a condition may look at, by example, and the check that its names are there.

The shape is core's view (`core/view.py`); instants are ISO text in UTC, so that texts compare as instants do. A test
keeps both pages equal.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from jinja2 import nodes

from service.settings.filters import FILTERS
from service.settings.problems import did_you_mean
from service.settings.sandbox import Refused

# What every expression of a deadline sees, by example.
SAMPLE: dict[str, Any] = {
    "commitment": {
        "id": "deadline/c1",
        "family": "deadline",
        "title": "Send the proposal",
        "owner": "ana",
        "team": "east",
        "kind": "",
        "importance": "normal",
        "description": "",
        "url": "",
        "deal_id": "",
        "goal_id": "",
        "progress": 0,
        "confidence": 0,
        "note": "",
        "status": "open",
        "due_at": "2026-11-24T16:00:00.000Z",
        "due_on": "",
        "slips": 0,
        "opened_at": "2026-11-20T09:00:00.000Z",
        "closed_at": "2026-11-24T15:00:00.000Z",
        "on_time": True,
        "escalated": False,
        "told": [{"to": "ana", "step": "s", "policy": "p", "at": "2026-11-24T15:00:00.000Z", "after": False}],
        "cycle": 1,
        "changed": 1,
    },
    "owner": {
        "id": "ana",
        "manager": "dana",
        "teams": ["east"],
        "roles": ["rep"],
        "time_zone": "Europe/Madrid",
    },
    "team": {"id": "east", "lead": "dana"},
    "event": {
        "type": "deadline.met",
        "data": {  # what any event of a deadline may carry
            "commitment_id": "c1",
            "subject_id": "deadline/c1",
            "title": "Send the proposal",
            "owner": "ana",
            "team": "east",
            "kind": "",
            "importance": "normal",
            "description": "",
            "url": "",
            "deal_id": "",
            "goal_id": "",
            "due_at": "2026-11-24T16:00:00Z",
            "due_on": "2026-11-24",
            "at": "2026-11-24T15:00:00Z",
            "until": "2026-11-25T09:00:00Z",
            "by": "ana",
            "reason": "",
            "percent": 0,
            "confidence": 3,
            "note": "",
            "via": "link",
            "moment": "due",
            "as_of": 1,
        },
    },
}
_DEAL: dict[str, Any] = {
    **SAMPLE["commitment"],
    "id": "deal/1",
    "family": "deal",
    "title": "Contoso, three years",
    "moment": "close",
    "amount": Decimal("50000.00"),  # 0 where none is known
    "currency": "EUR",
    "stage": "Proposal",
    "close_at": "2026-11-24T16:00:00.000Z",
    "next_step": "Send the offer",
    "next_step_at": "2026-11-20T16:00:00.000Z",
    "last_activity_at": "2026-11-19T09:00:00.000Z",
    "helpers": ["leo"],
}
_DEAL_EVENT: dict[str, Any] = {  # what any event of a deal may carry
    **{name: SAMPLE["event"]["data"][name] for name in ("subject_id", "title", "owner", "team", "url")},
    **{name: SAMPLE["event"]["data"][name] for name in ("due_at", "due_on", "at", "until", "by", "reason")},
    **{name: SAMPLE["event"]["data"][name] for name in ("kind", "via", "as_of", "moment")},
    "deal_id": "1",
    "amount": "50000.00",
    "currency": "EUR",
    "stage": "Proposal",
    "close_at": "2026-11-24T16:00:00Z",
    "close_on": "2026-11-24",
    "next_step": "Send the offer",
    "next_step_at": "2026-11-20T16:00:00Z",
    "helpers": ["leo"],
}
_CHECKIN: dict[str, Any] = {
    **SAMPLE["commitment"],
    "id": "checkin/ana:weekly",
    "family": "checkin",
    "title": "Weekly check-in",
    "cadence": "weekly",
    "period": "2026-W47",
    "outcome": "submitted",
    "waits_until": "2026-11-20T18:00:00.000Z",
    "submitted_at": "2026-11-20T13:00:00.000Z",
    "report": {"progress": "Two demos.", "next": "The offer.", "roadblocks": ["Legal"], "wins": [""]},
}
_CHECKIN_EVENT: dict[str, Any] = {  # what any event of a check-in may carry
    **{name: SAMPLE["event"]["data"][name] for name in ("subject_id", "due_at", "due_on", "until", "by")},
    **{name: SAMPLE["event"]["data"][name] for name in ("reason", "confidence", "via", "as_of", "moment")},
    "person": "ana",
    "cadence": "weekly",
    "period": "2026-W47",
    "progress": "Two demos.",
    "next": "The offer.",
    "roadblocks": ["Legal"],
    "wins": [""],
    "late": False,
}
_GOAL: dict[str, Any] = {
    **SAMPLE["commitment"],
    "id": "goal/q1",
    "family": "goal",
    "title": "Q1 revenue",
    "moment": "period_end",
    "metric": "revenue",
    "target": Decimal(250000),
    "value": Decimal("120000.50"),  # 0 where none is known
    "unit": "EUR",
    "why": "",
    "milestone": 0,  # the highest one that was reached, in %
    "period_start": "2026-10-01",
    "period_end": "2026-12-31",
}
_GOAL_EVENT: dict[str, Any] = {  # what any event of a goal may carry
    **{name: SAMPLE["event"]["data"][name] for name in ("subject_id", "title", "owner", "team", "url")},
    **{name: SAMPLE["event"]["data"][name] for name in ("due_at", "due_on", "at", "until", "by", "reason")},
    **{name: SAMPLE["event"]["data"][name] for name in ("note", "via", "as_of", "moment")},
    "goal_id": "q1",
    "metric": "revenue",
    "target": "250000",
    "value": "120000.50",
    "unit": "EUR",
    "why": "",
    "milestones": [50],
    "period_start": "2026-10-01",
    "period_end": "2026-12-31",
}
# The same for every family that policies can be for.
SAMPLES: dict[str, dict[str, Any]] = {
    "deadline": SAMPLE,
    "deal": {
        **SAMPLE,
        "commitment": _DEAL,
        "deal": _DEAL,
        "event": {"type": "deal.won", "data": _DEAL_EVENT},
    },
    "goal": {**SAMPLE, "commitment": _GOAL, "event": {"type": "goal.reached", "data": _GOAL_EVENT}},
    "checkin": {
        **SAMPLE,
        "commitment": _CHECKIN,
        "event": {"type": "checkin.submitted", "data": _CHECKIN_EVENT},
    },
}
_STATUSES = ("open", "met", "cancelled", "no_date", "stub", "won", "lost")
# Values that a comparison with a text can only mean one of.
VALUES: dict[tuple[str, ...], tuple[str, ...]] = {
    ("commitment", "importance"): ("low", "normal", "high"),
    ("commitment", "status"): _STATUSES,
    ("commitment", "outcome"): ("", "submitted", "late", "missed", "excused", "not_asked"),
    ("deal", "status"): _STATUSES,
    ("deal", "importance"): ("low", "normal", "high"),
}


def check_names(tree: nodes.Expr, sample: Mapping[str, Any], has_event: bool) -> None:
    """Every name and attribute is in the view, and texts compared with a closed list are on it."""
    for found in [tree, *tree.find_all(nodes.Name)]:
        if isinstance(found, nodes.Name) and found.name not in sample:
            raise Refused(f"there is no `{found.name}` here", found.lineno, did_you_mean(found.name, sample))
        if isinstance(found, nodes.Name) and found.name == "event" and not has_event:
            hint = "use it in the `when` of a reaction"
            raise Refused("a step is about time: it has no `event`", found.lineno, hint)
    whole = nodes.Tuple([tree], "load", lineno=1)
    for access in whole.find_all(nodes.Getattr):
        _check_access(access, sample)
    for item in whole.find_all(nodes.Getitem):
        _check_access(item, sample)
    for comparison in whole.find_all(nodes.Compare):
        _check_comparison(comparison)


def _check_access(access: nodes.Getattr | nodes.Getitem, sample: Mapping[str, Any]) -> None:
    path = path_of(access)
    if path is None:
        return
    here: Any = sample
    for part in path[:-1]:
        here = here.get(part) if isinstance(here, Mapping) else None
    if isinstance(here, Mapping) and path[-1] not in here:
        owner = ".".join(path[:-1])
        column = access.lineno + (1 if isinstance(access, nodes.Getattr) else 0)
        raise Refused(f"`{owner}` has no `{path[-1]}`", column, did_you_mean(path[-1], here))
    if here is not None and not isinstance(here, Mapping | list) and isinstance(access, nodes.Getattr):
        whole = ".".join(path[:-1])
        hint = f"write it as in `{whole} | {path[-1]}`" if path[-1] in FILTERS else ""
        raise Refused(f"`{whole}` has nothing inside", access.lineno + 1, hint)


def _check_comparison(comparison: nodes.Compare) -> None:
    for operand in comparison.ops:
        for left, right in ((comparison.expr, operand.expr), (operand.expr, comparison.expr)):
            known = VALUES.get(path_of(left) or ())
            texts = right.items if isinstance(right, nodes.List | nodes.Tuple) else [right]
            for item in texts:
                if (
                    known
                    and isinstance(item, nodes.Const)
                    and isinstance(item.value, str)
                    and item.value not in known
                ):
                    name = ".".join(path_of(left) or ())
                    hint = did_you_mean(item.value, known)
                    raise Refused(f"`{name}` is never `{item.value}`", item.lineno, hint)


def path_of(node: nodes.Node) -> tuple[str, ...] | None:
    """`("commitment", "owner")` for `commitment.owner` and `commitment["owner"]`; None for anything else."""
    parts: list[str] = []
    while True:
        if isinstance(node, nodes.Getattr):
            parts.append(node.attr)
        elif (
            isinstance(node, nodes.Getitem)
            and isinstance(node.arg, nodes.Const)
            and isinstance(node.arg.value, str)
        ):
            parts.append(node.arg.value)
        elif isinstance(node, nodes.Name):
            return (node.name, *reversed(parts))
        else:
            return None
        node = node.node

"""A message of a simulated history, made up."""

from datetime import datetime

from service.core.effects import Owed
from service.simulator.outcome import Told


def told(template: str, to: str, at: datetime, title: str = "Send it", owner: str = "ana") -> Told:
    owed = Owed(
        key="k",
        to=to,
        channel="email",
        address="",
        fallbacks=(),
        subject="deadline/c1",
        policy="p",
        policy_hash="h",
        step="manager",
        cycle=1,
        round=0,
        cause="",
        kind="notice",
        template=template,
        template_hash="",
        urgency="normal",
        until="done",
        decided_at=at,
        reasons=("step manager",),
        facts={"title": title, "owner": owner},
        extra={},
    )
    return Told(at, owed)

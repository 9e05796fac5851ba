"""Whether a notification that has waited is still true; asked once more just before it is sent."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from service.core.effects import Owed, decode_owed
from service.core.model import Commitment, Moment
from service.core.reasons import Code, Reason
from service.core.series import is_closed, standing
from service.core.unreached import title_of
from service.core.view import CLOSED
from service.core.waiting import titles_of


def still_owed(owed: Owed, state: Commitment | None) -> Reason | None:
    """None when it is still owed, else why not. What reports a fact (until: nothing) stays true for ever."""
    if owed.until == "nothing":
        return None
    if state is None:
        return Reason(Code.REMOVED, "the commitment is gone")
    if state.status in CLOSED:
        return Reason(Code.CLOSED, f"it is {state.status.replace('_', ' ')} by now")
    moment = state.moments.get(str(owed.facts.get("moment", "due")), Moment(changed=0))
    if moment.changed > owed.cycle:
        return Reason(Code.STALE_ANSWER, "its date or its owner has changed since")
    if state.checkin is not None and is_closed(state.checkin):
        return Reason(Code.CLOSED, f"{state.checkin.period} is {standing(state.checkin)} by now")
    asked_at = owed.asked_at or owed.decided_at
    if owed.until == "acknowledged" and _is_acknowledged(owed, moment, asked_at):
        return Reason(Code.ACKNOWLEDGED, "somebody is on it by now")
    return None


def _is_acknowledged(owed: Owed, moment: Moment, asked_at: datetime) -> bool:
    """Whether its policy is acknowledged since. Where the version that asked is replaced by another, every policy at
    work must be: among them is the one it has become, and none of them may still have something to say."""
    own = [run for run in moment.runs if run.policy == owed.policy_hash]
    runs = own or moment.runs
    return bool(runs) and all(run.ack is not None and run.ack.at >= asked_at for run in runs)


class Left(NamedTuple):
    """What is left of a digest: an entry to send in its place (None: nothing), and why the rest went."""

    owed: Owed | None
    reasons: list[Reason]


def subjects_of(digest: Owed) -> list[str]:
    parts = map(decode_owed, digest.parts)
    return list(dict.fromkeys(part.subject for part in parts if part.until != "nothing"))


def left_of(digest: Owed, states: Mapping[str, Commitment | None]) -> Left:
    """The digest without what is no longer true; one part that is left alone goes out as itself."""
    kept, named, reasons = list[bytes](), list[Owed](), list[Reason]()
    for raw in digest.parts:
        part = decode_owed(raw)
        untrue = still_owed(part, states.get(part.subject))
        if untrue is None:
            kept.append(raw)
            named.append(part)
        else:
            reasons.append(
                Reason(untrue.code, f"{title_of(part)} ({part.template}) is left out: {untrue.text}")
            )
    counted = digest.extra.get("more")
    more = counted if isinstance(counted, int) else 0
    if not kept and not more:
        return Left(None, reasons)
    if len(kept) == 1 and not more:
        only = named[0]
        return Left(replace(only, reasons=(*only.reasons, *digest.reasons)), reasons)
    facts = {**digest.facts, "title": titles_of(named, more)}
    return Left(replace(digest, parts=tuple(kept), facts=facts, is_final=True), reasons)

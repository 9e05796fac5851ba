"""Whether a notification that has waited is still true; asked once more just before it is sent."""

from service.core.effects import Owed
from service.core.model import Commitment, Moment
from service.core.reasons import Code, Reason
from service.core.series import is_closed, standing
from service.core.view import CLOSED


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
    acks = [run.ack for run in moment.runs if run.policy == owed.policy_hash]
    if owed.until == "acknowledged" and any(ack and ack.at >= owed.decided_at for ack in acks):
        return Reason(Code.ACKNOWLEDGED, "somebody is on it by now")
    return None

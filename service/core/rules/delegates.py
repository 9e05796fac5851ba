"""What an inbox says back: somebody is away, and another was told in their place, or nobody was. The same for every
family; the table is at the end."""

from collections.abc import Callable
from typing import Any

from service.core.draft import Draft
from service.core.events import NotificationDelegated, NotificationUnreachable
from service.core.ladder import give_up_on, policy_of
from service.core.model import Moment, Run, Told, told_of
from service.core.reasons import Code
from service.core.series import excuse
from service.core.view import CLOSED


def on_delegated(draft: Draft, data: NotificationDelegated) -> None:
    """Whoever was told in the place of another is among those told: they may answer, and hear how it ends."""
    draft.because(Code.DELEGATED, f"{data.to} is away; {data.delegate} was told of {data.step} instead")
    state, moment = draft.state, draft.state.moments.get(data.moment)
    known = {told.to: told for told in told_of(state, moment)} if moment else {}
    meant, before = known.get(data.to), known.get(data.delegate)
    if meant is None:
        return
    after = meant.after or (before is not None and before.after)
    state.told[:] = [told for told in state.told if told is not before]
    state.told.append(
        Told(data.delegate, meant.policy, meant.step, meant.cycle, draft.now, after, meant.moment, data.to)
    )


def on_unreachable(draft: Draft, data: NotificationUnreachable) -> None:
    """Somebody was not told after all; where nobody else was told by that step, the ladder takes the next one."""
    state, moment = draft.state, draft.state.moments.get(data.moment)
    draft.because(Code.UNREACHABLE, f"{data.to} was not told of {data.step}: {data.reason}")
    if moment is None or state.status in CLOSED or moment.changed > data.cycle:
        return
    step = (data.policy, data.step, data.cycle)
    state.told[:] = [t for t in state.told if t.to != data.to or (t.policy, t.step, t.cycle) != step]
    if state.checkin and data.to == state.owner:
        excuse(draft, state.checkin, moment, data.reason)
    elif not any((t.policy, t.step, t.cycle) == step for t in told_of(state, moment)):
        run = next((run for run in moment.runs if policy_of(draft, run).name == data.policy), None)
        if run is not None and moment.cycle == data.cycle:
            _go_on(draft, moment, run, data)


def _go_on(draft: Draft, moment: Moment, run: Run, data: NotificationUnreachable) -> None:
    """Only from the rung that went out last: a ladder that has gone on needs no push."""
    policy = policy_of(draft, run)
    fired = next(
        (f for f in policy.firings if f.bit == run.last and (f.step.id, f.round) == (data.step, data.round)),
        None,
    )
    if fired is not None:
        give_up_on(draft, moment, run, fired)


RULES: dict[str, Callable[[Draft, Any], None]] = {
    "notification.delegated": on_delegated,
    "notification.unreachable": on_unreachable,
}

"""What a policy does on one subject: start, fire, hold, resume, and what a change of date or owner does to it.

The order of a timer: end what held the ladder, find the firings that are due, send the current one, record the rest
as skipped. Escalation only goes up: what has been passed by a later step never fires in that cycle.
"""

from datetime import datetime, timedelta

from service.core.calendar import Calendar
from service.core.draft import Draft, Notice
from service.core.ids import split_subject
from service.core.model import Moment, Run
from service.core.policy import Firing, Policy
from service.core.reasons import Code
from service.core.recipients import resolve
from service.core.timeline import (
    GRACE_FOR,
    fires_at,
    firings,
    first_at,
    held_until,
    is_behind,
    later_by,
    pending,
    reckoned_at,
    timed,
    told_after,
)
from service.core.view import iso

# A timer fired later than this after its time was held up by an outage: what follows keeps its distance from now.
# Well above any queueing delay, well below the shortest step a person would notice.
OUTAGE_AFTER = timedelta(minutes=1)


def policy_of(draft: Draft, run: Run) -> Policy:
    return draft.world.policies.by_hash[run.policy]


def match(draft: Draft) -> None:
    """Start a run for every live policy whose `when` holds and that does not run here yet."""
    moments = draft.state.moments
    running = {policy_of(draft, run).name for moment in moments.values() for run in moment.runs}
    for policy in draft.world.policies.of_family(split_subject(draft.subject)[0]):
        moment = moments.get(policy.moment)
        if moment is None or policy.name in running:
            continue
        if draft.holds(policy.when, True, moment, policy, f"`when` of policy {policy.name}"):
            moment.runs.append(Run(policy.hash))
            begin(draft, moment, moment.runs[-1])
    if not any(moment.runs for moment in moments.values()):
        draft.because(Code.NO_POLICY, "no policy applies to it")


def begin(draft: Draft, moment: Moment, run: Run, overdue_from: datetime | None = None) -> None:
    """Start the run's cycle now: what lies behind is passed over, what an overdue moment owes is counted from now.

    `overdue_from` is when the first step after an already passed moment may fire; None: right away.
    """
    policy = policy_of(draft, run)
    run.done, run.last, run.outage, run.held = 0, -1, timedelta(), timedelta()
    run.ack, run.acks, run.acked_by, run.snoozed_until, run.snoozes = None, 0, [], None, 0
    if moment.at is None:
        return
    calendar = draft.world.directory.calendar_of(draft.state.owner)
    if draft.event and draft.event.is_import and moment.at <= draft.now:
        run.done = (1 << len(policy.firings)) - 1
        draft.because(
            Code.IMPORTED, f"{policy.name} stays silent: an imported commitment never fires backwards"
        )
        return
    start = overdue_from or draft.now
    if moment.at < start:
        run.outage = start - moment.at
    for firing in pending(run, policy, moment, calendar):
        if firing.is_before and (moment.at <= draft.now or is_behind(firing, moment.at, calendar, draft.now)):
            skip(draft, run, firing, Code.PASSED, f"{step_of(policy, firing)} lay in the past already")


def fire_due(draft: Draft, moment: Moment, run: Run) -> None:
    """All that this run owes at `draft.now`."""
    resumed = resume(draft, moment, run)
    policy = policy_of(draft, run)
    calendar = draft.world.directory.calendar_of(draft.state.owner)
    if run.ack is None and run.snoozed_until is None:
        # Of a subject's runs most have nothing due when its timer fires: told by what its timer was set by.
        first = first_at(run, moment, policy, calendar)
        if first is None or first > draft.now:
            return
    told = told_after(draft.state, moment)
    while True:
        due = [
            (at, firing)
            for at, firing in timed(run, moment, policy, calendar)
            if at <= draft.now and held_until(firing, run, moment, told) is None
        ]
        if not due:
            return
        latest = max(at for at, _ in due)
        together = [firing for at, firing in due if at == latest]
        current = _first_of(together, run, moment, calendar)
        current_is_after = not any(firing.is_before for firing in current)
        if current_is_after and not resumed and draft.now - latest > OUTAGE_AFTER:
            draft.because(
                Code.RESCHEDULED, f"{policy.name} runs late; its next steps keep their distance from now"
            )
            if _go_on(run, current[0], moment, calendar, draft.now) > draft.now:
                resumed = True
                continue  # late as it is, it waits for the next opening
        elif len(current) < len(together):
            _go_on(run, current[0], moment, calendar, latest)
        for at, firing in due:
            if at < latest:
                skip(
                    draft,
                    run,
                    firing,
                    Code.SUPERSEDED,
                    f"{step_of(policy, firing)} was overtaken by a later step",
                )
        since = draft.now if resumed else latest
        empty = [fire(draft, moment, run, firing, since) for firing in current]
        if not all(empty):  # a level that reached anybody is not empty
            return
        pull_next(draft, moment, run)


def _first_of(due: list[Firing], run: Run, moment: Moment, calendar: Calendar) -> list[Firing]:
    """Of steps that a grace has brought together at its end, the first."""
    reckoned = {firing.bit: reckoned_at(firing, run, moment, calendar) for firing in due}
    return [firing for firing in due if reckoned[firing.bit] == min(reckoned.values())]


def _go_on(run: Run, firing: Firing, moment: Moment, calendar: Calendar, at: datetime) -> datetime:
    """Let the ladder go on with `firing` at `at`, the rest at its distance; where nobody works then, at the next
    opening. When that is."""
    at = calendar.working(at) if firing.is_business else at
    run.outage += later_by(firing, run, moment, calendar, at)
    return at


def fire(draft: Draft, moment: Moment, run: Run, firing: Firing, at: datetime) -> bool:
    """Tell the firing's recipients, or record why not; True when the step has nobody and the next must come now."""
    policy, step = policy_of(draft, run), firing.step
    what = step_of(policy, firing)
    run.done |= 1 << firing.bit
    calendar = draft.world.directory.calendar_of(draft.state.owner)
    if firing.is_before and calendar.shifted(policy.skip_after, at) < draft.now:
        draft.because(Code.STALE, f"{what} was due {draft.minute(at)}, too long ago to be of use")
        return False
    if not draft.holds(policy.when, True, moment, policy, f"`when` of policy {policy.name}"):
        draft.because(Code.WHEN_FALSE, f"{what} is silent: the policy's `when` does not hold any more")
        return False
    place = f"`skip_if` of step {step.id} of {policy.name}"
    if step.skip_if is not None and draft.holds(step.skip_if, False, moment, policy, place):
        draft.because(Code.SKIP_IF, f"{what} is skipped by its `skip_if`")
        return False
    recipients = resolve(step.notify, draft.state, draft.world.directory)
    if not recipients:
        why = f"{what} resolves to nobody ({', '.join(step.notify.names)})"
        draft.because(Code.NOBODY, why)
        draft.tell_fallback(moment, f"{policy.name}.{step.id}", why, policy, firing.round)
        if not firing.is_before:
            _pass_over(draft, moment, run, firing)
        return not firing.is_before
    for to in recipients:
        if run.messages >= policy.messages_max and not _is_told_now(draft, policy, to):
            why = f"{policy.name} has sent its {policy.messages_max} messages"
            draft.because(Code.LIMIT, f"{to} is not told by {what}: {why}")
        else:
            _tell(draft, moment, run, firing, to)
    supersede(draft, moment, run, firing)
    return False


def _is_told_now(draft: Draft, policy: Policy, to: str) -> bool:
    """Whether this decision tells them already by the same policy: two steps at one instant are one message."""
    notices = [one for told in draft.notices if told.to == to for one in (told, *told.joined)]
    return any(one.policy is policy for one in notices)


def _pass_over(draft: Draft, moment: Moment, run: Run, fired: Firing) -> None:
    """A level with nobody is not asked again: its rounds are over."""
    policy, calendar = policy_of(draft, run), draft.world.directory.calendar_of(draft.state.owner)
    for firing in pending(run, policy, moment, calendar):
        if firing.step is fired.step:
            skip(draft, run, firing, Code.NOBODY, f"{step_of(policy, firing)} has nobody to tell either")


def give_up_on(draft: Draft, moment: Moment, run: Run, fired: Firing) -> None:
    """A level was told and is not there after all: as if it had nobody. Before the moment nothing is pulled forward."""
    if moment.at is not None and moment.at <= draft.now and not fired.is_before:
        _pass_over(draft, moment, run, fired)
        pull_next(draft, moment, run)


def _tell(draft: Draft, moment: Moment, run: Run, firing: Firing, to: str) -> None:
    policy, step = policy_of(draft, run), firing.step
    after = not firing.is_before
    template = step.template or _usual_template(policy, after, to == draft.state.owner)
    reason = f"step {step.id} of {policy.title or policy.name}: {step.at.in_words(policy.moment)}"
    is_another = not _is_told_now(draft, policy, to)
    goes_out = draft.tell(
        Notice(
            to,
            template,
            step.id,
            moment,
            [reason],
            policy,
            firing.round,
            step.urgency,
            step.visibility,
            firing.waits_for.partition(" ")[0],
            after=after,
            extra=_what_is_next(draft, moment, run),
        )
    )
    if goes_out:
        draft.because(Code.STEP, f"{to} is told by {reason}")
    run.last, run.messages = firing.bit, run.messages + is_another


def _usual_template(policy: Policy, after: bool, is_owner: bool) -> str:
    if policy.family == "checkin":
        return "checkin_missed" if after else "checkin_ask"
    if policy.moment == "last_activity":
        return "deal_stalled"
    return "reminder" if not after else "missed" if is_owner else "escalated"


def _what_is_next(draft: Draft, moment: Moment, run: Run) -> dict[str, object]:
    """When this run's next step is due and whom it will tell, as things stand: a reader may want to prevent it."""
    calendar = draft.world.directory.calendar_of(draft.state.owner)
    later = [one for one in timed(run, moment, policy_of(draft, run), calendar) if one[0] > draft.now]
    if not later:
        return {}
    at, firing = min(later, key=lambda pair: pair[0])
    to = resolve(firing.step.notify, draft.state, draft.world.directory)
    return {"next": {"at": iso(at), "to": to}}


def supersede(draft: Draft, moment: Moment, run: Run, fired: Firing) -> None:
    """After a step has fired, what stands below it on the ladder is over: escalation only goes up."""
    if fired.is_before or moment.at is None:
        return
    policy, calendar = policy_of(draft, run), draft.world.directory.calendar_of(draft.state.owner)
    level = calendar.shifted(fired.step.at, moment.at)
    for firing in pending(run, policy, moment, calendar):
        if calendar.shifted(firing.step.at, moment.at) < level:
            skip(
                draft,
                run,
                firing,
                Code.SUPERSEDED,
                f"{step_of(policy, firing)} was overtaken by a later step",
            )


def pull_next(draft: Draft, moment: Moment, run: Run) -> None:
    """A level with nobody does not wait: the next step after the moment is due now, the rest keep their distance."""
    policy, told = policy_of(draft, run), told_after(draft.state, moment)
    calendar = draft.world.directory.calendar_of(draft.state.owner)
    free = [
        (at, firing)
        for at, firing in timed(run, moment, policy, calendar)
        if not firing.is_before and held_until(firing, run, moment, told) is None
    ]
    if not free:
        return
    due_at, following = min(free, key=lambda pair: pair[0])
    if due_at > draft.now:
        _go_on(run, following, moment, calendar, draft.now)


def resume(draft: Draft, moment: Moment, run: Run) -> bool:
    """End an acknowledgement or a snooze whose time is over: a new cycle that goes on where the ladder was held."""
    policy = policy_of(draft, run)
    snoozed = run.snoozed_until is not None and run.snoozed_until <= draft.now
    forgotten = run.ack is not None and run.ack.expires_at <= draft.now
    if not snoozed and not forgotten:
        return False
    if snoozed:
        run.snoozed_until = None
    if forgotten:
        run.ack, run.acked_by = None, []
    moment.cycle += 1
    what = "the snooze is over" if snoozed else "the acknowledgement has expired"
    draft.because(Code.RESUMED if snoozed else Code.EXPIRED, f"{what}; {policy.name} goes on")
    _step_back(draft, moment, run, snoozed)
    return True


def _step_back(draft: Draft, moment: Moment, run: Run, snoozed: bool) -> None:
    """Find where a resumed ladder begins: at the first step not taken yet, at the last one when all are taken."""
    if moment.at is None:
        return
    policy, calendar = policy_of(draft, run), draft.world.directory.calendar_of(draft.state.owner)
    before = draft.now < moment.at
    ahead = [firing for firing in pending(run, policy, moment, calendar) if firing.is_before == before]
    again = [f for f in firings(policy, moment, calendar) if f.bit == run.last and f.is_before == before]
    if before and not snoozed:  # a reminder that no acknowledgement held back is not said again
        again = [firing for firing in again if firing.waits_for != "done"]
    if again and (before or not ahead):
        run.done &= ~(1 << run.last)
        ahead = again
    after = [
        (fires_at(f, run, moment, calendar), f) for f in ahead if not f.is_before and f.waits_for != "done"
    ]
    at, first = min(after, key=lambda pair: pair[0], default=(draft.now, None))
    if first is not None and at < draft.now:
        run.held += later_by(first, run, moment, calendar, draft.now)


def moved_into_past(draft: Draft, moment: Moment, grace_for: timedelta = GRACE_FOR) -> datetime | None:
    """When the ladder of a moment that now lies in the past may start: after a grace, None when it lies ahead."""
    if moment.at is None or moment.at > draft.now:
        moment.not_before = None
        return None
    moment.not_before = draft.now + grace_for
    return moment.not_before


def skip(draft: Draft, run: Run, firing: Firing, code: Code, why: str) -> None:
    run.done |= 1 << firing.bit
    draft.because(code, why)


def step_of(policy: Policy, firing: Firing) -> str:
    again = f" (round {firing.round + 1})" if firing.round else ""
    return f"step {firing.step.id} of {policy.name}{again}"

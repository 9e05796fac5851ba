"""Steps and rounds whose time never comes."""

from collections.abc import Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

from service.core.periods import period, week_number
from service.core.policy import Step
from service.settings.proofs.finding import Finding, note, warning
from service.settings.proofs.ground import FIRST_DAY, Ground, Times, Written, waits


def never(ground: Ground) -> Iterator[Finding]:
    for written in ground.written:
        if written.model.moment == "last_activity":
            yield from _before_silence(written)
        if written.model.for_ == "checkin":
            yield from _outside_the_period(ground, written)
        if any(step.repeat for step in written.policy.steps):
            yield from _rounds(ground, written, list(ground.timelines(written.policy)))


def _before_silence(written: Written) -> Iterator[Finding]:
    """The last activity lies in the past as soon as it is known."""
    for step in written.policy.steps:
        if step.at.is_before:
            what = f"step `{step.id}` never fires: an activity is heard of when it has happened, not before"
            yield warning(
                written.document, written.place(step.id), what, "write `after`, or name another `moment`"
            )


def _outside_the_period(ground: Ground, written: Written) -> Iterator[Finding]:
    """A check-in begins when it is asked and ends when the next one is; claimed of plain times only."""
    before, after = timedelta(), timedelta()
    for one in ground.series:
        asked = period(one.rhythm, week_number(FIRST_DAY), ZoneInfo(one.time_zone))
        before = max(before, asked.due_at - asked.ask_at)
        after = max(after, asked.ask_at + timedelta(weeks=one.rhythm.weeks) - asked.due_at)
    for step in written.policy.steps if ground.series else ():
        is_plain = not step.at.is_business and step.at.clock is None
        if is_plain and -step.at.nominal >= before:
            what = f"step `{step.id}` never fires: everybody is asked later than that"
            yield warning(
                written.document,
                written.place(step.id),
                what,
                "come later, or `ask` earlier in cadences.yaml",
            )
        elif is_plain and step.at.nominal >= after:
            what = f"step `{step.id}` never fires: the next check-in is asked by then, and ends this one"
            yield warning(written.document, written.place(step.id), what, "come earlier")


def _rounds(ground: Ground, written: Written, times: list[Times]) -> Iterator[Finding]:
    """Rounds of a reminder that lie after the moment; rounds that a later step always takes over."""
    for step in written.policy.steps:
        rounds = range(1, step.repeat.times + 1) if step.repeat else range(0)
        place = written.place(step.id, "repeat")
        if rounds and not any((step.id, number) in around for around in times for number in rounds):
            what = f"step `{step.id}` never repeats: its rounds lie after the moment it reminds of"
            yield warning(written.document, place, what, "repeat sooner, or leave `repeat` out")
            continue
        for later in _above(ground, written, step) if rounds else ():
            left = sum(not _is_over(times, step, number, later) for number in rounds)
            if left == len(rounds):
                continue
            by = f"step `{later.id}` takes over, and escalation only goes up"
            if left:
                what = f"step `{step.id}` repeats {left} of {len(rounds)} times: then {by}"
                yield note(
                    written.document, place, what, f"write `times: {left}`, so that it says what happens"
                )
            else:
                what = f"step `{step.id}` never repeats: before that {by}"
                yield warning(written.document, place, what, "repeat sooner, or leave `repeat` out")
            break


def _above(ground: Ground, written: Written, step: Step) -> Iterator[Step]:
    """Steps that are always taken, whoever owns the commitment, and never held back more easily than this one."""
    firing = {one.step.id: one for one in written.policy.firings if not one.round}
    owners = ground.owners(written.model.for_)
    for other in written.policy.steps:
        is_sure = other.skip_if is None and waits(firing[other.id]) <= waits(firing[step.id])
        if other is not step and is_sure and all(ground.told(other.notify, owner) for owner in owners):
            yield other


def _is_over(times: list[Times], step: Step, number: int, later: Step) -> bool:
    """Whether this round always lies behind a step that stands higher, with both after the moment."""
    for around in times:
        first, again, above = (around.get(key) for key in ((step.id, 0), (step.id, number), (later.id, 0)))
        if not first or not again or not above or first.is_before or above.is_before:
            return False
        if not first.after < above.after < again.after:
            return False
    return True

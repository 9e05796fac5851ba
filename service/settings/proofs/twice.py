"""The same person told twice at the same time, about the same thing: by two steps of a policy, or by two policies.

They get one message for both, so what they read is right; but one of the two is not what its author thinks.
"""

from collections.abc import Iterator
from itertools import combinations

from service.core.policy import Step
from service.settings.proofs.finding import Finding, warning
from service.settings.proofs.ground import Ground, Times, Written
from service.settings.proofs.possible import condition, holds, situations


def twice(ground: Ground) -> Iterator[Finding]:
    timelines = {
        one.policy.name: list(ground.timelines(one.policy)) for one in ground.written if one.policy.steps
    }
    for written in ground.written:
        times = timelines.get(written.policy.name, [])
        for first, second in combinations(written.policy.steps, 2):
            who = _both_tell(ground, written, first, written, second)
            if who and _are_together(times, first, times, second):
                what = f"steps `{first.id}` and `{second.id}` come at the same time: {who} gets one message for both"
                place = written.place(second.id)
                yield warning(written.document, place, what, "keep one of them, or move it")
    for one, other in combinations(ground.written, 2):
        if (
            one.policy.name in timelines
            and other.policy.name in timelines
            and _go_together(ground, one, other)
        ):
            yield from _in_two(ground, one, timelines[one.policy.name], other, timelines[other.policy.name])


def _in_two(
    ground: Ground, one: Written, times: list[Times], other: Written, others: list[Times]
) -> Iterator[Finding]:
    """The first step of two policies that says what the other says; one is enough to see it."""
    for first in one.policy.steps:
        for second in other.policy.steps:
            who = _both_tell(ground, one, first, other, second)
            if who and _are_together(times, first, others, second):
                what = (
                    f"step `{second.id}` always comes at the same time as step `{first.id}` of `{one.policy.name}`, "
                    f"about the same {one.model.for_}: {who} gets one message for both"
                )
                hint = "tell it in one of the two policies, or let their `when` exclude each other"
                yield warning(other.document, other.place(second.id), what, hint)
                return


def _go_together(ground: Ground, one: Written, other: Written) -> bool:
    """Whether wherever one of the policies applies the other does, too, for sure."""
    here, there = one.model, other.model
    if (here.for_, here.moment) != (there.for_, there.moment) or {here.mode, there.mode} != {"live"}:
        return False
    if here.when == there.when:
        return True
    owners = ground.owners(here.for_)
    found, is_all = situations([here.when, there.when], here.for_, owners, ground.graph)
    first, second = condition(here.when, here.for_), condition(there.when, there.for_)
    both = [(holds(first, s.seen, otherwise=True), holds(second, s.seen, otherwise=True)) for s in found]
    implied = all(b for a, b in both if a) or all(a for a, b in both if b)
    return is_all and implied and any(a and b for a, b in both)


def _both_tell(ground: Ground, one: Written, first: Step, other: Written, second: Step) -> str:
    """Whom both steps tell, whoever owns the commitment, in words; nothing where that is nobody, or not for sure."""
    skipped = [
        step.skip_if
        for written in (one, other)
        for step in written.model.steps
        if step.id in (first.id, second.id)
    ]
    if len(set(skipped)) > 1:
        return ""
    names = [name for name in first.notify.names if name in second.notify.names]
    if names and not first.notify.first_only and not second.notify.first_only:
        return f"`{names[0]}`"
    owners = ground.owners(one.model.for_)
    both = [set(ground.told(first.notify, who)) & set(ground.told(second.notify, who)) for who in owners]
    return f"somebody (`{min(both[0])}`, say)" if both and all(both) else ""


def _are_together(times: list[Times], first: Step, others: list[Times], second: Step) -> bool:
    """Whether both are due at the same instant around every sample moment."""
    return bool(times) and all(
        (first.id, 0) in here and here[first.id, 0] == there.get((second.id, 0))
        for here, there in zip(times, others, strict=True)
    )

"""The clauses of one step in words: who is what, what it waits for, how often, how urgently, and who may see it.

Pieces for `policy_words.py`, which makes sentences of them, and for `ladder_picture.py`, which has room for labels.
"""

from collections.abc import Iterator

from service.core.policy import At, Recipients
from service.messages import saying
from service.messages.saying import Namer
from service.settings import durations
from service.settings.policy_model import PolicyModel, StepModel
from service.settings.recipients import recipients


def is_undecided(at: At) -> bool:
    """`09:00 on the day` lies before a deadline of that afternoon, and after one of that morning."""
    return at.clock is not None and at.days == 0


def told(model: PolicyModel, step: StepModel, named: Namer, *, is_after: bool) -> str:
    """Who is what: `the owner is reminded`. Without a template the owner of a miss reads another text than the rest."""
    notify = recipients(step.notify)
    if step.template or notify.first_only:
        template = step.template or usual_template(model, is_after=is_after, is_owner=False)
        return f"{saying.recipients(notify, named)} {saying.told(template, model.moment)}"
    groups: dict[str, list[str]] = {}
    for name in notify.names:
        groups.setdefault(usual_template(model, is_after=is_after, is_owner=name == "owner"), []).append(name)
    said = [
        f"{saying.recipients(Recipients(tuple(n)), named)} {saying.told(t, model.moment)}"
        for t, n in groups.items()
    ]
    return ", and ".join(said)


def usual_template(model: PolicyModel, *, is_after: bool, is_owner: bool) -> str:
    """What a step without a template sends: the same rule as the ladder's."""
    if model.for_ == "checkin":
        return "checkin_missed" if is_after else "checkin_ask"
    if model.moment == "last_activity":
        return "deal_stalled"
    return "reminder" if not is_after else "missed" if is_owner else "escalated"


def awaited(step: StepModel) -> list[str]:
    """What else must be so for a step after the moment."""
    waits = {"done": [], "acknowledged by all": ["not everyone who was told acknowledges"]}
    return waits.get(step.until or "", ["nobody acknowledges"])


def unless(step: StepModel, at: At) -> list[str]:
    """What makes it unnecessary, besides that it is done; what a step after the moment waits for is said apart."""
    found = [f"`{step.skip_if}`"] if step.skip_if else []
    if not at.is_before or step.until in (None, "done"):
        return found
    whoever = "everyone who was told" if step.until == "acknowledged by all" else "somebody"
    return [f"{whoever} has acknowledged it", *found]


def again(model: PolicyModel, step: StepModel, at: At) -> str:
    """Its rounds, and what cuts them short."""
    if step.repeat is None:
        return ""
    again = f", and again {saying.every(step.repeat.every)}, {saying.times(step.repeat.times)} more"
    if step.repeat.times == 1:
        again = f", and once more {step.repeat.every} later"
    if at.is_before:
        return f"{again}, while {saying.the_moment(model.moment)} lies ahead"
    later = any(durations.at(other.at).nominal > at.nominal for other in model.steps)
    return f"{again}, until a later step takes over" if later else again


def manner(step: StepModel, at: At) -> Iterator[str]:
    """How urgent it is and who may see it, where it is not as usual."""
    yield from URGENT.get(step.urgency, [])
    visibility = step.visibility or "private"
    in_channel = any(name.partition(":")[0] in ("team", "channel") for name in recipients(step.notify).names)
    if visibility == "private" and in_channel and not at.is_before:
        yield "No channel shows it: a miss is private."
    yield from SEEN[visibility]


URGENT = {
    "high": ["This is urgent: it does not wait for quiet hours to end."],
    "low": ["This is not urgent: it may wait and come together with other news."],
}
SEEN = {
    "private": [],
    "team": ["The team may see it."],
    "public": ["Everybody may see it."],
}

"""The end of a ladder: whether the last step after the moment reaches somebody who can do something about a miss."""

from collections.abc import Iterator

from service.core.policy import Step
from service.settings.proofs.finding import Finding, note, warning
from service.settings.proofs.ground import Ground


def last_word(ground: Ground) -> Iterator[Finding]:
    for written in ground.written:
        after = [step for step in written.policy.steps if not step.at.is_before]
        owners = ground.owners(written.model.for_)
        if not after or not owners or written.model.mode != "live":
            continue
        last = [step for step in after if step.at.nominal == after[-1].at.nominal]
        told = {who for step in last for owner in owners for who in _told(ground, step, owner)}
        place = written.place(last[-1].id, "notify")
        if told and all(who.startswith("channel:") for who in told):
            channels = ", ".join(sorted(who.removeprefix("channel:") for who in told))
            what = f"the ladder ends in a channel ({channels}): nobody in it is asked, and a channel cannot answer"
            make = note if _has_somebody(ground, after, owners) else warning
            yield make(
                written.document, place, what, "add a step that tells somebody in person, as in owner.manager"
            )
        elif all(set(step.notify.names) == {"owner"} for step in last):
            what = f"the ladder ends with its owner: by `{written.model.policy}` nobody else hears of a miss in the end"
            hint = "add a later step, as in `notify: owner.manager`, unless it only reminds"
            yield note(written.document, place, what, hint)


def _told(ground: Ground, step: Step, owner: str) -> list[str]:
    """Who is told in the end; who is known only when it happens counts as somebody."""
    if {"helpers", "everyone_told"} & set(step.notify.names):
        return [owner, "?"]
    return ground.told(step.notify, owner)


def _has_somebody(ground: Ground, after: list[Step], owners: list[str]) -> bool:
    """Whether for everybody some step after the moment reaches a person besides themselves."""
    return all(
        any(
            not who.startswith("channel:") and who != owner
            for step in after
            for who in _told(ground, step, owner)
        )
        for owner in owners
    )

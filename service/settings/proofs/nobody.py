"""Levels that are nobody for somebody today: whose commitments, and who hears instead.

A person at the top has nobody above, which is a note; a warning is what somebody should mend.
"""

from collections.abc import Iterator
from typing import NamedTuple

from service.core.policy import Recipients, Step
from service.settings.proofs.finding import Finding, few, note, warning
from service.settings.proofs.ground import Ground, Written
from service.settings.proofs.possible import condition, holds, situations

# Known only when it happens.
_LATER = {"helpers", "everyone_told"}
_ABOVE = {"owner.mentor", "owner.manager", "owner.manager.manager"}


class _Gap(NamedTuple):
    """One step that is nobody for one person."""

    owner: str
    is_top: bool  # they, or who is above them, stand at the top
    instead: tuple[str, ...]


# Whether somebody should mend it, the recipients, and whose commitments.
_Key = tuple[bool, Recipients, tuple[str, ...]]


def nobody(ground: Ground) -> Iterator[Finding]:
    """One finding for the same people and the same words of recipients, at the first step that has it."""
    first: dict[_Key, tuple[Written, Step, list[_Gap]]] = {}
    also: dict[_Key, list[str]] = {}
    for written in ground.written:
        owners = _under(ground, written)
        for step in written.policy.steps:
            gaps = [] if _LATER & set(step.notify.names) else list(_gaps(ground, written, step, owners))
            for is_bad in (True, False):
                alike = [gap for gap in gaps if _is_bad(gap) == is_bad]
                key = (is_bad, step.notify, tuple(gap.owner for gap in alike))
                if alike and key in first:
                    also[key].append(f"`{step.id}` of {written.policy.name}")
                elif alike:
                    first[key], also[key] = (written, step, alike), []
    for key, (written, step, gaps) in first.items():
        yield _finding(ground, written, step, gaps, also[key])


def _is_bad(gap: _Gap) -> bool:
    return not gap.is_top or not gap.instead


def _under(ground: Ground, written: Written) -> list[str]:
    """Whose commitments the policy may be about."""
    model = written.model
    found, is_all = situations([model.when], model.for_, ground.owners(model.for_), ground.graph)
    when = condition(model.when, model.for_)
    reached = {p for one in found if holds(when, one.seen, otherwise=True) for p in one.people}
    return [person for person in ground.owners(model.for_) if person in reached or not is_all]


def _gaps(ground: Ground, written: Written, step: Step, owners: list[str]) -> Iterator[_Gap]:
    after = [other for other in written.policy.steps if not other.at.is_before and other is not step]
    for owner in owners:
        if ground.told(step.notify, owner):
            continue
        others = [who for other in after for who in ground.told(other.notify, owner)]
        instead = [who for who in (*ground.fallback(owner), *others) if who != owner]
        yield _Gap(owner, _is_top(ground, step, owner), tuple(dict.fromkeys(instead)))


def _is_top(ground: Ground, step: Step, owner: str) -> bool:
    """Whether the level is missing because the organisation ends there, not because somebody was forgotten: whoever
    stands at the top has no manager and is somebody's."""
    names = set(step.notify.names)
    if not names <= _ABOVE or names == {"owner.mentor"}:
        return False
    people = ground.graph.people
    above = people[owner].manager or owner
    return not people[above].manager and any(one.manager == above for one in people.values() if one.active)


def _finding(ground: Ground, written: Written, step: Step, gaps: list[_Gap], also: list[str]) -> Finding:
    steps = f"step `{step.id}`" if not also else f"step `{step.id}` (as {few(also)})"
    owners, names = few([gap.owner for gap in gaps]), ", ".join(step.notify.names)
    own = "owns" if len(gaps) == 1 else "own"
    what = f"{steps} has nobody to tell of what {owners} {own}: `{names}` is nobody, and {_instead(ground, gaps)}"
    place = written.place(step.id, "notify")
    if any(_is_bad(gap) for gap in gaps):
        is_heard = any(gap.instead for gap in gaps)
        return warning(written.document, place, what, _mend(step, ground.fallback_name, is_heard=is_heard))
    return note(written.document, place, what, "that is as it should be for whoever stands at the top")


def _instead(ground: Ground, gaps: list[_Gap]) -> str:
    """Who hears: the fallback contact at once, others by the steps that do reach somebody."""
    owners = {gap.owner for gap in gaps}
    contact = [who for owner in owners for who in ground.fallback(owner) if owners != {who}]
    fallback = list(dict.fromkeys(sorted(contact)))
    others = [who for gap in gaps for who in gap.instead if who not in fallback]
    said = [f"{few(fallback)} (`{ground.fallback_name}`) hears instead"] if fallback else []
    said += [f"other steps tell {few(list(dict.fromkeys(others)))}"] if others else []
    return "; ".join(said) or "nobody else hears of it"


def _mend(step: Step, fallback: str, *, is_heard: bool) -> str:
    words = " ".join(step.notify.names)
    if "manager" in words and not is_heard:
        return f"let `fallback_contact` ({fallback}) be somebody else, or tell a peer as in `person:…`"
    if "mentor" in words:
        return "give them a `mentor` in directory.yaml, or write {first_of: [owner.mentor, owner.manager]}"
    if "manager" in words:
        return "give them a `manager` in directory.yaml"
    if "team" in words:
        return "put them in a team in directory.yaml, with its `lead`"
    return "name somebody who is there and active"

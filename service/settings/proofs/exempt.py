"""Leaders are held to it, too: a `when` that looks at whose commitment it is must leave nobody out.

Exempt is whoever's commitment no policy is about, while the same commitment would count in somebody else's hands.
"""

from collections import defaultdict
from collections.abc import Iterator

from service.settings.proofs.compared import compared
from service.settings.proofs.finding import Finding, few, warning
from service.settings.proofs.ground import Ground, Written
from service.settings.proofs.possible import condition, holds, situations


def exempt(ground: Ground) -> Iterator[Finding]:
    groups = defaultdict[tuple[str, str], list[Written]](list)
    for written in ground.written:
        if written.model.steps and written.model.mode == "live":
            groups[written.model.for_, written.model.moment].append(written)
    for (family, _), together in groups.items():
        if any(compared([written.model.when], family).about_people for written in together):
            yield from _left_out(ground, family, together)


def _left_out(ground: Ground, family: str, together: list[Written]) -> Iterator[Finding]:
    """A finding at each `when` that holds for a commitment in one person's hands and for nobody's in another's."""
    whens = [written.model.when for written in together]
    found, _ = situations(whens, family, ground.owners(family), ground.graph)
    tests = [condition(when, family) for when in whens]
    applies = [[holds(test, one.seen, otherwise=True) for test in tests] for one in found]
    left_out = defaultdict[int, list[str]](list)
    for kind in sorted({one.kind for one in found}):
        of_kind = [(one, here) for one, here in zip(found, applies, strict=True) if one.kind == kind]
        covered = {person for one, here in of_kind if any(here) for person in one.people}
        missing = [
            person for one, here in of_kind if not any(here) for person in one.people if person not in covered
        ]
        for index in range(len(tests)):
            if any(here[index] for _, here in of_kind):
                left_out[index] = list(dict.fromkeys([*left_out[index], *missing]))
    for index, people in left_out.items():
        if not people:
            continue
        what = f"`when` exempts {few(people)}: what counts for others is under no policy when they own it"
        hint = f"leaders are held to it, too: widen it, or write another policy `for: {family}` that is about them"
        yield warning(together[index].document, ("when",), what, hint)

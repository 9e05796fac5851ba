"""Which commitments there can be, as far as conditions can tell them apart: for every path that a condition compares,
values on each side of what it is compared with; in the hands of everybody whom it can tell from the others.
"""

import itertools
import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from service.core.directory import Directory
from service.core.policy import Condition, ConditionFailed
from service.settings.expression_view import SAMPLES, VALUES
from service.settings.expressions import compile_condition
from service.settings.proofs.compared import Compared, Name, compared, is_about_people, look_up

# More kinds of commitments than this are not looked at one by one, and nothing is claimed of all of them.
KINDS_MAX = 512
# Half a second of looking (100 µs each, measured 2026-11).
SITUATIONS_MAX = 5_000

# What the view says of a commitment when a step comes: it is open. These are not free to choose.
_AT_A_STEP: dict[Name, object] = {
    ("commitment", "status"): "open",
    ("commitment", "on_time"): None,
    ("commitment", "closed_at"): None,
}


def kinds(what: Compared, family: str) -> tuple[list[dict[Name, object]], bool]:
    """Every kind of commitment that `what` tells apart, people left aside; and whether these are all there can be."""
    free = [name for name in what.values if not is_about_people(name) and name not in _AT_A_STEP]
    choices = [_choices(what.values[name], name, look_up(SAMPLES[family], name)) for name in free]
    is_all = what.is_whole and math.prod(len(choice) for choice in choices) <= KINDS_MAX
    chosen = itertools.islice(itertools.product(*choices), KINDS_MAX)
    return [dict(zip(free, values, strict=True)) for values in chosen], is_all


def _choices(constants: list[object], name: Name, sample: object) -> list[object]:
    """Values of the sample's type on each side of the constants; of a closed list all of it."""
    if name in VALUES:
        return list(VALUES[name])
    if isinstance(sample, bool):
        return [False, True]
    if isinstance(sample, str):
        texts = [text for text in constants if isinstance(text, str)]
        return list(dict.fromkeys(["", *texts, *(f"{text}~" for text in texts), "~", " ".join(texts)]))
    if isinstance(sample, list):
        subsets = itertools.chain.from_iterable(itertools.combinations(constants, n) for n in range(4))
        return [list(subset) for subset in subsets]
    numbers = [Decimal(str(number)) for number in constants if isinstance(number, int | float)]
    around = [
        number + Decimal(offset) for number in (Decimal(0), *numbers) for offset in ("-1", "0", "0.5", "1")
    ]
    return list(dict.fromkeys(around if isinstance(sample, Decimal) else [int(number) for number in around]))


def view(
    family: str, kind: Mapping[Name, object], person: str, team: str, graph: Directory
) -> dict[str, Any]:
    """What a condition sees of this kind of commitment, owned by this person in this team."""
    seen: dict[str, Any] = {part: dict(value) for part, value in SAMPLES[family].items()}
    record, record_of_team = graph.people[person], graph.teams.get(team)
    whose: dict[Name, object] = {("commitment", "owner"): person, ("commitment", "team"): team}
    for name, value in {**_AT_A_STEP, **kind, **whose}.items():
        here = seen
        for part in name[:-1]:
            here[part] = here = dict(here.get(part, {}))
        here[name[-1]] = value
    if "deal" in seen:
        seen["deal"] = seen["commitment"]
    seen["commitment"]["told"] = []
    seen["event"] = {"type": "", "data": {}}
    seen["owner"] = {
        "id": person,
        "manager": record.manager,
        "teams": list(record.teams),
        "roles": list(record.roles),
        "time_zone": record.time_zone,
    }
    seen["team"] = {
        "id": team if record_of_team else "",
        "lead": record_of_team.lead if record_of_team else "",
    }
    return seen


class Situation(NamedTuple):
    """A kind of commitment in the hands of people whom the conditions cannot tell apart."""

    people: list[str]
    kind: int
    seen: dict[str, Any]


def situations(
    sources: Iterable[str | None], family: str, people: Iterable[str], graph: Directory
) -> tuple[list[Situation], bool]:
    """Every situation that the conditions tell apart; and whether these are all there can be today."""
    what = compared(sources, family)
    found, is_all = kinds(what, family)
    groups = _alike(people, what, graph)
    few = found[: max(1, SITUATIONS_MAX // max(1, len(groups)))]
    made = [
        Situation(group, number, view(family, kind, group[0], team, graph))
        for group, team in groups
        for number, kind in enumerate(few)
    ]
    return made, is_all and len(few) == len(found)


def _alike(people: Iterable[str], what: Compared, graph: Directory) -> list[tuple[list[str], str]]:
    """People in groups, each with a team in which they work."""
    groups: dict[tuple[object, ...], tuple[list[str], str]] = {}
    for person in people:
        for team in graph.people[person].teams or ("",):
            seen = view("deadline", {}, person, team, graph) if what.about_people else {}
            key = tuple(repr(look_up(seen, name)) for name in what.about_people)
            group, _ = groups.setdefault(key, ([], team))
            if person not in group[-1:]:
                group.append(person)
    return list(groups.values())


def condition(source: str | None, family: str) -> Condition | None:
    return (
        None if source is None else compile_condition(source, has_event=False, checked=False, family=family)
    )


def holds(what: Condition | None, seen: Mapping[str, Any], *, otherwise: bool) -> bool:
    """As the ladder reads it: one that is missing or fails counts as `otherwise`."""
    if what is None:
        return otherwise
    try:
        return what(seen)
    except ConditionFailed:
        return otherwise

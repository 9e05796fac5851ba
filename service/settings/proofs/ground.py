"""What proofs stand on: each policy as written and as compiled, the people, and sample moments to reckon with.

A claim about times is made only when it holds in every calendar of the directory around every sample moment.
"""

from collections.abc import Iterator
from datetime import date, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from service.core.calendar import Calendar, wall
from service.core.directory import Directory
from service.core.events import CheckinScheduled
from service.core.model import Commitment, Moment
from service.core.policy import Firing, Policy, Recipients
from service.core.recipients import resolve
from service.core.timeline import firings, nominal_at
from service.settings.document import Document, Path_
from service.settings.model import Settings
from service.settings.policies import model_of
from service.settings.policy_model import PolicyModel
from service.settings.problems import Report
from service.settings.yaml_reader import read

# Four weeks in which clocks change in America, in Europe and in Australia, and Easter shuts the shops.
FIRST_DAY, _DAYS = date(2027, 3, 8), 28
_CLOCKS = (time(0, 30), time(8), time(9), time(12, 15), time(17), time(18, 30), time(23, 30))
# More calendars than this differ by zone only, which changes nothing in the order of steps.
_CALENDARS_MAX = 12


class When(NamedTuple):
    """How long after the moment a firing is due, and whether it counts as a step before it."""

    after: timedelta
    is_before: bool


Times = dict[tuple[str, int], When]  # (step, round) -> when, around one moment


class Written(NamedTuple):
    """One live policy."""

    model: PolicyModel
    policy: Policy
    document: Document

    def place(self, step: str, key: str = "at") -> Path_:
        index = next(index for index, one in enumerate(self.model.steps) if one.id == step)
        return ("steps", index, key)


class Ground:
    def __init__(
        self, written: list[Written], graph: Directory, fallback: str, series: tuple[CheckinScheduled, ...]
    ) -> None:
        self.written, self.graph, self.series = written, graph, series
        self._fallback = Recipients((fallback,))
        self.fallback_name = fallback

    @cached_property
    def people(self) -> list[str]:
        return [person.id for person in self.graph.people.values() if person.active]

    def owners(self, family: str) -> list[str]:
        """Whose commitments of this family there may be: check-ins have only those who are asked."""
        asked = {one.person for one in self.series}
        return [person for person in self.people if family != "checkin" or person in asked]

    def told(self, notify: Recipients, owner: str) -> list[str]:
        """Whom this reaches today when it is the owner's commitment."""
        teams = self.graph.people[owner].teams
        return resolve(notify, Commitment(owner=owner, team=teams[0] if teams else ""), self.graph)

    def fallback(self, owner: str) -> list[str]:
        return self.told(self._fallback, owner)

    def timelines(self, policy: Policy) -> Iterator[Times]:
        """The policy's firings around every sample moment in every calendar."""
        for calendar in self._calendars:
            for day in range(_DAYS):
                for clock in _CLOCKS:
                    at = wall(FIRST_DAY + timedelta(days=day), clock, calendar.zone)
                    moment = Moment(at)
                    yield {
                        (one.step.id, one.round): When(nominal_at(one, at, calendar) - at, one.is_before)
                        for one in firings(policy, moment, calendar)
                    }

    @cached_property
    def _calendars(self) -> list[Calendar]:
        found = {self.graph.calendar_of(person) for person in self.people}
        return sorted(found, key=lambda one: (str(one.zone), repr(one.hours)))[:_CALENDARS_MAX]


def make_ground(folder: Path, settings: Settings) -> Ground:
    """The policies of the folder read once more, for their lines and columns."""
    written = [
        Written(
            model_of(settings.pinned_policies[policy.hash]),
            policy,
            read(folder / policy.file, str(folder / policy.file), Report()),
        )
        for policy in settings.policies.live
    ]
    return Ground(written, settings.graph, settings.service.fallback_contact, settings.series)


def waits(firing: Firing) -> int:
    """How easily an answer holds a firing back: 0 never, 1 when all have answered, 2 when anybody has."""
    return ("done", "acknowledged by all", "acknowledged").index(firing.waits_for)

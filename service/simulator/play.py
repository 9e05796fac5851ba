"""A scenario played on a stage: the pure core here, the whole service where somebody gives another stage.

The order of what happens is here, once, for every depth; a stage only knows how to move its clock and take an event.
"""

import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from service.core.directory import World
from service.core.envelope import admit
from service.core.events import CheckinScheduled
from service.core.model import People, decode_state
from service.core.people import SUBJECT
from service.settings.load import load
from service.settings.model import Settings
from service.settings.said import with_people
from service.simulator.judge import Message, Silence, Story, Verdict, judge
from service.simulator.post import Post, leading_back
from service.simulator.pure import PureRun
from service.simulator.refusal import Refusal
from service.simulator.scenario import Happening, Scenario
from service.simulator.zone_update import ZoneUpdates, zone_updates

# Further than any timer: "until nothing is due any more".
THE_END = datetime(2200, 1, 1, tzinfo=UTC)


class Stage(Protocol):
    """Where a scenario is played. `slack` is how late its messages may be by its own clock."""

    slack: timedelta

    async def run_until(self, until: datetime) -> None:
        """Work again, and let time pass; every timer up to and with `until` fires at its own time, not later."""

    async def jump_to(self, until: datetime) -> None:
        """Let time pass in one leap while nothing works; timers wait for the next `run_until`."""

    async def give(self, event: Mapping[str, object]) -> None:
        """A CloudEvent arrives now; it is decided before any timer fires, also one that is due now."""

    async def replace(self, settings: Settings) -> None:
        """The configuration is another one from now on."""

    async def refuse(self, refusal: Refusal) -> None:
        """From now on channels refuse what they are given."""

    async def set_back(self, to: datetime) -> None:
        """The machine starts again with a clock that shows this, earlier than before."""

    async def apply_plan(self) -> None:
        """What is open follows the configuration from now on, as after `followthrough plan --apply`."""

    async def story(self) -> Story:
        """All that has happened."""


class PureStage:
    """The decision core alone."""

    slack = timedelta()

    def __init__(self, settings: Settings, now: datetime) -> None:
        self._settings, self._post = settings, Post(settings)
        world = world_of(settings)
        self.run = PureRun(world, now, lambda people: of_people(self._settings, people), self._post)
        self.run.schedule(settings.series)

    async def run_until(self, until: datetime) -> None:
        self.run.run_until(until)

    async def jump_to(self, until: datetime) -> None:
        self.run.jump_to(until)

    async def give(self, event: Mapping[str, object]) -> None:
        self.run.give(admit(event, self.run.now)[0])

    async def replace(self, settings: Settings) -> None:
        self._settings, self._post.leads_back = settings, leading_back(settings)
        raw = self.run.states.get(SUBJECT)
        said = decode_state(raw) if raw is not None else None
        world, series = of_people(settings, said if isinstance(said, People) else People())
        self.run.change(world)
        self.run.schedule(series)

    async def refuse(self, refusal: Refusal) -> None:
        self._post.refusals.append(refusal)

    async def set_back(self, to: datetime) -> None:
        self.run.now = to

    async def apply_plan(self) -> None:
        self.run.apply_plan()

    async def story(self) -> Story:
        messages = [
            Message(
                at=at,
                to=owed.to,
                template=owed.template,
                channel=owed.channel,
                policy=owed.policy,
                step=owed.step,
                subject=owed.subject,
                kind=owed.kind,
                urgency=owed.urgency,
                reason="; ".join(owed.reasons),
            )
            for at, owed in self.run.sent
        ]
        silences = [Silence(why.at, why.subject, why.reason.code, why.reason.text) for why in self.run.whys]
        return Story(messages, silences)


def world_of(settings: Settings) -> World:
    """What decisions look at, of a configuration without templates: messages are named, not rendered."""
    return settings.world({})


def of_people(settings: Settings, people: People) -> tuple[World, Sequence[CheckinScheduled]]:
    """The world and the check-in series once events have said this of people."""
    said, _ = with_people(settings, people)
    return world_of(said), said.series


# A stage from the first configuration and the time it begins; what it opened is closed at the end.
Build = Callable[[Settings, datetime], AbstractAsyncContextManager[Stage]]


@asynccontextmanager
async def pure(settings: Settings, now: datetime) -> AsyncIterator[Stage]:
    """The stage of `followthrough test`."""
    yield PureStage(settings, now)


async def play(scenario: Scenario, build: Build) -> tuple[Verdict, Story]:
    """The verdict on a scenario at the depth that `build` makes, and what happened."""
    changes: list[Happening] = []
    with zone_updates() as zones:
        async with build(_settings(scenario, changes), scenario.now) as stage:
            story = await _told(scenario, stage, changes, zones)
            return judge(scenario.then, scenario.never, scenario.silent, story, stage.slack), story


async def _told(scenario: Scenario, stage: Stage, changes: list[Happening], zones: ZoneUpdates) -> Story:
    down_until = scenario.now
    for happening in sorted(scenario.script, key=lambda one: one.at):
        if happening.at >= down_until and happening.at > scenario.now:
            # What arrives at the moment itself is read before anybody is accused, as in service.
            await stage.run_until(happening.at - timedelta(milliseconds=1))
            await stage.jump_to(happening.at)
        if happening.down_until:
            down_until = happening.down_until
            await stage.jump_to(down_until)
        elif happening.refusal:
            await stage.refuse(happening.refusal)
        elif happening.set_back_to:
            await stage.set_back(happening.set_back_to)
        elif happening.zone_rules:
            zones.take(happening.zone_rules)
            await stage.replace(_settings(scenario, changes))
        elif happening.is_change:
            changes.append(happening)
            await stage.replace(_settings(scenario, changes))
            if happening.is_applied:
                await stage.apply_plan()
        elif happening.event:
            await stage.give(happening.event)
    await stage.run_until(scenario.until or THE_END)
    return await stage.story()


def _settings(scenario: Scenario, changes: list[Happening]) -> Settings:
    with tempfile.TemporaryDirectory() as folder:
        scenario.write_config(Path(folder), changes)
        return load(Path(folder), {})

"""Every promise in this folder, kept at every depth. A depth is a stage (service/simulator/play.py) in STAGES."""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from service.messages.templates import Templates
from service.simulator.play import Build, play, pure
from service.simulator.scenario import Scenario, read_scenarios
from service.simulator.timetable import timetable
from tests.scenarios.on_kafka import whole_on_kafka
from tests.scenarios.whole import whole

HERE = Path(__file__).parent
POLICIES = (HERE / "policies", HERE.parents[1] / "config" / "policies")
SCENARIOS = [one for path in sorted(HERE.glob("*.yaml")) for one in read_scenarios(path, POLICIES)]

Asked = pytest.FixtureRequest
shipped_templates = cache(Templates.load)


def service(asked: Asked) -> Build:
    server = asked.getfixturevalue("valkey_server")
    return whole(server.url, asked.getfixturevalue("prefix"), shipped_templates())


def kafka(asked: Asked) -> Build:
    broker, server = asked.getfixturevalue("kafka_server"), asked.getfixturevalue("valkey_server")
    topics, keys = f"scenarios-{os.getpid()}.", f"{asked.getfixturevalue('prefix')}-kafka"
    return whole_on_kafka(broker, topics, server.url, keys, shipped_templates())


STAGES: dict[str, Callable[[Asked], Build]] = {
    "pure": lambda _: pure,
    "service": service,
    "kafka": kafka,
}
ON_KAFKA = [pytest.mark.server, pytest.mark.kafka]
DEPTHS = [
    "pure",
    pytest.param("service", marks=pytest.mark.server),
    pytest.param("kafka", marks=ON_KAFKA),
]


@pytest.fixture
def build(depth: str, request: Asked) -> Build:
    return STAGES[depth](request)


@pytest.mark.scenario
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.promise)
async def test_promise(scenario: Scenario, depth: str, build: Build):
    verdict, story = await play(scenario, build)
    if not verdict.is_kept:
        pytest.fail(
            f"{scenario.place}: {scenario.promise}\n{timetable(verdict, scenario.zone, story.silences)}",
            pytrace=False,
        )


def test_every_promise_is_said_once():
    promises = [scenario.promise for scenario in SCENARIOS]
    assert len(promises) == len(set(promises))

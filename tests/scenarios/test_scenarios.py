"""Every promise in this folder, kept at every depth. A depth is a stage (service/simulator/play.py) in STAGES."""

from pathlib import Path

import pytest

from service.simulator.play import play, pure
from service.simulator.scenario import Scenario, read_scenarios
from service.simulator.timetable import timetable

HERE = Path(__file__).parent
POLICIES = (HERE / "policies", HERE.parents[1] / "config" / "policies")
SCENARIOS = [one for path in sorted(HERE.glob("*.yaml")) for one in read_scenarios(path, POLICIES)]

STAGES = {"pure": pure}


@pytest.mark.scenario
@pytest.mark.parametrize("depth", STAGES)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.promise)
async def test_promise(scenario: Scenario, depth: str):
    verdict, story = await play(scenario, STAGES[depth])
    if not verdict.is_kept:
        pytest.fail(
            f"{scenario.place}: {scenario.promise}\n{timetable(verdict, scenario.zone, story.silences)}",
            pytrace=False,
        )


def test_every_promise_is_said_once():
    promises = [scenario.promise for scenario in SCENARIOS]
    assert len(promises) == len(set(promises))

"""People whom only events know: `emit` takes them for somebody, and `explain` says where their story is."""

from typing import Any

import pytest

from service.cli.explain import _show_head
from service.core.model import People
from service.explaining.record import Record
from tests.cli.shell import Shell

pytestmark = pytest.mark.server


def test_whoever_joined_by_event_and_a_team_with_a_goal_are_somebody(shell: Shell) -> None:
    deadline = ("deadline.set", "commitment_id=c1", "title=Call", "due_at=+4h")
    goal = ("goal.set", "goal_id=g1", "title=Demos", "metric=demos", "target=4", "period_start=2026-11-01")

    joined = shell("emit", "person.joined", "person=noa", "name=Noa")
    team = shell("emit", *goal, "period_end=2026-11-30", "owner=east")
    stranger = shell("emit", *deadline, "owner=nobody-here")

    assert [one.code for one in (joined, team, stranger)] == [0, 0, 0], (joined, team, stranger)
    assert "warning" not in joined.err + team.err
    assert "warning: `nobody-here` is not in directory.yaml" in stranger.err


def test_a_person_is_not_asked_for_by_the_family_of_their_events(shell: Shell) -> None:
    assert shell("emit", "person.joined", "person=noa", "name=Noa").code == 0

    asked = shell("explain", "person/ana")

    assert asked.code == 2
    assert "inbox/ana tells what they are told, people/all what events have said of people" in asked.err


def test_what_events_said_of_people_is_not_called_forgotten(capsys: pytest.CaptureFixture[str]) -> None:
    nothing: Any = None

    _show_head(Record("people/all", People(), None, []), nothing, nothing)

    assert capsys.readouterr().out == "people/all: what events have said of people; the record says:\n"

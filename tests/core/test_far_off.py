"""A date years ahead is kept, and pointed at: it is more often a slip than a promise."""

from datetime import timedelta

import pytest

from service.core.decide import decide
from service.core.directory import Directory, World
from service.core.envelope import decode
from service.core.model import Commitment, encode_state
from service.core.policy import PolicyBook
from tests.core.hostile_events import NOW, body

WORLD = World(PolicyBook((), {}), Directory({}, {}, {}), {}, frozenset())


@pytest.mark.parametrize(("days", "flags"), [(700, []), (732, []), (733, ["far_off"]), (3650, ["far_off"])])
def test_a_date_more_than_two_years_away_is_flagged(days: int, flags: list[str]) -> None:
    due_at = (NOW + timedelta(days=days)).isoformat()
    decision = decide(None, decode(body({"due_at": due_at}), NOW), WORLD)

    assert isinstance(decision.state, Commitment)
    assert (decision.state.status, decision.state.flags) == ("open", flags)
    assert ("two years" in "".join(reason.text for reason in decision.reasons)) == bool(flags)


def test_a_nearer_date_takes_the_flag_away() -> None:
    far = decide(None, decode(body({"due_at": "2031-11-24T09:00:00Z"}), NOW), WORLD)
    assert far.state is not None
    near = decode(body({"due_at": "2026-12-24T09:00:00Z"}, id="e2"), NOW + timedelta(hours=1))

    decision = decide(encode_state(far.state), near, WORLD)

    assert isinstance(decision.state, Commitment)
    assert decision.state.flags == []

"""Deals: any history is decided, ends, and tells nobody twice; and what older versions stored is still read."""

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.events import Answer, Data, DealActivity, DealClosed, DealCreated, DealUpdated
from service.core.model import Ack, Commitment, Moment, Run, decode_state
from service.core.policy import At, Policy, Reaction, Recipients, Step
from service.core.still_owed import still_owed
from tests.core.histories import START, Happening, Replay, instants, people
from tests.core.hostile_events import NOW
from tests.core.policies import HOUR, world_of
from tests.delivery.desk import an_owed

ID = "d1"
AROUND = (
    Step("before", At(elapsed=-HOUR, text="1 hour before"), Recipients(("owner",))),
    Step("missed", At(text="the moment"), Recipients(("owner",))),
    Step("manager", At(elapsed=HOUR, text="1 hour after"), Recipients(("owner.manager",))),
)
TOLD = (
    Reaction("won", "deal.won", Recipients(("owner", "helpers")), "deal_won"),
    Reaction("moved", "deal.moved", Recipients(("everyone_told",)), "replanned"),
)
WORLD = world_of(
    *(
        Policy(name, name, "deal", name, f"hash-{name}", AROUND[name == "last_activity" :], TOLD)
        for name in ("close", "next_step", "last_activity")
    )
)

texts = st.sampled_from(["Call", "Send the offer"])
events: st.SearchStrategy[tuple[str, Data]] = st.one_of(
    st.builds(
        lambda owner, close, step, at: (
            "deal.created",
            DealCreated(deal_id=ID, title="T", owner=owner, close_at=close, next_step=step, next_step_at=at),
        ),
        people,
        st.none() | instants,
        st.none() | texts,
        st.none() | instants,
    ),
    st.builds(
        lambda changed: ("deal.updated", DealUpdated(deal_id=ID, **changed)),
        st.fixed_dictionaries(
            {},
            optional={
                "owner": people,
                "close_at": st.none() | instants,
                "next_step": st.none() | texts,
                "next_step_at": st.none() | instants,
            },
        ),
    ),
    st.builds(
        lambda kind, by: ("deal.activity", DealActivity(deal_id=ID, kind=kind, by=by)),
        st.sampled_from(["call", "next_step_done"]),
        people,
    ),
    st.builds(
        lambda end: (f"deal.{end}", DealClosed(deal_id=ID, helpers=["leo", "nobody"])),
        st.sampled_from(["won", "lost", "reopened"]),
    ),
    st.builds(
        lambda kind, by, moment, at: (
            f"commitment.{kind}",
            Answer(subject_id=f"deal/{ID}", by=by, moment=moment, until=at, due_at=at),
        ),
        st.sampled_from(["acknowledged", "snoozed", "help_requested", "recommitted"]),
        people,
        st.sampled_from(["close", "next_step", "last_activity", "none"]),
        instants,
    ),
)
histories = st.lists(
    st.builds(
        Happening, st.sampled_from([0, 1, 30, 90, 600]), st.booleans(), st.sampled_from([0, 45]), events
    ),
    max_size=12,
)


@settings(max_examples=300)
@given(histories)
def test_any_history_of_a_deal_is_decided_and_ends_and_tells_nobody_twice(history: list[Happening]) -> None:
    replay = Replay(WORLD, f"deal/{ID}")
    for happening in history:
        replay.happen(happening)

    replay.pass_time(replay.now + timedelta(days=60))

    assert len(replay.keys) == len(set(replay.keys))


def test_a_commitment_stored_before_a_subject_had_several_moments_is_read() -> None:
    told = ["dana", "ladder", "manager", 1, START, True]
    moment = [START, "", 1, 1, None, 0, [], None, 0]
    old = ["c1", "open", "T", "ana", "", "", "normal", "", "", "", "", 0, 0, "", START, None, START, {}, b""]
    raw = msgspec.msgpack.encode([*old, [told], True, {"due": moment}, None, []])

    state = decode_state(raw)

    assert isinstance(state, Commitment)
    assert (state.title, state.deal, state.told[0].moment) == ("T", None, "")
    assert state.moments["due"].escalated
    assert not state.escalated


def test_the_win_of_a_deal_nobody_ever_announced_is_given_up_where_a_person_sees_it() -> None:
    replay = Replay(WORLD, f"deal/{ID}")
    replay.happen(Happening(0, False, 0, ("deal.won", DealClosed(deal_id=ID))))

    replay.pass_time(replay.now + timedelta(days=60))

    [dead] = replay.taken[-1].decision.dead
    assert (replay.state, dead.reason, dead.subject) == (None, "stub", f"deal/{ID}")
    assert "(won), but never the one it begins with" in dead.detail


@pytest.mark.parametrize(("moment", "is_owed"), [("close", True), ("next_step", False)])
def test_what_is_owed_about_one_moment_is_not_undone_by_another(moment: str, is_owed: bool) -> None:
    """The next step was acknowledged and moved; the word about the close date is as true as before."""
    run = Run("h", ack=Ack("ana", NOW, NOW + HOUR))
    moments = {
        "close": Moment(NOW, runs=[Run("h")]),
        "next_step": Moment(NOW, cycle=3, changed=3, runs=[run]),
    }
    owed = an_owed(decided_at=NOW, policy_hash="h", cycle=1, until="acknowledged", facts={"moment": moment})

    assert (still_owed(owed, Commitment("open", moments=moments)) is None) is is_owed

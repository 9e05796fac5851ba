"""Check-ins: any history is decided and tells nobody twice; who is in which cadence is said once, whoever says it."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.decide import decide
from service.core.effects import Emit
from service.core.envelope import decode, encode_internal
from service.core.errors import BadEvent
from service.core.events import (
    Answer,
    CheckinEnded,
    CheckinExcused,
    CheckinScheduled,
    CheckinSubmitted,
    Data,
)
from service.core.model import Commitment, Rhythm, decode_state, encode_state
from service.core.payload import clean_data
from service.core.periods import period, read_week
from service.core.policy import At, Policy, Reaction, Recipients, Step
from service.core.roster import changes
from service.core.rules.checkins import AHEAD_MAX
from service.core.series import PAST_MAX
from service.core.still_owed import still_owed
from tests.core.histories import START, Happening, Replay
from tests.core.policies import HOUR, world_of
from tests.delivery.desk import an_owed

SUBJECT = "checkin/ana:weekly"
FRIDAY = Rhythm(4, "09:00", 4, "15:00", grace_s=4 * 3600)
WORLD = world_of(
    Policy(
        "checkins",
        "Check-ins",
        "checkin",
        "due",
        "hash-checkins",
        (
            Step("before", At(elapsed=-HOUR, text="1 hour before"), Recipients(("owner",))),
            Step("missed", At(text="the moment"), Recipients(("owner",))),
            Step("manager", At(days=1, text="1 day after"), Recipients(("owner.manager",))),
        ),
        (Reaction("in", "checkin.submitted", Recipients(("owner.manager",)), "kept"),),
    )
)


def scheduled(rhythm: Rhythm = FRIDAY, zone: str = "Europe/Madrid") -> CheckinScheduled:
    return CheckinScheduled(
        person="ana", cadence="weekly", title="Weekly check-in", rhythm=rhythm, time_zone=zone
    )


days = st.sampled_from(["2026-W12", "2026-W13", "2026-W14", "2026-W15", "2026-W60"])
events: st.SearchStrategy[tuple[str, Data]] = st.one_of(
    st.builds(
        lambda ask, weeks, zone: (
            "checkin.scheduled",
            scheduled(Rhythm(ask, "09:00", 6, "20:00", weeks), zone),
        ),
        st.integers(0, 5),
        st.sampled_from([1, 1, 2]),
        st.sampled_from(["Europe/Madrid", "America/New_York"]),
    ),
    st.just(("checkin.ended", CheckinEnded(person="ana", cadence="weekly"))),
    st.builds(
        lambda period, late: (
            "checkin.submitted",
            CheckinSubmitted(person="ana", cadence="weekly", progress="p", **period, late=late),
        ),
        st.fixed_dictionaries({}, optional={"period": days}),
        st.booleans(),
    ),
    st.builds(
        lambda period, by: (
            "checkin.excused",
            CheckinExcused(person="ana", cadence="weekly", period=period, by=by),
        ),
        days,
        st.sampled_from(["ana", "dana"]),
    ),
    st.builds(
        lambda kind, by, at: (
            f"commitment.{kind}",
            Answer(subject_id=SUBJECT, by=by, until=START + at * HOUR, due_at=START + at * HOUR),
        ),
        st.sampled_from(["acknowledged", "snoozed", "help_requested", "recommitted"]),
        st.sampled_from(["ana", "dana"]),
        st.integers(1, 300),
    ),
)
histories = st.lists(
    st.builds(
        Happening, st.integers(0, 6 * 24 * 60), st.booleans(), st.sampled_from([0, 0, 30, 200]), events
    ),
    max_size=14,
)


@settings(max_examples=200)
@given(histories)
def test_any_history_of_a_series_is_decided_and_tells_nobody_twice(history: list[Happening]) -> None:
    replay = Replay(WORLD, SUBJECT)
    for happening in history:
        replay.happen(happening)

    replay.pass_time(replay.now + timedelta(days=60))

    assert len(replay.keys) == len(set(replay.keys))
    asked = [told.request.reasons[0] for told in replay.told if told.request.step == "~ask"]
    assert len(asked) == len(set(asked)), "a period is asked once"
    if replay.state and replay.state.checkin:
        assert len(replay.state.checkin.past) <= PAST_MAX
        assert len(replay.state.checkin.ahead) <= AHEAD_MAX


@settings(max_examples=100)
@given(st.lists(st.tuples(st.sampled_from(["2026-W13", "2026-W14", "2026-W15"]), st.integers(0, 21 * 24))))
def test_nobody_is_told_of_a_miss_who_submitted_within_the_grace(reports: list[tuple[str, int]]) -> None:
    replay = Replay(WORLD, SUBJECT)
    replay.happen(Happening(0, False, 0, ("checkin.scheduled", scheduled())))
    in_time = set()
    for name, hours in sorted(reports, key=lambda one: one[1]):
        week = read_week(name)
        assert week is not None
        at = START + hours * HOUR
        replay.pass_time(at)
        said = ("checkin.submitted", CheckinSubmitted(person="ana", cadence="weekly", period=name))
        replay.happen(Happening(0, False, 0, said))
        if at <= period(FRIDAY, week, ZoneInfo("Europe/Madrid")).grace_at:
            in_time.add(name)

    replay.pass_time(START + timedelta(days=40))

    missed = {told.request.facts["period"] for told in replay.told if told.request.step == "missed"}
    asked = {told.request.facts["period"] for told in replay.told if told.request.step == "~ask"}
    assert not missed & in_time
    assert missed | in_time >= asked


def announce(stored: bytes | None, wanted: list[CheckinScheduled]) -> list[Emit]:
    return changes(wanted, {SUBJECT: stored} if stored else {}, START)


def apply(stored: bytes | None, emits: list[Emit]) -> bytes:
    for emit in emits:
        state = decide(stored, decode(encode_internal(emit), START, trusted=True), WORLD).state
        assert state is not None
        stored = encode_state(state)
    assert stored is not None
    return stored


def test_the_same_configuration_loaded_twice_or_by_two_is_one_event() -> None:
    [first], [second] = announce(None, [scheduled()]), announce(None, [scheduled()])
    assert first.key == second.key

    assert announce(apply(None, [first]), [scheduled()]) == []


def test_leaving_and_coming_back_are_events_of_their_own() -> None:
    keys: list[str] = []
    stored: bytes | None = None
    for wanted in ([scheduled()], [], [scheduled()], [], [scheduled()]):
        emits = announce(stored, wanted)
        keys += [emit.key for emit in emits]
        stored = apply(stored, emits)

    assert len(keys) == len(set(keys)) == 5


@pytest.mark.parametrize(
    "other", [scheduled(FRIDAY, "America/New_York"), scheduled(Rhythm(3, "09:00", 4, "15:00"))]
)
def test_another_zone_or_rhythm_is_said_and_what_was_left_is_ended(other: CheckinScheduled) -> None:
    stored = apply(None, announce(None, [scheduled()]))

    assert [emit.type for emit in announce(stored, [other])] == ["checkin.scheduled"]
    assert [emit.type for emit in announce(stored, [])] == ["checkin.ended"]


def test_what_is_known_by_hearsay_only_is_not_ended() -> None:
    said = CheckinSubmitted(person="ana", cadence="weekly", progress="p")
    replay = Replay(WORLD, SUBJECT)
    replay.happen(Happening(0, False, 0, ("checkin.submitted", said)))

    assert announce(replay.stored, []) == []


def test_only_so_many_periods_ahead_are_kept() -> None:
    replay = Replay(WORLD, SUBJECT)
    replay.happen(Happening(0, False, 0, ("checkin.scheduled", scheduled())))
    for week in range(14, 14 + AHEAD_MAX + 1):
        excused = CheckinExcused(person="ana", cadence="weekly", period=f"2026-W{week}")
        replay.happen(Happening(0, False, 0, ("checkin.excused", excused)))

    assert [reason.code for reason in replay.taken[-1].decision.reasons] == ["limit"]
    assert replay.taken[-2].decision.reasons[0].code == "recorded"


def test_an_ask_that_waits_to_be_sent_is_not_sent_once_the_report_is_in() -> None:
    replay = Replay(WORLD, SUBJECT)
    replay.happen(Happening(0, False, 0, ("checkin.scheduled", scheduled())))
    replay.pass_time(datetime(2026, 4, 3, 8, tzinfo=UTC))
    [ask] = replay.told
    owed = an_owed(decided_at=ask.at, until="done", cycle=ask.request.cycle, facts=ask.request.facts)
    assert still_owed(owed, replay.state) is None

    said = CheckinSubmitted(person="ana", cadence="weekly", progress="p")
    replay.happen(Happening(0, False, 0, ("checkin.submitted", said)))

    why = still_owed(owed, replay.state)
    assert why is not None
    assert why.text == "2026-W14 is submitted by now"


def test_a_series_that_was_removed_and_begins_again_repeats_no_key() -> None:
    replay, ended = Replay(WORLD, SUBJECT), CheckinEnded(person="ana", cadence="weekly")
    replay.happen(Happening(0, False, 0, ("checkin.scheduled", scheduled())))
    replay.pass_time(START + timedelta(days=16))
    replay.happen(Happening(0, False, 0, ("checkin.ended", ended)))
    replay.pass_time(START + timedelta(days=50))
    assert replay.stored is None

    replay.happen(Happening(0, False, 0, ("checkin.scheduled", scheduled())))
    replay.pass_time(START + timedelta(days=70))

    assert [told.request.step for told in replay.told].count("~ask") == 5
    assert len(replay.keys) == len(set(replay.keys))


def test_an_ask_that_other_rules_of_its_zone_put_later_waits_for_its_new_time() -> None:
    replay = Replay(WORLD, SUBJECT)
    replay.happen(Happening(0, False, 0, ("checkin.scheduled", scheduled())))
    state = replay.state
    assert state
    assert state.checkin
    assert state.checkin.next_at
    ask_at = state.checkin.next_at
    state.checkin.next_at = replay.due_at = ask_at - HOUR
    replay.stored = encode_state(state)

    replay.pass_time(ask_at - HOUR)
    assert (replay.told, replay.due_at) == ([], ask_at)

    replay.pass_time(ask_at)
    assert [told.request.step for told in replay.told] == ["~ask"]


def test_the_texts_of_a_report_are_cleaned_item_by_item() -> None:
    data = {"person": "ana", "cadence": "weekly", "roadblocks": ["Legal\x00\r\nagain"], "wins": ["e\u0301"]}
    cleaned = clean_data("checkin.submitted", data, START)
    assert (cleaned["roadblocks"], cleaned["wins"]) == (["Legal\nagain"], ["\u00e9"])


@pytest.mark.parametrize("wrong", ["2026-47", "W47", "2026-W7", "next week"])
def test_a_period_that_is_no_week_is_refused_with_an_example(wrong: str) -> None:
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "s",
        "type": "checkin.submitted",
        "data": {"person": "ana", "cadence": "weekly", "period": wrong},
    }
    with pytest.raises(BadEvent, match='a period is an ISO week; write it as in "2026-W47"') as refused:
        decode(msgspec.json.encode(event), START)
    assert refused.value.pointer == "/data/period"


def test_nobody_outside_says_who_is_in_a_cadence() -> None:
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "s",
        "type": "checkin.scheduled",
        "data": msgspec.to_builtins(scheduled()),
    }
    with pytest.raises(BadEvent, match=r"only the service itself publishes checkin\.scheduled"):
        decode(msgspec.json.encode(event), START)


def test_what_was_stored_before_there_were_check_ins_is_read() -> None:
    old = msgspec.msgpack.decode(encode_state(Commitment("open", "T", "ana")))[:-1]
    state = decode_state(msgspec.msgpack.encode(old))
    assert isinstance(state, Commitment)
    assert state.checkin is None

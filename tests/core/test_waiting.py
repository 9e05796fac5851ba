"""What waits in an inbox: how much of it is kept, what it is called, and the key of its digest."""

from datetime import UTC, datetime, timedelta

import msgspec

from service.core.decide import decide
from service.core.directory import Directory, Person, World
from service.core.effects import Decision, Emit, decode_owed
from service.core.envelope import admit, decode, encode_internal
from service.core.events import NotificationRequested, Timer
from service.core.ids import notify_key
from service.core.model import IMPORTED, Inbox, Preferences, decode_state, encode_state
from service.core.policy import PolicyBook
from service.core.reasons import Code
from service.core.waiting import KEPT_MAX, NEWS_MAX

EVENING = datetime(2026, 3, 2, 21, tzinfo=UTC)
MORNING = datetime(2026, 3, 3, 8, tzinfo=UTC)
PEOPLE = {"ana": Person("ana", quiet="20:00-08:00"), "rosa": Person("rosa", roles=("ops",))}
WORLD = World(PolicyBook((), {}), Directory(PEOPLE, {}, {}), {}, frozenset({"email"}), "role:ops")


def ask(stored: bytes | None, number: int, until: str = "done", step: str = "s") -> bytes:
    request = NotificationRequested(
        to="ana", subject=f"deadline/c{number}", policy="p", policy_hash="h", step=step, cycle=1, round=0, cause="",
        kind="notice", template="missed", urgency="normal", visibility="private", until=until, decided_at=EVENING,
        reasons=["because"], facts={"title": f"Number {number}"},
    )  # fmt: skip
    raw = msgspec.json.encode(request)
    emit = Emit(notify_key(request), "inbox", "notification.requested", "inbox/ana", EVENING, raw)
    decision = decide(stored, decode(encode_internal(emit), EVENING, trusted=True), WORLD)
    assert decision.owed == ()
    assert decision.due_at == MORNING
    return encoded(decision)


def encoded(decision: Decision) -> bytes:
    assert decision.state is not None
    return encode_state(decision.state)


def morning(stored: bytes, fired_at: datetime = MORNING, world: World = WORLD) -> Decision:
    return decide(stored, Timer(subject="inbox/ana", due_at=MORNING, fired_at=fired_at), world)


def asked(count: int, until: str = "done") -> bytes:
    stored = None
    for number in range(count):
        stored = ask(stored, number, until)
    assert stored is not None
    return stored


def test_what_is_more_than_an_inbox_keeps_is_counted_and_stays_small() -> None:
    stored = asked(KEPT_MAX + 12)

    decision = morning(stored)

    [digest] = decision.owed
    assert (len(digest.parts), digest.extra) == (KEPT_MAX, {"more": 12})
    assert digest.facts["title"] == f"Number 0, Number 1, Number 2 and {KEPT_MAX + 12 - 3} more"
    assert len(stored) < 500 * KEPT_MAX
    state = decode_state(encoded(decision))
    assert isinstance(state, Inbox)
    assert (state.waiting, state.more, decision.due_at) == ([], 0, None)


def test_of_a_large_import_a_few_are_named_and_the_rest_is_counted() -> None:
    stored = None
    for number in range(500):
        stored = ask(stored, number, step=IMPORTED)
    assert stored is not None

    [digest] = morning(stored).owed

    assert (len(digest.parts), digest.extra) == (NEWS_MAX, {"more": 500 - NEWS_MAX})
    assert {decode_owed(part).until for part in digest.parts} == {"done"}, (
        "what is settled by then is left out"
    )
    assert len(stored) < 1_000 * NEWS_MAX


def test_of_news_only_a_few_are_kept_and_never_in_the_place_of_what_is_asked() -> None:
    stored = asked(NEWS_MAX + 3, until="nothing")
    for number in range(NEWS_MAX + 3):
        stored = ask(stored, 100 + number)

    [digest] = morning(stored).owed

    assert [decode_owed(part).until for part in digest.parts].count("done") == NEWS_MAX + 3
    assert (len(digest.parts), digest.extra) == (2 * NEWS_MAX + 3, {"more": 3})


def test_a_digest_is_one_key_whenever_somebody_looked_and_another_one_the_next_day() -> None:
    stored = asked(2)

    keys = [morning(stored, MORNING + timedelta(minutes=late)).owed[0].key for late in (0, 1, 90)]

    assert len(set(keys)) == 1
    assert "" not in keys
    days = [owed.cause for owed in morning(stored).owed]
    assert days == ["2026-03-03T08:00:00.000Z"]


def test_of_one_subject_only_the_last_thing_asked_waits_and_every_fact() -> None:
    stored = ask(ask(ask(None, 1, step="heads-up"), 1, step="missed"), 1, until="nothing", step="~moved")

    [digest] = morning(stored).owed

    assert [decode_owed(part).step for part in digest.parts] == ["missed", "~moved"]


def test_what_waits_for_somebody_who_has_left_is_not_lost() -> None:
    left = {**PEOPLE, "ana": Person("ana", active=False)}
    world = msgspec.structs.replace(WORLD, directory=Directory(left, {}, {}))

    decision = morning(asked(2), world=world)

    assert decision.owed == ()
    assert [dead.subject for dead in decision.dead] == ["deadline/c0", "deadline/c1"]
    assert [emit.subject for emit in decision.emits] == ["inbox/rosa"]


def test_what_was_only_counted_for_somebody_who_has_left_is_counted_among_what_is_lost() -> None:
    left = {**PEOPLE, "ana": Person("ana", active=False)}
    world = msgspec.structs.replace(WORLD, directory=Directory(left, {}, {}))

    state = morning(asked(NEWS_MAX + 3, until="nothing"), world=world).state

    assert isinstance(state, Inbox)
    assert (state.unreached[""].count, state.more) == (NEWS_MAX + 3 - 1, 0)


def say(stored: bytes | None, kind: str, **data: object) -> Decision:
    """As it stands in the log, whoever wrote it there: the door would have refused some of it."""
    event = {"id": "e", "source": "t", "type": kind, "specversion": "1.0", "data": {"person": "ana", **data}}
    raw = msgspec.json.encode(event | {"time": EVENING})
    return decide(stored, decode(raw, EVENING, trusted=True), WORLD)


def test_what_cannot_be_is_refused_and_said_so() -> None:
    backwards = say(None, "person.away", **{"from": "2026-03-05T08:00:00Z", "until": "2026-03-04T08:00:00Z"})
    nobody = say(None, "person.away", until="2026-03-04T08:00:00Z", delegate="stranger")
    oneself = say(None, "person.away", until="2026-03-04T08:00:00Z", delegate="ana")
    endless = say(None, "preferences.changed", quiet="08:00-08:00")
    unknown = say(None, "preferences.changed", channels=["pigeon"])

    for decision in (backwards, nobody, oneself, endless, unknown):
        assert Code.REFUSED in {reason.code for reason in decision.reasons}
        assert [(dead.reason, dead.kind) for dead in decision.dead] == [(Code.REFUSED, "event")]
    assert isinstance(nobody.state, Inbox)
    assert [absence.delegate for absence in nobody.state.absences] == [""]
    assert isinstance(unknown.state, Inbox)
    assert unknown.state.preferences == Preferences()


def test_a_newer_absence_takes_the_place_of_those_it_overlaps() -> None:
    first = say(None, "person.away", **{"from": "2026-03-05T08:00:00Z", "until": "2026-03-09T08:00:00Z"})
    event = {"id": "e2", "source": "t", "type": "person.away", "specversion": "1.0"}
    data = {"person": "ana", "from": "2026-03-05T08:00:00Z", "until": "2026-03-06T08:00:00Z"}

    second = decide(encoded(first), admit({**event, "data": data}, EVENING)[0], WORLD)

    assert isinstance(second.state, Inbox)
    assert [absence.until for absence in second.state.absences] == [datetime(2026, 3, 6, 8, tzinfo=UTC)]

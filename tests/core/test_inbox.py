"""One recipient's inbox: which channel, and what when there is none."""

import msgspec
import pytest

from service.core.decide import decide
from service.core.directory import Directory, Person, World
from service.core.effects import Decision, Emit
from service.core.envelope import decode, encode_internal
from service.core.events import DeliveryOutcome, NotificationRequested
from service.core.model import Inbox, encode_state
from service.core.policy import PolicyBook
from service.core.reasons import Code
from tests.core.hostile_events import NOW

PEOPLE = [
    Person("ana", channels=("email", "slack")),
    Person("leo", active=False),
    Person("rosa", roles=("ops",)),
    Person("kim", time_zone="Europe/Madrid", quiet="20:00-08:00"),
]
WORLD = World(
    PolicyBook((), {}), Directory({p.id: p for p in PEOPLE}, {}, {}), {}, frozenset({"email"}), "role:ops"
)


def ask(
    to: str, key: str = "k1", stored: bytes | None = None, template: str = "missed", urgency: str = "normal"
) -> Decision:
    request = NotificationRequested(
        to=to, subject="deadline/c1", policy="p", policy_hash="h", step="s", cycle=1, round=0, cause="",
        kind="notice", template=template, urgency=urgency, visibility="private", until="done", decided_at=NOW,
        reasons=["because"], facts={},
    )  # fmt: skip
    return _give(
        Emit(key, "inbox", "notification.requested", f"inbox/{to}", NOW, msgspec.json.encode(request)), stored
    )


def _give(emit: Emit, stored: bytes | None) -> Decision:
    return decide(stored, decode(encode_internal(emit), NOW, trusted=True), WORLD)


def test_the_first_channel_is_taken_and_the_rest_are_fallbacks() -> None:
    [owed] = ask("ana").owed
    assert (owed.channel, owed.fallbacks) == ("email", ("slack",))


def test_after_a_bounce_the_address_is_tried_last() -> None:
    outcome = DeliveryOutcome(to="ana", key="k", channel="email", subject="deadline/c1", reason="no such box")
    bounced = _give(
        Emit("b", "inbox", "delivery.bounced", "inbox/ana", NOW, msgspec.json.encode(outcome)), None
    )
    assert bounced.state is not None

    decision = ask("ana", stored=encode_state(bounced.state))

    [owed] = decision.owed
    assert (owed.channel, owed.fallbacks) == ("slack", ("email",))
    assert Code.ADDRESS_DISABLED in {reason.code for reason in decision.reasons}


@pytest.mark.parametrize(("to", "why"), [("leo", "not active"), ("stranger", "not in the directory")])
def test_whoever_cannot_be_told_is_a_dead_letter_and_the_fallback_contact_hears_of_it(
    to: str, why: str
) -> None:
    decision = ask(to)

    assert decision.owed == ()
    assert [emit.subject for emit in decision.emits] == ["inbox/rosa"]
    [dead] = decision.dead
    assert (dead.kind, why in dead.detail) == ("unroutable", True)


def test_a_fallback_contact_who_cannot_be_told_either_ends_there() -> None:
    decision = ask("leo", template="unroutable")
    assert (decision.owed, decision.emits, len(decision.dead)) == ((), (), 1)


def test_one_request_that_comes_twice_is_one_delivery() -> None:
    first = ask("ana")
    assert first.state is not None
    again = ask("ana", stored=encode_state(first.state))
    assert (again.owed, again.reasons[0].code) == ((), Code.DUPLICATE)


def test_a_stand_in_whom_no_door_could_know_is_told_by_a_dead_letter() -> None:
    """By the log, where nobody has the directory."""
    away = {"specversion": "1.0", "id": "a1", "source": "hr", "type": "person.away"}
    given = decode(msgspec.json.encode(away | {"data": {"person": "ana", "delegate": "zed"}}), NOW)

    decision = decide(None, given, WORLD)

    [dead] = decision.dead
    assert (dead.reason, dead.kind, dead.subject) == (Code.REFUSED, "event", "inbox/ana")
    assert dead.detail == "zed is not in the directory: nobody stands in for ana"
    assert b'"delegate":"zed"' in dead.raw
    assert isinstance(decision.state, Inbox)
    assert [absence.delegate for absence in decision.state.absences] == [""], "away they are all the same"


def test_a_late_delivery_knows_the_hours_in_which_its_reader_is_left_alone() -> None:
    asked = [ask("kim"), ask("kim", urgency="high"), ask("ana"), ask("channel:wins")]

    assert [owed.quiet for one in asked for owed in one.owed] == ["20:00-08:00 Europe/Madrid", "", "", ""]

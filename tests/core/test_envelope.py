"""What an event is, once it is one: its text cleaned, its instants UTC, its subject and topic found."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from service.core.effects import Emit
from service.core.envelope import SOURCE, admit, decode, encode_internal, normalise
from service.core.errors import BadEvent
from service.core.events import EVENTS, INTERNAL, DeadlineMoved, DeadlineSet
from service.core.payload import shape_of
from service.core.plain_text import is_clean, one_line
from tests.core.hostile_events import GONE, GOOD, NOW, answer, body, event


def data_of(raw: bytes) -> Any:
    return decode(raw, NOW).data


def due_at(text: str) -> Any:
    return data_of(body({"due_at": text})).due_at


def test_an_event_is_read() -> None:
    found = decode(body(time="2026-11-24T08:00:00+01:00", id=7), NOW)

    assert (found.id, found.source, found.type) == ("7", "test", "deadline.set")
    assert found.time == datetime(2026, 11, 24, 7, tzinfo=UTC)
    assert found.received_at == NOW
    assert (found.topic, found.subject) == ("deadlines", "deadline/c1")
    assert isinstance(found.data, DeadlineSet)
    assert (found.is_import, found.effect_key) == (False, "")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-30T16:00:00Z", "2026-11-30T16:00:00"),
        ("2026-11-30t16:00:00z", "2026-11-30T16:00:00"),
        ("2026-11-30 16:00:00Z", "2026-11-30T16:00:00"),
        ("2026-11-30T16:00Z", "2026-11-30T16:00:00"),
        ("2026-11-30T16:00:00+01:00", "2026-11-30T15:00:00"),
        ("2026-11-30T16:00:00-0530", "2026-11-30T21:30:00"),
        ("2026-11-30T16:00:00-00:00", "2026-11-30T16:00:00"),
        ("2026-11-30T16:00:00.123456789Z", "2026-11-30T16:00:00.123"),
        ("2026-11-30T16:00:00.9999Z", "2026-11-30T16:00:00.999"),
        ("2026-11-30T16:00:00,5Z", "2026-11-30T16:00:00.500"),
        ("2026-11-30T23:59:60Z", "2026-12-01T00:00:00"),
        ("2026-11-30T23:59:60+01:00", "2026-11-30T23:00:00"),
        ("2026-11-30T24:00:00Z", "2026-12-01T00:00:00"),
        ("2026-12-31T24:00+00:00", "2027-01-01T00:00:00"),
        ("2028-02-29T12:00:00Z", "2028-02-29T12:00:00"),
    ],
)
def test_an_instant_is_utc_and_cut_to_milliseconds(written: str, meant: str) -> None:
    assert due_at(written) == datetime.fromisoformat(meant).replace(tzinfo=UTC)


def test_a_date_stays_a_date() -> None:
    assert data_of(body({"due_at": GONE, "due_on": "2026-11-30"})).due_on == date(2026, 11, 30)


def test_a_null_date_beside_a_date_is_left_out() -> None:
    found = data_of(body({"due_at": None, "due_on": "2026-11-30"}))
    assert (found.due_at, found.due_on) == (msgspec.UNSET, date(2026, 11, 30))


def test_a_null_date_alone_removes_the_date() -> None:
    raw = json.dumps(
        {**GOOD, "type": "deadline.moved", "data": {"commitment_id": "c1", "due_at": None}}
    ).encode()
    assert decode(raw, NOW).data == DeadlineMoved(commitment_id="c1", due_at=None)


def test_null_means_not_given_for_whatever_is_optional() -> None:
    assert data_of(body({"team": None, "description": None})) == data_of(body())


@pytest.mark.parametrize(
    ("title", "read"),
    [
        ("  Send\tthe \r\n proposal ", "Send the proposal"),
        ("Send\u202e the\u2066 proposal\u2069", "Send the proposal"),
        ("Se\u200bnd\ufeff\u00ad the\U000e0041 proposal", "Send the proposal"),
        ("Send\x1b[31m the\x9b proposal", "Send [31m the proposal"),
        ("Cafe\u0301", "Café"),
        ("\u2028Zeile\u2029", "Zeile"),
        ("日本語 العربية", "日本語 العربية"),
        ("<b>&amp;</b>", "<b>&amp;</b>"),
    ],
)
def test_a_title_is_one_visible_line(title: str, read: str) -> None:
    assert data_of(body({"title": title})).title == read


# The list of the safety rules for bad input, and what else does not show.
_INVISIBLE = [
    *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF, *range(0xE0000, 0xE0080),
    0xAD, 0x061C, 0x180E, *range(0x2060, 0x2066), *range(0x206A, 0x2070),
]  # fmt: skip


@pytest.mark.parametrize("code", _INVISIBLE, ids=hex)
def test_no_name_holds_what_does_not_show(code: int) -> None:
    assert one_line(f"a{chr(code)}b") == "ab"
    assert not is_clean(f"a{chr(code)}b")


@pytest.mark.parametrize("code", [*range(1, 0x20), *range(0x7F, 0xA0), 0x2028, 0x2029], ids=hex)
def test_a_control_character_in_a_line_is_a_space(code: int) -> None:
    assert one_line(f"a{chr(code)}b") == "a b"
    assert not is_clean(f"a{chr(code)}b")


def test_a_body_keeps_its_lines_and_its_marks() -> None:
    text = "one\r\ntwo\tthree\u202e\u200d\x07\x9b"
    assert data_of(body({"description": text})).description == "one\ntwo\tthree\u202e\u200d"


@pytest.mark.parametrize("number", [0, 7, -7, 2**63 - 1])
def test_an_id_may_be_a_number(number: int) -> None:
    found = decode(body({"commitment_id": number, "owner": number}), NOW)
    assert (found.subject, found.data.owner) == (f"deadline/{number}", str(number))  # type: ignore[union-attr]


def test_an_id_is_cleaned_so_that_two_that_look_alike_are_one() -> None:
    assert decode(body({"commitment_id": "c\u200b1\n"}), NOW).subject == "deadline/c1"


def test_an_id_may_hold_a_slash() -> None:
    assert decode(body({"commitment_id": "a/b"}), NOW).subject == "deadline/a/b"


@pytest.mark.parametrize(
    ("named", "topic", "subject"),
    [
        ("deadline/c1", "deadlines", "deadline/c1"),
        ("c1", "deadlines", "deadline/c1"),
        (12, "deadlines", "deadline/12"),
        ("deal/1", "deals", "deal/1"),
        ("roadblock/r", "deadlines", "roadblock/r"),
        ("goal/q4", "goals", "goal/q4"),
        ("reward/9", "recognition", "reward/9"),
        ("project/x", "deadlines", "deadline/project/x"),
        ("deal/", "deadlines", "deadline/deal/"),
    ],
)
def test_an_answer_goes_where_its_commitment_lives(named: object, topic: str, subject: str) -> None:
    found = decode(answer(subject_id=named), NOW)
    assert (found.topic, found.subject) == (topic, subject)


@pytest.mark.parametrize(
    ("type_", "topic", "family"),
    [
        ("deal.exploded", "deals", "deal"),
        ("deadline.pondered", "deadlines", "deadline"),
        ("kudos.whispered", "recognition", "kudos"),
        ("com.example.thing", "deadlines", "unknown"),
        ("nonsense", "deadlines", "unknown"),
        ("../../etc/passwd", "deadlines", "unknown"),
    ],
)
def test_an_unknown_type_is_accepted_and_goes_by_its_first_word(type_: str, topic: str, family: str) -> None:
    found = decode(body(type=type_, subject="s1"), NOW)
    assert (found.data, found.topic, found.subject) == (None, topic, f"{family}/s1")
    assert decode(body(type=type_), NOW).subject == f"{family}/e1"


@pytest.mark.parametrize("data", [GONE, None, [], "text", 5, {"a": [1]}])
def test_an_unknown_type_may_have_any_data_and_keeps_it(data: object) -> None:
    given = {name: v for name, v in {**GOOD, "type": "deal.exploded", "data": data}.items() if v is not GONE}
    raw = normalise(given, NOW)
    assert json.loads(raw).get("data") == (None if data is GONE else data)


@pytest.mark.parametrize("mark", [True, "true"])
@pytest.mark.parametrize("where", ["attribute", "data"])
def test_an_import_is_marked_either_way(mark: object, where: str) -> None:
    raw = body(**{"import": mark}) if where == "attribute" else body({"import": mark})
    assert decode(raw, NOW).is_import
    assert decode(normalise(json.loads(raw), NOW), NOW, trusted=True).is_import


@pytest.mark.parametrize("mark", [False, "false", None])
def test_an_event_that_says_it_is_no_import_is_none(mark: object) -> None:
    assert not decode(body({"import": mark}, **{"import": mark}), NOW).is_import


def test_without_a_time_it_happened_when_it_was_received() -> None:
    later = NOW + timedelta(milliseconds=7)
    assert decode(body(), later).time == later
    assert json.loads(normalise(GOOD, later))["time"] == "2026-11-24T09:00:00.007Z"


def test_the_receipt_is_in_the_log_so_that_a_replay_decides_with_it() -> None:
    raw = normalise(event(time="2026-11-24T08:00:00Z"), NOW)
    replayed = decode(raw, NOW + timedelta(days=1), trusted=True)
    assert (replayed.received_at, replayed.time) == (NOW, NOW - timedelta(hours=1))
    assert decode(raw, NOW + timedelta(days=1)).received_at == NOW + timedelta(days=1)


def test_what_only_we_may_say_is_not_believed_from_outside() -> None:
    raw = body(effectkey="stolen", receivedat="2020-01-01T00:00:00Z")
    found = decode(raw, NOW)
    assert (found.effect_key, found.received_at) == ("", NOW)
    assert b"stolen" not in normalise(json.loads(raw), NOW)


def test_an_internal_event_comes_back_with_its_key_and_place() -> None:
    emit = Emit("k" * 32, "goals", "deal.won", "goal/q4", NOW, b'{"deal_id":"1"}')
    found = decode(encode_internal(emit), NOW, trusted=True)
    assert (found.id, found.effect_key, found.source) == (emit.key, emit.key, SOURCE)
    assert (found.topic, found.subject, found.time) == ("goals", "goal/q4", NOW)


def test_a_request_to_tell_somebody_comes_back_whole() -> None:
    from service.core.events import NotificationRequested

    request = NotificationRequested(
        to="ana", subject="deadline/c1", policy="p", policy_hash="h", step="s", cycle=1, round=0, cause="",
        kind="notice", template="reminder", urgency="normal", visibility="private", until="done",
        decided_at=NOW, reasons=["because"], facts={"id": "deadline/c1", "told": [{"to": "x"}]},
    )  # fmt: skip
    emit = Emit("key", "inbox", "notification.requested", "inbox/ana", NOW, msgspec.json.encode(request))
    found = decode(encode_internal(emit), NOW, trusted=True)
    assert (found.data, found.topic, found.subject) == (request, "inbox", "inbox/ana")


@pytest.mark.parametrize("type_", sorted(INTERNAL))
def test_our_own_types_are_refused_from_outside(type_: str) -> None:
    with pytest.raises(BadEvent, match="internal_type"):
        decode(body(type=type_), NOW)


def test_a_naive_instant_in_the_log_is_refused_as_well() -> None:
    raw = normalise(GOOD, NOW).replace(b"2026-11-30T16:00:00.000Z", b"2026-11-30T16:00:00")
    with pytest.raises(BadEvent, match="naive_time at /data/due_at"):
        decode(raw, NOW, trusted=True)


@pytest.mark.parametrize("name", ["time", "receivedat"])
def test_a_naive_instant_in_the_logs_envelope_is_refused_as_well(name: str) -> None:
    raw = json.dumps({**json.loads(normalise(GOOD, NOW)), name: "2026-11-24T09:00:00"}).encode()
    with pytest.raises(BadEvent, match="no offset"):
        decode(raw, NOW, trusted=True)


def test_an_event_of_64_kib_passes_and_its_log_form_is_not_larger() -> None:
    room = 64 * 1024 - len(normalise(event({"extra": ""}), NOW))
    assert admit(event({"extra": "x" * room}), NOW)[0].id == "e1"
    with pytest.raises(BadEvent, match="too_large"):
        admit(event({"extra": "x" * (room + 1)}), NOW)


def test_admitting_leaves_the_senders_object_alone() -> None:
    given = event({"title": " a\u200b ", "team": None})
    before = json.dumps(given)
    admit(given, NOW)
    assert json.dumps(given) == before


def test_every_field_of_every_event_has_a_kind() -> None:
    """A new kind of field in events.py must be met on purpose, not fall through uncleaned."""
    plain = {"percent", "confidence", "as_of", "late", "noise_budget", "milestones"}
    for name, kind in EVENTS.items():
        if kind.data is None or name in INTERNAL:
            continue
        fields = shape_of(kind.data)
        assert set(kind.id_field.split(":")) <= fields.keys()
        assert {field for field, shape in fields.items() if shape.kind == "other"} <= plain


def test_a_channel_as_a_person_in_the_log_is_refused_as_well() -> None:
    raw = normalise(event({"owner": "ana"}), NOW).replace(b'"ana"', b'"channel:email:x@evil.example"')
    with pytest.raises(BadEvent, match="invalid_value at /data/owner"):
        decode(raw, NOW, trusted=True)

"""Invariants of the envelope, for bytes and values nobody thought of."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from service.core.envelope import admit, decode, normalise
from service.core.errors import BadEvent
from service.core.events import EVENTS, INTERNAL
from service.core.plain_text import body as body_text
from service.core.plain_text import one_line
from tests.core.hostile_events import GOOD, NOW

_KEYS = [*GOOD, "time", "subject", "import", "effectkey", "receivedat", "datacontenttype", "data_base64"]
_FIELDS = [
    *(
        "commitment_id",
        "title",
        "owner",
        "due_at",
        "due_on",
        "importance",
        "team",
        "description",
        "subject_id",
    ),
    *("by", "until", "percent", "at", "reason", "via", "as_of", "import"),
]
_WORDS = st.sampled_from(
    ["1.0", "0.3", "high", "hgih", "2026-11-30T16:00:00Z", "2026-11-30", "true", "a\u202e", ""]
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | _WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
_DATA = st.dictionaries(st.sampled_from(_FIELDS) | st.text(max_size=8), _JSON, max_size=8)
_TYPES = st.sampled_from([*EVENTS, "deal.exploded", "nonsense"])
_ALMOST = st.fixed_dictionaries(
    {}, optional={name: _JSON | _DATA if name == "data" else _JSON | _TYPES for name in _KEYS}
)
_FIRST, _LAST = datetime.fromisoformat("2017-01-01"), datetime.fromisoformat("2036-01-01")
_INSTANTS = st.datetimes(_FIRST, _LAST, timezones=st.timezones() | st.just(UTC), allow_imaginary=False).map(
    lambda at: at.isoformat()
)
_GOOD_DATA = st.fixed_dictionaries(
    {
        "commitment_id": st.text(min_size=1, max_size=20) | st.integers(-(2**60), 2**60),
        "title": st.text(min_size=1, max_size=40),
        "owner": st.sampled_from(["ana", "bob@example.org"]),
        "due_at": _INSTANTS | st.none(),
    },
    optional={
        "description": st.text(max_size=40) | st.none(),
        "importance": st.sampled_from(["low", "normal", "high"]),
        "extra": _JSON,
    },
)
_GOOD_EVENT = st.fixed_dictionaries(
    {
        "specversion": st.just("1.0"),
        "id": st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20) | st.integers(0, 2**60),
        "source": st.just("test"),
        "type": st.just("deadline.set"),
        "data": _GOOD_DATA,
    },
    optional={"time": _INSTANTS, "import": st.booleans(), "subject": st.just("c1")},
)


def refused_or_read(raw: bytes, *, trusted: bool) -> None:
    bad = None
    try:
        decode(raw, NOW, trusted=trusted)
    except BadEvent as refused:
        bad = refused
    assert bad is None or (bad.reason and 400 <= bad.status < 500)
    assert bad is None or (bad.pointer + bad.detail).encode()


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_raise_anything_but_a_refusal(raw: bytes, trusted: bool) -> None:
    refused_or_read(raw, trusted=trusted)


@given(_JSON | _ALMOST, st.booleans(), st.booleans())
def test_no_json_raises_anything_but_a_refusal(value: Any, trusted: bool, ascii_only: bool) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    refused_or_read(raw, trusted=trusted)


@given(_DATA, _TYPES, st.booleans())
def test_no_data_raises_anything_but_a_refusal(data: Any, type_: str, trusted: bool) -> None:
    refused_or_read(json.dumps({**GOOD, "type": type_, "data": data}).encode(), trusted=trusted)


@given(_GOOD_EVENT)
def test_what_was_admitted_reads_the_same_from_the_log_and_from_outside(attributes: dict[str, Any]) -> None:
    try:
        event, raw = admit(json.loads(json.dumps(attributes)), NOW)
    except (BadEvent, ValueError):
        return
    assert decode(raw, NOW, trusted=True) == event
    assert decode(raw, NOW) == event
    once = normalise(json.loads(raw), NOW)
    assert normalise(json.loads(once), NOW) == once


@given(_GOOD_EVENT, st.randoms())
def test_the_order_of_members_does_not_matter(attributes: dict[str, Any], random: Any) -> None:
    names = list(attributes)
    random.shuffle(names)
    try:
        raw = normalise(attributes, NOW)
    except (BadEvent, ValueError):
        return
    assert normalise({name: attributes[name] for name in names}, NOW) == raw


@given(st.text())
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    assert one_line(one_line(text)) == one_line(text)
    assert body_text(body_text(text)) == body_text(text)
    assert "\n" not in one_line(text)


@given(st.datetimes(_FIRST, _LAST), st.integers(-14 * 60, 14 * 60))
def test_an_instant_is_the_same_in_every_offset(at: datetime, minutes: int) -> None:
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    local = at + timedelta(minutes=minutes)
    written = f"{local.isoformat()}{sign}{hours:02}:{rest:02}"
    found = decode(json.dumps({**GOOD, "time": written}).encode(), NOW).time
    assert found == at.replace(microsecond=at.microsecond // 1000 * 1000, tzinfo=UTC)


def test_internal_types_are_among_the_known() -> None:
    assert set(EVENTS) >= INTERNAL

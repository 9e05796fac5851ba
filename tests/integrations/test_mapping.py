"""What a body becomes: the right events by the vendor's ids and times, or a reason; whatever it holds."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.errors import BadEvent
from service.core.events import Event
from service.integrations.values import as_instant, fit
from service.settings.problems import ConfigError
from tests.integrations.files import CRM, HUBSPOT, PIPEDRIVE, hubspot, integration, made, pipedrive

AT_MS = 1_795_000_000_000
AT = "2026-11-18T11:06:40.000Z"
DEAL = {"id": 1, "title": "Contoso", "value": 2000.5, "currency": "USD", "stage_id": 5, "owner_id": 7}


def told(of: str, body: Any, name: str = "crm") -> list[tuple[str, dict[str, Any], bool]]:
    """Type, data and `import` of every event; all must be good."""
    found = list(made(integration(of, name), json.dumps(body).encode()))
    assert all(isinstance(one, Event) for one in found), found
    return [(one.type, _given(one), one.is_import) for one in found if isinstance(one, Event)]


def _given(event: Event) -> dict[str, Any]:
    import msgspec

    found: dict[str, Any] = json.loads(msgspec.json.encode(event.data))
    return found


# -- a file of one's own ------------------------------------------------------------------------------------------
def test_a_body_becomes_the_event_whose_condition_holds_with_the_senders_id_and_time() -> None:
    body = {
        "event_id": 7,
        "happened": 1_795_000_000,
        "kind": "new",
        "deal": 1,
        "name": "Contoso",
        "owner": "ana",
    }

    [event] = made(
        integration(CRM), json.dumps({**body, "amount": 0.1, "close": "2026-12-01T00:00:00Z"}).encode()
    )

    assert isinstance(event, Event)
    assert (event.id, event.source, event.type, event.subject) == (
        "7/deal.created",
        "crm/own",
        "deal.created",
        "deal/1",
    )
    assert event.time.isoformat() == "2026-11-18T11:06:40+00:00"
    assert _given(event) == {
        "deal_id": "1",
        "title": "Contoso",
        "owner": "ana",
        "amount": "0.1",
        "close_on": "2026-12-01",
    }


def test_what_has_no_id_is_called_after_its_content_so_that_it_counts_once() -> None:
    of = integration(CRM.replace("id: /event_id\n", ""))
    one, again, other = (
        next(made(of, body))
        for body in (
            b'{"kind":"won","deal":1,"n":1}',
            b' {"n": 1, "deal": 1, "kind": "won"}',
            b'{"kind":"won","deal":1}',
        )
    )

    assert isinstance(one, Event)
    assert isinstance(again, Event)
    assert isinstance(other, Event)
    assert one.id == again.id != other.id


def test_what_no_rule_is_for_becomes_nothing() -> None:
    assert told(CRM, {"kind": "moved", "deal": 1}) == []


def test_what_is_missing_is_said_where_it_is_missing() -> None:
    [unnamed, strange] = [
        next(made(integration(CRM), body))
        for body in (b'{"event_id": 1, "kind": "new", "deal": 1, "name": null}', b'{"event_id": 1}')
    ]

    assert isinstance(unnamed, BadEvent)
    assert (unnamed.reason, unnamed.pointer) == ("missing_field", "/data/title")
    assert isinstance(strange, BadEvent)
    assert strange.reason == "mapping_failed"
    assert "has no attribute" in strange.detail or "kind" in strange.detail


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "invalid_json"),
        (b"not json", "invalid_json"),
        (b'{"deal": 1, "deal": 2}', "duplicate_key"),
        (b'{"deal": NaN}', "invalid_json"),
        (b'{"deal": "\\ud800"}', "invalid_text"),
        (b"[" * 100_000, "too_deep"),
        (b'{"deal": 99999999999999999999}', "number_out_of_range"),
    ],
)
def test_a_body_that_two_readers_could_read_differently_is_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(BadEvent) as raised:
        list(made(integration(CRM), raw))
    assert raised.value.reason == reason


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
_ALL = [
    integration(text, name) for name, text in (("crm", CRM), ("hubspot", HUBSPOT), ("pipedrive", PIPEDRIVE))
]
_LIKELY = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("event_id", "happened", "deal", "name", "amount", "close", "objectId"), _JSON),
        **dict.fromkeys(("occurredAt", "propertyValue", "mergedObjectIds", "previous", "data"), _JSON),
        "kind": st.sampled_from(["new", "won", None, 3]),
        "subscriptionType": st.sampled_from(["deal.creation", "deal.propertyChange", "deal.merge", 7]),
        "propertyName": st.sampled_from(["dealname", "dealstage", "amount", "closedate", 1]),
        "meta": st.fixed_dictionaries(
            {"entity": st.just("deal")}, optional={"action": _JSON, "entity_id": _JSON}
        ),
    },
)


@settings(max_examples=50)
@given(_JSON | _LIKELY | st.lists(_LIKELY, max_size=3))
def test_whatever_a_body_holds_it_becomes_events_or_reasons(body: Any) -> None:
    for of in _ALL:
        try:
            list(made(of, json.dumps(body).encode()))
        except BadEvent:
            continue  # The body as a whole; anything else fails the test.


def test_a_vendors_values_are_written_as_our_fields_want_them() -> None:
    assert fit(2000.0, "line", "", "") == "2000"
    assert fit(1e21, "line", "", "") == "1" + 21 * "0"
    assert fit("  ", "instant", "", "") is None
    assert fit(AT_MS, "date", "", "") == "2026-11-18"
    assert as_instant(str(AT_MS), "", "") == as_instant(AT_MS // 1000, "", "") == AT
    assert as_instant("2026-11-18 11:06:40", "", "Z") == "2026-11-18 11:06:40Z"
    assert as_instant("2026-11-18 11:06:40", "", "") == "2026-11-18 11:06:40"  # the door will refuse it


# -- HubSpot ------------------------------------------------------------------------------------------------------
def test_each_change_of_a_property_is_a_thin_update() -> None:
    changes = [
        hubspot(1, 45, "dealname", "Contoso", AT_MS),
        hubspot(2, 45, "hubspot_owner_id", "4711", AT_MS),
        hubspot(3, 45, "amount", "2000", AT_MS),
        hubspot(4, 45, "closedate", str(AT_MS), AT_MS),
        hubspot(5, 45, "dealstage", "presentation", AT_MS),
        hubspot(6, 45, "closedate", "", AT_MS),
        {**hubspot(7, 9, "email", "a@b.c", AT_MS), "subscriptionType": "contact.propertyChange"},
        {
            **hubspot(8, 45, "dealstage", "closedlost", AT_MS),
            "subscriptionType": "object.propertyChange",
            "objectTypeId": "0-3",
        },
    ]

    found = told(HUBSPOT, changes, "hubspot")

    assert [(type_, data) for type_, data, _ in found] == [
        ("deal.updated", {"deal_id": "45", "title": "Contoso"}),
        ("deal.updated", {"deal_id": "45", "owner": "ana"}),
        ("deal.updated", {"deal_id": "45", "amount": "2000"}),
        ("deal.updated", {"deal_id": "45", "close_at": "2026-11-18T11:06:40Z"}),
        ("deal.updated", {"deal_id": "45", "stage": "presentation"}),
        ("deal.reopened", {"deal_id": "45"}),
        ("deal.updated", {"deal_id": "45", "close_at": None}),
        ("deal.updated", {"deal_id": "45", "stage": "closedlost"}),
        ("deal.lost", {"deal_id": "45"}),
    ]


def test_a_pipelines_own_stages_are_won_and_lost_by_the_users_table() -> None:
    own = HUBSPOT + '  stages: {"0f-1": won}\n'

    assert [
        t
        for t, *_ in told(
            own.replace('tables: {owners: {"4711": ana}}\n', "tables:\n"),
            [hubspot(1, 4, "dealstage", "0f-1", AT_MS)],
            "hubspot",
        )
    ] == ["deal.updated", "deal.won"]
    assert [
        t
        for t, *_ in told(
            own.replace('tables: {owners: {"4711": ana}}\n', "tables:\n"),
            [hubspot(1, 4, "dealstage", "closedwon", AT_MS)],
            "hubspot",
        )
    ] == ["deal.updated", "deal.won"]


def test_a_retry_is_the_same_event_and_another_change_with_the_same_eventid_is_not() -> None:
    of = integration(HUBSPOT, "hubspot")
    first, retry, other = (
        next(made(of, json.dumps([change]).encode()))
        for change in (
            hubspot(1, 45, "amount", "1", AT_MS),
            hubspot(1, 45, "amount", "1", AT_MS, attemptNumber=3),
            hubspot(1, 45, "amount", "1", AT_MS + 1),
        )
    )

    assert isinstance(first, Event)
    assert isinstance(retry, Event)
    assert isinstance(other, Event)
    assert first.id == retry.id != other.id


def test_a_merge_ends_each_deal_that_went_into_another() -> None:
    merge = {**hubspot(1, 4, "", "", AT_MS), "subscriptionType": "deal.merge", "mergedObjectIds": [5, 6]}

    assert [(t, d["deal_id"]) for t, d, _ in told(HUBSPOT, [merge], "hubspot")] == [
        ("deal.lost", "5"),
        ("deal.lost", "6"),
    ]


# -- Pipedrive ----------------------------------------------------------------------------------------------------
def test_a_change_brings_the_whole_deal_and_its_win_first() -> None:
    won = {**DEAL, "status": "won", "won_time": "2026-11-18 11:06:40", "expected_close_date": "2026-12-01"}

    found = told(PIPEDRIVE, pipedrive(1, AT, won, {"status": "open"}), "pipedrive")

    assert [(type_, is_import) for type_, _, is_import in found] == [
        ("deal.won", False),
        ("deal.created", False),
    ]
    assert found[0][1] == {
        "deal_id": "1",
        "amount": "2000.5",
        "currency": "USD",
        "at": "2026-11-18T11:06:40Z",
    }
    assert found[1][1] == {
        "deal_id": "1",
        "title": "Contoso",
        "owner": "ana",
        "amount": "2000.5",
        "currency": "USD",
        "stage": "5",
        "close_on": "2026-12-01",
    }


def test_a_word_about_a_deal_won_long_ago_is_history() -> None:
    won = {**DEAL, "status": "won", "won_time": "2026-01-18T11:06:40Z"}

    found = told(PIPEDRIVE, pipedrive(1, AT, won, {"label": "3"}), "pipedrive")

    assert [(type_, is_import) for type_, _, is_import in found] == [
        ("deal.won", True),
        ("deal.created", True),
    ]


def test_some_of_pipedrives_deliveries_tell_the_time_in_seconds() -> None:
    change = pipedrive(1, AT, {**DEAL, "status": "open"})
    change["meta"]["timestamp"] = AT_MS // 1000

    [event, _] = made(integration(PIPEDRIVE, "pipedrive"), json.dumps(change).encode())

    assert isinstance(event, Event)
    assert event.time.timestamp() == AT_MS / 1000


def test_what_is_not_about_a_deal_or_is_deleted_is_known_as_such() -> None:
    person = pipedrive(1, AT, DEAL)
    person["meta"]["entity"] = "person"

    assert told(PIPEDRIVE, person, "pipedrive") == []
    [(type_, data, _)] = told(PIPEDRIVE, pipedrive(2, AT, None, DEAL, "delete"), "pipedrive")
    assert (type_, data["deal_id"], data["reason"]) == ("deal.lost", "1", "deleted in Pipedrive")


# -- what is refused when it is loaded ----------------------------------------------------------------------------
def test_without_authentication_only_this_machine_is_listened_to() -> None:
    text = CRM.replace(CRM.splitlines()[2], "authenticate: {scheme: none}")
    assert integration(text).model.authenticate.scheme == "none"

    with pytest.raises(ConfigError, match="on this machine only, not on 0"):
        integration(
            text,
            web={"listen": "0.0.0.0:8080"},
            api_keys=[{"name": "a", "key": "k" * 16, "scopes": ["emit"]}],
        )

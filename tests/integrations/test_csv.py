"""Deals from a spreadsheet: columns found by their names, every row used or refused with its line."""

from zoneinfo import ZoneInfo

import pytest

from service.core.errors import BadEvent
from service.integrations.cells import as_amount, as_day, as_instant
from service.integrations.deals_csv import WrongColumns, events_of, read_table

MADRID = ZoneInfo("Europe/Madrid")
AS_OF = "2026-11-20T10:00:00.000Z"


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        *(("1234.5", "1234.5"), ("1,234.50", "1234.50"), ("1,234", "1234"), ("$1,234,567", "1234567")),
        *(("1.234,50 €", "1234.50"), ("1.234.567", "1234567"), ("12,5", "12.5"), ("-3", "-3")),
        *(("1 234,50", "1234.50"), ("1'234.50 CHF", "1234.50"), ("EUR 9", "9")),
    ],
)
def test_an_amount_is_read_as_people_write_it(written: str, amount: str) -> None:
    assert as_amount(written, "amount") == amount


@pytest.mark.parametrize("written", ["1.234", "1,23,4", "a lot", "1e5", "", "12.3.4", "٣", "1,2345", "--1"])
def test_an_amount_that_is_none_or_could_be_two_is_refused(written: str) -> None:
    with pytest.raises(BadEvent):
        as_amount(written, "amount")


def test_days_and_times_are_those_of_the_file_and_its_zone() -> None:
    assert as_day("2026-12-01 23:30", "close_on") == "2026-12-01"
    assert as_instant("2026-12-01 23:30", "time", MADRID) == "2026-12-01T22:30:00.000Z"
    assert as_instant("2026-12-01", "closed_at", MADRID) == "2026-12-01T11:00:00.000Z"
    assert as_instant("2026-12-01T23:30:00+05:30", "time", MADRID) == "2026-12-01T23:30:00+05:30"
    for strange in ("12/01/2026", "1 Dec 2026"):
        with pytest.raises(BadEvent):
            as_day(strange, "close_on")
    for impossible in ("2026-02-30", "2026-12-01 25:00"):
        with pytest.raises(BadEvent):
            as_instant(impossible, "time", MADRID)


def test_an_export_of_hubspot_is_read_by_the_names_of_its_columns() -> None:
    raw = (
        "\ufeffRecord ID,Deal Name,Deal Stage,Close Date,Deal owner,Amount,Pipeline\r\n"
        '45,"Contoso, three\r\nyears",Closed Won,2026-11-01 15:30,Ana Ruiz,"1,500",Sales\r\n'
        "\r\n"
        "46,Fabrikam,Proposal,2026-12-01,ana,,Sales\r\n"
    ).encode()

    table = read_table(raw, {})

    assert table.unused == ["Pipeline"]
    assert [row.number for row in table.rows] == [2, 5]
    first, second = (list(events_of(row, AS_OF, MADRID, str.lower)) for row in table.rows)
    assert [event["type"] for event in first] == ["deal.won", "deal.created"]
    assert first[1]["data"] == {
        "deal_id": "45",
        "title": "Contoso, three\r\nyears",
        "stage": "Closed Won",
        "owner": "ana ruiz",
        "amount": "1500",
        "close_on": "2026-11-01",
    }
    assert [(event["type"], event["import"], event["time"]) for event in second] == [
        ("deal.created", True, AS_OF)
    ]


def test_the_same_file_is_the_same_events_and_a_changed_row_is_another() -> None:
    def ids(amount: int) -> list[object]:
        [row] = read_table(f"id;title;owner;amount\n1;A;ana;{amount}\n".encode("utf-16"), {}).rows
        return [event["id"] for event in events_of(row, AS_OF, MADRID, str)]

    assert ids(1) == ids(1) != ids(2)


@pytest.mark.parametrize(
    ("raw", "given", "said"),
    [
        (b"", {}, "it is empty"),
        (b"name,owner\nA,ana\n", {}, "no column is deal_id"),
        (b"id,name,title,owner\n", {}, "'name' and 'title' could both be title"),
        (b"id,id,name,owner\n", {}, "two columns are called 'id'"),
        (b"id,name,owner\n", {"Nam": "title"}, "there is no column 'Nam'; did you mean 'name'?"),
        (b"id,name,owner\n", {"name": "titel"}, "there is no field 'titel'; did you mean 'title'?"),
        (b'id,name,owner\n1,"A,ana\n', {}, "line 2 is no CSV"),
        (b"id,name,owner\n1,\xe9,ana\n", {}, "line 2 is not UTF-8"),
        (b"PK\x03\x04\x00\x00", {}, "it holds the character NUL"),
    ],
)
def test_a_file_that_cannot_be_read_says_what_to_do(raw: bytes, given: dict[str, str], said: str) -> None:
    with pytest.raises(WrongColumns) as raised:
        read_table(raw, given)
    assert raised.value.text.startswith(said)
    assert raised.value.hint


def test_a_row_with_too_many_cells_is_refused_and_the_next_one_is_read() -> None:
    table = read_table(b"id,name,owner\n1,A,ana,B\n2,B,ana\n3\n", {})

    assert [(number, bad.reason) for number, bad in table.refused] == [(2, "wrong_shape")]
    assert [row.number for row in table.rows] == [3, 4]
    with pytest.raises(BadEvent, match="title is empty"):
        list(events_of(table.rows[1], AS_OF, MADRID, str))

"""Public holidays come from a library that knows most of the world; every code it knows can be written."""

from datetime import date

from holidays.registry import COUNTRIES

from service.settings.public_holidays import public_holidays

# Islands where nobody works.
UNINHABITED = {"BV", "HM", "IO"}


def test_more_than_a_hundred_countries_can_be_named_by_code() -> None:
    codes = {code for _, code, *_ in COUNTRIES.values()} - UNINHABITED

    without = [code for code in sorted(codes) if not public_holidays(code, None)]

    assert without == []
    assert len(codes) > 100


def test_a_holiday_has_its_name_and_a_region_its_own() -> None:
    assert public_holidays("DE", None)[date(2026, 5, 1)] == "Labor Day"
    assert date(2026, 9, 11) in public_holidays("ES", "CT")
    assert date(2026, 9, 11) not in public_holidays("ES", "MD")

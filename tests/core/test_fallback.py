"""Whether the fallback contact is somebody, and which zone a city has: both are said to whoever sets them up."""

import pytest

from service.core.directory import Directory, Person
from service.core.fallback import fallback, nobody_left
from service.core.zone_names import known_zones, zone_of_city

PEOPLE = Directory(
    {
        "ops": Person("ops", roles=("ops",)),
        "gone": Person("gone", roles=("ops", "night"), active=False),
    },
    {},
    {},
)


@pytest.mark.parametrize(
    ("contact", "told"),
    [
        ("role:ops", ["ops"]),
        ("person:ops", ["ops"]),
        ("channel:wins", ["channel:wins"]),
        ("role:night", []),
        ("team:east", []),
        ("owner", []),  # it hangs on no commitment
    ],
)
def test_a_fallback_contact_is_whoever_is_here_now_and_it_is_said_when_that_is_nobody(
    contact: str, told: list[str]
) -> None:
    words = f"the fallback contact {contact} is nobody: what cannot be told to its people is told to no one"

    assert fallback(contact, PEOPLE) == told
    assert nobody_left(contact, PEOPLE) == ("" if told else words)


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("new york", "America/New_York"),
        ("Spain/Madrid", "Europe/Madrid"),
        ("Istanbul", "Asia/Istanbul"),  # Europe/Istanbul is the same; of two it is always the same one
        ("Springfield", ""),
        ("", ""),
    ],
)
def test_a_city_has_one_zone(text: str, zone: str) -> None:
    assert zone_of_city(text) == zone
    assert not zone or zone in known_zones()

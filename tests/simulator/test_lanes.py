"""The picture of who is told when: its legend is whole, and one colour means one thing."""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

import pytest

from service.core.directory import Directory, Person
from service.messages import svg
from service.settings.load import SHIPPED_TEMPLATES
from service.simulator.lanes import LEFT, WIDTH, lanes
from service.simulator.outcome import Outcome
from tests.simulator.told import told

AT = datetime(2026, 1, 12, 8, 0, tzinfo=UTC)
DIRECTORY = Directory({"ana": Person("ana")}, {}, {})
# As wide as a letter of this size is in the widest system font.
LETTER = 7


def drawn(*templates: str) -> ET.Element:
    messages = [told(name, "ana", AT + timedelta(hours=n)) for n, name in enumerate(templates)]
    return ET.fromstring(lanes(Outcome(messages, [], 0, AT + timedelta(days=2)), DIRECTORY))


@pytest.mark.parametrize("more", [0, 30])
def test_the_legend_ends_inside_the_picture_and_above_the_lanes(more: int) -> None:
    own = [f"a_template_of_our_own_{number}" for number in range(more)]
    root = drawn(*sorted(SHIPPED_TEMPLATES), *own[:3])

    texts = list(root.iter("{http://www.w3.org/2000/svg}text"))
    first_lane = min(float(one.attrib["y"]) for one in texts if one.text == "ana")
    legend = [one for one in texts if float(one.attrib["x"]) >= LEFT + 10 and one.get("class") == "small"]
    said = ", ".join(one.text or "" for one in legend).split(", ")
    assert sorted(said) == sorted([*SHIPPED_TEMPLATES, *own[:3]])
    for one in legend:
        assert float(one.attrib["x"]) + LETTER * len(one.text or "") <= WIDTH, one.text
        assert float(one.attrib["y"]) < first_lane - 10, one.text


def test_a_colour_stands_in_the_legend_once_with_all_that_has_it() -> None:
    root = drawn("reminder", "checkin_ask", "escalated")

    colours = [
        one.attrib["fill"]
        for one in root.iter("{http://www.w3.org/2000/svg}circle")
        if one.find("{*}title") is None
    ]
    assert colours == [svg.COLOURS["reminder"], svg.COLOURS["escalated"]]


def test_what_a_reader_hears_most_has_colours_of_its_own() -> None:
    """Two names share a colour only where they say the same of a deadline and of a check-in, or of a win."""
    shared: dict[str, set[str]] = {}
    for name in SHIPPED_TEMPLATES & svg.COLOURS.keys():
        shared.setdefault(svg.COLOURS[name], set()).add(name)

    assert {frozenset(names) for names in shared.values() if len(names) > 1} == {
        frozenset({"reminder", "checkin_ask"}),
        frozenset({"missed", "checkin_missed"}),
        frozenset({"kept", "deal_won"}),
    }
    assert svg.OTHER not in svg.COLOURS.values()

"""How a recipient was found: the way ends where `resolve` ends, and names whoever was passed over."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.directory import Directory, Person, Team
from service.core.model import Commitment, Deal, Told
from service.core.policy import Recipients
from service.core.recipients import resolve
from service.core.route import route
from tests.core.policies import PEOPLE
from tests.core.test_time_properties import START

TEAMS = {"east": Team("east", "dana"), "own": Team("own", "ana"), "loud": Team("loud", "dana", ("wins",))}
NAMES = (
    *("owner", "owner.manager", "owner.manager.manager", "owner.mentor", "owner.mentor.manager", "team"),
    *("team.lead", "team.members", "team:loud", "person:leo", "person:gone", "role:ops", "channel:wins"),
    *("everyone_told", "helpers"),
)
people = st.lists(st.booleans(), min_size=5, max_size=5).map(
    lambda active: {
        name: msgspec.structs.replace(person, active=is_active, teams=("own", "east"))
        for (name, person), is_active in zip(PEOPLE.items(), active, strict=True)
    }
)


@given(
    people,
    st.sampled_from(sorted(PEOPLE)),
    st.sampled_from(["", *TEAMS]),
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=3),
    st.booleans(),
)
def test_the_way_leads_to_everyone_who_is_found_and_to_nobody_else(
    known: dict[str, Person], owner: str, team: str, names: list[str], first_only: bool
) -> None:
    directory = Directory(known, TEAMS, {})
    state = Commitment(owner=owner, team=team, deal=Deal(helpers=["leo"]))
    state.told = [Told("omar", "p", "s", 1, START, after=True)]
    notify = Recipients(tuple(names), first_only)

    found = resolve(notify, state, directory)
    ways = {to: route(notify, to, state, directory) for to in (*PEOPLE, "channel:wins", "nobody")}

    assert {to for to, way in ways.items() if way} == set(found)
    assert all(
        way.endswith((f"→ {to}", f": {to}", f"{to}, by name")) or to in way for to, way in ways.items() if way
    )


@pytest.mark.parametrize(
    ("name", "to", "way"),
    [
        ("owner", "ana", "owner: ana"),
        ("owner.manager", "omar", "owner.manager: ana → (dana: not active) → omar"),
        ("owner.mentor", "leo", "owner.mentor: ana → leo"),
        ("role:ops", "ops", "role:ops: role ops → ops"),
        ("team.lead", "omar", "team.lead: team own → ana → (dana: not active) → omar"),
        ("person:leo", "leo", "person:leo: leo, by name"),
    ],
)
def test_it_names_each_hop(name: str, to: str, way: str) -> None:
    known = PEOPLE | {"dana": msgspec.structs.replace(PEOPLE["dana"], active=False)}
    state = Commitment(owner="ana", team="own")

    assert route(Recipients((name,)), to, state, Directory(known, TEAMS, {})) == way


def test_the_first_of_several_says_who_had_nobody() -> None:
    notify = Recipients(("owner.mentor", "owner.manager"), first_only=True)

    said = route(notify, "omar", Commitment(owner="dana"), Directory(PEOPLE, TEAMS, {}))

    assert said == "owner.mentor had nobody, so owner.manager: dana → omar"

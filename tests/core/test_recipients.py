"""Who is found, in directories that are as they should not be: loops, endless chains, people who have left."""

import pytest

from service.core.directory import MANAGER_DEPTH_MAX, Directory, Person, Team
from service.core.model import Commitment, Told
from service.core.policy import Recipients
from service.core.recipients import manager_of, resolve
from tests.core.hostile_events import NOW


def directory(*people: Person, **teams: Team) -> Directory:
    return Directory({person.id: person for person in people}, teams, {})


def found(names: str, state: Commitment, where: Directory, *, first_only: bool = False) -> list[str]:
    return resolve(Recipients(tuple(names.split()), first_only=first_only), state, where)


ANA = Commitment(owner="ana")


def test_a_person_in_two_roles_is_found_once() -> None:
    where = directory(
        Person("ana", "dana", mentor="dana"), Person("dana", roles=("ops",)), east=Team("east", "dana")
    )
    state = Commitment(owner="ana", team="east")
    assert found("owner.manager owner.mentor role:ops team.lead person:dana", state, where) == ["dana"]


@pytest.mark.parametrize(
    "loop",
    [
        [Person("ana", "ana")],
        [Person("ana", "dana", active=True), Person("dana", "ana", active=False)],
        [Person("ana", "b"), Person("b", "c", active=False), Person("c", "b", active=False)],
    ],
    ids=["their own", "of two", "above"],
)
def test_a_loop_of_managers_ends_with_nobody(loop: list[Person]) -> None:
    assert manager_of("ana", directory(*loop)) == ""
    assert found("owner.manager", ANA, directory(*loop)) == []


def test_the_manager_of_the_manager_is_never_somebody_below() -> None:
    where = directory(Person("ana", "dana"), Person("dana", "ana"))
    assert found("owner.manager", ANA, where) == ["dana"]
    assert found("owner.manager.manager", ANA, where) == []


@pytest.mark.parametrize(("above", "manager"), [(MANAGER_DEPTH_MAX, "boss"), (MANAGER_DEPTH_MAX + 1, "")])
def test_a_chain_is_followed_ten_levels_and_no_further(above: int, manager: str) -> None:
    gone = [Person(f"p{n}", f"p{n + 1}" if n + 1 < above else "boss", active=n == 0) for n in range(above)]
    assert manager_of("p0", directory(*gone, Person("boss"))) == manager


def test_whoever_has_left_is_not_found() -> None:
    where = directory(Person("ana"), Person("leo", active=False, roles=("ops",), teams=("east",)))
    state = Commitment(owner="leo", team="east", told=[Told("leo", "", "", 1, NOW, after=True)])
    assert found("owner person:leo role:ops team.members everyone_told person:nobody", state, where) == []

"""What events say of people: which word counts, and what becomes of words that cannot hold as things are."""

from datetime import UTC, datetime, timedelta

import pytest

from service.core import people as laid_over
from service.core.calendar import Hours
from service.core.decide import decide
from service.core.directory import Directory, Person, Team, World
from service.core.effects import Decision
from service.core.events import Answer, Data, Event, PersonChanged, PersonJoined, PersonLeft
from service.core.model import People, Word, decode_state, encode_state
from service.core.policy import PolicyBook
from service.core.reasons import Code
from service.core.rules.people import PEOPLE_MAX

Fields = dict[str, "str | list[str] | bool | None"]

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
HOURS = Hours()
FILES = Directory(
    {
        "ana": Person("ana", manager="dana", mentor="leo", teams=("east",)),
        "dana": Person("dana", manager="omar"),
        "leo": Person("leo"),
        "omar": Person("omar"),
    },
    {"east": Team("east"), "west": Team("west")},
    {"spain": HOURS},
    hash="of the files",
    time_zone="Europe/Madrid",
)
WORLD = World(PolicyBook((), {}), FILES, {}, frozenset())


def _event(kind: str, data: Data, at: datetime, name: str, source: str = "hr") -> Event:
    return Event(
        id=name,
        source=source,
        type=kind,
        time=at,
        received_at=AT + 30 * DAY,
        topic="inbox",
        subject=laid_over.SUBJECT,
        data=data,
    )


def _hear(people: People, data: Data, day: int = 0, kind: str = "person.changed", name: str = "") -> Decision:
    return decide(encode_state(people), _event(kind, data, AT + day * DAY, name or f"{kind}-{day}"), WORLD)


def _heard(decision: Decision) -> People:
    assert isinstance(decision.state, People)
    again = decode_state(encode_state(decision.state))
    assert isinstance(again, People)
    return again


def _codes(decision: Decision) -> list[tuple[str, str]]:
    return [(why.code, why.text) for why in decision.reasons]


# -- which word counts -----------------------------------------------------------------------------------------


def test_every_field_of_an_event_is_kept_with_its_time() -> None:
    data = PersonJoined(
        person="noa",
        name="Noa",
        email="noa@example.com",
        manager="dana",
        mentor="leo",
        teams=["east"],
        roles=["rep"],
        time_zone="Europe/Madrid",
        calendar="spain",
    )
    decision = _hear(People(), data, kind="person.joined")

    said: Fields = {
        "name": "Noa",
        "email": "noa@example.com",
        "manager": "dana",
        "mentor": "leo",
        "teams": ["east"],
        "roles": ["rep"],
        "time_zone": "Europe/Madrid",
        "calendar": "spain",
        "active": True,
    }
    assert _heard(decision).said == {"noa": {name: Word(value, AT, AT) for name, value in said.items()}}
    assert _codes(decision) == [(Code.RECORDED, f"said of noa: {', '.join(said)}")]


def test_whoever_joins_again_is_here_again_and_a_change_alone_brings_nobody_back() -> None:
    left = _heard(_hear(People(), PersonLeft(person="ana"), kind="person.left"))
    changed = _heard(_hear(left, PersonChanged(person="ana", manager="leo"), 1))
    back = _heard(_hear(changed, PersonJoined(person="ana", name="Ana"), 2, "person.joined"))

    assert [one.said["ana"]["active"].value for one in (left, changed, back)] == [False, False, True]


def test_a_word_counts_since_it_was_first_said_until_another_one_takes_its_place() -> None:
    heard = People()
    for day, manager in enumerate(["leo", "leo", "dana", "leo"]):
        heard = _heard(_hear(heard, PersonChanged(person="ana", manager=manager), day))
    assert heard.said["ana"]["manager"] == Word("leo", AT + 3 * DAY, AT + 3 * DAY)

    of_before = People(said={"ana": {"manager": Word("leo", AT)}})  # as older versions wrote it
    again = _heard(_hear(of_before, PersonChanged(person="ana", manager="leo"), 1))
    assert again.said["ana"]["manager"] == Word("leo", AT + DAY, AT)
    once_more = _heard(_hear(again, PersonChanged(person="ana", manager="leo"), 2))
    assert once_more.said["ana"]["manager"] == Word("leo", AT + 2 * DAY, AT)


def test_of_two_words_of_one_instant_the_later_record_counts_and_an_older_one_does_not() -> None:
    heard = _heard(_hear(People(), PersonChanged(person="ana", manager="leo", mentor="dana"), 1))
    same = _heard(_hear(heard, PersonChanged(person="ana", manager="omar"), 1, name="other"))
    assert same.said["ana"]["manager"].value == "omar"

    half = _hear(same, PersonChanged(person="ana", manager="leo", calendar="spain"), 0)
    assert _codes(half) == [(Code.RECORDED, "said of ana: calendar")]
    assert _heard(half).said["ana"]["manager"].value == "omar"

    old = _hear(same, PersonChanged(person="ana", manager="leo"), 0)
    assert _codes(old) == [(Code.OLDER, "something newer is known already")]


def test_an_event_that_says_nothing_or_comes_twice_changes_nothing() -> None:
    nothing = _hear(People(), PersonChanged(person="ana"))
    assert _codes(nothing) == [(Code.RECORDED, "said of ana: nothing new")]

    again = _hear(_heard(nothing), PersonChanged(person="ana", manager="leo"))
    assert _codes(again) == [(Code.DUPLICATE, "this event was applied before")]
    assert _heard(again) == _heard(nothing)
    other = _hear(_heard(nothing), PersonChanged(person="ana", manager="leo"), name="another")
    assert [code for code, _ in _codes(other)] == [Code.RECORDED]
    of_another = _event(
        "person.changed", PersonChanged(person="ana", manager="leo"), AT, "person.changed-0", "crm"
    )
    assert decide(encode_state(_heard(nothing)), of_another, WORLD).reasons[0].code == Code.RECORDED


def test_an_event_of_another_kind_about_people_has_no_rule() -> None:
    decision = _hear(People(), Answer(subject_id=laid_over.SUBJECT, by="ana"), kind="commitment.acknowledged")

    assert _codes(decision) == [(Code.UNMATCHED, "no rule for commitment.acknowledged yet")]


def test_there_is_an_end_to_how_many_people_events_speak_of_and_those_known_are_heard_on() -> None:
    full = People(said={f"p{number}": {} for number in range(PEOPLE_MAX - 1)})
    last = _hear(full, PersonChanged(person="last", manager="leo"))
    assert [code for code, _ in _codes(last)] == [Code.RECORDED]

    refused = _hear(_heard(last), PersonChanged(person="one-more", manager="leo"), 1)
    assert _codes(refused) == [(Code.REFUSED, f"events have spoken of {PEOPLE_MAX} people already")]
    known = _hear(_heard(last), PersonChanged(person="last", manager="dana"), 1)
    assert [code for code, _ in _codes(known)] == [Code.RECORDED]


# -- laid over the files ---------------------------------------------------------------------------------------


def _over(said: dict[str, Fields], *, days: dict[str, int] | None = None) -> tuple[Directory, list[str]]:
    at = {who: AT + (days or {}).get(who, 0) * DAY for who in said}
    people = People(
        said={who: {name: Word(value, at[who]) for name, value in one.items()} for who, one in said.items()}
    )
    directory, left = laid_over.with_said(FILES, people, {"Europe/Madrid", "Asia/Tokyo"})
    return directory, [f"{one.what}: {one.why}" for one in left]


def test_whoever_joined_is_somebody_in_the_zone_of_the_files_and_whoever_has_no_name_is_nobody() -> None:
    directory, left = _over(
        {"noa": {"name": "Noa"}, "kim": {"name": None, "roles": ["rep"]}, "leo": {"name": "Leo"}}
    )

    assert directory.people == {**FILES.people, "noa": Person("noa", time_zone="Europe/Madrid")}
    assert directory.hash == ""  # it is another one now
    assert left == ["kim: they are not in directory.yaml, and have not joined"]


def test_what_holds_counts_and_null_is_as_the_file_says() -> None:
    said: Fields = {"manager": "leo", "mentor": None, "teams": ["west"], "roles": ["rep"], "active": False}
    directory, left = _over({"ana": {**said, "time_zone": "Asia/Tokyo", "calendar": "spain"}})

    expected = Person("ana", "leo", "leo", ("west",), ("rep",), "Asia/Tokyo", "spain", active=False)
    assert directory.people["ana"] == expected
    assert left == []
    assert _over({"ana": {"calendar": "default"}})[1] == []


def test_nobody_may_be_above_somebody_unless_a_person_has_that_name() -> None:
    directory, left = _over({"ana": {"manager": "none", "mentor": "none"}})
    assert (directory.people["ana"].manager, directory.people["ana"].mentor, left) == ("", "", [])

    directory, left = _over({"ana": {"manager": "none"}, "none": {"name": "Nia None"}})
    assert (directory.people["ana"].manager, left) == ("none", [])


def test_what_cannot_hold_is_named_word_by_word() -> None:
    said: Fields = {"manager": "max", "mentor": "ana", "teams": ["east", "moon", "mars"]}
    directory, left = _over({"ana": {**said, "time_zone": "Mars/Phobos", "calendar": "mars"}})

    assert directory.people["ana"] == FILES.people["ana"]
    assert left == [
        "ana.manager: `max` is nobody we know",
        "ana.mentor: they cannot be their own",
        "ana.teams: there is no team `moon`",
        "ana.teams: there is no team `mars`",
        "ana.time_zone: `Mars/Phobos` is not a time zone",
        "ana.calendar: there is no calendar `mars`",
    ]


@pytest.mark.parametrize(
    ("said", "days", "managers", "left"),
    [
        pytest.param(
            {"leo": "omar", "omar": "leo"},
            {"leo": 1, "omar": 2},
            {"leo": "omar", "omar": ""},
            ["omar.manager: managers would go in a loop: omar → leo → omar"],
            id="the newest word goes",
        ),
        pytest.param(
            {"leo": "omar", "omar": "leo"},
            {"leo": 2, "omar": 1},
            {"leo": "", "omar": "leo"},
            ["leo.manager: managers would go in a loop: omar → leo → omar"],
            id="whoever said it",
        ),
        pytest.param(
            {"leo": "noa", "noa": "leo"},
            {"leo": 1, "noa": 1},
            {"leo": "noa", "noa": ""},
            ["noa.manager: managers would go in a loop: leo → noa → leo"],
            id="of two of one instant always the same",
        ),
        pytest.param(
            {"ana": "dana", "omar": "dana"},
            {"ana": 9, "omar": 1},
            {"ana": "dana", "dana": "omar", "omar": ""},
            ["omar.manager: managers would go in a loop: dana → omar → dana"],
            id="whoever is only below the loop is not of it",
        ),
        pytest.param(
            {"dana": "ana", "omar": "ana"},
            {"dana": 2, "omar": 1},
            {"ana": "dana", "dana": "omar", "omar": ""},
            [
                "dana.manager: managers would go in a loop: ana → dana → ana",
                "omar.manager: managers would go in a loop: ana → dana → omar → ana",
            ],
            id="one loop after the other",
        ),
        pytest.param(
            {"leo": "noa", "noa": "leo"},
            {"leo": 1, "noa": 2},
            {"leo": "noa", "noa": ""},
            ["noa.manager: managers would go in a loop: leo → noa → leo"],
            id="the word about somebody new",
        ),
    ],
)
def test_managers_in_a_loop_are_taken_apart_by_the_newest_word(
    said: dict[str, str], days: dict[str, int], managers: dict[str, str], left: list[str]
) -> None:
    words: dict[str, Fields] = {who: {"manager": manager, "name": who} for who, manager in said.items()}
    directory, named = _over(words, days=days)

    assert {who: directory.people[who].manager for who in managers} == managers
    assert named == left

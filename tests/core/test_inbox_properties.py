"""What holds of inboxes whatever is asked of whom, whoever is away and whenever they want to be left alone (invariants
1, 9 and 10): random requests to four people, absences and wishes in between, and time that passes to the end."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.directory import Directory, Person, World
from service.core.effects import Emit, Owed, decode_owed, encode_effect
from service.core.envelope import admit, decode, encode_internal
from service.core.events import NotificationRequested
from service.core.ids import notify_key
from service.core.model import Absence, Commitment, Inbox, Moment, decode_state, encode_state
from service.core.policy import PolicyBook
from service.core.reasons import Code
from service.simulator.pure import PureRun, Sent
from tests.core.test_quiet import shows, written

START = datetime(2026, 3, 27, 6, tzinfo=UTC)  # the clocks change two days later
HOUR = timedelta(hours=1)
NAMES = ("ana", "leo", "dana", "rosa")
BUDGET = 3

quiets = st.tuples(st.integers(0, 23), st.integers(0, 23)).filter(lambda span: span[0] != span[1])
spans = st.none() | quiets.map(lambda span: f"{written(60 * span[0])}-{written(60 * span[1])}")
delegates = st.sampled_from(("", *NAMES))
absences = st.builds(
    lambda begins, lasts, delegate: Absence(START + begins * HOUR, START + (begins + lasts) * HOUR, delegate),
    st.integers(-10, 80),
    st.integers(1, 60),
    delegates,
)
people = st.fixed_dictionaries(
    {
        name: st.builds(
            lambda zone, quiet, away, name=name: Person(
                name,
                roles=("ops",) if name == "rosa" else (),
                time_zone=zone,
                quiet=quiet or "",
                away=tuple(away),
            ),
            st.sampled_from(["Europe/Madrid", "America/New_York", "Asia/Kolkata"]),
            spans,
            st.lists(absences, max_size=2),
        )
        for name in NAMES
    }
)


class Said(NamedTuple):
    """One thing that happens, `after` hours after the one before."""

    after: int
    kind: str  # ask | away | back | quiet
    who: str
    what: Any


asks = st.fixed_dictionaries(
    {
        "urgency": st.sampled_from(["low", "normal", "normal", "high"]),
        "until": st.sampled_from(["done", "acknowledged", "nothing"]),
        "due": st.integers(-20, 100),
        "quiet": st.sampled_from(["", "", "pass"]),
    }
)
happenings = st.one_of(
    st.builds(Said, st.integers(0, 6), st.just("ask"), st.sampled_from(NAMES), asks),
    st.builds(Said, st.integers(0, 2), st.just("ask"), st.sampled_from(NAMES), asks),
    st.builds(
        Said,
        st.integers(0, 6),
        st.just("away"),
        st.sampled_from(NAMES),
        st.tuples(st.none() | st.integers(1, 40), delegates),
    ),
    st.builds(Said, st.integers(0, 6), st.just("back"), st.sampled_from(NAMES), st.none()),
    st.builds(Said, st.integers(0, 6), st.just("quiet"), st.sampled_from(NAMES), spans),
)
stories = st.lists(happenings, max_size=30)


class Known(NamedTuple):
    """When somebody may not be disturbed, as the test reckons it from what was said until then."""

    gone_until: datetime | None = START  # by the newest event; None: until they are back
    back_at: datetime | None = None
    quiet: str = ""


class Played:
    """A story played to its end on the virtual clock, every message beside what was known when it went out."""

    def __init__(self, persons: dict[str, Person], story: list[Said]) -> None:
        self.persons = persons
        book, directory = PolicyBook((), {}), Directory(persons, {}, {})
        world = World(book, directory, {}, frozenset({"email"}), "role:ops", noise_budget=BUDGET)
        self.run = PureRun(world, START)
        self.asked: dict[str, NotificationRequested] = {}
        self.known = {name: [(START, Known(quiet=person.quiet))] for name, person in persons.items()}
        for number, said in enumerate(story):
            self.run.run_until(self.run.now + said.after * HOUR + timedelta(minutes=7))
            self._happens(number, said)
        for number, name in enumerate(NAMES):  # whoever has not said when, is back in the end
            self.run.run_until(self.run.now + HOUR)
            self._happens(len(story) + number, Said(0, "back", name, None))
        self.run.run_until(self.run.now + timedelta(days=20))

    def _happens(self, number: int, said: Said) -> None:
        if said.kind == "ask":
            self._ask(number, said.who, **said.what)
            return
        now, (_, known) = self.run.now, self.known[said.who][-1]
        data: dict[str, object] = {"person": said.who}
        kind = "person.back"
        if said.kind == "away":
            hours, delegate = said.what
            until = None if hours is None else now + hours * HOUR
            kind, data = (
                "person.away",
                {**data, "delegate": delegate if delegate not in ("", said.who) else None},
            )
            data["until"] = until.isoformat() if until else None
            known = known._replace(gone_until=until)
        elif said.kind == "back":
            known = known._replace(gone_until=now, back_at=now)
        else:
            kind, data["quiet"] = "preferences.changed", said.what or "none"
            known = known._replace(quiet=said.what or "")
        self.known[said.who].append((now, known))
        event = {"id": str(number), "source": "tests", "type": kind, "specversion": "1.0", "data": data}
        self.run.give(admit(event, now)[0])

    def _ask(self, number: int, to: str, urgency: str, until: str, due: int, quiet: str) -> None:
        subject, now = f"deadline/r{number}", self.run.now
        self.run.states[subject] = encode_state(
            Commitment(status="open", title=subject, moments={"due": Moment(at=START)})
        )
        request = NotificationRequested(
            to=to, subject=subject, policy="p", policy_hash="h", step="s", cycle=1, round=0, cause="", kind="notice",
            template="missed", urgency=urgency, visibility="private", until=until, decided_at=now,
            reasons=["because"], facts={"title": subject, "due_at": (START + due * HOUR).isoformat()}, quiet=quiet,
        )  # fmt: skip
        self.asked[subject] = request
        raw = msgspec.json.encode(request)
        emit = Emit(notify_key(request), "inbox", "notification.requested", f"inbox/{to}", now, raw)
        self.run.give(decode(encode_internal(emit), now, trusted=True))

    def may_be_told(self, sent: Sent) -> bool:
        """Whether a message that is not urgent may go out at its time."""
        person, at = self.persons[sent.owed.to], sent.at
        known = [known for since, known in self.known[person.id] if since <= at][-1]
        gone = known.gone_until is None or at < known.gone_until
        planned = any(
            a.at <= at and a.until and at < a.until and not (known.back_at and a.at <= known.back_at)
            for a in person.away
        )
        asked = self.asked.get(sent.owed.subject)
        if not known.quiet or (asked is not None and asked.quiet == "pass" and not sent.owed.asked_at):
            return not gone and not planned
        begin, end = (int(clock[:2]) * 60 + int(clock[3:]) for clock in known.quiet.split("-"))
        zone = self.run.world.directory.zone_of(person.id)
        return not gone and not planned and not shows(begin, end, zone, at)


def subjects(owed: Owed) -> list[str]:
    return [decode_owed(part).subject for part in owed.parts] or [owed.subject]


@settings(max_examples=120)
@given(people, stories)
def test_nobody_away_or_in_quiet_time_gets_what_is_not_urgent(
    persons: dict[str, Person], story: list[Said]
) -> None:
    played = Played(persons, story)

    assert [s for s in played.run.sent if s.owed.urgency != "high" and not played.may_be_told(s)] == []


@settings(max_examples=120)
@given(people, stories)
def test_whatever_is_asked_ends_once_and_somebody_can_say_how(
    persons: dict[str, Person], story: list[Said]
) -> None:
    played = Played(persons, story)
    run = played.run

    told = Counter(
        s for sent in run.sent if sent.owed.template in ("missed", "digest") for s in subjects(sent.owed)
    )
    back = Counter(
        why.subject
        for why in run.whys
        if why.given == "notification.unreachable" and why.reason.code == Code.UNREACHABLE
    )
    counted = sum(int(str(sent.owed.extra["more"])) for sent in run.sent if sent.owed.parts)
    asked = Counter(list(played.asked))
    assert told + back <= asked, "nothing ends twice"
    assert (asked - told - back).total() == counted, "and what is not named in a digest is counted there"
    for subject in played.run.states:
        state = decode_state(run.states[subject])
        if isinstance(state, Inbox):
            assert (state.waiting, state.more) == ([], 0)
            assert all(why.reason.text for why in run.whys)


@settings(max_examples=40)
@given(people, stories)
def test_a_story_told_twice_leaves_the_same_bytes(persons: dict[str, Person], story: list[Said]) -> None:
    first, second = Played(persons, story).run, Played(persons, story).run

    assert first.states == second.states
    assert [(s.at, encode_effect(s.owed)) for s in first.sent] == [
        (s.at, encode_effect(s.owed)) for s in second.sent
    ]
    assert len({s.owed.key for s in first.sent}) == len(first.sent)


@settings(max_examples=60)
@given(people, stories)
def test_at_once_come_no_more_than_the_budget_of_the_readers_day(
    persons: dict[str, Person], story: list[Said]
) -> None:
    played = Played(persons, story)

    days = Counter(
        (s.owed.to, s.at.astimezone(played.run.world.directory.zone_of(s.owed.to)).date())
        for s in played.run.sent
        if s.owed.urgency != "high" and not s.owed.parts and not s.owed.asked_at
    )

    assert max(days.values(), default=0) <= BUDGET

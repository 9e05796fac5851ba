"""The questions: why this message, why not this person, what has happened to this. The same answers for everybody.

Everything is read from the store; NotFound says what nobody knows, and the nearest thing that somebody does.
"""

from collections.abc import Collection
from datetime import datetime

from service.core.events import TOPIC_OF_FAMILY
from service.core.ids import split_subject
from service.core.nearest import nearest
from service.core.people import SUBJECT as PEOPLE
from service.explaining.notification import Explained, explain_notification
from service.explaining.record import Record, record_of, shard_of, subject_of
from service.explaining.silence import Untold, why_untold
from service.explaining.versions import Versions, versions_of
from service.settings.model import Settings
from service.store.contract import Shard, Store

# Names among which a mistyped one is looked for.
_NAMES_MAX = 1_000
_TIMERS_MAX = 2_000
_FAR_MS = 2**52
# Types of events about people: none has a subject of its own.
_OF_PEOPLE = ("person", "people", "preferences")
_HAVE_STATES = ("deadline", "deal", "checkin", "goal")


class NotFound(Exception):
    """Nothing is on record; `hint` is the nearest thing that is, or where to look."""

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.hint = hint


class Asking:
    """One installation that is asked: its store, its partitions, its configuration in force."""

    def __init__(self, store: Store, partitions: int, settings: Settings) -> None:
        self._store, self._partitions, self._settings = store, partitions, settings

    async def about_notification(self, key: str, subject: str = "") -> Explained:
        """Why this message; `subject`, where it is known, saves the search for it."""
        found = await self._explained(key, subject) if subject else None
        if found is None:
            subject = await subject_of(self._store, self._partitions, key)
            found = await self._explained(key, subject) if subject else None
        if found is None:
            hint = (
                "it is the `key` of /v1/caught, the Message-ID of a mail; the record is kept for thirty days"
            )
            raise NotFound(f"no notification {key!a} is on record", hint)
        return found

    async def about_person(self, person: str, subject: str, at: datetime) -> Untold:
        """Why `person` was not told of `subject` by `at`."""
        self.check_person(person)
        record, versions = await self.about_subject(subject)
        return why_untold(record, person, at, versions)

    async def about_subject(self, asked: str) -> tuple[Record, Versions]:
        """Its whole story; a bare id is a deadline's."""
        subject = asked if "/" in asked else f"deadline/{asked}"
        family, _ = split_subject(subject)
        if family not in TOPIC_OF_FAMILY:
            known = sorted(set(TOPIC_OF_FAMILY) - {"person", "preferences"})
            raise NotFound(f"there is no family {family!a}", f"known: {', '.join(known)}")
        record = await record_of(self._store, self._partitions, subject)
        if record is None:
            raise NotFound(f"nothing is on record about {asked}", await self._hint(asked, subject))
        return record, await versions_of(record, self._settings, self._store)

    def check_person(self, person: str) -> None:
        people: Collection[str] = self._settings.graph.people
        if person not in people and not person.startswith("channel:"):
            raise NotFound(f"there is no person {person!a}{nearest(person, people)}")

    async def _explained(self, key: str, subject: str) -> Explained | None:
        family, _ = split_subject(subject)
        record = (
            await record_of(self._store, self._partitions, subject) if family in TOPIC_OF_FAMILY else None
        )
        if record is None:
            return None
        return explain_notification(record, key, await versions_of(record, self._settings, self._store))

    async def _hint(self, asked: str, subject: str) -> str:
        if asked in self._settings.graph.people:
            return f"{asked} is a person: inbox/{asked} tells what they are told, a subject with this person why not"
        family, bare = split_subject(subject)
        if family in _OF_PEOPLE:
            return f"inbox/{bare} tells what they are told, {PEOPLE} what events have said of people"
        return await self._nearest(subject)

    async def _nearest(self, subject: str) -> str:
        """The same id in another family, or one that is written almost so."""
        family, bare = split_subject(subject)
        for other in _HAVE_STATES:
            [raw] = await self._store.load(shard_of(f"{other}/{bare}", self._partitions), [f"{other}/{bare}"])
            if raw is not None and other != family:
                return f"did you mean {other}/{bare}?"
        known: list[str] = []
        for number in range(self._partitions):
            due = await self._store.due(Shard(TOPIC_OF_FAMILY[family], number), _FAR_MS, _TIMERS_MAX)
            known += [
                name for name, _ in due if abs(len(name) - len(subject)) <= 2 and name.startswith(family)
            ]
        return nearest(subject, known[:_NAMES_MAX]).removeprefix("; ")

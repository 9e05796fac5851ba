"""A person's open commitments, and the one they mean. Reads all that is stored: a person who types can wait a second.

Without a read model there is no list by person; a look takes about 10 µs a subject (measured 2026-11), one at a time.
"""

import asyncio
import difflib
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from service.core.ids import split_subject
from service.core.model import Commitment, Moment, decode_state
from service.store.contract import Shard
from service.web.deps import WebDeps

FAMILIES = ("deadline", "deal")
SHOWN_MAX = 5
_MARKS = ".,;:!?…()[]'‘’"
# One look after the other: two would only slow down what else this process does.
_looking = asyncio.Semaphore(1)


class Found(NamedTuple):
    """An open commitment, and the moment of it that comes first and can be answered."""

    subject: str
    title: str
    moment: str
    changed: int
    due_at: datetime | None
    name: (
        str  # what it is called for certain: its id, with its family where another one of theirs has the same
    )


async def open_of(person: str, deps: WebDeps) -> list[Found]:
    """What the person owns and is open, the earliest date first."""
    found: list[Found] = []
    async with _looking:
        async for page in deps.store.subjects():
            places = [(shard, subject) for shard, subject in page if split_subject(subject)[0] in FAMILIES]
            found += await _open_on(places, person, deps)
            await asyncio.sleep(0)  # Others get their turn.
    unique = {one.subject: one for one in found}.values()
    named = Counter(name for one in unique for name in _names(one))
    sure = [one._replace(name=one.subject) if named[one.name] > 1 else one for one in unique]
    return sorted(sure, key=lambda one: (one.due_at or datetime.max.replace(tzinfo=UTC), one.title))


async def _open_on(places: list[tuple[Shard, str]], person: str, deps: WebDeps) -> Iterable[Found]:
    found = []
    for shard in dict.fromkeys(shard for shard, _ in places):
        subjects = [subject for where, subject in places if where == shard]
        for subject, raw in zip(subjects, await deps.store.load(shard, subjects), strict=True):
            state = decode_state(raw) if raw else None
            if isinstance(state, Commitment) and state.status == "open" and state.owner == person:
                found.append(_found(subject, state))
    return found


def _found(subject: str, state: Commitment) -> Found:
    """Of a deal the next step is what its owner can do; silence and the close date are not done by a word."""
    name = "next_step" if state.deal is not None else next(iter(state.moments), "")
    moment = state.moments.get(name) or Moment()
    if state.deal is not None and moment.at is None:
        name = next(iter(state.moments), "")
        moment = state.moments.get(name) or Moment()
    step = state.deal.next_step if state.deal is not None and name == "next_step" else ""
    title = f"{step} ({state.title})" if step else state.title
    return Found(subject, title, name, moment.changed, moment.at, split_subject(subject)[1])


def _names(one: Found) -> tuple[str, str]:
    return one.subject, split_subject(one.subject)[1]


def meant(what: str, known: list[Found]) -> Found | list[Found]:
    """The one that `what` names: by its id, its title, or whole words that stand in one title only; else the nearest
    few.

    What only looks alike is never taken for it.
    """
    wanted = _plain(what)
    # A deal and a deadline may have the same id: its family tells them apart.
    by_subject = [one for one in known if what == one.subject]
    by_id = [one for one in known if what in _names(one)]
    exact = [one for one in known if _plain(one.title) == wanted]
    words = _words(what)
    holding = [one for one in known if words and words <= _words(one.title)]
    for some in (by_subject, by_id, exact, holding):
        if len(some) == 1:
            return some[0]
        if some:
            return some[:SHOWN_MAX]
    titles = {_plain(one.title): one for one in known}
    near = [titles[title] for title in difflib.get_close_matches(wanted[:64], titles, SHOWN_MAX, cutoff=0.4)]
    return near or known[:SHOWN_MAX]


def _words(text: str) -> set[str]:
    """Its words without the marks around them."""
    return {bare for word in _plain(text).split() if (bare := word.strip(_MARKS))}


def _plain(text: str) -> str:
    return " ".join(text.casefold().replace("“", " ").replace("”", " ").replace('"', " ").split())

"""What `followthrough plan` shows of a subject: for each policy that would be another, the next step before and after.

The after is no forecast: the event that `--apply` publishes is decided here on a copy, by the rule of `replan.py`.
"""

from datetime import datetime

import msgspec
from msgspec import Struct

from service.core.decide import decide
from service.core.directory import World
from service.core.draft import Draft
from service.core.effects import Emit
from service.core.envelope import SOURCE
from service.core.events import TOPIC_OF_FAMILY, Event, PolicyReplaced
from service.core.ids import effect_key, split_subject
from service.core.model import Commitment, decode_state
from service.core.recipients import resolve
from service.core.replan import Place, first_left, places, wanted
from service.core.timeline import fires_at, held_until, told_after

_TYPE = "policy.replaced"
_encode = msgspec.json.Encoder(order="sorted").encode


class Next(Struct, frozen=True):
    """The step that comes next as things stand, and whom it tells."""

    at: datetime
    step: str
    round: int
    to: tuple[str, ...]


class Change(Struct, frozen=True):
    """One policy of the subject; `old` or `new` is "" where there is none. `passed`: steps of the new version that are
    over without ever having been taken."""

    policy: str
    old: str
    new: str
    before: Next | None = None
    after: Next | None = None
    passed: tuple[str, ...] = ()
    is_silent: bool = False  # its `when` does not hold: it says nothing as long as that is so
    is_put_off: bool = False  # a step of the old version is due at this moment, and comes first


class Plan(Struct, frozen=True):
    """`reasons` are those of the decision that the event would bring about."""

    subject: str
    title: str
    owner: str
    changes: tuple[Change, ...]
    reasons: tuple[str, ...]
    data: PolicyReplaced


def plan(subject: str, stored: bytes, world: World, now: datetime) -> Plan | None:
    """What the configuration would change for the subject; None when nothing."""
    state = decode_state(stored)
    if not isinstance(state, Commitment):
        return None
    before = Draft(subject, state, world, now)
    moves = wanted(before)
    if not moves:
        return None
    data = PolicyReplaced(subject_id=subject, moves=moves)
    decision = decide(stored, _event(subject, data, now), world)
    assert isinstance(decision.state, Commitment)
    after = Draft(subject, decision.state, world, now)
    was, will = ({one.policy.name: one for one in places(draft)} for draft in (before, after))
    changes = tuple(
        Change(
            move.policy,
            move.old,
            move.new,
            _next(before, was.get(move.policy)),
            _next(after, will.get(move.policy)),
            _passed(was.get(move.policy), will.get(move.policy)),
            _is_silent(after, will.get(move.policy)),
            _is_the_same(was.get(move.policy), will.get(move.policy)),
        )
        for move in moves
    )
    return Plan(subject, state.title, state.owner, changes, tuple(r.text for r in decision.reasons), data)


def request(planned: Plan, now: datetime) -> Emit:
    """The internal event that does it. Its key has the time: the way back and forth again is another event."""
    raw = _encode(planned.data)
    topic = TOPIC_OF_FAMILY[split_subject(planned.subject)[0]]
    key = effect_key("plan", planned.subject, raw.decode(), now.isoformat())
    return Emit(key, topic, _TYPE, planned.subject, now, raw)


def _event(subject: str, data: PolicyReplaced, now: datetime) -> Event:
    topic = TOPIC_OF_FAMILY[split_subject(subject)[0]]
    return Event(
        id="plan",
        source=SOURCE,
        type=_TYPE,
        time=now,
        received_at=now,
        topic=topic,
        subject=subject,
        data=data,
    )


def _next(draft: Draft, place: Place | None) -> Next | None:
    if place is None or place.moment.at is None:
        return None
    moment, run, _ = place
    calendar, told = draft.world.directory.calendar_of(draft.state.owner), told_after(draft.state, moment)
    ahead = []
    for firing in first_left(place, calendar):
        at, held = fires_at(firing, run, moment, calendar), held_until(firing, run, moment, told)
        ahead.append((max(at, held) if held else at, firing))
    if not ahead:
        return None
    at, firing = min(ahead, key=lambda pair: pair[0])
    to = resolve(firing.step.notify, draft.state, draft.world.directory)
    return Next(at, firing.step.id, firing.round, tuple(to))


def _is_the_same(was: Place | None, will: Place | None) -> bool:
    return was is not None and will is not None and was.run.policy == will.run.policy


def _passed(was: Place | None, will: Place | None) -> tuple[str, ...]:
    """Ids of steps, each once, in the order of the timeline."""
    if will is None or _is_the_same(was, will):
        return ()
    old = was.policy.firings if was else ()
    taken = {(f.step.id, f.round) for f in old if was and was.run.done >> f.bit & 1}
    over = [f for f in will.policy.firings if will.run.done >> f.bit & 1]
    return tuple(dict.fromkeys(f.step.id for f in over if (f.step.id, f.round) not in taken))


def _is_silent(draft: Draft, place: Place | None) -> bool:
    if place is None:
        return False
    what = f"`when` of policy {place.policy.name}"
    return not draft.holds(place.policy.when, True, place.moment, place.policy, what)

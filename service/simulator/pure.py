"""The decision core on a virtual clock, with no store: states in a dict, timers in a heap, messages in a list.

The same `decide` as in service, so what it shows is what the service does when nothing fails. Must not know scenario
files (scenario.py) nor the real clock.
"""

import heapq
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from service.core.decide import decide
from service.core.directory import World
from service.core.effects import Dead, Decision, Emit, Owed, decode_emit, decode_log, decode_owed
from service.core.envelope import SOURCE
from service.core.events import EVENTS, TOPIC_OF_FAMILY, CheckinScheduled, Event, Timer
from service.core.ids import split_subject
from service.core.model import Commitment, People, decode_state, encode_state
from service.core.payload import read_payload
from service.core.plan import plan, request
from service.core.reasons import SPOKEN, Reason
from service.core.reckoning import reckon
from service.core.roster import changes, is_series
from service.core.still_owed import left_of, still_owed, subjects_of
from service.simulator.silences import would_be

if TYPE_CHECKING:
    from service.simulator.post import Post

# So many timers of one subject without an end are a loop in a policy or in the core; two years of hourly repeats are
# below it.
TIMERS_MAX = 20_000

# As the store forgets them (safety: effect keys are kept for seven days).
KEYS_KEPT_FOR = timedelta(days=7)


OfPeople = Callable[[People], tuple[World, Sequence[CheckinScheduled]]]


class Endless(Exception):
    """One subject goes on for ever: a loop, or a check-in series without an end to the story."""


class Sent(NamedTuple):
    """One message: what is owed, and when the decision was taken."""

    at: datetime
    owed: Owed


class Why(NamedTuple):
    """One reason of one decision, also for silence."""

    at: datetime
    subject: str
    given: str  # event type, or "timer"
    reason: Reason
    to: tuple[str, ...] = ()  # of a silence: who would have heard, where one is known


class PureRun:
    """Give it events in the order they arrive and move its clock; it never looks at another one."""

    def __init__(
        self, world: World, now: datetime, of_people: OfPeople | None = None, post: "Post | None" = None
    ) -> None:
        """`of_people` gives another world once events have said something of people; without a `post` every message is
        taken at once."""
        self.world, self.now, self._of_people, self._post = world, now, of_people, post
        self.states: dict[str, bytes] = {}
        self.due: dict[str, datetime] = {}
        self.sent: list[Sent] = []
        self.whys: list[Why] = []
        self.dead: list[Dead] = []
        self.decisions = 0
        self._heap: list[tuple[datetime, str]] = []
        self._retries: list[tuple[datetime, str, Owed]] = []
        self._applied: dict[str, datetime] = {}

    @property
    def next_due(self) -> datetime | None:
        """The time of the earliest timer."""
        while self._heap and self.due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)  # replaced by another timer of the same subject since
        return self._heap[0][0] if self._heap else None

    def give(self, event: Event) -> Decision:
        """An event arrives now; what it decides for inboxes is applied at once."""
        return self._decide(event.subject, event, event.type)

    def schedule(self, wanted: Sequence[CheckinScheduled]) -> None:
        """The check-in series are those of the configuration from now on, as when the service starts with it."""
        known = {subject: raw for subject, raw in self.states.items() if is_series(subject)}
        for emit in changes(wanted, known, self.now):
            self._publish(emit)

    def change(self, world: World) -> None:
        """The configuration is another one from now on; what is open keeps its policies, and falls due by the new
        directory."""
        world.policies.by_hash.update(self.world.policies.by_hash)
        self.world = world
        for subject, due_at in list(self.due.items()):
            decision = reckon(subject, self.states[subject], world, self.now)
            stored = self.states[subject]
            self._store(subject, decision)
            if (self.states[subject], self.due.get(subject)) != (stored, due_at):
                self.whys += [Why(self.now, subject, "directory", reason) for reason in decision.reasons]

    def apply_plan(self) -> None:
        """What is open is moved to the world's policies now, as by `followthrough plan --apply`."""
        found = [plan(subject, raw, self.world, self.now) for subject, raw in sorted(self.states.items())]
        for planned in found:
            if planned is not None:
                self._publish(request(planned, self.now))

    def run_until(self, until: datetime) -> None:
        """Time passes: every timer fires at its own moment, up to and with `until`."""
        fired = dict[str, int]()
        while True:
            due = self.next_due
            if self._retries and self._try_again(until if due is None else min(due, until)):
                continue
            if due is None or due > until:
                break
            self.now = max(self.now, due)
            subject = self._heap[0][1]
            fired[subject] = fired.get(subject, 0) + 1
            if fired[subject] > TIMERS_MAX:
                raise Endless(f"{subject} has fired {TIMERS_MAX} timers, and more are due")
            self._fire(subject, due)
        self.now = max(self.now, until)

    def jump_to(self, until: datetime) -> None:
        """Time passes and nobody looks, as in an outage; what was due in between is still due."""
        self.now = max(self.now, until)

    def fire_next(self) -> Decision:
        """Fire the earliest timer, now."""
        due = self.next_due
        assert due is not None, "nothing is due"
        return self._fire(self._heap[0][1], due)

    def _fire(self, subject: str, due: datetime) -> Decision:
        return self._decide(subject, Timer(subject=subject, due_at=due, fired_at=self.now), "timer")

    def _decide(self, subject: str, given: Event | Timer, kind: str) -> Decision:
        decision = decide(self.states.get(subject), given, self.world)
        self.decisions += 1
        self._store(subject, decision)
        for reason in decision.reasons:
            silent = reason.code not in SPOKEN
            to = would_be(subject, reason, decision.state, self.world) if silent else ()
            self.whys.append(Why(self.now, subject, kind, reason, to))
        for owed in decision.owed:
            self._deliver(owed)
        self.dead += decision.dead
        if isinstance(decision.state, People) and self._of_people is not None:
            world, series = self._of_people(decision.state)
            if world.directory.hash != self.world.directory.hash:
                self.change(world)
                self.schedule(series)
        for emit in decision.emits:
            self._publish(emit)
        return decision

    def _try_again(self, until: datetime) -> bool:
        """The earliest retry up to and with `until`, at its time; False where there is none."""
        if self._retries[0][0] > until:
            return False
        at, _, owed = heapq.heappop(self._retries)
        self.now = max(self.now, at)
        self._deliver(owed, is_retry=True)
        return True

    def _deliver(self, owed: Owed, *, is_retry: bool = False) -> None:
        """What has waited is sent as far as it is still true, as the delivery does."""
        if owed.parts and not owed.is_final:
            left = left_of(owed, {subject: self._commitment(subject) for subject in subjects_of(owed)})
            self.whys += [Why(self.now, owed.subject, "delivery", reason) for reason in left.reasons]
            if left.owed is not None:
                self._send(left.owed)
        elif (owed.asked_at or is_retry) and (untrue := still_owed(owed, self._commitment(owed.subject))):
            self.whys.append(Why(self.now, owed.subject, "delivery", untrue))
        else:
            self._send(owed)

    def _send(self, owed: Owed) -> None:
        outcome = self._post.attempt(owed, self.now) if self._post is not None else None
        if outcome is None:
            self.sent.append(Sent(self.now, owed))
            return
        settled = outcome.settled
        reasons = decode_log(settled.log).reasons
        self.whys += [Why(self.now, owed.subject, "delivery", reason) for reason in reasons]
        if settled.kind == "retry":
            at = datetime.fromtimestamp(settled.retry_at_ms / 1000, UTC)
            heapq.heappush(self._retries, (at, owed.key, decode_owed(settled.again)))
        elif settled.kind == "fallback":
            self._send(decode_owed(settled.again))
        for raw in settled.emits:
            self._publish(decode_emit(raw))

    def _commitment(self, subject: str) -> Commitment | None:
        raw = self.states.get(subject)
        state = decode_state(raw) if raw is not None else None
        return state if isinstance(state, Commitment) else None

    def _publish(self, emit: Emit) -> None:
        applied_at = self._applied.get(emit.key)  # as the receiving shard does: an effect is applied once
        if applied_at is None or self.now - applied_at > KEYS_KEPT_FOR:
            self._applied[emit.key] = self.now
            self.give(event_of(emit))

    def _store(self, subject: str, decision: Decision) -> None:
        if decision.state is None:
            self.states.pop(subject, None)
        else:
            self.states[subject] = encode_state(decision.state)
        if decision.due_at is None:
            self.due.pop(subject, None)
        elif self.due.get(subject) != decision.due_at:
            self.due[subject] = decision.due_at
            heapq.heappush(self._heap, (decision.due_at, subject))


def event_of(emit: Emit) -> Event:
    """An internal event as the log gives it back, without its way through the log."""
    data = EVENTS[emit.type].data
    at = emit.time.replace(microsecond=emit.time.microsecond // 1000 * 1000)
    assert data is not None, "every internal event has data"
    return Event(
        id=emit.key,
        source=SOURCE,
        type=emit.type,
        time=at,
        received_at=at,
        topic=TOPIC_OF_FAMILY[split_subject(emit.subject)[0]],
        subject=emit.subject,
        data=read_payload(data, emit.data),
        effect_key=emit.key,
    )

"""What goes into one commit, and what it will hold, gathered decision by decision: the owner of a shard fills it.

It must not know a store beyond the shape of a commit. The guard that the commit passes is in store/commit.lua.
"""

import hashlib
from collections import Counter
from datetime import datetime, timedelta
from typing import NamedTuple

from service.core.directory import World
from service.core.effects import Dead, Decision, Emit, LogEntry, encode_effect
from service.core.errors import BadEvent
from service.core.events import Event
from service.core.model import Commitment
from service.core.reasons import Code, Reason
from service.store.clock import to_ms
from service.store.contract import Commit
from service.telemetry.logs import get_log
from service.telemetry.metrics import Metrics

log = get_log()

# Effect keys applied are remembered for this long: longer than any publisher can be stopped before it is repaired.
SEEN_FOR = timedelta(days=7)


# Whose a commitment is, and its moments as (name, when, cycle).
_About = tuple[str, tuple[tuple[str, datetime, int], ...]]
_NOTHING: _About = ("", ())


class Input(NamedTuple):
    """One record of the log, read: an event, or what is wrong with it. `after` is where reading goes on behind it,
    where that is not its own position."""

    position: str
    raw: bytes
    event: Event | None
    error: BadEvent | None = None
    forward: bytes = b""  # its bytes for another shard, whose event it is
    origin: str = ""  # where it lay when it was forwarded to this one, as `deals.3@17`
    after: str = ""


class Batch:
    """What one commit will hold, gathered decision by decision."""

    def __init__(self, topic: str, world: World) -> None:
        self.topic, self.world = topic, world
        self.states: dict[str, bytes | None] = {}
        self.due: dict[str, int | None] = {}
        self.emits: list[bytes] = []
        self.owed: list[tuple[str, bytes]] = []
        self.log: list[bytes] = []
        self.dead: list[bytes] = []
        self.seen: dict[str, int] = {}
        self.origins: dict[str, str] = {}
        self.lateness: list[float] = []
        self._codes: list[str] = []
        self._nobody_told: list[tuple[str, str]] = []
        self._dead_kinds: list[str] = []

    def add(
        self, subject: str, decision: Decision, raw: bytes | None, kind: str, given_id: str, now: datetime
    ) -> None:
        self.states[subject] = raw
        self.due[subject] = to_ms_up(decision.due_at) if decision.due_at else None
        effects: list[tuple[str, str, str]] = []
        for emit in decision.emits:
            self.emits.append(encode_effect(emit))
            effects.append(("notify", emit.key, emit.subject.removeprefix("inbox/")))
        for owed in decision.owed:
            self.owed.append((owed.key, encode_effect(owed)))
            effects.append(("deliver", owed.key, owed.to))
        for dead in decision.dead:
            self.dead.append(encode_effect(dead))
            self._dead_kinds.append(dead.kind)
            effects.append(("dead", "", dead.reason))
        state = decision.state
        after, policies, about = "", list[str](), _NOTHING
        if isinstance(state, Commitment):
            after = state.status
            policies = [run.policy for moment in state.moments.values() for run in moment.runs]
            about = _about(state) if decision.emits else _NOTHING
        statuses, why = (decision.before, after), decision.reasons
        self._log(subject, kind, given_id, statuses, tuple(effects), why, tuple(policies), now, about)

    def note(self, subject: str, kind: str, given_id: str, now: datetime, reason: Reason) -> None:
        """Only say it; nothing changes."""
        self._log(subject, kind, given_id, ("", ""), (), (reason,), (), now)

    def forward(self, given: Input, event: Event, origin: str, now: datetime) -> None:
        """Hand it on to the shard it belongs to, by the way every internal event takes."""
        emit = Emit("", event.topic, event.type, event.subject, event.time, given.forward, origin)
        self.emits.append(encode_effect(emit))
        self.note(
            event.subject, event.type, origin, now, Reason(Code.FORWARDED, "it came to another partition")
        )

    def put_off(self, subject: str, due_ms: int, now: datetime, by: timedelta, reason: Reason) -> None:
        """Leave the subject as it is and its timer for later."""
        self.due[subject] = to_ms(now + by)
        due_at = datetime.fromtimestamp(due_ms / 1000, now.tzinfo)
        self.note(subject, "timer", due_at.isoformat(), now, reason)

    def bury(self, given: Input, where: str, now: datetime) -> None:
        """Keep what cannot be used, with its reason and its original bytes."""
        error = given.error
        assert error is not None
        subject = given.event.subject if given.event else ""
        detail = f"{error.pointer or '/'}: {error.detail}"
        self._dead_kinds.append("event")
        self.dead.append(encode_effect(Dead(error.reason, detail, given.raw, now, "event", subject, where)))
        buried = (("dead", "", error.reason),)
        self._log(subject, "dead_letter", where, ("", ""), buried, (Reason(error.reason, detail),), (), now)

    def _log(
        self,
        subject: str,
        kind: str,
        given_id: str,
        statuses: tuple[str, str],
        effects: tuple[tuple[str, str, str], ...],
        reasons: tuple[Reason, ...],
        policies: tuple[str, ...],
        now: datetime,
        about: _About = _NOTHING,
    ) -> None:
        graph = self.world.directory.hash
        entry = LogEntry(now, subject, kind, given_id, *statuses, effects, reasons, policies, graph, *about)
        self.log.append(encode_effect(entry))
        for reason in reasons:
            self._codes.append(reason.code)
            if reason.code == Code.FALLBACK_UNREACHED:
                self._nobody_told.append((subject, reason.text))

    def commit(self, epoch: int, seq: int, offset: tuple[str, str, str] | None, now: datetime) -> Commit:
        digest = hashlib.blake2b(digest_size=16)
        for raw in self.log:
            digest.update(raw)
        digest.update(repr(offset).encode())
        return Commit(
            epoch,
            seq,
            digest.digest(),
            offset,
            self.states,
            self.due,
            self.emits,
            self.owed,
            self.log,
            self.dead,
            self.seen,
            to_ms(now - SEEN_FOR) if self.seen else 0,
            self.origins,
        )

    def count(self, metrics: Metrics) -> None:
        """Count what is stored now, not what was tried."""
        for code, times in Counter(self._codes).items():
            metrics.decisions.labels(code).inc(times)
        metrics.events_unmatched.labels(self.topic).inc(self._codes.count(Code.UNMATCHED))
        for kind, times in Counter(self._dead_kinds).items():
            metrics.dead_letters.labels(kind).inc(times)
        # The one end that no message reports: it stands in the log, in the dead letters and in `doctor`.
        for subject, text in self._nobody_told:
            log.error("fallback_contact_unreached", subject=subject, reason=text)
        metrics.timers_fired.inc(len(self.lateness))
        for late_s in self.lateness:
            metrics.timer_lateness_seconds.observe(late_s)


def _about(state: Commitment) -> _About:
    moments = ((name, moment.at, moment.cycle) for name, moment in state.moments.items())
    return state.owner, tuple((name, at, cycle) for name, at, cycle in moments if at is not None)


def to_ms_up(at: datetime) -> int:
    """Epoch milliseconds, rounded up: a timer is never early."""
    ms = to_ms(at)
    return ms if ms / 1000 >= at.timestamp() else ms + 1

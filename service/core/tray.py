"""A decision of an inbox in the making: its state being changed, what is owed and emitted, and why. One tray per input.

`now` is the request's own moment or the timer's firing, never a clock.
"""

from datetime import datetime, timedelta

import msgspec

from service.core import reader, unreached
from service.core.directory import World
from service.core.effects import Dead, Decision, Emit, Owed
from service.core.events import NotificationRequested
from service.core.ids import delivery_key
from service.core.model import Inbox
from service.core.quiet import read_quiet
from service.core.reasons import Code, Reason
from service.core.view import minute

# What a channel that nobody configured, or a person who prefers none, is reached by (and then caught).
DEFAULT_CHANNEL = "email"

# How often what waits for somebody who is away without an end is looked after.
LOOK_EVERY = timedelta(days=1)

_encode = msgspec.json.Encoder().encode


class Tray:
    """`to` is whose inbox it is: a person's id, or `channel:<name>`; `person` is None for a channel or a stranger."""

    def __init__(self, to: str, inbox: Inbox, world: World, now: datetime) -> None:
        self.to, self.inbox, self.world, self.now = to, inbox, world, now
        self.person = world.directory.people.get(to)
        self.owed: list[Owed] = []
        self.emits: list[Emit] = []
        self.dead: list[Dead] = []
        self.reasons: list[Reason] = []

    def because(self, code: Code, text: str) -> None:
        self.reasons.append(Reason(code, text))

    def minute(self, at: datetime) -> str:
        """By the reader's own wall clock."""
        return minute(at, self.world.directory.zone_of(self.to))

    def finish(self) -> Decision:
        inbox = self.inbox
        due_at = unreached.next_due(inbox) if inbox.unreached else None
        if inbox.waiting:
            # For a return that nobody can tell it waits with a timer as well: the directory may say one meanwhile.
            told_at = inbox.digest_at or self.now + LOOK_EVERY
            due_at = told_at if due_at is None else min(due_at, told_at)
        return Decision(
            inbox,
            due_at,
            tuple(self.emits),
            tuple(self.owed),
            tuple(self.dead),
            tuple(self.reasons),
        )

    # -- telling ------------------------------------------------------------------------------------------------
    def send(self, owed: Owed) -> None:
        """It goes out now."""
        self.owed.append(owed)
        self.inbox.sent += 1
        if self.person is not None and owed.urgency != "high":
            reader.count(self.inbox, self.person, self.world, self.now)
        self.because(Code.DELIVER, f"now, by {owed.channel}")
        for channel, why in self.inbox.disabled.items():
            self.because(Code.ADDRESS_DISABLED, f"{channel} only after the others: {why}")

    def owes(self, request: NotificationRequested) -> Owed:
        """What is owed for a request, over the reader's first channel; of one that has waited said as of now, and still
        true as of then."""
        has_waited = request.decided_at < self.now
        # An address that bounced is tried last, not never: nobody tells us when the directory was mended.
        channels = sorted(self._channels(), key=lambda channel: channel in self.inbox.disabled)
        channel, _, address = channels[0].partition(":")
        owed = Owed(
            key="",
            to=request.to,
            channel=channel,
            address=address,
            fallbacks=tuple(channels[1:]),
            subject=request.subject,
            policy=request.policy,
            policy_hash=request.policy_hash,
            step=request.step,
            cycle=request.cycle,
            round=request.round,
            cause=request.cause,
            kind=request.kind,
            template=request.template,
            template_hash=self.world.templates.get(request.template, ""),
            urgency=request.urgency,
            until=request.until,
            decided_at=self.now if has_waited else request.decided_at,
            reasons=tuple(request.reasons),
            facts=request.facts,
            extra=request.extra,
            asked_at=request.decided_at if has_waited else None,
            quiet=self._quiet(request),
        )
        return msgspec.structs.replace(owed, key=delivery_key(owed, channel))

    def unroutable(self, request: NotificationRequested, why: str) -> None:
        """Nobody is reached: the fallback contact is told instead, and a dead letter is kept."""
        emits, said = unreached.report(self.inbox, request, "", why, self.now, self.world)
        code = Code.FALLBACK_UNREACHED if said.code == Code.FALLBACK_UNREACHED else Code.UNROUTABLE
        self.dead.append(Dead(code, why, _encode(request), self.now, "unroutable", request.subject))
        self.emits += emits
        self.reasons += [Reason(Code.UNROUTABLE, why), said]

    def _quiet(self, request: NotificationRequested) -> str:
        """The hours in which its reader is left alone, for a delivery that is late: by then nobody decides any more."""
        if self.person is None or request.urgency == "high" or request.quiet == "pass":
            return ""
        span = reader.quiet_of(self.inbox, self.person)
        return f"{span} {self.person.time_zone}" if read_quiet(span) else ""

    def _channels(self) -> tuple[str, ...]:
        if self.to.startswith("channel:"):
            return (self.to.removeprefix("channel:"),)
        return (reader.channels(self.inbox, self.person) if self.person else ()) or (DEFAULT_CHANNEL,)

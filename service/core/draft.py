"""A decision in the making: the state being changed, who is to be told, and why. One draft per input.

Rules write here; `finish` turns it into a Decision. Two notices to one recipient in one decision become one message.
"""

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct, field

from service.core.directory import World
from service.core.effects import Dead, Decision, Emit
from service.core.events import Event, NotificationRequested
from service.core.fallback import fallback
from service.core.ids import effect_key, notify_key
from service.core.model import Commitment, Moment, Told, name_of, told_of
from service.core.policy import Condition, ConditionFailed, Policy
from service.core.reasons import Code, Reason
from service.core.recipients import is_of_teams
from service.core.timeline import next_due
from service.core.view import expression_view, facts, minute

_URGENCIES = ("low", "normal", "high")
_ONLY_MOMENT = ("", "due")  # of a family whose subjects have no other
_encode = msgspec.json.Encoder().encode


class Notice(Struct):
    """Somebody is to be told; `policy` is None for what is built in."""

    to: str
    template: str
    step: str
    moment: Moment
    reasons: list[str]
    policy: Policy | None = None
    round: int = 0
    urgency: str = "normal"
    visibility: str = "private"
    until: str = "nothing"
    kind: str = "notice"
    after: bool = False
    cause: str = ""
    extra: dict[str, object] = field(default_factory=dict)
    is_farewell: bool = False  # the last word to this reader: they are not among those told any more
    joined: list["Notice"] = field(default_factory=list)  # told by the same message

    @property
    def weight(self) -> tuple[bool, bool, int]:
        """What a reader needs most when two notices become one message: a miss before a reminder, a step of the
        policy before what is built in."""
        return self.after, self.policy is not None, _URGENCIES.index(self.urgency)


class Draft:
    """What one input does to one commitment. `now` is the event's receipt or the timer's firing, never a clock."""

    def __init__(
        self, subject: str, state: Commitment, world: World, now: datetime, event: Event | None = None
    ) -> None:
        self.subject, self.state, self.world, self.now, self.event = subject, state, world, now, event
        self.before = state.status
        self.notices: list[Notice] = []
        self.reasons: list[Reason] = []
        self.dead: list[Dead] = []
        self.mentions: dict[
            str, Notice
        ] = {}  # by recipient: told by the way, and not among those who were told
        self.broken: dict[str, Emit] = {}  # what the policies' author is told, by key
        self.said: dict[str, object] | None = None  # an event of earlier that this decision reacts to

    @property
    def cause(self) -> str:
        """Stands for the event in the keys of what it causes; most events cause nothing."""
        return effect_key("event", self.event.source, self.event.id) if self.event else ""

    @property
    def happened_at(self) -> datetime:
        """When the event happened, for ordering it among others: as its sender says, but never after its receipt.

        A sender whose clock runs years ahead would otherwise keep every later word about the same field from counting.
        """
        assert self.event is not None
        return min(self.event.time, self.event.received_at)

    # -- saying why ---------------------------------------------------------------------------------------------
    def because(self, code: Code, text: str) -> None:
        self.reasons.append(Reason(code, text))

    def minute(self, at: datetime) -> str:
        """By the wall clock of its owner, like all that is shown beside it."""
        return minute(at, self.world.directory.zone_of(self.state.owner))

    def holds(
        self, condition: Condition | None, otherwise: bool, moment: Moment, policy: Policy, what: str
    ) -> bool:
        """Whether `condition` holds; one that cannot be computed never silences: then `otherwise`, with the reason, and
        its author hears of it."""
        if condition is None:
            return True
        view = expression_view(facts(self.subject, self.state, moment), self.world.directory, self.event)
        if self.said is not None:
            view["event"] = self.said
        try:
            return condition(view)
        except ConditionFailed as failure:
            self.because(
                Code.CONDITION_FAILED, f"{what} could not be computed ({failure}); taken as {otherwise}"
            )
            self._tell_author(moment, policy, what, self.reasons[-1].text)
            return otherwise

    def is_shadow(self, policy: Policy) -> bool:
        """Whether what the policy decides is only put on record: always in shadow mode, and for a canary unless the
        commitment is its teams'."""
        if policy.mode == "live":
            return False
        return policy.mode == "shadow" or not is_of_teams(self.state, policy.teams, self.world.directory)

    # -- telling ------------------------------------------------------------------------------------------------
    def tell(self, notice: Notice) -> bool:
        """Tell one recipient, unless the policy keeps silent; a second notice to the same one joins the first: one
        message, the weightier one, with both reasons and the higher urgency. Whether anything goes out."""
        if not self._goes_out(notice):
            return False
        for index, known in enumerate(self.notices):
            if known.to == notice.to and known.kind == notice.kind:
                first, second = (notice, known) if notice.weight > known.weight else (known, notice)
                first.reasons += second.reasons
                first.joined += [second, *second.joined]
                first.urgency = max(first.urgency, second.urgency, key=_URGENCIES.index)
                self.notices[index] = first
                self.because(Code.MERGED, f"{notice.to} is told once, also for: {second.reasons[0]}")
                return True
        self.notices.append(notice)
        return True

    def mention(self, notice: Notice) -> bool:
        """Tell one recipient by the way: nothing that follows counts on it, and of two words the first is enough."""
        if notice.to in self.mentions or not self._goes_out(notice):
            return False
        self.mentions[notice.to] = notice
        return True

    def tell_fallback(
        self, moment: Moment, step: str, why: str, policy: Policy | None = None, round_: int = 0
    ) -> None:
        """Nobody is there: the fallback contact is told; with no fallback contact either, a dead letter says so."""
        if policy is not None and self.is_shadow(policy):
            self.because(Code.SHADOW, f"the fallback contact would have been told: {why}")
            return
        found = fallback(self.world.fallback_contact, self.world.directory)
        for to in found:
            extra: dict[str, object] = {"step": step, "why": why}
            reason = f"{why}; {to} is the fallback contact"
            told = Notice(to, "unroutable", f"~fallback:{step}", moment, [reason], extra=extra, round=round_)
            self.tell(told)
            self.because(Code.FALLBACK, reason)
        if not found:
            detail = f"{why}, and the fallback contact {self.world.fallback_contact} is nobody"
            self.because(Code.FALLBACK_UNREACHED, detail)
            self.dead.append(Dead(Code.FALLBACK_UNREACHED, detail, b"", self.now, "unroutable", self.subject))
        if "unroutable" not in self.state.flags:
            self.state.flags.append("unroutable")

    def _tell_author(self, moment: Moment, policy: Policy, what: str, why: str) -> None:
        """Whoever looks after the policies hears that a condition fails. The key names no commitment, so that the inbox
        takes it once a week for each condition, however many commitments meet it."""
        if self.is_shadow(policy):
            return
        for to in fallback(self.world.fallback_contact, self.world.directory):
            key = effect_key("condition", policy.hash, what, to)
            notice = Notice(to, "policy_broken", "~condition", moment, [why], policy, extra={"why": why})
            self.broken[key] = self._emit(notice, key, key)

    # -- the end --------------------------------------------------------------------------------------------------
    def finish(self) -> Decision:
        emits = [self._request(notice) for notice in self.notices] + list(self.broken.values())
        emits += [self._emit(notice, "") for notice in self.mentions.values()]
        return Decision(
            self.state,
            next_due(self.state, self.world),
            tuple(emits),
            (),
            tuple(self.dead),
            tuple(self.reasons),
            self.before,
        )

    def _goes_out(self, notice: Notice) -> bool:
        if notice.policy and self.is_shadow(notice.policy):
            self.because(Code.SHADOW, f"{notice.to} would have been told: {notice.reasons[0]}")
            return False
        if notice.to.startswith("channel:") and notice.after and notice.visibility == "private":
            self.because(
                Code.PRIVATE, f"{notice.to} is not told: a missed commitment is private in this policy"
            )
            return False
        return True

    def _request(self, notice: Notice) -> Emit:
        for joined in notice.joined:
            if joined.moment is not notice.moment:  # of one moment only the weightier word counts
                self._remember(joined)
        self._remember(notice)
        moment = notice.moment
        cause = notice.cause or (self.cause if notice.until == "nothing" else "")
        name = name_of(self.state, moment)
        if cause and name not in _ONLY_MOMENT:
            cause = f"{name}:{cause}"  # one event may be news about two moments
        return self._emit(notice, cause)

    def _emit(self, notice: Notice, cause: str, key: str = "") -> Emit:
        policy, moment = notice.policy, notice.moment
        request = NotificationRequested(
            to=notice.to,
            subject=self.subject,
            policy=policy.name if policy else "",
            policy_hash=policy.hash if policy else "",
            step=notice.step,
            cycle=moment.cycle,
            round=notice.round,
            cause=cause,
            kind=notice.kind,
            template=notice.template,
            urgency=notice.urgency,
            visibility=notice.visibility,
            until=notice.until,
            decided_at=self.now,
            reasons=notice.reasons,
            facts=self._facts(moment),
            extra=notice.extra,
            quiet="pass"
            if any(n.policy and n.policy.quiet == "pass" for n in (notice, *notice.joined))
            else "",
            others=self._others(notice),
        )
        key = key or notify_key(request)
        return Emit(key, "inbox", "notification.requested", f"inbox/{notice.to}", self.now, _encode(request))

    def _others(self, notice: Notice) -> dict[str, str]:
        """Whoever stands in for this reader and is among them is told once."""
        if len(self.notices) < 2 or notice.until == "nothing":
            return {}
        return {
            one.to: one.urgency
            for one in self.notices
            if one is not notice and one.moment is notice.moment and one.until == notice.until
        }

    def _facts(self, moment: Moment) -> dict[str, Any]:
        return facts(self.subject, self.state, moment)

    def _remember(self, notice: Notice) -> None:
        told, moment = self.state.told, notice.moment
        name = notice.policy.name if notice.policy else ""
        if notice.is_farewell:
            told[:] = [t for t in told if t.to != notice.to]
            return
        known = [t for t in told_of(self.state, moment) if t.to == notice.to]
        after = notice.after or any(t.after for t in known)
        told[:] = [t for t in told if t not in known]
        of = name_of(self.state, moment)
        stands_in_for = next((t.stands_in_for for t in known if t.stands_in_for), "")
        told.append(Told(notice.to, name, notice.step, moment.cycle, self.now, after, of, stands_in_for))
        if notice.after and notice.to != self.state.owner:
            moment.escalated = True

"""Which step or reaction asked for a word: found again from its key, under the policies of its time. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from service.core.effects import LogEntry
from service.core.ids import effect_key
from service.core.model import Commitment
from service.core.policy import Firing, Policy, Reaction, Step
from service.explaining.versions import Versions

# Where the log does not say the cycle (it was written before it did), so many of the newest are tried.
_CYCLES_TRIED = 20
_ONLY_MOMENT = ("", "due")


class Asked(NamedTuple):
    """A step (with its firing) or a reaction of a policy; `moment_at` is None where nobody knows it any more."""

    policy: Policy
    rung: Step | Reaction
    firing: Firing | None
    name: str
    moment_at: datetime | None

    @property
    def place(self) -> str:
        """`policies/deadline-follow-through.yaml:31`."""
        return f"{self.policy.file}:{self.rung.line}" if self.rung.line else self.policy.file

    def in_words(self, versions: Versions) -> str:
        what = "step" if self.firing else "reaction"
        again = f" (round {self.firing.round + 1})" if self.firing and self.firing.round else ""
        old = "" if versions.is_in_force(self.policy) else ", a version no longer in force"
        return f"{what} {self.rung.id}{again} of {self.policy.name}, version {self.policy.hash}, {self.place}{old}"


def find_asked(
    entry: LogEntry, key: str, to: str, ran: Iterable[str], state: Commitment | None, versions: Versions
) -> Asked | None:
    """What asked for the word; None for what is built in, and where the policy is not kept any more. `ran` are the
    policies that ran before the decision: one that closes the subject ends them."""
    for content_hash in dict.fromkeys((*entry.policies, *ran)):
        policy = versions.policies.get(content_hash)
        for name, at, cycle in _moments(entry, state) if policy else ():
            assert policy is not None
            if name != policy.moment:
                continue
            for firing in policy.firings:
                parts = (
                    entry.subject,
                    cycle,
                    policy.name,
                    firing.step.id,
                    firing.round,
                    "",
                    to,
                    "",
                    "notice",
                )
                if effect_key("notify", *parts) == key:
                    return Asked(policy, firing.step, firing, name, at)
            for reaction in policy.reactions:
                for cause in _causes(entry, name):
                    parts = (entry.subject, cycle, policy.name, reaction.id, 0, cause, to, "", "notice")
                    if effect_key("notify", *parts) == key:
                        return Asked(policy, reaction, None, name, at)
    return None


def _moments(entry: LogEntry, state: Commitment | None) -> Iterator[tuple[str, datetime | None, int]]:
    if entry.moments or state is None:
        yield from entry.moments
        return
    for name, moment in state.moments.items():
        for cycle in range(moment.cycle, max(0, moment.cycle - _CYCLES_TRIED), -1):
            yield name, moment.at if cycle == moment.cycle else None, cycle


def _causes(entry: LogEntry, name: str) -> Iterator[str]:
    """`source id` of the event, as the effect key has it; either may hold spaces."""
    words = entry.input_id.split(" ")
    for cut in range(1, len(words)):
        cause = effect_key("event", " ".join(words[:cut]), " ".join(words[cut:]))
        yield cause if name in _ONLY_MOMENT else f"{name}:{cause}"

"""A policy as the decision uses it: compiled, immutable, known by its content hash.

Settings turn YAML into these (`settings/policies.py`); conditions arrive as plain predicates. The meaning of each
clause is in `timeline.py` (when a firing is due) and `ladder.py` (what happens then).
"""

from collections.abc import Callable, Mapping
from datetime import time, timedelta
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import force_setattr

View = Mapping[str, object]
Condition = Callable[[View], bool]  # raises ConditionFailed; never anything else


# What a reader calls the moment of a policy.
MOMENTS_IN_WORDS = {
    "due": "the deadline",
    "close": "the close date",
    "next_step": "the date of the next step",
    "last_activity": "the last activity",
    "period_end": "the end of the period",
}


class ConditionFailed(Exception):
    """A condition could not be computed; the text says why, in words for its author."""


class At(Struct, frozen=True, cache_hash=True):
    """When, relative to the moment: `days` on the wall clock plus `elapsed` absolute time, or a time on a day.

    Negative is before. `3 days before` is days=-3; `4 hours after` is elapsed=+4 h; `16:00 on the day before` is
    days=-1, clock=16:00. Business time is counted in the owner's working days and hours (calendar.py).
    """

    days: int = 0
    elapsed: timedelta = timedelta()
    clock: time | None = None
    text: str = "the moment"  # as the author wrote it
    is_business: bool = False

    @property
    def is_before(self) -> bool:
        return self.days < 0 or self.elapsed < timedelta()

    def in_words(self, moment: str) -> str:
        """As a reader would say it: `3 days before the deadline`, `at the deadline`."""
        what = MOMENTS_IN_WORDS.get(moment, "the deadline")
        if self.text == "the moment":
            return f"at {what}"
        return f"{self.text} {'of ' if self.text.endswith('the day') else ''}{what}"

    @property
    def nominal(self) -> timedelta:
        """A zone-free estimate, good for ordering steps only."""
        nominal = timedelta(days=self.days) + self.elapsed
        if self.is_business:  # five days a week, eight hours a day
            nominal = timedelta(days=self.days) * 7 / 5 + self.elapsed * 3
        if self.clock is not None and not self.is_before:
            nominal += timedelta(seconds=1)
        return nominal


class Repeat(Struct, frozen=True, cache_hash=True):
    """`times` more rounds, one `every` so often."""

    every: At
    times: int


class Recipients(Struct, frozen=True, cache_hash=True):
    """Who: every name of `names`, or, with `first_only`, the first that resolves to somebody."""

    names: tuple[str, ...]
    first_only: bool = False


class Step(Struct, frozen=True, cache_hash=True):
    id: str
    at: At
    notify: Recipients
    template: str = ""  # "" = by the default rule: reminder, missed, escalated
    until: str = (
        ""  # done | acknowledged | acknowledged by all; "" = done before the moment, acknowledged after
    )
    skip_if: Condition | None = None
    repeat: Repeat | None = None
    urgency: str = "normal"
    visibility: str = "private"
    line: int = 0


class Reaction(Struct, frozen=True):
    id: str
    on: str  # event type
    notify: Recipients
    template: str
    when: Condition | None = None
    urgency: str = "normal"
    visibility: str = "team"
    line: int = 0


class Limited(Struct, frozen=True):
    """How long an acknowledgement or a snooze may hold the ladder, and how often."""

    for_: At
    times: int


class Firing(NamedTuple):
    """One round of one step; `bit` is its place in a run's `done` mask. Round 0 is the step itself.

    `is_before` is the side of the moment it lies on: for `09:00 on the day` only the moment can tell, see timeline.
    `heeds_quiet`: a reminder that reaches its owner, who may not be told in quiet time, comes before that.
    """

    bit: int
    step: Step
    round: int
    is_before: bool
    heeds_quiet: bool = False

    @property
    def is_business(self) -> bool:
        """Whether it is counted in working time, and so never falls outside of it."""
        return (self.step.repeat.every if self.round and self.step.repeat else self.step.at).is_business

    @property
    def waits_for(self) -> str:
        """What makes it unnecessary, with the default filled in."""
        return self.step.until or ("done" if self.is_before else "acknowledged")


# A run remembers its firings in one 64-bit mask.
FIRINGS_MAX = 60


class Policy(Struct, frozen=True, cache_hash=True):
    """`steps` are in the order of the timeline."""

    name: str
    title: str
    family: str  # deadline | deal | checkin | goal
    moment: str  # due | close | next_step | …
    hash: str
    steps: tuple[Step, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    when: Condition | None = None
    acknowledge: Limited = Limited(At(days=2, text="2 days"), 2)
    snooze: Limited = Limited(At(days=3, text="3 days"), 2)
    skip_after: At = At(days=1, text="1 day")
    messages_max: int = 50
    mode: str = "live"  # live | shadow | canary
    teams: tuple[str, ...] = ()  # of a canary: for these it is live
    file: str = ""
    quiet: str = (
        "respect"  # respect | pass: whether its notices wait for the end of their reader's quiet hours
    )
    firings: tuple[Firing, ...] = ()  # derived from `steps`

    def __post_init__(self) -> None:
        rounds = [(s, r) for s in self.steps for r in range((s.repeat.times if s.repeat else 0) + 1)]
        assert len(rounds) <= FIRINGS_MAX, "settings refuses a policy with more firings"
        force_setattr(
            self,
            "firings",
            tuple(
                Firing(bit, s, r, s.at.is_before, self._heeds_quiet(s)) for bit, (s, r) in enumerate(rounds)
            ),
        )

    def _heeds_quiet(self, step: Step) -> bool:
        return self.quiet == "respect" and step.urgency != "high" and "owner" in step.notify.names


class PolicyBook(Struct, frozen=True):
    """Live policies in deterministic order, and every version a subject may still be pinned to."""

    live: tuple[Policy, ...]
    by_hash: dict[str, Policy]

    def of_family(self, family: str) -> tuple[Policy, ...]:
        return tuple([policy for policy in self.live if policy.family == family])

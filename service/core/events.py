"""Every event type we understand: its topic, its subject family and the shape of its data.

Wire shapes only; what an event *does* is in `rules/`. The envelope around the data is in `envelope.py`.
Source of the list: the event table in README ("Events"). Unknown extra fields are ignored; unknown types are
accepted, counted and shown as unmatched.
"""

from datetime import date, datetime
from typing import Annotated, NamedTuple

from msgspec import UNSET, Meta, Struct, UnsetType, field

from service.core.model import Rhythm

# Limits of free text: long enough for a paragraph, short enough that one subject stays small in the store.
Id = Annotated[str, Meta(min_length=1, max_length=200)]
Line = Annotated[str, Meta(min_length=1, max_length=300)]
Text = Annotated[str, Meta(max_length=4000)]
MONEY = r"^-?[0-9]{1,18}(\.[0-9]{1,6})?$"
Money = Annotated[str, Meta(pattern=MONEY)]  # decimal text: no float is exact
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$")]  # ISO 4217
Period = Annotated[str, Meta(pattern=r"^[0-9]{4}-W[0-9]{2}$")]  # an ISO week
Quiet = Annotated[str, Meta(pattern="^(none|([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9])$")]
ChannelName = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,60}$")]  # no address: only a policy may name one
Percent = Annotated[int, Meta(ge=0, le=100)]
Milestone = Annotated[int, Meta(ge=1, le=1000)]
Confidence = Annotated[int, Meta(ge=1, le=5)]


class Data(Struct, frozen=True, kw_only=True):
    """The data of any event; each type below says what it requires."""


class DeadlineSet(Data, frozen=True, kw_only=True):
    commitment_id: Id
    title: Line
    owner: Id
    due_at: datetime | UnsetType | None = UNSET
    due_on: date | UnsetType | None = UNSET
    team: Id | UnsetType = UNSET
    kind: Line | UnsetType = UNSET
    importance: Annotated[str, Meta(pattern="^(low|normal|high)$")] | UnsetType = UNSET
    goal_id: Id | UnsetType = UNSET
    deal_id: Id | UnsetType = UNSET
    description: Text | UnsetType = UNSET
    url: Text | UnsetType = UNSET


class DeadlineMoved(Data, frozen=True, kw_only=True):
    """A new date; an explicit `null` removes the date."""

    commitment_id: Id
    due_at: datetime | UnsetType | None = UNSET
    due_on: date | UnsetType | None = UNSET
    by: Id | UnsetType = UNSET
    reason: Text | UnsetType = UNSET


class DeadlineReassigned(Data, frozen=True, kw_only=True):
    commitment_id: Id
    owner: Id
    by: Id | UnsetType = UNSET


class DeadlineProgress(Data, frozen=True, kw_only=True):
    commitment_id: Id
    percent: Percent | UnsetType = UNSET
    confidence: Confidence | UnsetType = UNSET
    note: Text | UnsetType = UNSET


class DeadlineClosed(Data, frozen=True, kw_only=True):
    """`deadline.met`, `deadline.cancelled` and `deadline.reopened` share one shape; `as_of` is the cycle a person saw
    who said so by a message."""

    commitment_id: Id
    at: datetime | UnsetType = UNSET
    by: Id | UnsetType = UNSET
    reason: Text | UnsetType = UNSET
    as_of: int | UnsetType = UNSET


class DealUpdated(Data, frozen=True, kw_only=True):
    """What changed; an explicit `null` takes the close date, or the next step, away."""

    deal_id: Id
    title: Line | UnsetType = UNSET
    owner: Id | UnsetType = UNSET
    team: Id | UnsetType = UNSET
    amount: Money | UnsetType = UNSET
    currency: Currency | UnsetType = UNSET
    stage: Line | UnsetType = UNSET
    close_at: datetime | UnsetType | None = UNSET
    close_on: date | UnsetType | None = UNSET
    next_step: Line | UnsetType | None = UNSET
    next_step_at: datetime | UnsetType | None = UNSET
    url: Text | UnsetType = UNSET


class DealCreated(DealUpdated, frozen=True, kw_only=True):
    """All of it, for the first time or again."""

    title: Line
    owner: Id


class DealActivity(Data, frozen=True, kw_only=True):
    """Any touch; the kind `next_step_done` also ends the next step. `as_of` is the cycle a person saw who said so."""

    deal_id: Id
    kind: Line | UnsetType = UNSET
    by: Id | UnsetType = UNSET
    as_of: int | UnsetType = UNSET


class DealClosed(Data, frozen=True, kw_only=True):
    """`deal.won`, `deal.lost` and `deal.reopened` share one shape."""

    deal_id: Id
    amount: Money | UnsetType = UNSET
    currency: Currency | UnsetType = UNSET
    at: datetime | UnsetType = UNSET
    helpers: Annotated[list[Id], Meta(max_length=50)] | UnsetType = UNSET
    reason: Text | UnsetType = UNSET


class GoalSet(Data, frozen=True, kw_only=True):
    """A number to reach by the end of a period; its owner is a person, or a team."""

    goal_id: Id
    title: Line
    owner: Id
    metric: Line
    target: Money
    period_start: date
    period_end: date
    team: Id | UnsetType = UNSET
    unit: Line | UnsetType = UNSET
    milestones: Annotated[list[Milestone], Meta(max_length=20)] | UnsetType = UNSET  # in % of the target
    why: Text | UnsetType = UNSET
    url: Text | UnsetType = UNSET


class GoalProgress(Data, frozen=True, kw_only=True):
    """The number as it stands now, not what was added."""

    goal_id: Id
    value: Money
    by: Id | UnsetType = UNSET
    note: Text | UnsetType = UNSET


class GoalClosed(Data, frozen=True, kw_only=True):
    goal_id: Id
    at: datetime | UnsetType = UNSET
    by: Id | UnsetType = UNSET
    reason: Text | UnsetType = UNSET


class CheckinSubmitted(Data, frozen=True, kw_only=True):
    """The report of one period; without `period` the one that its time says."""

    person: Id
    cadence: Id
    period: Period | UnsetType = UNSET
    progress: Text | UnsetType = UNSET
    next: Text | UnsetType = UNSET
    roadblocks: Annotated[list[Text], Meta(max_length=20)] | UnsetType = UNSET
    confidence: Confidence | UnsetType = UNSET
    wins: Annotated[list[Text], Meta(max_length=20)] | UnsetType = UNSET
    late: bool | UnsetType = UNSET


class CheckinExcused(Data, frozen=True, kw_only=True):
    """Nobody waits for this period's report."""

    person: Id
    cadence: Id
    period: Period
    by: Id | UnsetType = UNSET
    reason: Text | UnsetType = UNSET


class CheckinScheduled(Data, frozen=True, kw_only=True):
    """Internal: the configuration has this person in this cadence, which asks by this rhythm."""

    person: Id
    cadence: Id
    title: Line
    rhythm: Rhythm
    time_zone: str


class CheckinEnded(Data, frozen=True, kw_only=True):
    """Internal: the configuration has this person in this cadence no longer."""

    person: Id
    cadence: Id


class Answer(Data, frozen=True, kw_only=True):
    """`commitment.*`: what a person said to one of our messages; `as_of` is the cycle they saw, of `moment`."""

    subject_id: Id
    by: Id
    moment: Line | UnsetType = UNSET
    until: datetime | UnsetType = UNSET
    due_at: datetime | UnsetType = UNSET
    due_on: date | UnsetType = UNSET
    reason: Text | UnsetType = UNSET
    via: Annotated[str, Meta(pattern="^(link|slack|web|cli|api)$")] = "api"
    as_of: int | UnsetType = UNSET


class PersonAway(Data, frozen=True, kw_only=True):
    """Somebody is away from `from` (without it from now) until `until` (without it until they are back)."""

    person: Id
    from_: datetime | UnsetType = field(name="from", default=UNSET)
    until: datetime | UnsetType = UNSET
    delegate: Id | UnsetType = UNSET


class PersonBack(Data, frozen=True, kw_only=True):
    """Whatever was said or written before: they are here."""

    person: Id


class PersonChanged(Data, frozen=True, kw_only=True):
    """What an HR system says about somebody; what is not named stays, null is again as directory.yaml says."""

    person: Id
    name: Line | UnsetType | None = UNSET
    email: Line | UnsetType | None = UNSET
    manager: Id | UnsetType | None = UNSET  # `none`: nobody is above them
    mentor: Id | UnsetType | None = UNSET  # `none`: nobody
    teams: Annotated[list[Id], Meta(max_length=50)] | UnsetType | None = UNSET
    roles: Annotated[list[Id], Meta(max_length=50)] | UnsetType | None = UNSET
    time_zone: Line | UnsetType | None = UNSET
    calendar: Line | UnsetType | None = UNSET


class PersonJoined(PersonChanged, frozen=True, kw_only=True):
    """Somebody works here from now on: new, or back."""

    name: Line


class PersonLeft(Data, frozen=True, kw_only=True):
    """Somebody is told nothing from now on; the history has them still."""

    person: Id


class PreferencesChanged(Data, frozen=True, kw_only=True):
    """How somebody wants to be told; what is not named stays, null is again as the directory says."""

    person: Id
    quiet: Quiet | UnsetType | None = UNSET  # `20:00-08:00`, or `none`
    channels: Annotated[list[ChannelName], Meta(max_length=10)] | UnsetType | None = UNSET
    noise_budget: Annotated[int, Meta(ge=0, le=1000)] | UnsetType | None = UNSET  # messages a day; 0: all


class PolicyMove(Struct, frozen=True, kw_only=True):
    """One policy of a subject, from the version it runs under to another; "" is none: it begins, or it ends."""

    policy: str  # its name
    old: str = ""  # content hashes
    new: str = ""


class PolicyReplaced(Data, frozen=True, kw_only=True):
    """Internal: `plan --apply` moves this open subject to what the configuration says now."""

    subject_id: Id
    moves: list[PolicyMove]


class NotificationRequested(Data, frozen=True, kw_only=True):
    """Internal, on the inbox topic: a decision asks that `to` be told. All a message is later rendered from."""

    to: Id  # a person's id, or `channel:<name>`
    subject: Id
    policy: str  # the policy's name; empty for what is built in (closure, hand-over)
    policy_hash: str
    step: str  # the step's or reaction's id; a built-in one starts with "~"
    cycle: int
    round: int
    cause: str  # effect key of the event for reactions, empty for a timeline step
    kind: str  # notice | retraction
    template: str
    urgency: str  # low | normal | high
    visibility: str  # private | team | public
    until: str  # acknowledged | done | nothing: what makes it unnecessary while it waits
    decided_at: datetime
    reasons: list[str]  # sentences, the first says which step
    facts: dict[str, object]  # the view of the subject at the decision (see view.py)
    extra: dict[str, object] = {}  # what this template needs beyond the facts, e.g. {"from": …, "to": …}
    quiet: str = ""  # pass: goes out in quiet time, too
    visited: list[str] = []  # whoever it was meant for and was away, the first one first
    others: dict[str, str] = {}  # who else is asked about the same moment at once, and how urgently


class NotificationDelegated(Data, frozen=True, kw_only=True):
    """Internal, back to the subject that asked: `to` is away, and `delegate` was told in their place."""

    to: Id
    delegate: Id
    policy: str
    step: str
    cycle: int
    moment: str


class NotificationUnreachable(Data, frozen=True, kw_only=True):
    """Internal, back to the subject that asked: `to` is away, and nobody was told in their place."""

    to: Id
    policy: str
    policy_hash: str
    step: str
    cycle: int
    round: int
    moment: str
    reason: str
    extra: dict[str, object] = {}  # of the request


class DeliveryOutcome(Data, frozen=True, kw_only=True):
    """Internal, `delivery.dead` and `delivery.bounced`, on the inbox topic: what became of a delivery."""

    to: Id
    key: str
    channel: str
    subject: str
    reason: str
    lost: NotificationRequested | None = None  # of `delivery.dead`: what nobody was told


class EventType(NamedTuple):
    """Where events of one type go and how their data is read; `id_field` holds the bare subject id, in two fields
    where it is `person:cadence`."""

    topic: str
    family: str
    data: type[Data] | None
    id_field: str
    only: str = ""  # the bare id of the one subject that takes all events of the type


def _deadline(data: type[Data]) -> EventType:
    return EventType("deadlines", "deadline", data, "commitment_id")


def _deal(data: type[Data]) -> EventType:
    return EventType("deals", "deal", data, "deal_id")


def _checkin(data: type[Data]) -> EventType:
    return EventType("checkins", "checkin", data, "person:cadence")


_ANSWER = EventType("", "", Answer, "subject_id")  # the topic follows the subject's family


def _inbox(data: type[Data], id_field: str) -> EventType:
    return EventType("inbox", "inbox", data, id_field)


def _goal(data: type[Data]) -> EventType:
    return EventType("goals", "goal", data, "goal_id")


def _people(data: type[Data]) -> EventType:
    """One subject for everybody: who is above whom can only be judged as a whole."""
    return EventType("inbox", "people", data, "person", only="all")


EVENTS: dict[str, EventType] = {
    "deadline.set": _deadline(DeadlineSet),
    "deadline.moved": _deadline(DeadlineMoved),
    "deadline.reassigned": _deadline(DeadlineReassigned),
    "deadline.progress": _deadline(DeadlineProgress),
    "deadline.met": _deadline(DeadlineClosed),
    "deadline.cancelled": _deadline(DeadlineClosed),
    "deadline.reopened": _deadline(DeadlineClosed),
    "deal.created": _deal(DealCreated),
    "deal.updated": _deal(DealUpdated),
    "deal.activity": _deal(DealActivity),
    "deal.won": _deal(DealClosed),
    "deal.lost": _deal(DealClosed),
    "deal.reopened": _deal(DealClosed),
    "goal.set": _goal(GoalSet),
    "goal.progress": _goal(GoalProgress),
    "goal.closed": _goal(GoalClosed),
    "checkin.submitted": _checkin(CheckinSubmitted),
    "checkin.excused": _checkin(CheckinExcused),
    "checkin.scheduled": _checkin(CheckinScheduled),
    "checkin.ended": _checkin(CheckinEnded),
    "commitment.acknowledged": _ANSWER,
    "commitment.snoozed": _ANSWER,
    "commitment.help_requested": _ANSWER,
    "commitment.recommitted": _ANSWER,
    "policy.replaced": EventType("", "", PolicyReplaced, "subject_id"),
    "person.away": _inbox(PersonAway, "person"),
    "person.back": _inbox(PersonBack, "person"),
    "preferences.changed": _inbox(PreferencesChanged, "person"),
    "person.joined": _people(PersonJoined),
    "person.changed": _people(PersonChanged),
    "person.left": _people(PersonLeft),
    "notification.requested": _inbox(NotificationRequested, "to"),
    "notification.delegated": EventType("", "", NotificationDelegated, "to"),
    "notification.unreachable": EventType("", "", NotificationUnreachable, "to"),
    "delivery.dead": _inbox(DeliveryOutcome, "to"),
    "delivery.bounced": _inbox(DeliveryOutcome, "to"),
}

# Only the service itself may publish these; the door refuses them from outside.
INTERNAL = frozenset(
    {
        *("notification.requested", "notification.delegated", "notification.unreachable"),
        *("delivery.dead", "delivery.bounced", "checkin.scheduled", "checkin.ended", "policy.replaced"),
    }
)

# Types of the contract whose family has no rules yet are routed by their first word, so that nothing is lost
# when a later version starts to understand them.
TOPIC_OF_FAMILY = {
    "deadline": "deadlines",
    "roadblock": "deadlines",
    "deal": "deals",
    "checkin": "checkins",
    "goal": "goals",
    "kpi": "goals",
    "kudos": "recognition",
    "reward": "recognition",
    "inbox": "inbox",
    "people": "inbox",
    "person": "inbox",
    "preferences": "inbox",
}

TOPICS = ("deals", "checkins", "deadlines", "goals", "recognition", "inbox")


class Event(Struct, frozen=True, kw_only=True):
    """One decoded event, its subject and partition key settled; `data` is the typed payload, or None when unknown."""

    id: str
    source: str
    type: str
    time: datetime  # aware, UTC, cut to milliseconds; receipt time when the sender gave none
    received_at: datetime
    topic: str
    subject: str  # subject key, `deadline/c1`
    data: Data | None
    is_import: bool = False  # `import: true`: history, never acted on backwards in time
    effect_key: str = ""  # internal events only: the key that makes applying it twice harmless


class Timer(Struct, frozen=True, kw_only=True):
    """Time passed for one subject: it was due at `due_at`, and the owner of its shard looked at `fired_at`."""

    subject: str
    due_at: datetime
    fired_at: datetime

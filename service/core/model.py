"""What is remembered of a subject: msgpack array structs, one blob per subject in the store.

Array structs grow only at the end, with a default; the tag carries the version, and a version that is no longer
written stays here with its upcast. All instants are aware, UTC, cut to milliseconds. See `decide.py` for the rules.
"""

from datetime import datetime, timedelta

import msgspec
from msgspec import Struct, field

# A subject remembers this many events by an 8-byte mark each, enough for any sender's retries in flight.
SEEN_MAX = 32

# The step that tells of what was overdue already when it was imported.
IMPORTED = "~imported"


class Ack(Struct, array_like=True):
    """Somebody told has said "I'm on it"; until `expires_at` steps with `until: acknowledged` are held."""

    by: str
    at: datetime
    expires_at: datetime


class Told(Struct, array_like=True):
    """One recipient and the last thing told to them about this subject."""

    to: str  # person id, or channel:<name>
    policy: str  # the policy's name
    step: str
    cycle: int
    at: datetime
    after: bool  # at or after the moment: this person knows that it was missed
    moment: str = ""  # its name; "" in what was written before a subject could have several
    stands_in_for: str = ""  # whoever it was meant for and was away


class Run(Struct, array_like=True):
    """One policy at work on one moment. `done` is a bitmask over the policy's firings, in their order."""

    policy: str  # content hash
    done: int = 0
    last: int = -1  # the firing that went out last
    outage: timedelta = timedelta()  # every firing after the moment is later by this
    held: timedelta = timedelta()  # firings with `until: acknowledged` are later by this too
    ack: Ack | None = None
    acks: int = 0
    acked_by: list[str] = field(default_factory=list)
    snoozed_until: datetime | None = None
    snoozes: int = 0
    messages: int = 0


class PendingNote(Struct, array_like=True):
    """A date that moved: told once, a minute later, so that twenty moves in that minute are one message."""

    at: datetime
    from_at: datetime | None
    earlier: bool  # a reminder's time was jumped over: the owner is told
    escalated: bool  # everyone told is told
    cause: str  # effect key part of the event that moved it last
    by: str = ""
    reason: str = ""


class Moment(Struct, array_like=True):
    """When something falls due. The wall-clock date is the truth where `on` is given; `at` is derived from it."""

    at: datetime | None = None
    on: str = ""  # ISO date, or ""
    cycle: int = 1
    changed: int = 1  # the cycle in which date, owner or open/closed last changed: older answers are stale
    not_before: datetime | None = None  # grace: nothing at or after the moment fires before this
    slips: int = 0
    runs: list[Run] = field(default_factory=list)
    note: PendingNote | None = None
    reopened: int = 0  # the cycle in which it was last reopened: a "done" said to an older one is over
    escalated: bool = False  # somebody besides the owner was told that it was missed


class Deal(Struct, array_like=True):
    """What only a deal has. Money is decimal text and a currency, never a float."""

    amount: str = ""
    currency: str = ""
    stage: str = ""
    next_step: str = ""
    helpers: list[str] = field(default_factory=list)


class Goal(Struct, array_like=True):
    """What only a goal has. Numbers are decimal text, never floats."""

    metric: str = ""
    target: str = ""
    unit: str = ""
    value: str = ""
    starts_on: str = ""  # ISO date
    why: str = ""
    milestones: list[int] = field(default_factory=list)  # in % of the target; none: the usual ones
    reached: list[int] = field(default_factory=list)  # each is told once, for ever


class Rhythm(Struct, array_like=True, frozen=True):
    """When a cadence asks, and until when it waits (periods.py). Days count from Monday, 0; clocks are `HH:MM`."""

    ask_day: int
    ask_clock: str
    due_day: int
    due_clock: str
    weeks: int = 1  # every so many
    first_week: int = 0  # the number of a week in which it asks; in none before it
    grace_days: int = 0  # by the wall clock, and
    grace_s: int = 0  # absolute


class Report(Struct, array_like=True):
    """What somebody has written in a check-in."""

    progress: str = ""
    next: str = ""
    roadblocks: list[str] = field(default_factory=list)
    confidence: int = 0
    wins: list[str] = field(default_factory=list)


class Ahead(Struct, array_like=True):
    """What is known of a period before it is asked: it came in already, or is excused."""

    outcome: str  # submitted | excused
    at: datetime
    report: Report | None = None
    is_import: bool = False  # nobody reacts to it


class CheckIn(Struct, array_like=True):
    """What only a check-in series has: the period it asked last, what became of it, and when it asks again."""

    cadence: str = ""
    rhythm: Rhythm | None = None  # None: known by hearsay only
    time_zone: str = ""
    version: int = 0  # how often its cadence has changed or ended: names the next event that says so
    period: str = ""  # asked last, as in `2026-W47`; "" before the first
    asked_at: datetime | None = None
    grace_at: datetime | None = None  # what comes up to here is kept
    outcome: str = ""  # of `period`: "" (open) | submitted | late | missed | excused | not_asked
    submitted_at: datetime | None = None
    report: Report | None = None
    next: str = ""  # the period asked next, and when; None once the series has ended
    next_at: datetime | None = None
    ahead: dict[str, Ahead] = field(default_factory=dict)
    past: dict[str, str] = field(default_factory=dict)  # period -> outcome, the newest few


class Commitment(Struct, array_like=True, tag="c1"):
    """A subject with an owner and a deadline, of whatever family."""

    status: str = "stub"  # stub | open | met | cancelled | no_date | won | lost ; see states in ARCHITECTURE
    title: str = ""
    owner: str = ""
    team: str = ""
    kind: str = ""
    importance: str = "normal"
    description: str = ""
    url: str = ""
    deal_id: str = ""
    goal_id: str = ""
    progress: int = 0
    confidence: int = 0
    note: str = ""
    opened_at: datetime | None = None
    closed_at: datetime | None = None  # when it happened, by the sender's clock
    set_at: datetime | None = None  # source time of every field that `times` does not name
    times: dict[str, datetime] = field(default_factory=dict)  # field -> source time, where newer than set_at
    seen: bytes = b""
    told: list[Told] = field(default_factory=list)
    escalated: bool = False  # no longer written: each moment has its own
    moments: dict[str, Moment] = field(default_factory=dict)
    remove_at: datetime | None = None  # closed subjects and stubs go then
    flags: list[str] = field(default_factory=list)  # what a page should point at: "no_date", "unroutable", …
    deal: Deal | None = None
    checkin: CheckIn | None = None
    goal: Goal | None = None


class Unreached(Struct, array_like=True):
    """At `at` the fallback contact was told that this reader is not reached; the rest was lost since, told later."""

    at: datetime
    count: int = 0
    titles: list[str] = field(default_factory=list)  # of the first few
    last: bytes = b""  # JSON of the newest request
    why: str = ""
    is_urgent: bool = False  # the word of `at` passed the fallback contact's quiet hours


class Absence(Struct, array_like=True, frozen=True):
    """Somebody is away from `at` until just before `until` (None: until they say that they are back)."""

    at: datetime
    until: datetime | None = None
    delegate: str = ""  # who stands in for them; "" nobody
    said_at: datetime | None = None  # of one that was said by an event


class Preferences(Struct, array_like=True, frozen=True):
    """What a person has said for themselves; None: as the directory and the settings say."""

    quiet: str | None = None
    channels: tuple[str, ...] | None = None
    budget: int | None = None


class Waiting(Struct, array_like=True):
    """One notification kept for its reader's next digest, and why it was not given at once."""

    request: bytes  # JSON of the request
    why: str


class Inbox(Struct, array_like=True, tag="i1"):
    """What a recipient has been told lately, what waits for their next digest, which of their channels bounced, and
    what was lost on the way."""

    seen: bytes = b""
    disabled: dict[str, str] = field(default_factory=dict)  # channel -> why, after a hard bounce: tried last
    sent: int = 0
    unreached: dict[str, Unreached] = field(default_factory=dict)  # route -> see core/unreached.py
    waiting: list[Waiting] = field(default_factory=list)
    more: int = 0  # waiting as well, and only counted
    digest_at: datetime | None = None  # when what waits goes out; None while nobody can tell
    counted: int = 0  # messages of this day that count for the noise budget
    counted_until: datetime | None = None  # the end of that day
    absences: list[Absence] = field(default_factory=list)  # by events; those of the directory stand there
    back_at: datetime | None = None  # an absence that began before counts no more
    away_said_at: datetime | None = None  # no longer written: each absence has its own
    preferences: Preferences | None = None
    preferred_at: datetime | None = None  # source time of every preference that `preferred` does not name
    preferred: dict[str, datetime] = field(default_factory=dict)  # preference -> source time


class Word(Struct, array_like=True, frozen=True):
    """What an event has said of one field of a person; None: as directory.yaml says."""

    value: str | list[str] | bool | None
    at: datetime
    since: datetime | None = None  # when it was first said, since when nothing else was; None: `at`


class People(Struct, array_like=True, tag="p1"):
    """What events have said of people, field by field; it counts before directory.yaml (core/people.py)."""

    seen: bytes = b""
    said: dict[str, dict[str, Word]] = field(default_factory=dict)  # person -> field -> the newest word


State = Commitment | Inbox | People

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(State)


def encode_state(state: State) -> bytes:
    return _encoder.encode(state)


def decode_state(raw: bytes) -> State:
    """The state in `raw`, whatever version wrote it; a fresh object the caller may change."""
    state: State = _decoder.decode(raw)
    if isinstance(state, Commitment) and state.escalated:
        state.escalated = False
        for moment in state.moments.values():
            moment.escalated = True
    return state


def name_of(state: Commitment, moment: Moment) -> str:
    """What one of the subject's moments is called: `due`, `close`, …; "" for one that is not its own."""
    for name, known in state.moments.items():
        if known is moment:
            return name
    return ""


def told_of(state: Commitment, moment: Moment) -> list[Told]:
    """Everyone who was told about this moment, in the order of the last word to each."""
    if not state.told:
        return []
    name = name_of(state, moment)
    return [told for told in state.told if told.moment in ("", name)]

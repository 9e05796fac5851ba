"""What was promised against what happened: a closed world, in which a message that is not listed fails.

Pure comparison; must not know how the story came about. The picture of a failure is in `timetable.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Message:
    """One message that went out, at whatever depth: decided, or caught."""

    at: datetime
    to: str
    template: str
    channel: str = ""
    policy: str = ""
    step: str = ""
    subject: str = ""
    kind: str = "notice"
    urgency: str = ""
    reason: str = ""  # the sentences, joined
    text: str | None = None  # as rendered; None where nothing was
    address: str | None = None  # looked up when it was sent; None where nothing was


@dataclass(frozen=True)
class Silence:
    """One reason the record holds: why somebody was told, or was not."""

    at: datetime
    subject: str
    code: str
    text: str


@dataclass(frozen=True)
class Story:
    """All that happened. `silences` is None at a depth that does not see reasons."""

    messages: list[Message]
    silences: list[Silence] | None = None


@dataclass(frozen=True)
class Expected:
    """One message promised: every field that is not None must match."""

    at: datetime
    to: str
    template: str | None = None
    channel: str | None = None
    policy: str | None = None
    step: str | None = None
    subject: str | None = None
    kind: str | None = None
    urgency: str | None = None
    reason: str | None = None
    contains: tuple[str, ...] = ()
    within: timedelta = timedelta()
    address: str | None = None


@dataclass(frozen=True)
class ExpectedSilence:
    """A reason that must be on record."""

    code: str
    at: datetime | None = None
    contains: str = ""
    within: timedelta = timedelta()


@dataclass(frozen=True)
class Never:
    """A message that must not go out."""

    to: str | None = None
    template: str | None = None
    policy: str | None = None
    step: str | None = None
    after: datetime | None = None
    before: datetime | None = None


@dataclass
class Verdict:
    """`pairs` are promises with what kept them; the rest is what went wrong."""

    pairs: list[tuple[Expected, Message]] = field(default_factory=list)
    missing: list[Expected] = field(default_factory=list)
    unexpected: list[Message] = field(default_factory=list)
    forbidden: list[tuple[Never, Message]] = field(default_factory=list)
    unexplained: list[ExpectedSilence] = field(default_factory=list)

    @property
    def is_kept(self) -> bool:
        return not (self.missing or self.unexpected or self.forbidden or self.unexplained)


def judge(
    then: Sequence[Expected],
    never: Sequence[Never],
    silent: Sequence[ExpectedSilence],
    story: Story,
    slack: timedelta = timedelta(),
) -> Verdict:
    """Pair every promise with a message of its own; `slack` is how late this depth's clock may run."""
    verdict = Verdict(unexpected=list(story.messages))
    for expected in then:
        found = next((got for got in verdict.unexpected if _matches(expected, got, slack)), None)
        if found is None:
            verdict.missing.append(expected)
        else:
            verdict.unexpected.remove(found)
            verdict.pairs.append((expected, found))
    verdict.forbidden = [(no, got) for no in never for got in story.messages if _is_forbidden(no, got)]
    if story.silences is not None:
        verdict.unexplained = [
            one for one in silent if not any(_explains(one, said, slack) for said in story.silences)
        ]
    return verdict


def _matches(expected: Expected, got: Message, slack: timedelta) -> bool:
    late = got.at - expected.at
    if not -expected.within <= late <= expected.within + slack or expected.to != got.to:
        return False
    for name in ("template", "channel", "policy", "step", "subject", "kind", "urgency"):
        wanted = getattr(expected, name)
        if wanted is not None and wanted != getattr(got, name):
            return False
    if expected.reason is not None and expected.reason not in got.reason:
        return False
    if None not in (expected.address, got.address) and expected.address != got.address:
        return False
    text = got.text
    return text is None or all(part in text for part in expected.contains)


def _explains(one: ExpectedSilence, said: Silence, slack: timedelta) -> bool:
    in_time = one.at is None or -one.within <= said.at - one.at <= one.within + slack
    return in_time and one.code == said.code and one.contains in said.text


def _is_forbidden(no: Never, got: Message) -> bool:
    for name in ("to", "template", "policy", "step"):
        wanted = getattr(no, name)
        if wanted is not None and wanted != getattr(got, name):
            return False
    return (no.before is None or got.at < no.before) and (no.after is None or got.at > no.after)

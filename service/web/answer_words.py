"""A commitment's present state in plain words, for the page behind a link. Pure; times in the reader's zone.

What is said about an answer is read from the state and the decision log, never from the click.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from service.core.effects import LogEntry
from service.core.model import Ack, Commitment, Moment, Run
from service.core.reasons import Code
from service.core.view import on_time
from service.web import checkin_words
from service.web.answer_choices import Choice
from service.web.rendering import in_words, local_time

# After one of these the answer has changed nothing, whatever the state happens to be.
_REFUSALS = frozenset({Code.STALE_ANSWER, Code.REFUSED, Code.CLOSED, Code.STUB, Code.OLDER})


class Outcome(NamedTuple):
    """What became of one answer: the headline, plain sentences below it, and the decision's own reasons."""

    headline: str
    sentences: list[str]
    reasons: list[str]
    is_refused: bool = False


class Words:
    """Says things about one commitment to one reader."""

    def __init__(
        self,
        state: Commitment,
        reader: str,
        zone: ZoneInfo,
        now: datetime,
        name: Callable[[str], str],
        moment: str = "",
    ) -> None:
        self._state, self._reader, self._zone, self._now, self._name = state, reader, zone, now, name
        self.moment, self.about = moment_of(state, moment), moment

    def at(self, instant: datetime) -> str:
        return local_time(instant, self._zone)

    def who(self, person: str) -> str:
        return "you" if person == self._reader else self._name(person)

    def name_of_owner(self) -> str:
        return self._name(self._state.owner)

    def name_of_reader(self) -> str:
        return self._name(self._reader)

    def has_acknowledged(self) -> bool:
        """Whether the reader's own "I'm on it" holds at the moment."""
        return any(run.ack and run.ack.by == self._reader for run in self.moment.runs)

    def title(self) -> str:
        if self._state.checkin is not None:
            return checkin_words.title(self._state.title, self._state.checkin)
        step = self._state.deal.next_step if self._state.deal and self.about == "next_step" else ""
        return f"{step} ({self._state.title})" if step else self._state.title

    def label(self) -> str:
        """What the page calls the moment it speaks of."""
        named = {"close": "Closes", "last_activity": "Last activity", "period_end": "Period ends"}
        return named.get(self.about, "Due")

    def is_over(self) -> bool:
        """Whether the next step is done, or gone, while its deal goes on."""
        return self.about == "next_step" and self.moment.at is None

    def standing(self) -> list[str]:
        """Where the commitment stands, the most important sentence first."""
        state, due_at = self._state, self.moment.at
        if state.status == "met":
            return [self._met()]
        if state.status == "cancelled":
            return [f"Cancelled{self._closed_at()}."]
        if state.status in ("won", "lost"):
            return [f"{state.status.capitalize()}{self._closed_at()}."]
        if state.checkin is not None:
            said = checkin_words.standing(state.checkin, self.moment, self._now, self.at)
            return [said, *self._held()]
        if self.is_over():
            return ["This next step is done, or another one took its place. The deal is open."]
        if due_at is None:
            return ["Without a date; nobody is reminded of it."]
        distance = in_words(due_at - self._now)
        if self.about == "last_activity":
            return [f"Open; nothing has happened on it for {distance}.", *self._held()]
        sentences = [
            f"Open, due in {distance}." if due_at > self._now else f"Open, {distance} past its date."
        ]
        return sentences + self._held()

    def outcome(self, choice: Choice, entry: LogEntry | None) -> Outcome:
        """What became of `choice`; `entry` is the decision's log entry, None when it has left the log."""
        reasons = entry.reasons if entry else ()
        said = [_sentence(reason.text) for reason in reasons]
        if any(reason.code == Code.STALE_ANSWER for reason in reasons):
            return Outcome("Nothing was changed", [self._stale()], [], True)
        if any(reason.code in _REFUSALS for reason in reasons):
            return Outcome("Nothing was changed", said, [], True)
        headline = self._headline(choice)
        if not headline:
            return Outcome("Your answer is recorded", said, [])
        return Outcome(headline, self._told(entry), said)

    def stale(self) -> str:
        """Why the answers of an older message no longer apply."""
        return self._stale()

    # -- the parts ------------------------------------------------------------------------------------------------
    def _met(self) -> str:
        kept = on_time(self._state, self.moment)
        late = ""
        if kept is False and self.moment.at and self._state.closed_at:
            late = f", {in_words(self._state.closed_at - self.moment.at)} after its date"
        return f"Done{self._closed_at()}{', on time' if kept else late}."

    def _closed_at(self) -> str:
        return f" {self.at(self._state.closed_at)}" if self._state.closed_at else ""

    def _held(self) -> list[str]:
        """What holds the ladder back at the moment, each thing once."""
        sentences = []
        for run in self.moment.runs:
            if run.ack:
                is_mine = run.ack.by == self._reader
                who = "You are" if is_mine else f"{self._name(run.ack.by)} is"
                sentences.append(f"{who} on it since {self.at(run.ack.at)}.")
                sentences.append(self._on_hold(run.ack))
            if run.snoozed_until:
                sentences.append(f"The next reminder waits until {self.at(run.snoozed_until)}.")
        return list(dict.fromkeys(sentences))

    def _on_hold(self, ack: Ack) -> str:
        return f"Steps that wait for an answer are on hold until {self.at(ack.expires_at)}."

    def _headline(self, choice: Choice) -> str:
        """What the state shows of this answer; nothing when it shows nothing."""
        state, runs = self._state, self.moment.runs
        if choice.action == "done" and (state.status == "met" or self.is_over()):
            return "Done. Thank you."
        if choice.action in ("check_in", "excuse") and state.checkin:
            if choice.action == "check_in":
                return "Thank you, it has come in" if state.checkin.submitted_at else ""
            return "Excused this time" if state.checkin.outcome == "excused" else ""
        if choice.action == "undo" and state.status == "open":
            return "It is open again"
        if choice.action == "acknowledge" and self.has_acknowledged():
            return "You’re on it"
        if choice.action == "snooze" and (until := _snoozed_until(runs)):
            return f"You will be reminded {self.at(until)}"
        if choice.action == "new_date" and self.moment.at == choice.until and self.moment.at:
            return f"The new date is {self.at(self.moment.at)}"
        if choice.action == "help":
            return "Help was asked for"
        return ""

    def _told(self, entry: LogEntry | None) -> list[str]:
        """What is on hold by the answer, who had been told before it came, and who is told of it now."""
        now_told = {to for _, _, to in entry.effects} if entry else set()
        held = [self._on_hold(run.ack) for run in self.moment.runs if run.ack and run.ack.by == self._reader]
        sentences = list(dict.fromkeys(held))
        for told in self._state.told:
            if not told.after or told.to in (self._reader, self._state.owner):
                continue
            sentence = f"{self._name(told.to)} was told at {self.at(told.at)}"
            if told.to in now_told:
                sentence = f"{self._name(told.to)} had been told already, and will see your answer"
            sentences.append(f"{sentence}.")
        return sentences

    def _stale(self) -> str:
        if self._state.checkin is not None:
            return "The message you came from is about an earlier check-in. Please use the newest one."
        due_at = self.moment.at
        present = (
            f" It is now due {self.at(due_at)}, and {self._name(self._state.owner)} owns it."
            if due_at and self._state.status == "open"
            else ""
        )
        return (
            "The message or page you came from is older than a change of its date, its owner, or of open and closed; "
            f"its answers no longer apply.{present}"
        )


def moment_of(state: Commitment, name: str) -> Moment:
    """The moment the page speaks of: a deadline's only one, or of a deal the one its link names."""
    return state.moments.get(name) or next(iter(state.moments.values()), Moment())


def _snoozed_until(runs: list[Run]) -> datetime | None:
    return max((run.snoozed_until for run in runs if run.snoozed_until), default=None)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _sentence(reason: str) -> str:
    return f"{_capital(reason)}."

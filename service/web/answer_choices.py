"""What a person may answer by a link, and the event each answer publishes. Pure: the form, the link and `now` come in.

The event's id is made from the link, the choice and the cycle the page showed, so that a double click, a second tab
and a scanner that repeats a form are one effect, while the same answer in a later cycle is a new one.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from service.core.calendar import wall
from service.core.ids import effect_key, split_subject
from service.core.plain_text import body
from service.core.rules.deals import NEXT_STEP_DONE
from service.core.view import iso
from service.web import checkin_words

SOURCE = "/a"  # the CloudEvents source of every answer to a message, by whatever door

# What the note of a person may hold: the limit of free text in events (core/events.py, `Text`).
NOTE_CHARS_MAX = 4000

# A date further away than this is a slip of the finger: safety.md's "> 2 y needs flag" for due dates.
NEW_DATE_AHEAD_MAX = timedelta(days=2 * 366)

SNOOZES = {"1h": "In 1 hour", "4h": "In 4 hours", "tomorrow": "Tomorrow at 09:00"}

LABELS = {
    "check_in": "Check in",
    "done": "Done",
    "acknowledge": "I’m on it",
    "new_date": "New date",
    "snooze": "Remind me later",
    "help": "I need help",
    "excuse": "Excuse this time",
    "undo": "Undo: reopen it",
}


class NotAnAnswer(Exception):
    """The form cannot be understood or asks for the impossible; the text tells the person what to do."""


class Choice(NamedTuple):
    """One answer, ready to be published. `value` is what was chosen within the action; `until` when it is a time."""

    action: str
    value: str
    type: str
    data: dict[str, object]
    until: datetime | None = None


class Asker(NamedTuple):
    """Who answers what, as the link says it, and the zones their words are read in."""

    person: str
    subject: str
    as_of: int
    zone: ZoneInfo  # the reader's: "tomorrow at 09:00"
    owner_zone: ZoneInfo  # the owner's: a new date
    shown: int  # the newest cycle that a page can have shown them; not the owner (any more): their message's
    moment: str = ""  # of a subject with several: the one their message spoke of
    period: str = ""  # of a check-in: the one asked last
    via: str = "link"  # the door it came by, as events name it


def choose(form: Mapping[str, str], asker: Asker, now: datetime) -> Choice:
    """The answer that `form` gives; raises NotAnAnswer in words for the person who gave it."""
    action = form.get("do", "")
    if action in ("done", "undo"):
        return _close_or_reopen(action, _seen(form.get("seen", "")), asker, now)
    if action in ("check_in", "excuse"):
        return _check_in(action, form, asker)
    if action == "acknowledge":
        return Choice(action, "", "commitment.acknowledged", _data(asker))
    if action == "snooze":
        name = form.get("until", "")
        return snooze(name, _snooze_until(name, now, asker.zone), asker)
    if action == "help":
        note = _note(form.get("note", ""))
        data = {**_data(asker), **({"reason": note} if note else {})}
        return Choice(action, note, "commitment.help_requested", data)
    if action == "new_date":
        due_at = _new_date(form, now, asker.owner_zone)
        note = _note(form.get("note", ""))
        data = {**_data(asker), "due_at": iso(due_at), **({"reason": note} if note else {})}
        return Choice(action, str(iso(due_at)), "commitment.recommitted", data, due_at)
    raise NotAnAnswer("Please choose one of the answers on this page.")


def snooze(name: str, until: datetime, asker: Asker) -> Choice:
    """Ask again at `until`, which was chosen as `name`."""
    return Choice("snooze", name, "commitment.snoozed", {**_data(asker), "until": iso(until)}, until)


def event_id(token: str, choice: Choice, seen: str) -> str:
    """The id of the answer's event; `seen` is the cycle that the page showed, as its form sent it back."""
    return effect_key("answer", token, choice.action, choice.value, _seen(seen) or "")


def attributes(choice: Choice, asker: Asker, answer_id: str, now: datetime) -> dict[str, object]:
    """The structured CloudEvent of an answer."""
    return {
        "specversion": "1.0",
        "id": answer_id,
        "source": SOURCE,
        "type": choice.type,
        "subject": split_subject(asker.subject)[1],
        "time": iso(now),
        "data": choice.data,
    }


def _data(asker: Asker) -> dict[str, object]:
    about = {"moment": asker.moment} if asker.moment else {}
    return {"subject_id": asker.subject, "by": asker.person, "via": asker.via, "as_of": asker.as_of, **about}


def _seen(raw: str) -> int:
    """The cycle that the page showed, as its form sent it back; 0 when it says none."""
    return int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 10 else 0


def _close_or_reopen(action: str, seen: int, asker: Asker, now: datetime) -> Choice:
    """Done or Undo, said to what the page showed: an owner who saw on it that it was reopened may say "done" again."""
    family, bare = split_subject(asker.subject)
    as_of = max(asker.as_of, min(seen, asker.shown))
    if (family, asker.moment, action) == ("deal", "next_step", "done"):
        step = {"deal_id": bare, "kind": NEXT_STEP_DONE, "by": asker.person, "as_of": as_of}
        return Choice(action, "", "deal.activity", step)
    if (family, action) == ("deal", "done"):
        raise NotAnAnswer("A deal ends when it is won or lost; note it in your CRM.")
    if family != "deadline":
        raise NotAnAnswer("This cannot be marked as done by a link.")
    data: dict[str, object] = {"commitment_id": bare, "at": iso(now), "by": asker.person, "as_of": as_of}
    return Choice(action, "", "deadline.met" if action == "done" else "deadline.reopened", data)


def _check_in(action: str, form: Mapping[str, str], asker: Asker) -> Choice:
    """The report of a period, or that nobody should wait for it."""
    family, bare = split_subject(asker.subject)
    if family != "checkin" or not asker.period:
        raise NotAnAnswer("This is not a check-in.")
    person, _, cadence = bare.rpartition(":")
    about = {"person": person, "cadence": cadence, "period": checkin_words.period(form, asker.period)}
    if action == "excuse":
        return Choice(action, about["period"], "checkin.excused", {**about, "by": asker.person})
    try:
        report = checkin_words.report(form)
    except ValueError as problem:
        raise NotAnAnswer(str(problem)) from None
    return Choice(action, f"{about['period']} {report}", "checkin.submitted", {**about, **report})


def _snooze_until(name: str, now: datetime, zone: ZoneInfo) -> datetime:
    if name in ("1h", "4h"):
        return now + timedelta(hours=int(name[0]))
    if name == "tomorrow":
        return wall(now.astimezone(zone).date() + timedelta(days=1), time(9), zone)
    raise NotAnAnswer("Please choose when you want to be reminded again.")


def _new_date(form: Mapping[str, str], now: datetime, zone: ZoneInfo) -> datetime:
    try:
        day, clock = date.fromisoformat(form.get("date", "")), time.fromisoformat(form.get("time", ""))
    except ValueError:
        raise NotAnAnswer("Please choose both a date and a time.") from None
    if clock.tzinfo is not None or not 1970 < day.year < 9000:
        raise NotAnAnswer("Please choose both a date and a time.")
    due_at = wall(day, clock.replace(second=0, microsecond=0), zone).astimezone(UTC)
    if due_at <= now:
        raise NotAnAnswer("That moment has passed already. Please choose one that lies ahead.")
    if due_at > now + NEW_DATE_AHEAD_MAX:
        raise NotAnAnswer("That is more than two years away. Please choose an earlier date.")
    return due_at


def _note(raw: str) -> str:
    """A person's own words, without control characters."""
    text = body(raw).strip()
    if len(text) > NOTE_CHARS_MAX:
        raise NotAnAnswer(f"Please use at most {NOTE_CHARS_MAX} characters.")
    return text

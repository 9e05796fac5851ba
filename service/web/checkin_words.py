"""A check-in in plain words, for the page behind a link, and the form's answers as the data of an event. Pure."""

from collections.abc import Callable, Mapping
from datetime import datetime

from service.core.model import CheckIn, Moment
from service.core.periods import read_week
from service.core.plain_text import body

# Three texts of this length fit into a form (answers.py, FORM_BYTES_MAX), each character percent-encoded as 12 bytes.
TEXT_CHARS_MAX = 1600

FIELDS = {"progress": "What has moved?", "next": "What comes next?", "roadblocks": "What is in the way?"}
CONFIDENCE = {"1": "1, not at all", "2": "2", "3": "3", "4": "4", "5": "5, fully"}


def title(series: str, checkin: CheckIn) -> str:
    week = checkin.period.rpartition("-W")[2].lstrip("0")
    return f"{series}, week {week}" if week else series


def standing(checkin: CheckIn, moment: Moment, now: datetime, at: Callable[[datetime], str]) -> str:
    """Where the period that was asked last stands."""
    if checkin.submitted_at is not None:
        how = {"submitted": "", "late": ", late"}.get(checkin.outcome, ", after its time")
        return f"It came in {at(checkin.submitted_at)}{how}."
    if checkin.outcome == "missed":
        return "Missed. A few lines still close it."
    if checkin.outcome == "excused":
        return "Excused this time."
    if checkin.outcome == "not_asked" or moment.at is None or checkin.grace_at is None:
        return f"Not asked yet; that will be {at(checkin.next_at)}." if checkin.next_at else "Not asked."
    if moment.at <= now:
        return f"Open, past its time; until {at(checkin.grace_at)} it still counts."
    return f"Open until {at(moment.at)}."


def report(form: Mapping[str, str]) -> dict[str, object]:
    """The fields of `checkin.submitted` that the form fills; ValueError tells the person what to do."""
    texts = {name: body(form.get(name, "")).strip() for name in FIELDS}
    if any(len(text) > TEXT_CHARS_MAX for text in texts.values()):
        raise ValueError(f"Please use at most {TEXT_CHARS_MAX} characters in each field.")
    if not any(texts.values()):
        raise ValueError("Please write at least one line, or excuse it this time.")
    data: dict[str, object] = {name: text for name, text in texts.items() if text}
    if "roadblocks" in data:
        data["roadblocks"] = [line.strip() for line in texts["roadblocks"].split("\n") if line.strip()][:20]
    if (confidence := form.get("confidence", "")) in CONFIDENCE:
        data["confidence"] = int(confidence)
    return data


def period(form: Mapping[str, str], current: str) -> str:
    """The period that the page showed, so that an answer to it is not taken for the next one."""
    shown = form.get("period", "")
    return shown if read_week(shown) is not None else current

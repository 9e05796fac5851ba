"""What a template may say: plain words, dates already in the reader's zone, names for ids. All of it is cleaned.

Names here are public: templates are written against them. Values are text, numbers, booleans, and lists and
mappings of these; text is empty where nothing is known. Total: any facts give variables.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation

from service.core.effects import Owed
from service.core.message import Reader
from service.core.view import CLOSED
from service.messages.clean import line, prose, url
from service.messages.times import Times, between, instant

# The history of one commitment in a mail; the page behind it has all of it.
TOLD_MAX = 6

# Built-in steps that tell everyone who was told before (core/closing.py, core/rules/answers.py).
_CLOSING_STEPS = frozenset({"~closed", "~moved", "~acknowledged"})

# What a notification was, to somebody who has to pass it on.
MEANT_AS = {
    "reminder": "a reminder",
    "missed": "the word that it was missed",
    "offer_help": "an offer of help",
    "escalated": "an escalation",
    "resolved": "the word that it is over",
    "replanned": "the word that it changed",
    "kept": "good news",
    "deal_won": "good news",
    "deal_stalled": "the word that nothing happens on it",
    "milestone": "good news",
    "checkin_ask": "the question for a check-in",
    "checkin_missed": "the word that a check-in was missed",
    "acknowledged": "the word that somebody is on it",
    "digest": "a digest",
    "unroutable": "the word that somebody could not be told",
    "policy_broken": "the word that a policy's condition fails",
}

_DEPTH_MAX = 5

NameOf = Callable[[str], str]


def variables(owed: Owed, reader: Reader, name_of: NameOf) -> dict[str, object]:
    """Everything a template can use for this notification and this reader."""
    facts, times = owed.facts, Times(reader.time_zone, owed.decided_at)
    name = _namer(name_of)
    return {
        **_subject({**facts, **_step_that_is_over(owed)}, reader, name),
        **_dates(facts, times, owed.decided_at),
        **_extra(owed, times, name),
        "told": _told(facts, reader, times, name),
        "reader": line(reader.name or reader.id),
        "is_channel": owed.to.startswith("channel:"),
        "is_retraction": owed.kind == "retraction",
        "policy": line(owed.policy),
        "step": line(owed.extra.get("step") or owed.step),
        "reasons": _reasons(owed, reader),
        "stands_in_for": name(_text(owed.extra.get("stands_in_for"))),
        "items": [],
        "since": "",
        "count": len(owed.parts) + _number(owed.extra.get("more")),
        "more": _number(owed.extra.get("more")),
    }


def _step_that_is_over(owed: Owed) -> dict[str, object]:
    """A next step that is done is gone from the facts; the message about it still calls it by its name."""
    return {"next_step": owed.extra["next_step"]} if owed.extra.get("next_step") else {}


def _subject(facts: Mapping[str, object], reader: Reader, name: NameOf) -> dict[str, object]:
    owner = _text(facts.get("owner"))
    title = line(_text(facts.get("title")) or _text(facts.get("id")) or "(no title)")
    step = line(_text(facts.get("next_step")))
    helpers = facts.get("helpers")
    return {
        "title": f"{step} ({title})" if step and facts.get("moment") == "next_step" else title,
        "moment": line(_text(facts.get("moment"))),
        "amount": money(_text(facts.get("amount")), _text(facts.get("currency"))),
        "so_far": _so_far(facts),
        "milestone": _number(facts.get("milestone")),
        "period": period_in_words(_text(facts.get("period"))),
        "stage": line(_text(facts.get("stage"))),
        "next_step": step,
        "helpers": [name(_text(one)) for one in helpers if _text(one)]
        if isinstance(helpers, list | tuple)
        else [],
        "description": prose(_text(facts.get("description"))),
        "note": prose(_text(facts.get("note"))),
        "url": url(_text(facts.get("url"))),
        "kind": line(_text(facts.get("kind"))),
        "importance": line(_text(facts.get("importance"))),
        "status": line(_text(facts.get("status"))),
        "progress": _number(facts.get("progress")),
        "confidence": _number(facts.get("confidence")),
        "slips": _number(facts.get("slips")),
        "owner": name(owner) or "nobody",
        "team": name(_text(facts.get("team"))),
        "is_yours": bool(owner) and owner == reader.id,
    }


def _so_far(facts: Mapping[str, object]) -> str:
    """`120,000 of 250,000 EUR`, of a goal; nothing where there is no target."""
    target = money(_text(facts.get("target")), _text(facts.get("unit")))
    return f"{money(_text(facts.get('value')), '') or 0} of {target}" if target else ""


def period_in_words(period: str) -> str:
    """`week 47`, of `2026-W47`; nothing where there is no period."""
    week = period.rpartition("-W")[2].lstrip("0")
    return f"week {week}" if week.isascii() and week.isdigit() else ""


def _dates(facts: Mapping[str, object], times: Times, now: datetime) -> dict[str, object]:
    """When it is due, as parts and as the end of a sentence: `is due in 3 days`, `was due 2 hours ago`."""
    due, closed = instant(facts.get("due_at")), instant(facts.get("closed_at"))
    touched = instant(facts.get("last_activity_at"))
    is_late = due is not None and due <= now and not is_closed(facts)
    dates: dict[str, object] = {
        "due": times.full(due) if due else "no date",
        "due_short": times.short(due) if due else "no date",
        "due_in": times.away(due) if due else "",
        "is_due": "has no date",
        "due_label": "Due",
        "has_due": due is not None,
        "is_late": is_late,
        "is_closed": is_closed(facts),
        "on_time": facts.get("on_time") is True,
        "closed": times.full(closed) if closed else "",
        "margin": "",
        "quiet_for": times.length(touched) if touched else "",
        "quiet_since": times.full(touched) if touched else "",
    }
    if due:
        moment = _text(facts.get("moment"))
        words = {"close": ("was to close", "closes"), "period_end": ("ended", "ends")}.get(
            moment, ("was due", "is due")
        )
        dates["is_due"] = f"{words[due > now]} {times.away(due)}"
        dates["due_label"] = due_word(moment, is_over=due <= now)
    if due and closed and abs((closed - due).total_seconds()) >= 1:
        early = closed < due
        dates["margin"] = f"{between(*sorted((due, closed)))} {'before' if early else 'after'} it was due"
    return dates


def due_word(moment: str, *, is_over: bool) -> str:
    """The label of the date: of a deal's own date it is when the deal was to close."""
    words = {"close": ("Closes", "Was to close"), "period_end": ("Ends", "Ended")}
    return words.get(moment, ("Due", "Was due"))[is_over]


def _extra(owed: Owed, times: Times, name: NameOf) -> dict[str, object]:
    """What the decision adds for its template (core: `extra`); every key is there, empty when it was not given."""
    extra, due = owed.extra, instant(owed.facts.get("due_at"))
    before, after = instant(extra.get("from")), instant(extra.get("to")) or due
    by, later = _text(extra.get("by")), extra.get("next")
    later = later if isinstance(later, Mapping) else {}
    next_at = instant(later.get("at"))
    if next_at is not None and next_at <= owed.decided_at:  # it came while this waited
        next_at, later = None, {}
    who = later.get("to")
    whom = [_text(to) for to in who if _text(to)] if isinstance(who, list | tuple) else []
    return {
        "by": name(by),
        "by_owner": bool(by) and by == owed.facts.get("owner"),
        "how": line(_text(extra.get("how")) or _text(owed.facts.get("status"))),
        "reason": prose(_text(extra.get("reason"))),
        "moved_from": times.full(before) if before else "",
        "moved_from_short": times.short(before) if before else "",
        "moved_to": times.full(after) if after else "",
        "moved_to_short": times.short(after) if after else "",
        "is_earlier": before is not None and after is not None and after < before,
        "from_owner": name(_text(extra.get("from_owner"))),
        "to_owner": name(_text(extra.get("to_owner"))),
        "to_you": bool(extra.get("to_owner")) and extra.get("to_owner") == owed.to,
        "asked_by": name(_text(extra.get("asked_by"))),
        "why": prose(_text(extra.get("why"))),
        **_meant(extra, name),
        "next_at": times.full(next_at) if next_at else "",
        "next_to": [name(to) for to in whom],
        "next_hears": _hears(whom, owed.to, name),
        "extra": _plain(extra),
    }


def money(amount: str, currency: str) -> str:
    """`48,000 EUR`, `1,200.50 EUR`; nothing where there is no amount, and the text itself where it is no number."""
    try:
        number = Decimal(amount)
    except InvalidOperation:
        return line(f"{amount} {currency}".strip(), 60) if amount else ""
    if not number.is_finite():
        return ""
    whole = number == number.to_integral_value()
    return line((f"{number:,.0f} {currency}" if whole else f"{number:,.2f} {currency}").strip(), 60)


def _hears(whom: list[str], reader: str, name: NameOf) -> str:
    """The beginning of a sentence: `you hear`, `Dana Weiss hears`, `you and Leo Marin hear`."""
    names = ["you"] * (reader in whom) + [name(to) for to in whom if to != reader]
    who = " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)
    return f"{who} {'hear' if len(names) > 1 or names == ['you'] else 'hears'}" if names else ""


def _meant(extra: Mapping[str, object], name: NameOf) -> dict[str, object]:
    """Of a notification nobody could be given: whom it was for, what it was, and what else was lost with it."""
    titles, what = extra.get("titles"), _text(extra.get("template"))
    return {
        "meant_for": name(_text(extra.get("reader"))),
        "meant_as": MEANT_AS.get(what, "a message") if what else "",
        "by_channel": line(_text(extra.get("channel")), 120),
        "lost": _number(extra.get("count")),
        "lost_titles": [line(_text(title)) for title in titles if _text(title)]
        if isinstance(titles, list | tuple)
        else [],
    }


def _told(facts: Mapping[str, object], reader: Reader, times: Times, name: NameOf) -> list[object]:
    """Who else has been told of it, in order; `knows` says whether they were told that it was missed."""
    told = facts.get("told")
    lines: list[object] = []
    for one in told if isinstance(told, list | tuple) else ():
        at = instant(one.get("at")) if isinstance(one, Mapping) else None
        to = _text(one.get("to")) if at else ""
        if at and to and to != reader.id:
            words = "told that it was missed" if one.get("after") is True else "reminded"
            lines.append({"name": name(to), "what": words, "at": times.short(at)})
    return lines[-TOLD_MAX:]


def is_closed(facts: Mapping[str, object]) -> bool:
    """Whether nothing is asked of anybody any more."""
    return _text(facts.get("status")) in CLOSED


def _namer(name_of: NameOf) -> NameOf:
    def name(id_: str) -> str:
        if id_.startswith("channel:"):
            return line(f"the channel {id_.removeprefix('channel:')}", 120)
        return line(name_of(id_) or id_, 120) if id_ else ""

    return name


def _reasons(owed: Owed, reader: Reader) -> list[str]:
    """Why this reader gets it: what it is to them, then what the decision says."""
    if owed.template in ("unroutable", "policy_broken"):
        mine = ["You are the fallback contact."]
    elif owed.facts.get("owner") == reader.id:
        mine = ["It is yours."]
    elif owed.step in _CLOSING_STEPS:
        mine = ["You were told about it earlier."]
    else:
        mine = []
    return mine + [_sentence(line(reason, 600)) for reason in owed.reasons]


def _sentence(text: str) -> str:
    """Reasons are written in the middle of a sentence; here each one begins and ends its own."""
    ends = text.endswith((".", "!", "?", "…"))
    return text[:1].upper() + text[1:] + ("" if ends or not text else ".")


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else ""


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9 else 0


def _plain(value: object, depth: int = 0) -> object:
    """Anything from an event as cleaned plain data."""
    if isinstance(value, str):
        return prose(value)
    if isinstance(value, bool | int | float) or value is None:
        return value
    if depth < _DEPTH_MAX and isinstance(value, Mapping):
        return {line(key, 80): _plain(item, depth + 1) for key, item in list(value.items())[:50]}
    if depth < _DEPTH_MAX and isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value[:50]]
    return ""

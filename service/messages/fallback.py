"""The built-in text: what goes out when a template breaks, because a mistake in words must not lose a notification.

Uses no template and nothing that can fail: the facts, the reasons, the links.
"""

from html import escape

from service.core.effects import Owed
from service.core.message import Action, Card, Message, Reader
from service.messages.clean import cut, line
from service.messages.times import Times, instant
from service.messages.view import NameOf

_SUBJECTS = {
    "reminder": "Due {due}: {title}",
    "missed": "Was due {due}: {title}",
    "unroutable": "Nobody could be told: {title}",
    "policy_broken": "A policy's condition fails, seen at: {title}",
}


def plain_message(owed: Owed, reader: Reader, name_of: NameOf, actions: tuple[Action, ...]) -> Message:
    """A plain message about any notification."""
    times, due = Times(reader.time_zone, owed.decided_at), instant(owed.facts.get("due_at"))
    title = line(owed.facts.get("title") or owed.subject)
    owner = line(name_of(str(owed.facts.get("owner") or "")) or "nobody", 120)
    subject = _SUBJECTS.get(owed.template, "About: {title}")
    subject = subject.replace("{due}", times.short(due) if due else "").replace("{title}", title)
    facts = [
        title,
        f"Due: {times.full(due)}, {times.away(due)}" if due else "Due: no date",
        f"Owner: {owner}",
        f"State: {line(owed.facts.get('status') or 'unknown')}",
    ]
    why = ["Why you get this:", *(line(reason, 600) for reason in owed.reasons)] if owed.reasons else []
    links = [(action.label, action.url) for action in actions]
    listed = [part for label, url in links for part in (f"{label}:", url, "")]
    text = "\n".join([*facts, "", *listed, *why]) + "\n"
    shown = "".join(f"<p>{escape(part)}</p>" for part in facts)
    shown += "".join(f'<p><a href="{escape(url)}">{escape(label)}</a></p>' for label, url in links)
    shown += "".join(f"<p>{escape(part)}</p>" for part in why)
    rows = tuple((label, value) for label, _, value in (fact.partition(": ") for fact in facts[1:]))
    return Message(
        subject=cut(line(subject, 2000), 200),
        short=cut(f"{title}: {facts[1]}", 300),
        text=text,
        html=f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title></head>'
        f'<body style="font-family:sans-serif;line-height:1.5">{shown}</body></html>',
        actions=actions,
        is_fallback=True,
        card=Card(title, "", rows=rows, reasons=tuple(why[1:])),
    )

"""The words of a policy: who, when, what they read and what happened, as a sales manager would say them.

Words only, without a clock or a directory; `policy_words.py` makes sentences of them, `ladder_picture.py` labels.
"""

from collections.abc import Callable, Sequence

from service.core.policy import MOMENTS_IN_WORDS, At, Recipients

Namer = Callable[[str], str]

NOUNS = {"deadline": "deadline", "deal": "deal", "checkin": "check-in", "goal": "goal"}
# What a policy watches, in front of "of every deal".
WATCHED = {
    "due": "",
    "close": "the close date of ",
    "next_step": "the next step of ",
    "last_activity": "silence on ",
    "period_end": "",
}
# What has come to pass when a step after the moment is due.
MISSED = {
    "due": "it is missed",
    "close": "the close date passes",
    "next_step": "the next step is not done in time",
    "last_activity": "nothing happens",
    "period_end": "the target is not reached in time",
}
# The same at the moment itself, by family; of a deal by its moment.
NOT_DONE = {
    "deadline": "it is not met",
    "checkin": "it has not come in",
    "goal": "the target is not reached",
    "close": "the deal is still open",
    "next_step": "the next step is not done",
    "last_activity": "nothing else happens",
}
# What ends the ladder, by family; a moment of a deal may end before the deal does.
ENDS = {
    "deadline": "It ends when the deadline is met or cancelled; a new date or a new owner begins it anew.",
    "deal": "It ends when the deal is won or lost; a new date or a new owner begins it anew.",
    "checkin": "It ends when the check-in comes in or is excused, and at the latest when the next one is asked.",
    "goal": "It ends when the target is reached or the goal is closed; another period or a new owner begins it anew.",
}
ENDS_OF_MOMENT = {
    "next_step": "It ends when the next step is done, or the deal won or lost; another next step begins it anew.",
    "last_activity": "Any activity begins the count anew; it ends when the deal is won or lost.",
}
# Template -> what its reader is: "the owner is reminded".
TOLD = {
    "reminder": "reminded",
    "missed": "told that it was missed",
    "offer_help": "offered help",
    "escalated": "told",
    "resolved": "told how it ended",
    "replanned": "told of the new date",
    "kept": "told that it was kept",
    "deal_won": "told of the win",
    "deal_stalled": "told that the deal is quiet",
    "milestone": "told of the milestone",
    "checkin_ask": "asked for the check-in",
    "checkin_missed": "told that the check-in was missed",
    "missed of close": "told that the date has passed",
    "acknowledged": "told that somebody is on it",
}
# Every event that a policy may react to (`events_of`), behind "when".
HAPPENED = {
    "deadline.set": "a deadline is set or changed",
    "deadline.moved": "its date moves",
    "deadline.reassigned": "it gets another owner",
    "deadline.progress": "progress is reported",
    "deadline.met": "it is met",
    "deadline.cancelled": "it is cancelled",
    "deadline.reopened": "it is reopened",
    "deal.created": "a deal is created",
    "deal.updated": "something about the deal changes",
    "deal.moved": "its date moves",
    "deal.activity": "something happens on the deal",
    "deal.won": "the deal is won",
    "deal.lost": "the deal is lost",
    "deal.reopened": "the deal is reopened",
    "goal.set": "a goal is set or changed",
    "goal.moved": "the end of its period moves",
    "goal.progress": "its number changes",
    "goal.milestone": "it passes a milestone",
    "goal.reached": "its target is reached",
    "goal.closed": "it is closed",
    "checkin.submitted": "the check-in comes in",
    "checkin.excused": "the check-in is excused",
    "commitment.acknowledged": "somebody says “I'm on it”",
    "commitment.snoozed": "somebody puts it off",
    "commitment.help_requested": "somebody asks for help",
    "commitment.recommitted": "somebody promises a new date",
}
_WHO = {
    "owner": "the owner",
    "owner.manager": "the owner's manager",
    "owner.manager.manager": "the manager of the owner's manager",
    "owner.mentor": "the owner's mentor",
    "team": "the team",
    "team.lead": "the team's lead",
    "team.members": "everybody in the team",
    "everyone_told": "everyone who knows of it",
    "helpers": "whoever helped",
    "event.from": "whoever did it",
}
_NUMBERS = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
_TIMES = {1: "once", 2: "twice"}


def who(name: str, named: Namer) -> str:
    """One recipient: `owner.manager`, `person:ana`, `channel:slack:#wins`."""
    kind, separator, rest = name.partition(":")
    match kind if separator else "":
        case "person":
            return named(rest)
        case "team":
            return f"the team {named(rest)}"
        case "role":
            return f"everybody with the role {rest}"
        case "channel":
            channel, _, address = rest.partition(":")
            return f"the channel {channel}" if not address else f"{address} on {channel}"
        case _:
            return _WHO.get(name, name)


def recipients(notify: Recipients, named: Namer) -> str:
    """All of them, and the verb: `the owner and the owner's mentor are`."""
    names = [who(name, named) for name in notify.names]
    if notify.first_only:
        return f"{', or where there is nobody '.join(names)}{',' if len(names) > 1 else ''} is"
    return f"{listed(names)} {'is' if len(names) == 1 else 'are'}"


def told(template: str, moment: str) -> str:
    """What the reader of a template is; one of the author's own is named."""
    return TOLD.get(f"{template} of {moment}") or TOLD.get(template, f"sent the message “{template}”")


def when(at: At, moment: str) -> str:
    """`3 business days before the deadline`, `at 16:00 on the day before the close date`."""
    words = at.in_words(moment)
    return f"at {words}" if at.clock is not None else words


def every(duration: str) -> str:
    """`each business day`, `every 2 hours`."""
    number, _, unit = duration.partition(" ")
    return f"each {unit.removesuffix('s')}" if number == "1" else f"every {duration}"


def times(number: int) -> str:
    return _TIMES.get(number, f"{number} times")


def listed(words: Sequence[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def sentence(text: str) -> str:
    """With a capital, a full stop, and a number at its head in letters."""
    first, separator, rest = text.partition(" ")
    if first.isdigit() and int(first) < len(_NUMBERS):
        text = f"{_NUMBERS[int(first)]}{separator}{rest}"
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def the_moment(moment: str) -> str:
    return MOMENTS_IN_WORDS[moment]

"""The pages behind a link, each as a response. They show a visit; they read and write nothing themselves."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from fastapi import Response

from service.core.effects import LogEntry
from service.core.model import CheckIn, Commitment
from service.core.series import is_closed
from service.store.contract import Shard
from service.web import checkin_words
from service.web.answer_choices import LABELS, SNOOZES, Asker, Choice
from service.web.answer_words import Outcome, Words
from service.web.rendering import page

# How often the page of an answer on its way asks again: the wait of the POST (3 s) has passed once already.
_REFRESH_S = 3


class Visit(NamedTuple):
    """One request on a link: what the link offers, what the subject is now, and the words for it."""

    token: str
    asker: Asker
    offered: tuple[str, ...]
    shard: Shard
    state: Commitment
    words: Words
    now: datetime

    @property
    def is_stale(self) -> bool:
        """The date, the owner or open and closed changed since the message was written."""
        return self.asker.as_of < self.words.moment.changed

    @property
    def may_undo(self) -> bool:
        """The owner takes back a "done", as long as it is one (or just was: a second click on undo)."""
        is_owner = self.state.owner == self.asker.person and self.state.deal is None
        return is_owner and "done" in self.offered and self.state.status in ("met", "open")

    @property
    def actions(self) -> tuple[str, ...]:
        """The answers that make sense now, in the order the page shows them."""
        if self.state.status == "met":
            return ("undo",) if self.may_undo else ()
        if self.state.status != "open":
            return ()
        if self.words.is_over():
            return ()
        if self.is_stale:
            return ("done",) if "done" in self.offered and self.state.owner == self.asker.person else ()
        over = {"acknowledge"} if self.words.has_acknowledged() else set()
        if self.state.checkin is not None:
            over |= self._over(self.state.checkin)
        return tuple(action for action in LABELS if action in self.offered and action not in over)

    def _over(self, checkin: CheckIn) -> set[str]:
        """A check-in that nobody waits for has no answers; a miss is excused by somebody else."""
        if is_closed(checkin):
            return set(self.offered)
        is_mine = self.state.owner == self.asker.person
        return {"excuse"} if checkin.outcome == "missed" and is_mine else set()

    def with_state(self, state: Commitment, name: Callable[[str], str]) -> "Visit":
        words = Words(state, self.asker.person, self.asker.zone, self.now, name, self.asker.moment)
        return self._replace(state=state, words=words)


def choices(
    visit: Visit,
    preselected: str = "",
    problem: str = "",
    form: Mapping[str, str] | None = None,
    outcome: Outcome | None = None,
    status: int = 200,
) -> Response:
    """The commitment, and the answers that the link allows now."""
    actions = visit.actions
    chosen = preselected if preselected in actions else ""
    return page(
        "answer",
        status,
        visit=visit,
        actions=actions,
        preselected=chosen,
        problem=problem,
        form=form or {},
        outcome=outcome,
        labels=LABELS,
        snoozes=SNOOZES,
        fields=checkin_words.FIELDS,
        confidence=checkin_words.CONFIDENCE,
        text_chars_max=checkin_words.TEXT_CHARS_MAX,
        earliest=visit.now.astimezone(visit.asker.owner_zone),
        suggested=visit.now.astimezone(visit.asker.owner_zone) + timedelta(days=1),
        link_out=_safe_url(visit.state.url),
    )


def answered(visit: Visit, choice: Choice, entry: LogEntry | None) -> Response:
    """What became of an answer, and what may be answered next."""
    return choices(visit, outcome=visit.words.outcome(choice, entry))


def waiting(visit: Visit, choice: Choice, answer_id: str) -> Response:
    """The answer is in the log and not applied yet. The page asks again by itself, and asking changes nothing."""
    again = f"/a/{visit.token}?{urlencode({'do': choice.action, 'sent': answer_id})}"
    return page("answer_waiting", 202, visit=visit, again=again, refresh_s=_REFRESH_S)


def gone() -> Response:
    """One page for every link that does not work, so that nothing can be learned by trying."""
    return page("answer_gone", 404)


def busy() -> Response:
    return page("answer_busy", 429, {"Retry-After": "30"})


def store_down() -> Response:
    return page("answer_down", 503, {"Retry-After": "5"})


def unreadable(status: int) -> Response:
    return page("answer_unreadable", status)


def _safe_url(url: str) -> str:
    """The sender's URL when it is an ordinary web address, else nothing: `javascript:` is a URL, too."""
    return url if urlsplit(url).scheme in ("http", "https") else ""

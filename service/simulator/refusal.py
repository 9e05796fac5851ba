"""A channel that takes nothing for a while, and what it says then: the ways in which vendors refuse."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Literal, NamedTuple

from service.channels.contract import ChannelError

How = Literal["busy", "no_answer", "no_address", "too_many"]
# After `too_many` a vendor wants to be left alone for so long.
RETRY_AFTER_S = 600.0

_ERRORS: dict[How, Callable[[], ChannelError]] = {
    "busy": lambda: ChannelError("it takes nothing for now"),
    "no_answer": lambda: ChannelError("it gave no answer", is_unknown=True),
    "no_address": lambda: ChannelError("there is no such address", permanent=True, bounced=True),
    "too_many": lambda: ChannelError("it wants to be left alone", retry_after_s=RETRY_AFTER_S),
}


class Refusal(NamedTuple):
    """Until `until`, by `channel`; by every channel where none is named."""

    until: datetime
    channel: str | None = None
    how: How = "busy"


def refused(refusals: Iterable[Refusal], channel: str, now: datetime) -> ChannelError | None:
    """What `channel` says now; None where it takes what it is given."""
    for one in refusals:
        if now < one.until and one.channel in (None, channel):
            return _ERRORS[one.how]()
    return None

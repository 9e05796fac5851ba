"""Cuts text to what a vendor takes, by the vendor's own measure, and says what is missing. Pure."""

from bisect import bisect_right
from collections.abc import Callable

# Where the rest is: every message has a link to it.
MORE = "… and {} more; the link below has all of it"
# A link holds its subject's id; only a very long one comes near any vendor's limit.
MISSING_BUTTON = "A button is missing here: its link is longer than this channel allows."


def utf16(text: str) -> int:
    """Characters as vendors count them who write JavaScript or C#: the larger of the two ways."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, most: int, measure: Callable[[str], int] = utf16) -> str:
    """At most `most` by `measure`, with an ellipsis when something is missing; ends at a word if one is near."""
    if measure(text) <= most:
        return text
    fits, fits_not = 0, len(text)
    while fits_not - fits > 1:
        middle = (fits + fits_not) // 2
        if measure(text[:middle] + "…") <= most:
            fits = middle
        else:
            fits_not = middle
    at_word = text.rfind(" ", fits * 2 // 3, fits)
    return text[: at_word if at_word > 0 else fits].rstrip() + "…"


def lines(text: str, most: int, measure: Callable[[str], int] = utf16) -> str:
    """As many whole lines as fit, and how many more there are; a first line that is too long is cut."""
    if measure(text) <= most:
        return text
    whole = text.split("\n")

    def shown(kept: int) -> str:
        return "\n".join([*whole[:kept], more(len(whole) - kept, "line")])

    kept = bisect_right(range(1, len(whole)), most, key=lambda kept: measure(shown(kept)))
    return shown(kept) if kept else cut(whole[0], most, measure)


def more(number: int, unit: str) -> str:
    """Such as `… and 3 more lines`, and where they are."""
    return MORE.replace("{} more", f"{number} more {unit}{'' if number == 1 else 's'}")

"""Public holidays by country and region, from the `holidays` library.

Their dates and names go into the pinned graph, so that an old decision replays, and is explained, whatever a newer
version of the library says.
"""

import warnings
from datetime import UTC, date, datetime

from service.settings.problems import did_you_mean, nearest

# Dates before this are nobody's deadline; events are taken ten years ahead at most.
FIRST_YEAR = 2020
YEARS_AHEAD = 11


class UnknownRegion(Exception):
    """The country or the subdivision (`key`) is none that the library knows."""

    def __init__(self, key: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.key, self.hint = key, hint


def public_holidays(country: str, subdivision: str | None) -> dict[date, str]:
    """The days off of a country, and of one of its regions, by name; raises UnknownRegion with the nearest code."""
    import holidays
    from holidays.registry import COUNTRIES

    names = {code: name for name, code, *_ in COUNTRIES.values()}
    if country not in names:
        words = {word: code for code, name in names.items() for word in (name, code)}
        near = words.get(nearest(country, words))
        message = f"`{country[:40]}` is no code of a country whose holidays are known"
        hint = f"did you mean `{near}` ({names[near]})?" if near else "write it as in `ES`"
        raise UnknownRegion("country", message, hint)
    regions = getattr(holidays, country).subdivisions
    if subdivision and subdivision not in regions:
        message = f"`{country}` has no subdivision `{subdivision[:40]}`"
        known = did_you_mean(subdivision, regions) or f"some are: {', '.join(regions[:12])}"
        raise UnknownRegion("subdivision", message, known)
    years = range(FIRST_YEAR, datetime.now(UTC).year + YEARS_AHEAD + 1)
    with warnings.catch_warnings():
        # Of some countries the library knows the dates of a few years only, and says so on stderr.
        warnings.simplefilter("ignore", UserWarning)
        # In English, as all our sentences are; where the library has no English the names are the country's own.
        return dict(holidays.country_holidays(country, subdivision, years, language="en_US"))

"""Time zones by name, from the list of this machine's tz database: a name is never used as a path."""

from functools import cache
from zoneinfo import available_timezones


@cache
def known_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def zone_of_city(text: str) -> str:
    """`Madrid` is found as `Europe/Madrid`; empty where there is no such city."""
    city = text.rpartition("/")[2].replace(" ", "_").casefold()
    return min((zone for zone in known_zones() if zone.casefold().endswith(f"/{city}")), default="")

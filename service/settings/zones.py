"""Time zones by name, from the list of this machine's tz database: a name is never used as a path."""

from functools import cache
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field

from service.settings.check import wrong
from service.settings.problems import nearest


@cache
def known_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _zone(value: str) -> str:
    if value in known_zones():
        return value
    near = nearest(value, known_zones()) or _by_city(value)
    hint = f"did you mean `{near}`?" if near else "write it as in Europe/Madrid"
    raise wrong(f"`{value[:60]}` is not a time zone", hint)


def _by_city(value: str) -> str:
    """`Madrid` is found as `Europe/Madrid`."""
    city = value.rpartition("/")[2].replace(" ", "_").casefold()
    return min((zone for zone in known_zones() if zone.casefold().endswith(f"/{city}")), default="")


TimeZone = Annotated[str, AfterValidator(_zone), Field(examples=["Europe/Madrid", "UTC"])]

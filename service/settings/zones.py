"""Time zones of the configuration, by the names that `core/zone_names.py` knows."""

from typing import Annotated

from pydantic import AfterValidator, Field

from service.core.zone_names import known_zones, zone_of_city
from service.settings.check import wrong
from service.settings.problems import nearest


def _zone(value: str) -> str:
    if value in known_zones():
        return value
    near = nearest(value, known_zones()) or zone_of_city(value)
    hint = f"did you mean `{near}`?" if near else "write it as in Europe/Madrid"
    raise wrong(f"`{value[:60]}` is not a time zone", hint)


TimeZone = Annotated[str, AfterValidator(_zone), Field(examples=["Europe/Madrid", "UTC"])]

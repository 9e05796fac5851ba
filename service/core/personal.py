"""What is certainly wrong in an event about a person, whoever people are: an id no recipient could name, somebody
who is to be their own manager, a time zone that is none, an address that is none. Refused at the door: what is taken
with a 202 and then left out is heard of by nobody.

What hangs on the other people, who may join in the next event, is left out later and named (`core/people.py`). Whether
a domain may be registered, `settings/mail_address.py` knows. Pure but for the names of zones, on the disk.
"""

import re
from collections.abc import Callable, Mapping

from service.core.errors import BadEvent
from service.core.events import EVENTS, PersonChanged, PersonLeft
from service.core.nearest import nearest
from service.core.payload import shape_of
from service.core.strict_json import pointer, quoted
from service.core.zone_names import known_zones, zone_of_city

# What a recipient of a policy begins with, but for `channel:`: `core/payload.py` refuses that of every event.
_KINDS = ("role:", "team:", "person:")
_PLAIN = r"[^\s@,;:<>()\[\]\\\"-][^\s@,;:<>()\[\]\\\"]*@[^\s@,;:<>()\[\]\\\"]+\.[^\s@,;:<>()\[\]\\\"]+"
_ADDRESS = re.compile(_PLAIN)
_WRAPPED = re.compile(rf"(?:mailto:|[^<>@]*<)({_PLAIN})>?")
_SIGNS = re.compile(r"[\W_]+")
_ABOUT_PEOPLE = ("person.", "preferences.")
_ADDRESS_CHARS_MAX = 254  # RFC 5321


def refuse_slips(event_type: str, data: Mapping[str, object]) -> None:
    """Raises BadEvent where a field of an event about a person is one of ours that is not there, written in another
    way: `managers` would be ignored, and somebody else hear of the miss. Whatever else an HR system adds is its own,
    as in any event: `manager_id` is no slip.
    """
    kind = EVENTS[event_type].data
    if kind is None or not event_type.startswith(_ABOUT_PEOPLE):
        return
    fields = shape_of(kind)
    missing = {_letters(field): field for field in fields if field not in data}
    for name in data:
        if name not in fields and (right := missing.get(_letters(name))):
            detail = f"{quoted(name)} is no field of {event_type}; did you mean {quoted(right)}?"
            raise BadEvent("unknown_field", detail, f"/data{pointer(name)}")


def _letters(name: str) -> str:
    """What is left of a field's name however it is written: `timeZones` and `time_zone` are one."""
    return _SIGNS.sub("", name.casefold()).removesuffix("s")


def refuse_wrong_person(data: PersonChanged | PersonLeft, id_of: Callable[[str], str]) -> None:
    """Raises BadEvent with the place. `id_of` has the id of an address that is known, and gives all else back."""
    _refuse_id(data.person, "person")
    if isinstance(data, PersonLeft):
        return
    for name in ("manager", "mentor"):
        above = getattr(data, name)
        if not isinstance(above, str):
            continue
        _refuse_id(above, name)
        if id_of(above) == id_of(data.person) or above == data.email:
            detail = f'{quoted(above)} cannot be their own {name}; name somebody else, or "none"'
            raise BadEvent("invalid_value", detail, f"/data/{name}")
    if isinstance(data.time_zone, str) and data.time_zone not in known_zones():
        city = zone_of_city(data.time_zone)
        near = nearest(data.time_zone, known_zones()) or (f"; did you mean {quoted(city)}?" if city else "")
        detail = f"{quoted(data.time_zone)} is not a time zone{near or '; write it as in Europe/Madrid'}"
        raise BadEvent("invalid_value", detail, "/data/time_zone")
    if isinstance(data.email, str) and not _is_address(data.email):
        inner = _WRAPPED.fullmatch(data.email)
        near = f"; did you mean {quoted(inner[1])}?" if inner else "; write one, as in ana@example.com"
        raise BadEvent("invalid_value", f"{quoted(data.email)} is not one plain address{near}", "/data/email")


def _refuse_id(who: str, name: str) -> None:
    """An id stands in recipients (`person:ana`) and in subjects (`inbox/ana`)."""
    kind = next((kind for kind in _KINDS if who.startswith(kind)), "")
    if kind == "person:":
        bare = who.removeprefix(kind)
        raise BadEvent("invalid_value", f"an id is bare here; did you mean {quoted(bare)}?", f"/data/{name}")
    if kind:
        detail = f"{quoted(who)} is a {kind[:-1]}; name a person here, as in ana"
        raise BadEvent("invalid_value", detail, f"/data/{name}")
    if "/" in who or any(char.isspace() for char in who):
        detail = f"{quoted(who)} is no id of a person: it holds a space or a slash; write it as in ana.ruiz"
        raise BadEvent("invalid_value", detail, f"/data/{name}")


def _is_address(text: str) -> bool:
    return len(text) <= _ADDRESS_CHARS_MAX and _ADDRESS.fullmatch(text) is not None

"""What is right in a policy that is wrong in part, so that its names and conditions are checked at the same time: an
author hears of all mistakes at once, not of the next ones when the first are mended.
"""

import copy
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from service.settings.document import Document, Path_
from service.settings.policy_model import MOMENTS, PolicyModel
from service.settings.problems import nearest
from service.settings.recipients import recipients

# What a place that must be filled is filled with: nothing that a check could object to.
_STAND_INS: dict[str, object] = {
    "policy": "stand-in",
    "at": "the moment",
    "notify": "owner",
    "template": "reminder",
    "every": "1 day",
    "times": 1,
}
# Mending one place may show another mistake behind it, but not for long.
_PASSES = 4


def rest_of(document: Document) -> PolicyModel | None:
    """The policy with stand-ins for what is wrong; None where too little of it can be read."""
    data: Any = copy.deepcopy(document.data)
    if not isinstance(data, dict):
        return None
    family = data.get("for")
    if not isinstance(family, str) or not (
        meant := family if family in MOMENTS else nearest(family, MOMENTS)
    ):
        return None
    data["for"] = meant
    for _ in range(_PASSES):
        try:
            return PolicyModel.model_validate(data)
        except ValidationError as error:
            for number, found in enumerate(error.errors(include_url=False, include_context=False)):
                _mend(data, found["loc"], number)
    return None


def _mend(data: Any, loc: Path_, number: int) -> None:
    """The value at `loc` taken out, or its stand-in put there."""
    here, key = data, loc[-1]
    for part in loc[:-1]:
        is_there = isinstance(here, dict) or (isinstance(here, list) and isinstance(part, int))
        here = here[part] if is_there else None
    if isinstance(here, list) and isinstance(key, int):
        here[key] = (
            {"on": ""} if loc[0] == "reactions" else {}
        )  # what is missing in it is filled in the next pass
    elif isinstance(here, dict) and key == "id":
        here[key] = f"stand-in-{number}"
    elif isinstance(here, dict) and key == "notify":
        here[key] = _known(here.get(key)) or _STAND_INS[key]
    elif isinstance(here, dict) and isinstance(key, str) and (key in _STAND_INS or key == "on"):
        here[key] = _STAND_INS.get(key, "")
    elif isinstance(here, dict):
        here.pop(key, None)


def _known(value: object) -> list[str]:
    """The recipients in a list of them that can be read."""
    names = next(iter(value.values()), []) if isinstance(value, Mapping) else value
    found: list[str] = []
    for name in names if isinstance(names, list) else []:
        try:
            found += recipients(name).names
        except PydanticCustomError:
            continue
    return list(dict.fromkeys(found))

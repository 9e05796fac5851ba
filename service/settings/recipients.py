"""Who, in words: `owner.manager`, `team:east`, `{first_of: [owner.mentor, owner.manager]}`.

Text in, core's Recipients out. Names are resolved when a step fires; here they are only read, and checked against the
directory at load.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from service.core.policy import Recipients
from service.settings.check import shown, wrong
from service.settings.problems import did_you_mean, nearest

FIXED = (
    "owner",
    "owner.manager",
    "owner.manager.manager",
    "owner.mentor",
    "team",
    "team.lead",
    "team.members",
    "everyone_told",
    "helpers",
    "event.from",
)
PREFIXES = ("person", "team", "role", "channel")
# More than a dozen groups in one step is a mailing list, not an escalation.
NAMES_MAX = 12


def _name(value: object) -> str:
    if not isinstance(value, str):
        found = ", and there is nothing" if value is None else f", not {shown(value)}"
        raise wrong(f"a recipient is a name{found}", "write it as in owner.manager or person:ana")
    if value in FIXED:
        return value
    prefix, separator, rest = value.partition(":")
    if separator and prefix in PREFIXES and rest:
        return value
    if separator:
        near = nearest(prefix, PREFIXES)
        raise wrong(
            f"`{value[:60]}` names nobody",
            f"did you mean `{near}:{rest}`?" if near and rest else _PREFIX_HINT,
        )
    near = nearest(value, FIXED)
    raise wrong(f"`{value[:60]}` names nobody", f"did you mean `{near}`?" if near else _PREFIX_HINT)


_PREFIX_HINT = "write it as in owner.manager, person:ana, team:east, role:ops or channel:wins"


def recipients(value: object) -> Recipients:
    """One name, a list of names, `{first_of: […]}` or `{all_of: […]}`."""
    if isinstance(value, Mapping):
        if len(value) != 1 or next(iter(value)) not in ("first_of", "all_of"):
            raise wrong(
                "a recipient is a name, a list, first_of or all_of",
                "write {first_of: [owner.mentor, owner.manager]}",
            )
        key, names = next(iter(value.items()))
        return Recipients(_names(names), first_only=key == "first_of")
    return Recipients(_names(value) if isinstance(value, list) else (_name(value),))


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise wrong("a list of recipients is expected", "write it as in [owner, owner.mentor]")
    if any(isinstance(item, Mapping) for item in value):
        raise wrong("first_of and all_of cannot stand inside a list", "use two steps")
    names = tuple(_name(item) for item in value)
    if len(names) > NAMES_MAX:
        raise wrong(f"more than {NAMES_MAX} recipients in one step", "use a team or a role")
    twice = next((name for name in names if names.count(name) > 1), "")
    if twice:
        raise wrong(f"`{twice}` is named twice", "keep one of them")
    return names


def plain(value: Recipients) -> str | list[str] | dict[str, list[str]]:
    """The shortest way to write these recipients; equal recipients are written equally."""
    if value.first_only:
        return {"first_of": list(value.names)}
    return value.names[0] if len(value.names) == 1 else list(value.names)


def _validated(value: object) -> Any:
    return plain(recipients(value))


_ONE = {
    "anyOf": [
        {"enum": list(FIXED)},
        {"type": "string", "pattern": "^(person|team|role|channel):.+$"},
    ]
}
_MANY = {"type": "array", "items": _ONE, "minItems": 1, "maxItems": NAMES_MAX}

Notify = Annotated[
    Any,
    BeforeValidator(_validated),
    Field(description="Who is told."),
    WithJsonSchema(
        {
            "anyOf": [
                *_ONE["anyOf"],
                _MANY,
                *(
                    {
                        "type": "object",
                        "properties": {k: _MANY},
                        "required": [k],
                        "additionalProperties": False,
                    }
                    for k in ("first_of", "all_of")
                ),
            ],
            "examples": ["owner", ["owner", "owner.mentor"], {"first_of": ["owner.mentor", "owner.manager"]}],
        }
    ),
]


def unknown_names(
    names: tuple[str, ...], people: Mapping[str, Any], teams: Mapping[str, Any], roles: set[str]
) -> Iterator[tuple[str, str]]:
    """The message and hint for every name that the directory does not have; channels are checked elsewhere."""
    known = {"person": set(people), "team": set(teams), "role": roles}
    for name in names:
        prefix, separator, rest = name.partition(":")
        if separator and prefix in known and rest not in known[prefix]:
            yield f"there is no {prefix} `{rest}`", did_you_mean(rest, known[prefix])

"""How a recipient was found: the way through the directory from a policy's word to a person, in words. Pure.

Who is found says `recipients.py` alone; here is only why it is them.
"""

from service.core.directory import MANAGER_DEPTH_MAX, Directory
from service.core.model import Commitment
from service.core.policy import Recipients
from service.core.recipients import EVENT_FROM, resolve


def route(notify: Recipients, to: str, state: Commitment, directory: Directory) -> str:
    """`owner.manager: ana → dana`; empty when these words do not lead to `to` today."""
    passed: list[str] = []
    for name in notify.names:
        found = resolve(Recipients((name,)), state, directory)
        if to in found:
            nobody = f"{' and '.join(passed)} had nobody, so " if passed and notify.first_only else ""
            return f"{nobody}{name}: {_way(name, to, state, directory)}"
        if found and notify.first_only:
            return ""
        passed.append(name)
    return f"{EVENT_FROM}: {to} did what this answers" if EVENT_FROM in notify.names else ""


def _way(name: str, to: str, state: Commitment, directory: Directory) -> str:
    kind, _, rest = name.partition(":")
    team = rest or _team_of(state, directory)
    match kind:
        case "person" | "channel":
            return f"{to}, by name"
        case "role":
            return f"role {rest} → {to}"
        case "team" | "team.members":
            return f"team {team} → {to}"
        case "team.lead":
            lead = directory.teams[team].lead
            higher = f" → {_managers(lead, to, directory)}" if lead != to else f" → {to}"
            return f"team {team}{higher}"
        case "everyone_told":
            return f"{to} was told of it before"
        case "helpers":
            return f"{to} is named as a helper"
        case _:
            return _around_owner(name, to, state.owner, directory)


def _around_owner(name: str, to: str, owner: str, directory: Directory) -> str:
    """Each level of `owner.manager.manager` with whoever was passed over on the way."""
    person, way = owner, owner
    words = name.split(".")[1:]
    for number in range(1, len(words) + 1):
        level = Recipients((".".join(("owner", *words[:number])),))
        [higher] = resolve(level, Commitment(owner=owner), directory) or [to]
        mentored = words[number - 1] == "mentor"
        way = f"{way} → {higher}" if mentored else f"{way}{_steps(person, higher, directory)}"
        person = higher
    return way


def _managers(person: str, to: str, directory: Directory) -> str:
    return f"{person}{_steps(person, to, directory)}"


def _steps(person: str, to: str, directory: Directory) -> str:
    """From a person up to a manager, those in between with why it is not them."""
    said, at = "", person
    for _ in range(MANAGER_DEPTH_MAX):
        record = directory.people.get(at)
        at = record.manager if record else ""
        if not at or at == to:
            break
        known = directory.people.get(at)
        why = (
            "not in the directory"
            if known is None
            else "not active"
            if not known.active
            else "told as another level"
        )
        said += f" → ({at}: {why})"
    return f"{said} → {to}"


def _team_of(state: Commitment, directory: Directory) -> str:
    owner = directory.people.get(state.owner)
    return state.team or (owner.teams[0] if owner and owner.teams else "")

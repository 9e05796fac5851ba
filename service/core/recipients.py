"""Who: from the words of a policy to people and channels, by the directory as it is when the step fires."""

from collections.abc import Collection

from service.core.directory import MANAGER_DEPTH_MAX, Directory
from service.core.model import Commitment
from service.core.policy import Recipients

# Whoever caused the event: only a reaction has one.
EVENT_FROM = "event.from"


def resolve(recipients: Recipients, state: Commitment, directory: Directory, by: str = "") -> list[str]:
    """Person ids and `channel:<name>`s, each once, in the policy's order; empty when nobody is there. `by` is who
    caused the event that is reacted to, and is not told of it as one of many who know."""
    found: list[str] = []
    for name in recipients.names:
        to_all = [by] if name == EVENT_FROM else _one(name, state, directory)
        reached = [to for to in to_all if _is_reachable(to, directory)]
        reached = [to for to in reached if to != by] if name == "everyone_told" else reached
        found.extend(to for to in reached if to not in found)
        if found and recipients.first_only:
            break
    return found


def manager_of(person: str, directory: Directory, avoid: frozenset[str] = frozenset()) -> str:
    """The nearest active manager above `person` who is not in `avoid`; "" at the top, in a loop or past depth 10."""
    seen = {person}
    at = person
    for _ in range(MANAGER_DEPTH_MAX):
        record = directory.people.get(at)
        at = record.manager if record else ""
        if not at or at in seen:
            return ""
        seen.add(at)
        if at not in avoid and _is_reachable(at, directory):
            return at
    return ""


def is_of_teams(state: Commitment, teams: Collection[str], directory: Directory) -> bool:
    """Whether the commitment is one of these teams': by the team it names, else by any of its owner's. A name that a
    sender made up is no team."""
    if state.team in directory.teams:
        return state.team in teams
    owner = directory.people.get(state.owner)
    return owner is not None and any(team in teams for team in owner.teams)


def _is_reachable(to: str, directory: Directory) -> bool:
    if to.startswith("channel:"):
        return True
    person = directory.people.get(to)
    return person is not None and person.active


def _one(name: str, state: Commitment, directory: Directory) -> list[str]:
    kind, _, rest = name.partition(":")
    match kind:
        case "person":
            return [rest]
        case "role":
            return list(directory.with_role(rest))
        case "channel":
            return [name]
        case "team" | "team.lead" | "team.members":
            return _team(kind, rest or _team_of(state, directory), state, directory)
        case "everyone_told":
            return [told.to for told in state.told]
        case "helpers":  # as the sender names them, so they must be people of ours
            return [one for one in (state.deal.helpers if state.deal else ()) if one in directory.people]
        case _:
            return _around_owner(name, state.owner, directory)


def _team_of(state: Commitment, directory: Directory) -> str:
    """The commitment's team; where it names none, its owner's first."""
    owner = directory.people.get(state.owner)
    return state.team or (owner.teams[0] if owner and owner.teams else "")


def _team(kind: str, team_id: str, state: Commitment, directory: Directory) -> list[str]:
    team = directory.teams.get(team_id)
    if team is None:
        return []
    if kind == "team.lead":
        # Nobody hears of their own miss as if they were above it: then it is the lead's manager's turn.
        return [manager_of(team.lead, directory) if team.lead == state.owner else team.lead]
    if kind == "team" and team.channels:
        return [f"channel:{channel}" for channel in team.channels]
    return list(directory.members(team_id))


def _around_owner(name: str, owner: str, directory: Directory) -> list[str]:
    """`owner`, `owner.mentor`, `owner.manager`, `owner.manager.manager`; a level never lands on one below it."""
    person, below = owner, {owner}
    for word in name.split(".")[1:]:
        record = directory.people.get(person)
        if word == "mentor":
            person = record.mentor if record else ""
        else:
            person = manager_of(person, directory, frozenset(below))
        if not person:
            return []
        below.add(person)
    return [person]

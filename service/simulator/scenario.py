"""Scenario files read: every time made an instant, every problem at its line. `play.py` plays them.

The people and policies of a scenario go through the real loader of configurations, so a test cannot be looser than
the service. The format is `scenario_model.py`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import inspect as shapes

from service.core.events import EVENTS
from service.core.planning import first_cycle
from service.core.view import iso
from service.settings.check import check
from service.settings.document import Document, Path_
from service.settings.problems import ConfigError, Report
from service.settings.yaml_reader import read
from service.simulator import instants
from service.simulator.instants import BadInstant
from service.simulator.judge import Expected, ExpectedSilence, Never
from service.simulator.refusal import Refusal
from service.simulator.scenario_model import Entry, Given, RefusedEntry, ScenarioModel, ThenEntry

FALLBACK_ROLE = "ops"  # whoever is told when nobody else can be; there is one in every scenario


@dataclass(frozen=True)
class Happening:
    """At `at`: one event arrives, or nothing runs until `down_until`, or channels refuse, or the
    clock goes back, or the configuration is another from now on."""

    at: datetime
    event: dict[str, object] | None = None
    down_until: datetime | None = None
    refusal: Refusal | None = None
    set_back_to: datetime | None = None
    zone_rules: Mapping[str, str] | None = None  # a zone, and the one whose rules it has from now on
    people: Mapping[str, Mapping[str, object]] | None = None
    calendars: Mapping[str, Mapping[str, object]] | None = None
    cadences: Mapping[str, Mapping[str, object]] | None = None
    policies: Sequence[str | dict[str, Any]] | None = None
    is_applied: bool = False  # what is open follows the new policies at once

    @property
    def is_change(self) -> bool:
        return any(one is not None for one in (self.people, self.calendars, self.cadences, self.policies))


@dataclass(frozen=True)
class Scenario:
    """One promise, ready to be played at any depth."""

    promise: str
    place: str  # file:line
    now: datetime
    zone: ZoneInfo
    given: Given
    policy_folders: tuple[Path, ...]
    script: tuple[Happening, ...]
    then: tuple[Expected, ...]
    silent: tuple[ExpectedSilence, ...]
    never: tuple[Never, ...]
    until: datetime | None

    def write_config(self, folder: Path, changes: Sequence[Happening] = ()) -> None:
        """The scenario's world as a configuration folder; `changes` are what became different later, in order."""
        people = {name: _given(person) for name, person in self.given.people.items()}
        cadences: Mapping[str, Mapping[str, object]] = self.given.cadences
        policies: Sequence[str | dict[str, Any]] = _policies(self.given)
        calendars = {name: _given(calendar) for name, calendar in self.given.calendars.items()}
        for change in changes:
            calendars |= {name: dict(calendar) for name, calendar in (change.calendars or {}).items()}
            policies = policies if change.policies is None else change.policies
            cadences = cadences if change.cadences is None else change.cadences
            for changed_id, changed in (change.people or {}).items():
                people[changed_id] = {**people.get(changed_id, {}), **changed}
        if self.given.fallback_contact is None and not any(
            FALLBACK_ROLE in _list(person.get("roles")) for person in people.values()
        ):
            people["ops"] = {**people.get("ops", {}), "roles": [FALLBACK_ROLE]}
        teams = {name: _given(unit) for name, unit in self.given.teams.items()}
        for team in {str(one) for person in people.values() for one in _list(person.get("teams"))}:
            teams.setdefault(team, {})
        directory = {
            "people": [
                {"id": name, "name": name, "email": f"{name}@example.com", **person}
                for name, person in people.items()
            ],
            "teams": [{"id": name, "name": name, **unit} for name, unit in sorted(teams.items())],
        }
        service = {
            "time_zone": self.zone.key,
            "fallback_contact": self.given.fallback_contact or f"role:{FALLBACK_ROLE}",
        }
        files: dict[str, object] = {
            "followthrough.yaml": service,
            "directory.yaml": directory,
            "calendars.yaml": calendars,
            "cadences.yaml": cadences,
            "channels.yaml": self.given.channels,
            **{f"integrations/{name}.yaml": one for name, one in self.given.integrations.items()},
        }
        (folder / "integrations").mkdir(exist_ok=True)
        for file, content in files.items():
            (folder / file).write_text(json.dumps(content, indent=1))
        self._write_policies(folder / "policies", policies)

    def _write_policies(self, folder: Path, policies: Sequence[str | dict[str, Any]]) -> None:
        folder.mkdir(exist_ok=True)
        for index, policy in enumerate(policies):
            if isinstance(policy, str):
                found = _policy_file(policy, self.policy_folders)
                assert found is not None, "reading the scenario has checked it"
                text = found.read_text()
            else:
                text = json.dumps(policy, indent=1)
            # Numbered: policies that match together speak in the order they are listed here.
            (folder / f"{index:02}.yaml").write_text(text)


def read_scenarios(path: Path, policy_folders: Sequence[Path]) -> list[Scenario]:
    """The scenarios of a file; ConfigError carries everything wrong in it. `policy_folders` are searched in order."""
    report = Report()
    document = read(path, str(path), report)
    report.raise_errors()
    if not isinstance(document.data, list):
        document.error((), "a list of scenarios is expected", "begin each with `- promise: …`")
    report.raise_errors()
    assert isinstance(document.data, list)
    found = [_scenario(document, index, tuple(policy_folders)) for index in range(len(document.data))]
    report.raise_errors()
    return [scenario for scenario in found if scenario is not None]


def _scenario(document: Document, index: int, folders: tuple[Path, ...]) -> Scenario | None:
    model = check(document, ScenarioModel, (index,))
    if model is None:
        return None
    _check_end(document, index, model)
    try:
        now, zone = instants.now_of(model.given.now)
    except BadInstant as error:
        document.error((index, "given", "now"), str(error), error.hint)
        return None
    times = _Times(document, index, now, zone)
    for path, policy in _named_policies(model):
        if _policy_file(policy, folders) is None:
            document.error((index, *path), f"there is no policy `{policy}`", "name a file of policies/")
    return Scenario(
        promise=model.promise,
        place=f"{document.file}:{document.mark((index,)).line}",
        now=now,
        zone=zone,
        given=model.given,
        policy_folders=folders,
        script=tuple(times.happening(number, entry) for number, entry in enumerate(model.when)),
        then=tuple(times.expected(number, entry) for number, entry in enumerate(model.then)),
        silent=tuple(
            ExpectedSilence(
                entry.code,
                times.at(("silent", number, "at"), entry.at) if entry.at else None,
                entry.contains,
                times.span(("silent", number, "within"), entry.within),
            )
            for number, entry in enumerate(model.silent)
        ),
        never=tuple(
            Never(
                entry.to,
                entry.template,
                entry.policy,
                entry.step,
                times.at(("never", number, "after"), entry.after) if entry.after else None,
                times.at(("never", number, "before"), entry.before) if entry.before else None,
            )
            for number, entry in enumerate(model.never)
        ),
        until=times.at(("until",), model.until) if model.until else None,
    )


def _check_end(document: Document, index: int, model: ScenarioModel) -> None:
    """A series of check-ins never ends by itself."""
    if model.until is None and (model.given.cadences or any(entry.cadences for entry in model.when)):
        document.error((index,), "check-ins go on for ever", "say where the story ends, as in `until: +2w`")


class _Times:
    """Text to instants, each problem reported where it stands."""

    def __init__(self, document: Document, index: int, now: datetime, zone: ZoneInfo) -> None:
        self._document, self._index, self._now, self._zone = document, index, now, zone

    def at(self, path: Path_, text: object, base: datetime | None = None) -> datetime:
        try:
            return instants.instant(text, base or self._now, self._zone)
        except BadInstant as error:
            self._document.error((self._index, *path), str(error), error.hint)
            return self._now

    def span(self, path: Path_, text: str | None) -> timedelta:
        return timedelta() if text is None else self._down_until(path, self._now, text) - self._now

    def expected(self, number: int, entry: ThenEntry) -> Expected:
        path: Path_ = ("then", number)
        fields = entry.model_dump(exclude={"at", "within", "contains"})
        within = self.span((*path, "within"), entry.within)
        at = self.at((*path, "at"), entry.at)
        return Expected(at=at, within=within, contains=tuple(entry.contains), **fields)

    def happening(self, number: int, entry: Entry) -> Happening:
        path: Path_ = ("when", number)
        at = self.at((*path, "at"), entry.at)
        changes = (entry.people, entry.calendars, entry.cadences, entry.policies, entry.zone_rules)
        given = (entry.event, entry.outage, entry.refused, entry.set_back, *changes)
        if sum(one is not None for one in given) != 1:
            changed = "people, calendars, cadences, policies or zone rules"
            kinds = f"one event, outage, refusal or clock set back, or one change of {changed}"
            self._document.error((self._index, *path), f"an entry is {kinds}")
        if entry.apply and entry.policies is None:
            self._document.error((self._index, *path, "apply"), "`apply` stands beside `policies`")
        if entry.outage is not None:
            return Happening(at, down_until=self._down_until((*path, "outage"), at, entry.outage))
        if entry.refused is not None:
            return Happening(at, refusal=self._refusal((*path, "refused"), at, entry.refused))
        if entry.set_back is not None:
            return Happening(at, set_back_to=at - self.span((*path, "set_back"), entry.set_back))
        if entry.zone_rules is not None:
            return Happening(at, zone_rules=entry.zone_rules)
        if entry.people is not None:
            return Happening(at, people={name: _given(person) for name, person in entry.people.items()})
        if entry.calendars is not None:
            return Happening(at, calendars={name: _given(one) for name, one in entry.calendars.items()})
        if entry.cadences is not None:
            return Happening(at, cadences=entry.cadences)
        if entry.policies is not None:
            return Happening(at, policies=entry.policies, is_applied=entry.apply)
        return Happening(at, event=self._event(number, entry, at))

    def _refusal(self, path: Path_, at: datetime, given: str | RefusedEntry) -> Refusal:
        if isinstance(given, str):
            return Refusal(self._down_until(path, at, given))
        return Refusal(self._down_until((*path, "for"), at, given.span), given.channel, given.how)

    def _down_until(self, path: Path_, at: datetime, text: str) -> datetime:
        try:
            return instants.shifted(at, instants.duration(text), self._zone)
        except BadInstant as error:
            self._document.error((self._index, *path), str(error), error.hint)
            return at

    def _event(self, number: int, entry: Entry, at: datetime) -> dict[str, object]:
        """The CloudEvent of an entry; its instants count from its `time`, as `emit` counts them, and `as_of: 1` is the
        first cycle of what is made on the scenario's first day."""
        path: Path_ = ("when", number)
        time = self.at((*path, "time"), entry.time) if entry.time else at
        data: dict[str, Any] = {**(entry.model_extra or {}), **entry.data}
        if entry.event in ("deadline.set", "deal.created"):
            data.setdefault("title", str(data.get("commitment_id") or data.get("deal_id", "")))
        for name, kind in _time_fields(entry.event or "").items():
            if isinstance(data.get(name), str):
                data[name] = self._value((*path, name), data[name], time, kind)
        if isinstance(data.get("as_of"), int):
            data["as_of"] += first_cycle(self._now) - 1
        event = {
            "specversion": "1.0",
            "id": entry.id or f"event-{number}",
            "source": entry.source,
            "type": entry.event,
            "time": iso(time),
            "data": data,
        }
        return event | ({"import": True} if entry.import_ else {})

    def _value(self, path: Path_, text: str, base: datetime, kind: str) -> str | None:
        if kind == "instant":
            return iso(self.at(path, text, base))
        try:
            return instants.day(text, base, self._zone).isoformat()
        except BadInstant as error:
            self._document.error((self._index, *path), str(error), error.hint)
            return None


def _time_fields(event_type: str) -> dict[str, str]:
    """The fields of an event that hold an instant or a date."""
    kind = EVENTS.get(event_type)
    if kind is None or kind.data is None:
        return {}
    found: dict[str, str] = {}
    described = shapes.type_info(kind.data)
    assert isinstance(described, shapes.StructType)
    for one in described.fields:
        options = one.type.types if isinstance(one.type, shapes.UnionType) else (one.type,)
        if any(isinstance(option, shapes.DateTimeType) for option in options):
            found[one.encode_name] = "instant"
        elif any(isinstance(option, shapes.DateType) for option in options):
            found[one.encode_name] = "date"
    return found


def _given(model: Any) -> dict[str, object]:
    plain: dict[str, object] = model.model_dump(mode="json", by_alias=True, exclude_none=True)
    return plain


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _policies(given: Given) -> list[str | dict[str, Any]]:
    return [*([given.policy] if given.policy is not None else []), *given.policies]


def _named_policies(model: ScenarioModel) -> Iterator[tuple[Path_, str]]:
    """Every policy that is named and not written out, and where."""
    of_given = ("given", "policy") if model.given.policy else ("given", "policies")
    lists: list[tuple[Path_, Sequence[str | dict[str, Any]]]] = [(of_given, _policies(model.given))]
    lists += [(("when", number, "policies"), entry.policies or ()) for number, entry in enumerate(model.when)]
    for path, policies in lists:
        for number, policy in enumerate(policies):
            if isinstance(policy, str):
                yield (path if path[-1] == "policy" else (*path, number)), policy


def _policy_file(name: str, folders: Sequence[Path]) -> Path | None:
    return next((found for folder in folders if (found := folder / f"{name}.yaml").is_file()), None)


__all__ = ["ConfigError", "Happening", "Scenario", "read_scenarios"]

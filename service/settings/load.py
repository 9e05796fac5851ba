"""The folder `config/` as Settings: everything read, checked together, all problems at once.

The only place that knows which files there are. Must not open a connection: a configuration that loads here may
still name a server that is down, and `doctor` says so.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from service.core.calendar import Hours
from service.core.directory import Directory
from service.core.policy import PolicyBook
from service.settings import channels as channels_file
from service.settings import service as service_file
from service.settings.address_book import build_book
from service.settings.cadences import read_cadences, series_of
from service.settings.calendars import read_calendars
from service.settings.channels import ChannelSettings, EmailChannel, read_channels
from service.settings.check import check, wrong
from service.settings.document import Document
from service.settings.environment import expand, override, refuse_references
from service.settings.graph import build_graph, pin_graph
from service.settings.hooks import SlackWebhookChannel, TeamsWebhookChannel
from service.settings.integrations import read_integrations
from service.settings.model import Settings
from service.settings.people import DirectoryModel
from service.settings.people_csv import people_file, put_people
from service.settings.policies import compile_policy, pin
from service.settings.policy_checks import Surroundings, check_policy, check_recipient
from service.settings.policy_model import PolicyModel
from service.settings.policy_rest import rest_of
from service.settings.problems import ConfigError, Problem, Report, did_you_mean
from service.settings.recipients import recipients
from service.settings.service import ServiceSettings, is_open_door, leads_elsewhere
from service.settings.slack import SlackChannel
from service.settings.yaml_reader import read

# Templates of the contract (design: "Templates shipped"); messages passes what it really has.
SHIPPED_TEMPLATES = frozenset(
    {
        *(
            "reminder",
            "missed",
            "offer_help",
            "escalated",
            "resolved",
            "replanned",
            "kept",
            "deal_won",
            "deal_stalled",
            "milestone",
        ),
        *("kudos", "checkin_ask", "checkin_missed", "digest", "unroutable", "acknowledged", "policy_broken"),
    }
)
FILES = ("followthrough.yaml", "channels.yaml", "directory.yaml", "calendars.yaml", "cadences.yaml")


def load(
    config_dir: Path, env: Mapping[str, str], template_names: Collection[str] = SHIPPED_TEMPLATES
) -> Settings:
    """The settings, with their warnings; ConfigError carries every error of every file.

    `env` is the environment (`${VAR}` and overrides), `template_names` what a step's `template` may name.
    """
    settings, report = examine(config_dir, env, template_names)
    report.raise_errors()
    assert settings is not None
    return settings


def examine(
    config_dir: Path, env: Mapping[str, str], template_names: Collection[str] = SHIPPED_TEMPLATES
) -> tuple[Settings | None, Report]:
    """What `validate` prints: every error and warning, and the settings when there is no error."""
    folder = _Folder(config_dir, Report())
    if not config_dir.is_dir():
        hint = "name another with --config; the one that ships with the project is a start"
        folder.report.errors.append(Problem(str(config_dir), 0, 0, "there is no such folder", hint))
        return None, folder.report
    folder.look_around()
    settings = _examine(folder, env, template_names)
    return (None if folder.report.errors else settings), folder.report


class _Folder:
    """The files of one configuration and the report about them."""

    def __init__(self, path: Path, report: Report) -> None:
        self.path, self.report = path, report

    def read(self, name: str, *, optional: bool = True, shown_keys: frozenset[str] | None = None) -> Document:
        shown = str(self.path / name)
        if optional and not (self.path / name).exists() and not (self.path / name).is_symlink():
            return Document(shown, None, self.report, shown_keys=shown_keys)
        return read(self.path / name, shown, self.report, shown_keys=shown_keys)

    def policies(self) -> list[str]:
        folder = self.path / "policies"
        return sorted(f"policies/{found.name}" for found in folder.glob("*.yaml")) if folder.is_dir() else []

    def look_around(self) -> None:
        """Files that look like ours and are not read: a slip in a name must not switch a policy off silently."""
        for found in sorted(self.path.iterdir()):
            if found.suffix in (".yaml", ".yml") and found.name not in FILES:
                hint = did_you_mean(found.name, FILES)
                self._say(self.report.warnings, found, "is not read", hint)
        for found in sorted((self.path / "policies").glob("*.yml")):
            self._say(self.report.errors, found, "is not read", f"name it {found.stem}.yaml")

    @staticmethod
    def _say(where: list[Problem], found: Path, message: str, hint: str = "") -> None:
        where.append(Problem(str(found), 0, 0, message, hint))


def _examine(folder: _Folder, env: Mapping[str, str], template_names: Collection[str]) -> Settings | None:
    service_document = folder.read("followthrough.yaml", shown_keys=service_file.SHOWN_KEYS)
    service = _service(service_document, env, folder.path)
    zone = service.time_zone if service else "UTC"
    channels_document = folder.read("channels.yaml", shown_keys=channels_file.SHOWN_KEYS)
    channels = read_channels(channels_document, expand(channels_document, env, folder.path))
    integrations = read_integrations(folder.path, folder.report, env, service)
    calendars_document = folder.read("calendars.yaml")
    refuse_references(calendars_document)
    calendars = read_calendars(calendars_document)

    people_document = folder.read("directory.yaml", optional=False)
    refuse_references(people_document)
    people_path = people_file(people_document, folder.path)
    if people_path is not None:
        put_people(people_document, people_path)
    people = check(people_document, DirectoryModel) if people_document.data is not None else None
    if people is None:
        if not folder.report.errors:
            people_document.error(
                (), "there is nobody in it", "people: [{id: ana, name: Ana Ruiz, email: …}]"
            )
        people, graph = None, Directory({}, {}, calendars.hours)
    else:
        if any(problem.file == calendars_document.file for problem in folder.report.errors):
            calendars = calendars._replace(
                hours=_named(people) | calendars.hours
            )  # nobody is told twice that theirs cannot be read
        graph = build_graph(people_document, people, calendars, channels, zone)
        _check_domains(people_document, people, channels)
        _check_shared(people_document, people, channels)
        _check_places(people_document, people, channels)

    cadences_document = folder.read("cadences.yaml")
    refuse_references(cadences_document)
    cadences = read_cadences(cadences_document, graph) if people else ()
    all_of_slack = {name for name, channel in channels.items() if isinstance(channel, SlackChannel)}
    around = Surroundings(graph, set(channels), template_names, all_of_slack) if people else None
    if around and service:
        _check_fallback(service_document, service, around)
    live, pinned = _policies(folder, around)
    if service is None or people is None:
        return None
    return Settings(
        service=service,
        channels=channels,
        graph=graph,
        book=build_book(people, zone),
        policies=live,
        warnings=folder.report.quiet_warnings(),
        series=series_of(cadences, graph),
        cadences=cadences,
        pinned_policies=pinned,
        pinned_graph=pin_graph(graph),
        people_file=people_path,
        integrations=integrations,
    )


def _named(people: DirectoryModel) -> dict[str, Hours]:
    """The calendars that people and teams name, whatever is in them."""
    named = [*(person.calendar for person in people.people), *(team.calendar for team in people.teams)]
    return {name: Hours() for name in named if name}


def _service(document: Document, env: Mapping[str, str], folder: Path) -> ServiceSettings | None:
    data: Any = expand(document, env, folder)
    if data is None:
        data = {}
    if isinstance(data, dict):
        override(document, data, env, service_file.PATHS)
    service = check(document, ServiceSettings, (), data)
    if service and is_open_door(service.web.host, service.api_keys):
        document.error(
            ("web", "listen"),
            f"without api_keys it listens on this machine only, not on {service.web.listen}",
            "add api_keys, or listen on 127.0.0.1",
        )
    elif service and (other := leads_elsewhere(service.web)):
        is_said = document.get(("web", "public_url")) is not None
        document.warn(
            ("web", "public_url" if is_said else "listen"),
            f"links in messages begin with {service.web.public_url}, and it listens on {service.web.listen}",
            f"set web.public_url to {other}, or to where people reach it",
        )
    return service


def _check_domains(
    document: Document, people: DirectoryModel, channels: Mapping[str, ChannelSettings]
) -> None:
    """A person whose address no mail channel may write to is found here, not at the first missed promise."""
    for name, channel in channels.items():
        if not isinstance(channel, EmailChannel) or not channel.domains:
            continue
        allowed = {domain.lower() for domain in channel.domains}
        for index, person in enumerate(people.people):
            domain = (person.email or "").rpartition("@")[2]
            if name in person.channels and domain and domain not in allowed:
                message = f"channel `{name}` may not write to {domain}"
                document.error(
                    ("people", index, "email"), message, f"its domains are {', '.join(sorted(allowed))}"
                )


def _check_shared(
    document: Document, people: DirectoryModel, channels: Mapping[str, ChannelSettings]
) -> None:
    """The buttons of a message act as whoever it is for: they do not belong where several people read them."""
    first: dict[str, str] = {}
    for index, person in enumerate(people.people):
        for place, name in enumerate(person.channels):
            if not isinstance(channels.get(name), SlackWebhookChannel | TeamsWebhookChannel):
                continue
            other = first.setdefault(name, person.id)
            if other != person.id:
                document.warn(
                    ("people", index, "channels", place),
                    f"`{name}` is one place in chat, and `{other}` is told there too: each could answer for the other",
                    "name it in `channels` of their team, or give each person a channel of their own",
                )


def _check_places(
    document: Document, people: DirectoryModel, channels: Mapping[str, ChannelSettings]
) -> None:
    """A team is no member of Slack: it needs a place there."""
    for index, team in enumerate(people.teams):
        for number, name in enumerate(team.channels):
            if isinstance(channels.get(name), SlackChannel):
                path = ("teams", index, "channels", number)
                document.error(
                    path, f"`{name}` is all of Slack, and a team needs a place in it", f"write `{name}:#wins`"
                )


def _check_fallback(document: Document, service: ServiceSettings, around: Surroundings) -> None:
    path = ("fallback_contact",)
    try:
        names = recipients(service.fallback_contact).names
    except type(wrong("")) as error:
        context = error.context or {}
        document.error(path, f"`fallback_contact`: {context['message']}", context["hint"])
        return
    for name in names:
        if ":" not in name:
            hint = "write it as in role:ops or person:ana"
            document.error(path, f"`fallback_contact`: `{name}` is nobody when there is nobody", hint)
        check_recipient(document, path, name, around)


def _policies(folder: _Folder, around: Surroundings | None) -> tuple[PolicyBook, dict[str, bytes]]:
    live, pinned = [], {}
    files: dict[str, str] = {}
    names = folder.policies()
    for name in names:
        document = folder.read(name)
        refuse_references(document)
        model = _policy(document, around)
        if model is None:
            continue
        other = files.setdefault(model.policy, name)
        if other != name:
            document.error(
                ("policy",), f"`{model.policy}` is the name of {other} as well", "give each its own name"
            )
        if folder.report.errors:
            continue
        content_hash, kept = pin(model, file=name, lines=_lines(document, model))
        live.append(compile_policy(kept, content_hash))
        pinned[content_hash] = kept
    if not names:
        place, is_there = folder.path / "policies", (folder.path / "policies").is_dir()
        said = "no policy" if is_there else "there is no such folder, so there is no policy"
        hint = (
            ""
            if is_there
            else "policies stand there, one a file; those that ship with the project are a start"
        )
        folder.report.warnings.append(Problem(str(place), 0, 0, f"{said}: nobody is told anything", hint))
    return PolicyBook(tuple(live), {policy.hash: policy for policy in live}), pinned


def _policy(document: Document, around: Surroundings | None) -> PolicyModel | None:
    if document.data is None:
        if not any(problem.file == document.file for problem in document.report.errors):
            document.error((), "is empty", "delete it, or write a policy")
        return None
    model = check(document, PolicyModel)
    readable = model or rest_of(document)
    if readable and around:
        check_policy(document, readable, around)
    return model


def _lines(document: Document, model: PolicyModel) -> dict[str, list[int]]:
    return {
        "steps": [document.mark(("steps", i)).line for i in range(len(model.steps))],
        "reactions": [document.mark(("reactions", i)).line for i in range(len(model.reactions))],
    }


__all__ = ["ConfigError", "Settings", "examine", "load"]

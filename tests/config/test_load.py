"""A configuration as a whole: what is read, what the environment says, what is only warned of, what is never shown."""

import os
import shutil
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from service.core.model import Absence
from service.settings.channels import CaughtChannel, EmailChannel
from service.settings.graph import compile_graph
from service.settings.load import examine, load
from service.settings.problems import ConfigError, Problem

GOOD = Path(__file__).parent / "good"
SHIPPED = Path(__file__).parents[2] / "config"
STEP = "policy: p\nfor: deadline\nsteps:\n  - {id: a, at: the moment, notify: owner}\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOOD, tmp_path / "config"))


def errors(config: Path, env: dict[str, str] | None = None) -> list[Problem]:
    return examine(config, env or {})[1].errors


def warnings(config: Path, env: dict[str, str] | None = None) -> list[str]:
    settings = load(config, env or {})
    return [f"{Path(w.file).name}: {w.message}" for w in settings.warnings]


def test_shipped_configuration_works_without_an_account() -> None:
    settings = load(SHIPPED, {})

    assert settings.warnings == []
    assert len(settings.graph.people) == 6
    assert [policy.name for policy in settings.policies.live] == [
        *(
            "checkins",
            "deadline-follow-through",
            "deal-close",
            "deal-next-step",
            "deal-stalled",
            "deal-wins",
            "first-day",
            "goals",
        )
    ]
    assert all(isinstance(channel, CaughtChannel) for channel in settings.channels.values())
    assert set(settings.pinned_policies) == set(settings.policies.by_hash)


def test_all_problems_of_all_files_come_at_once(config: Path) -> None:
    (config / "followthrough.yaml").write_text("data_dri: x\n")
    (config / "calendars.yaml").write_text("default: {hours: {mon: 9 to 5}}\nspain: {}\n")
    (config / "policies/a.yaml").write_text("policy: a\nfor: deadline\nstep: []\n")
    (config / "policies/b.yaml").write_text("policy: b\nfor: gaol\n")

    found = {Path(problem.file).name for problem in errors(config)}

    assert found == {"followthrough.yaml", "calendars.yaml", "a.yaml", "b.yaml"}


def test_missing_folder_and_missing_people_are_said(tmp_path: Path, config: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such folder"):
        load(tmp_path / "nowhere", {})
    (config / "directory.yaml").unlink()
    assert [problem.message for problem in errors(config)] == ["cannot be read: No such file or directory"]


def test_calendars_channels_and_service_files_may_be_missing(config: Path) -> None:
    for name in ("calendars.yaml", "channels.yaml", "followthrough.yaml"):
        (config / name).unlink()
    people = (config / "directory.yaml").read_text().replace(", calendar: spain", "")
    (config / "directory.yaml").write_text(people)

    assert "directory.yaml: channel `wins` is not in channels.yaml, so its messages are caught" in warnings(
        config
    )
    assert load(config, {}).service.web.port == 8080


def test_two_policies_of_one_name_are_refused(config: Path) -> None:
    for name in ("a", "b"):
        (config / f"policies/{name}.yaml").write_text(STEP)
    assert [problem.message for problem in errors(config)] == ["`p` is the name of policies/a.yaml as well"]


def test_policy_that_would_not_be_read_is_an_error(config: Path) -> None:
    (config / "policies/a.yml").write_text(STEP)
    assert [(problem.message, problem.hint) for problem in errors(config)] == [
        ("is not read", "name it a.yaml")
    ]


def test_files_that_are_not_read_are_named(config: Path) -> None:
    (config / "channel.yaml").write_text("email: {kind: caught}\n")
    assert warnings(config) == ["channel.yaml: is not read"]


def test_quiet_hours_and_absences_are_the_persons_own_wall_clock(config: Path) -> None:
    people = (config / "directory.yaml").read_text()
    away = "away: [{from: 2026-12-01, until: 2026-12-05, delegate: dana}]"
    people = people.replace("roles: [rep]}", f'roles: [rep], quiet: "20:00-08:00", {away}}}')
    (config / "directory.yaml").write_text(people)

    settings = load(config, {})

    assert settings.warnings == []
    leo = settings.graph.people["leo"]
    assert leo.quiet == "20:00-08:00"
    whole_days = Absence(datetime(2026, 12, 1, tzinfo=UTC), datetime(2026, 12, 6, tzinfo=UTC), "dana")
    assert leo.away == (whole_days,)
    assert compile_graph(settings.pinned_graph).people["leo"] == leo


def test_a_graph_without_absences_has_the_hash_it_always_had(config: Path) -> None:
    pinned = load(config, {}).pinned_graph
    assert b"quiet" not in pinned
    assert b"away" not in pinned


def test_public_holidays_of_a_country_and_its_region_are_days_off(config: Path) -> None:
    (config / "calendars.yaml").write_text(
        "default: {country: ES}\nspain: {country: ES, subdivision: MD, off: ['2026-12-24']}\n"
    )

    calendars = load(config, {}).graph.calendars

    assert calendars["default"].on(date(2026, 12, 25)) is None
    assert calendars["default"].on(date(2026, 12, 28)) == (time(9), time(17))
    assert calendars["default"].on(date(2036, 8, 15)) is None
    of_madrid, of_the_company = date(2025, 5, 2), date(2026, 12, 24)
    for day in (of_madrid, of_the_company):
        assert calendars["spain"].on(day) is None
        assert calendars["default"].on(day) is not None


def test_a_person_without_a_calendar_has_the_one_of_their_team(config: Path) -> None:
    people = (config / "directory.yaml").read_text()
    (config / "directory.yaml").write_text(
        people.replace("channels: [wins]", "channels: [wins], calendar: spain")
    )

    graph = load(config, {}).graph

    assert {p.calendar for p in graph.people.values() if "east" in p.teams} == {"spain"}
    assert graph.people["dana"].calendar == "default"


def test_miss_shown_in_a_channel_needs_to_be_meant(config: Path) -> None:
    policy = STEP.replace("notify: owner", "notify: team")
    (config / "policies/a.yaml").write_text(policy)
    assert warnings(config) == [
        "a.yaml: step `a` says nothing in a channel (`team`): a missed commitment is private"
    ]

    (config / "policies/a.yaml").write_text(policy.replace("notify: team", "notify: team, visibility: team"))
    assert warnings(config) == []


def test_text_that_older_readers_take_for_something_else_is_quoted(config: Path) -> None:
    people = (config / "directory.yaml").read_text().replace("name: Leo Marin", "name: No")
    (config / "directory.yaml").write_text(people)
    assert [found.message for found in errors(config)] == [
        "`No` is true or false to some readers and text to others"
    ]

    (config / "directory.yaml").write_text(people.replace("name: No", "name: 'No'"))
    assert load(config, {}).book.name("leo") == "No"


def test_keys_may_be_named_as_booleans_are(config: Path) -> None:
    (config / "policies/a.yaml").write_text(
        "policy: p\nfor: deadline\nreactions:\n  - {id: kept, on: deadline.met, notify: team, template: kept}\n"
    )
    (config / "calendars.yaml").write_text("spain: {hours: {mon-fri: '09:00-17:00'}, off: ['2026-12-24']}\n")
    assert errors(config) == []


def test_unknown_channel_without_any_like_it_is_caught(config: Path) -> None:
    (config / "policies/a.yaml").write_text(
        STEP.replace("notify: owner", "notify: channel:celebrations:#all")
    )
    assert "a.yaml: channel `celebrations` is not in channels.yaml, so its messages are caught" in warnings(
        config
    )


def test_environment_wins_over_the_file(config: Path) -> None:
    (config / "followthrough.yaml").write_text("data_dir: here\nweb: {listen: '127.0.0.1:1'}\n")
    env = {
        "FOLLOWTHROUGH_WEB__LISTEN": "127.0.0.1:9000",
        "FOLLOWTHROUGH_DATA_DIR": "",  # counts as not set
        "FOLLOWTHROUGH_SIGNING_KEYS": "k" * 32,
        "REDIS_URL": "redis://localhost/1",
        "FOLLOWTHROUGH_CONFIG": str(config),
    }

    service = load(config, env).service

    assert service.web.port == 9000
    assert service.data_dir == Path("here")
    assert service.signing_keys is not None
    assert service.redis_url is not None
    assert service.redis_url.get_secret_value() == "redis://localhost/1"
    own = load(config, {**env, "FOLLOWTHROUGH_REDIS_URL": "redis://localhost/2"}).service.redis_url
    assert own is not None
    assert own.get_secret_value() == "redis://localhost/2"


def test_lists_come_from_the_environment_as_json(config: Path) -> None:
    keys = '[{"name": "crm", "key": "0123456789abcdef", "scopes": ["emit"]}]'
    env = {"FOLLOWTHROUGH_API_KEYS": keys, "FOLLOWTHROUGH_WEB__LISTEN": "0.0.0.0:80"}
    api_keys = load(config, env).service.api_keys
    assert api_keys is not None
    assert api_keys[0].scopes == ["emit"]


def test_wrong_variable_is_named_instead_of_a_line(config: Path) -> None:
    found = errors(config, {"FOLLOWTHROUGH_WEB__LISTEN": "nowhere"})
    assert [problem.message for problem in found] == ["`nowhere` is not an address to listen on"]
    assert found[0].render().startswith("$FOLLOWTHROUGH_WEB__LISTEN: `nowhere`")


def test_unknown_variable_is_only_warned_of(config: Path) -> None:
    settings = load(config, {"FOLLOWTHROUGH_DATADIR": "x", "FOLLOWTHROUGH_PORT": "tcp://10.0.0.1:80"})
    assert {(problem.file, problem.message) for problem in settings.warnings} == {
        ("$FOLLOWTHROUGH_DATADIR", "is not a setting"),
        ("$FOLLOWTHROUGH_PORT", "is not a setting"),
    }
    assert "did you mean `FOLLOWTHROUGH_DATA_DIR`?" in {problem.hint for problem in settings.warnings}


def test_references_and_files_bring_secrets(config: Path) -> None:
    (config / "smtp.url").write_text("smtps://ft:p%40ss@mail.example.com\n")
    (config / "channels.yaml").write_text(
        'email: {kind: email, smtp: "smtp://${USER_:-ft}:${PASSWORD}@mail.example.com", from: "Ft <ft@example.com>"}\n'
        "other: {kind: email, smtp_file: smtp.url, from: ft@münchen.example}\n"
        "wins: {kind: caught}\n"
    )
    channels = load(config, {"PASSWORD": "hun$${ter2"}).channels

    email, other = channels["email"], channels["other"]
    assert isinstance(email, EmailChannel)
    assert isinstance(other, EmailChannel)
    assert (email.host, email.port, email.username, email.is_implicit_tls) == (
        "mail.example.com",
        587,
        "ft",
        False,
    )
    assert email.password.get_secret_value() == "hun$${ter2"
    assert email.sender == ("Ft", "ft@example.com")
    assert (other.port, other.password.get_secret_value()) == (465, "p@ss")
    assert other.sender == ("", "ft@xn--mnchen-3ya.example")


def test_secrets_are_never_shown(config: Path) -> None:
    (config / "channels.yaml").write_text(
        'email: {kind: email, smtp: "smtp://ft:canary-1@mail.example.com", from: ft@example.com}\n'
        "wins: {kind: caught}\n"
    )
    keys = '[{"name": "crm", "key": "canary-2-long-enough", "scopes": ["emit"]}]'
    env = {
        "FOLLOWTHROUGH_API_KEYS": keys,
        "FOLLOWTHROUGH_SIGNING_KEYS": "canary-3" * 8,
        "REDIS_URL": "redis://:canary-4@localhost",
        "FOLLOWTHROUGH_DATABASE_URL": "postgresql://u:canary-5@localhost",
    }
    assert "canary" not in repr(load(config, env))

    wrong = {name: f"[canary-{name}" for name in env}
    with pytest.raises(ConfigError) as raised:
        load(config, wrong)
    assert "canary" not in str(raised.value)
    assert "canary" not in repr(raised.value.problems)


def test_broken_yaml_with_secrets_shows_no_line(config: Path) -> None:
    (config / "channels.yaml").write_text('email: {kind: email, smtp: "smtp://ft:canary@host\n')
    with pytest.raises(ConfigError) as raised:
        load(config, {})
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"\xff\xfe\x00", "byte 0 is not UTF-8"),
        (b"x: " + b"y" * 1_000_001, "is larger than 1,000,000 bytes"),
        (b"x: \x00\n", "is not YAML"),
        (b'x: "\\ud800"\n', "half of a surrogate pair"),
        (b'x: "\\0"\n', "holds NUL"),
        (
            b"\xef\xbb\xbfpolicy: p\nfor: deadline\nstep: 1\n",
            "`step` is not known here",
        ),  # a BOM is no mistake
        (b"? {a: 1}\n: 2\n", "cannot be a key"),
        (b"[" * 50_000, "nested deeper than 32 levels"),
        (b"- " * 50_000, "nested deeper than 32 levels"),
        (b"{a: " * 50_000, "nested deeper than 32 levels"),
        (b"%YAML 1.1\n---\nx: 1\n", ""),
    ],
)
def test_hostile_yaml_gets_a_reason(config: Path, raw: bytes, message: str) -> None:
    (config / "policies/a.yaml").write_bytes(raw)
    assert message in errors(config)[0].message


def test_folder_of_somebody_else_cannot_be_read(config: Path) -> None:
    (config / "policies/a.yaml").mkdir()
    assert errors(config)[0].message.startswith("cannot be read")


def test_environment_is_passed_in(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "REDIS_URL", "redis://elsewhere")
    assert load(config, {}).service.redis_url is None


def test_a_pipe_or_a_link_that_leads_nowhere_is_named_and_nobody_waits_for_it(config: Path) -> None:
    os.mkfifo(config / "policies" / "pipe.yaml")
    (config / "policies" / "link.yaml").symlink_to(config / "gone.yaml")

    said = {Path(problem.file).name: problem.message for problem in errors(config)}

    assert said["pipe.yaml"] == "cannot be read: it is no regular file"
    assert said["link.yaml"] == "cannot be read: No such file or directory"


def test_a_byte_that_is_not_utf8_is_named_with_its_line_and_column(config: Path) -> None:
    (config / "policies" / "a.yaml").write_bytes("policy: p\ntitle: Größ".encode() + b"\xe9\n")

    [problem] = errors(config)

    assert (problem.line, problem.column) == (2, 12)


@pytest.mark.parametrize(("sign", "said"), [("\0", "U+0000"), ("\x07", "U+0007")])
def test_a_character_that_no_text_has_is_named_with_its_line_and_column(
    config: Path, sign: str, said: str
) -> None:
    (config / "policies" / "a.yaml").write_text(f"policy: p\ntitle: Größ{sign}e\n")

    [problem] = errors(config)

    assert (problem.line, problem.column) == (2, 12)
    assert problem.message == f"is not YAML: a character that no text has ({said})"


@pytest.mark.parametrize(
    ("web", "place", "url"),
    [
        ('{listen: "127.0.0.1:9090"}', "web: {listen", "http://127.0.0.1:9090"),
        ('{listen: "127.0.0.1:9090", public_url: "http://localhost:8080"}', "", "http://localhost:9090"),
        ('{public_url: "http://[::1]"}', "", "http://[::1]:8080"),
    ],
)
def test_links_that_lead_to_another_port_of_this_machine_are_warned_of(
    config: Path, web: str, place: str, url: str
) -> None:
    (config / "followthrough.yaml").write_text(f"web: {web}\n")

    [problem] = examine(config, {})[1].warnings

    assert problem.hint.startswith(f"set web.public_url to {url}, ")
    assert problem.column == (len(place) + 3 if place else web.index("public_url") + 18)


@pytest.mark.parametrize(
    "web",
    [
        '{listen: "127.0.0.1:9090", public_url: "https://sales.example.com"}',
        '{listen: "127.0.0.1:9090", public_url: "http://127.0.0.1:9090"}',
        '{listen: "127.0.0.1:80", public_url: "http://localhost"}',
        '{listen: "127.0.0.1:0"}',
        "{}",
    ],
)
def test_an_address_that_only_its_owner_knows_about_is_believed(config: Path, web: str) -> None:
    (config / "followthrough.yaml").write_text(f"web: {web}\n")

    assert examine(config, {})[1].warnings == []


def test_a_missing_folder_of_policies_is_another_thing_than_an_empty_one(config: Path) -> None:
    for policy in (config / "policies").iterdir():
        policy.unlink()
    [empty] = examine(config, {})[1].warnings
    (config / "policies").rmdir()
    [missing] = examine(config, {})[1].warnings

    assert empty.message == "no policy: nobody is told anything"
    assert missing.message == "there is no such folder, so there is no policy: nobody is told anything"
    assert missing.hint.startswith("policies stand there, one a file")

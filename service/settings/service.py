"""followthrough.yaml: where the service keeps things, where it listens, who may send it events.

Names and defaults are a contract (README, "Settings"). Secrets are SecretStr: call `.get_secret_value()` where they
are used, never where they are logged. Must not open, connect or resolve anything.
"""

import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from service.settings.check import Id, Strict, wrong
from service.settings.zones import TimeZone

# Short keys can be guessed: 16 characters of a token generator are 96 bits.
API_KEY_CHARS_MIN = 16
# HMAC-SHA256 wants a key as long as its output.
SIGNING_KEY_CHARS_MIN = 32
# One machine: four shards a topic keep two cores busy and cost nothing when idle. Fixed once a topic exists.
STREAMS = 4
_REDIS_SCHEMES = ("redis", "rediss", "unix", "valkey", "valkeys")


def _listen(value: str) -> str:
    host, separator, port = value.rpartition(":")
    if not separator or not host or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise wrong(f"`{value}` is not an address to listen on", "write host:port, as in 127.0.0.1:8080")
    return value


def _public_url(value: str) -> str:
    try:
        url = urlsplit(value)
        port_is_valid = url.port is None or url.port > 0
    except ValueError:
        raise wrong("this is not a URL", "write it as in https://followthrough.example.com") from None
    if url.scheme not in ("http", "https") or not url.hostname or not port_is_valid:
        raise wrong(
            "this is not a URL that a browser can open", "write it as in https://followthrough.example.com"
        )
    if url.username or url.password or url.query or url.fragment:
        raise wrong("a public URL has no user, query or fragment", f"write {url.scheme}://{url.hostname}")
    return value.rstrip("/")


def _event_log(value: str) -> str:
    if value == "redis":
        return value
    scheme, separator, servers = value.partition("://")
    if scheme != "kafka" or not separator:
        raise wrong("this is not an event log", "write `redis`, or kafka://host:9092,host2:9092")
    for server in servers.split(","):
        host, _, port = server.rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) <= 65535:
            raise wrong(f"`{server}` is not a Kafka server", "write kafka://host:9092,host2:9092")
    return value


def _redis_url(value: SecretStr) -> SecretStr:
    try:
        url = urlsplit(value.get_secret_value())
        known = url.scheme in _REDIS_SCHEMES and bool(url.hostname or url.path)
    except ValueError:
        known = False
    if not known:
        raise wrong(
            "this is not the URL of a Redis or Valkey server", "write it as in redis://127.0.0.1:6379/0"
        )
    return value


def _long_enough(chars: int) -> AfterValidator:
    def check(value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < chars:
            raise wrong(
                f"this key is shorter than {chars} characters", "make one with `openssl rand -base64 48`"
            )
        return value

    return AfterValidator(check)


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def is_loopback(name: str) -> bool:
    """Whether a host name or address can only be this machine."""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def is_open_door(host: str, keys: Sequence[object] | None) -> bool:
    """Whether other machines would reach the service with nobody at the door; an empty list is no key either."""
    return not keys and not is_loopback(host)


class WebSettings(Strict):
    listen: Annotated[str, AfterValidator(_listen)] = Field(
        "127.0.0.1:8080", description="host:port. Beyond loopback only with api_keys."
    )
    public_url: Annotated[str, AfterValidator(_public_url)] = Field(
        "http://127.0.0.1:8080", description="How people reach the pages; links in messages begin with it."
    )

    @property
    def host(self) -> str:
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])


def leads_elsewhere(web: WebSettings) -> str:
    """Where links should lead that now lead to another port of this machine, as when only `listen` was changed; ""
    where they lead to us, or to an address that only its owner knows about."""
    url = urlsplit(web.public_url)
    port = url.port or {"http": 80, "https": 443}[url.scheme]
    if not is_loopback(url.hostname or "") or port == web.port or not web.port:
        return ""
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    return f"{url.scheme}://{host}:{web.port}"


class ApiKey(Strict):
    name: Id = Field(description="Who holds it; shown in the log.")
    key: Annotated[SecretStr, _long_enough(API_KEY_CHARS_MIN)] = Field(
        description="The key itself, or key_file."
    )
    scopes: list[Literal["emit", "read"]] = Field(min_length=1, description="What it may do.")


class KafkaSettings(Strict):
    """How Kafka is reached where `event_log` names it, and what its topics are like."""

    topic_prefix: str = Field(
        "", pattern=r"^[a-zA-Z0-9._-]{0,64}$", description="Before every topic's name, as in `sales.`."
    )
    partitions: int = Field(8, ge=1, le=256, description="Of each topic; fixed once a topic exists.")
    replication_factor: int = Field(1, ge=1, le=9, description="Copies of each topic; 3 in production.")
    tls: bool = Field(
        False, description="Speak TLS; certificates are checked against the system's, or ca_path."
    )
    ca_path: Path | None = Field(None, description="A PEM file of the certificate authorities to trust.")
    sasl: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        None, description="How the user proves itself; null is without a password."
    )
    username: str = ""
    password: SecretStr = Field(SecretStr(""), description="The password, or password_file.")


class ServiceSettings(Strict):
    """Settings of one installation."""

    event_log: Annotated[str, AfterValidator(_event_log)] = Field(
        "redis", description="Where events wait to be decided: `redis`, or kafka://host:9092,host2:9092."
    )
    kafka: KafkaSettings = KafkaSettings()
    redis_url: Annotated[SecretStr, AfterValidator(_redis_url)] | None = Field(
        None, description="A Redis or Valkey server; null is the embedded server in data_dir."
    )
    database_url: SecretStr | None = Field(None, description="null is SQLite in data_dir.")
    data_dir: Path = Field(Path(".followthrough"), description="State and signing keys of this machine.")
    web: WebSettings = WebSettings()
    fallback_contact: str = Field("role:ops", description="Told when nobody else can be: any recipient.")
    time_zone: TimeZone = Field("UTC", description="Of people who have none.")
    noise_budget: int = Field(
        20,
        ge=0,
        le=1000,
        description="Messages a person and day, but for urgent ones; the rest waits. 0: all of them.",
    )
    api_keys: list[ApiKey] | None = Field(None, description="null is open, on loopback only.")
    signing_keys: (
        Annotated[list[Annotated[SecretStr, _long_enough(SIGNING_KEY_CHARS_MIN)]], BeforeValidator(_listed)]
        | None
    ) = Field(None, min_length=1, description="Sign the links, newest first; null makes one in data_dir.")
    key_prefix: str = Field(
        "ft",
        pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$",
        description="Two installations on one server differ in it.",
    )
    durability: Literal["everysec", "fsync"] = Field(
        "everysec", description="fsync: an accepted event survives a power cut of the Redis server."
    )

    @property
    def kafka_servers(self) -> tuple[str, ...]:
        """host:port of each Kafka server; none where the event log is Redis."""
        servers = self.event_log.removeprefix("kafka://")
        return tuple(servers.split(",")) if servers != self.event_log else ()

    @property
    def partitions(self) -> int:
        """How many shards a topic has."""
        return self.kafka.partitions if self.kafka_servers else STREAMS


_NESTED: dict[str, type[Strict]] = {"web": WebSettings, "kafka": KafkaSettings}

# Every path that `FOLLOWTHROUGH_…` can set.
PATHS = tuple(
    path
    for name in ServiceSettings.model_fields
    for path in ([f"{name}.{inner}" for inner in _NESTED[name].model_fields] if name in _NESTED else [name])
)

# Values of these keys may be shown in an error; any other may be a secret, or hold one.
SHOWN_KEYS = frozenset(
    {
        *("event_log", "data_dir", "listen", "public_url", "fallback_contact", "time_zone", "name", "scopes"),
        *("topic_prefix", "partitions", "replication_factor", "tls", "ca_path", "sasl", "username"),
        *("key_prefix", "durability", "key_file", "signing_keys_file", "redis_url_file", "database_url_file"),
    }
)

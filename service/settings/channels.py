"""channels.yaml: the means by which people are told, one entry a channel, told apart by `kind`.

A channel that is named somewhere but not configured here is caught, as `kind: caught` is. Must not connect to
anything. What a kind does is in `service/channels`.
"""

import re
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field, SecretStr

from service.settings import hooks, slack
from service.settings.check import Strict, check, wrong
from service.settings.document import Document
from service.settings.hooks import SlackWebhookChannel, TeamsWebhookChannel, WebhookChannel
from service.settings.mail_address import BadAddress, normalise
from service.settings.problems import did_you_mean
from service.settings.slack import SlackChannel

# Kinds by which nothing leaves the machine.
STAYS = frozenset({"caught", "console"})
SHOWN_KEYS = frozenset({"kind", "from", "domains"}) | hooks.SHOWN_KEYS | slack.SHOWN_KEYS
_SENDER = re.compile(
    r"\"?(?P<name>[^<>\"\x00-\x1f\x7f\u2028\u2029]*?)\"? *<(?P<address>[^<> ]+)>|(?P<bare>[^<>\" ]+)"
)
_SMTP_HINT = "write it as in smtp://user:${SMTP_PASSWORD}@mail.example.com:587"


def _smtp(value: SecretStr) -> SecretStr:
    try:
        url = urlsplit(value.get_secret_value())
        has_port = url.port is None or url.port > 0
    except ValueError:
        raise wrong("this is not the URL of a mail server", _SMTP_HINT) from None
    if url.scheme not in ("smtp", "smtps") or not url.hostname or not has_port or url.path not in ("", "/"):
        raise wrong("this is not the URL of a mail server", _SMTP_HINT)
    if bool(url.username) != bool(url.password):
        raise wrong("a user and a password come together", _SMTP_HINT)
    return value


def _sender(value: str) -> str:
    match = _SENDER.fullmatch(value)
    if not match:
        raise wrong("this is not one sender", 'write it as in "Followthrough <ft@example.com>"')
    try:
        normalise(match["address"] or match["bare"])
    except BadAddress as error:
        raise wrong(
            f"the sender's address {error}", 'write it as in "Followthrough <ft@example.com>"'
        ) from None
    return value


class CaughtChannel(Strict):
    """Kept on the page of caught messages; nothing leaves the machine."""

    kind: Literal["caught"]


class ConsoleChannel(Strict):
    """Printed on standard output."""

    kind: Literal["console"]


class EmailChannel(Strict):
    """Mail by SMTP."""

    kind: Literal["email"]
    smtp: Annotated[SecretStr, AfterValidator(_smtp)] = Field(
        description="smtp:// begins plain and turns to TLS when there is a password, smtps:// is TLS from the start."
    )
    from_: Annotated[str, AfterValidator(_sender)] = Field(
        alias="from", description="Name <address> of the sender."
    )
    domains: list[str] = Field([], description="Mail goes only to these domains; empty: to any.")

    @property
    def sender(self) -> tuple[str, str]:
        """The display name, perhaps empty, and the address with its domain in ASCII."""
        match = _SENDER.fullmatch(self.from_)
        assert match is not None
        return (match["name"] or "").strip(), normalise(match["address"] or match["bare"])

    @property
    def host(self) -> str:
        return urlsplit(self.smtp.get_secret_value()).hostname or ""

    @property
    def port(self) -> int:
        url = urlsplit(self.smtp.get_secret_value())
        return url.port or (465 if url.scheme == "smtps" else 587)  # RFC 8314: submission over TLS; RFC 6409

    @property
    def is_implicit_tls(self) -> bool:
        return self.smtp.get_secret_value().startswith("smtps:")

    @property
    def username(self) -> str:
        return unquote(urlsplit(self.smtp.get_secret_value()).username or "")

    @property
    def password(self) -> SecretStr:
        return SecretStr(unquote(urlsplit(self.smtp.get_secret_value()).password or ""))


ChannelSettings = (
    EmailChannel
    | CaughtChannel
    | ConsoleChannel
    | SlackChannel
    | SlackWebhookChannel
    | TeamsWebhookChannel
    | WebhookChannel
)

KINDS: dict[str, type[ChannelSettings]] = {
    "caught": CaughtChannel,
    "console": ConsoleChannel,
    "email": EmailChannel,
    "slack": SlackChannel,
    "slack_webhook": SlackWebhookChannel,
    "teams_webhook": TeamsWebhookChannel,
    "webhook": WebhookChannel,
}


def read_channels(document: Document, data: object) -> dict[str, ChannelSettings]:
    """Every channel; one that is wrong is reported and stands in as caught, so that whoever uses it is not reported."""
    channels: dict[str, ChannelSettings] = {}
    if data is None:
        return channels
    if not isinstance(data, dict):
        document.error(
            (), "channels.yaml holds names of channels, each with its kind", "email: {kind: caught}"
        )
        return channels
    for name, entry in data.items():
        channels[name] = _channel(document, name, entry) or CaughtChannel(kind="caught")
    return channels


def _channel(document: Document, name: str, entry: Any) -> ChannelSettings | None:
    if not name or not all(char.isalnum() or char in "_-" for char in name):
        document.error(
            (name,), f"`{name}` cannot name a channel", "use letters, digits, _ and -", at_key=True
        )
        return None
    kind = entry.get("kind") if isinstance(entry, dict) else None
    if kind is None:
        document.error(
            (name,), f"channel `{name}` has no kind", "write kind: caught, or kind: email", at_key=True
        )
        return None
    if isinstance(kind, str) and kind in KINDS:
        return check(document, KINDS[kind], (name,), entry)
    document.error((name, "kind"), f"`{kind}` is not a kind of channel", did_you_mean(kind, KINDS))
    return None

"""The kinds of channels.yaml that call one URL. The URL is a secret: whoever has it can post."""

import base64
import binascii
from functools import cached_property
from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, model_validator

from service.settings.check import Strict, wrong
from service.settings.net_address import Network, never, refusal
from service.settings.web_address import BadUrl, WebAddress, normalise

SHOWN_KEYS = frozenset({"allow_private", "envelope"})
# Standard Webhooks: 24 to 64 random bytes, in base64 behind a mark.
SECRET_MARK = "whsec_"  # noqa: S105  # the mark before a secret, no secret
SECRET_BYTES = range(24, 65)
_HOW_TO_MAKE_ONE = "make one by `openssl rand -base64 32`, and write whsec_ before it"


def _url(value: SecretStr) -> SecretStr:
    try:
        normalise(value.get_secret_value())
    except BadUrl as error:
        raise wrong(
            f"the URL {error}", "write the whole address, as in https://hooks.example.com/…"
        ) from None
    return value


def _range(value: str) -> str:
    try:
        network = ip_network(value)
    except ValueError:
        raise wrong(
            f"`{value[:60]}` is no range of addresses", "write it as in 10.1.0.0/16 or fd12::/64"
        ) from None
    if never(network):
        raise wrong(
            f"`{value[:60]}` cannot be opened: metadata, link-local and multicast addresses are never called"
        )
    return value


def _secrets(value: SecretStr) -> SecretStr:
    written = value.get_secret_value().split()
    if not written:
        raise wrong("there is no secret", _HOW_TO_MAKE_ONE)
    for one in written:
        try:
            raw = base64.b64decode(one.removeprefix(SECRET_MARK), validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if not one.startswith(SECRET_MARK) or len(raw) not in SECRET_BYTES:
            raise wrong(f"a secret is {SECRET_MARK} and 24 to 64 bytes in base64", _HOW_TO_MAKE_ONE)
    return value


Url = Annotated[SecretStr, AfterValidator(_url)]
Range = Annotated[str, AfterValidator(_range)]


def may_be_called(to: WebAddress, opened: tuple[Network, ...]) -> None:
    """What can be said of a URL without asking a name server."""
    if to.scheme == "http" and not opened:
        raise wrong("the URL is not encrypted", "write https://, or open its range by allow_private")
    is_address = ":" in to.host or to.host.replace(".", "").isdigit()
    why = refusal(to.host, opened) if is_address else ""
    if why:
        raise wrong(
            f"the address in the URL {why}", "private ones are opened by allow_private: [10.1.0.0/16]"
        )


class HookSettings(Strict):
    """What every channel with a URL says."""

    url: Url = Field(description="Where to; a secret, so write ${ENV} or use url_file.")
    allow_private: list[Range] = Field(
        [],
        description="Private ranges that may be called, as in 10.1.0.0/16; without it only public ones, by https.",
    )

    @model_validator(mode="after")
    def _is_reachable(self) -> "HookSettings":
        may_be_called(self.to, self.opened)
        return self

    @cached_property
    def to(self) -> WebAddress:
        return normalise(self.url.get_secret_value())

    @cached_property
    def opened(self) -> tuple[Network, ...]:
        return tuple(ip_network(one) for one in self.allow_private)


class WebhookChannel(HookSettings):
    """Each notification as a signed POST (Standard Webhooks), for a program of your own."""

    kind: Literal["webhook"]
    secret: Annotated[SecretStr, AfterValidator(_secrets)] = Field(
        description="whsec_…; while it is changed the new and the old one, a blank between them."
    )

    @cached_property
    def secrets(self) -> tuple[bytes, ...]:
        """The newest first; each of them signs."""
        written = self.secret.get_secret_value().split()
        return tuple(base64.b64decode(one.removeprefix(SECRET_MARK)) for one in written)


class SlackWebhookChannel(HookSettings):
    """One Slack channel, by an incoming webhook."""

    kind: Literal["slack_webhook"]


class TeamsWebhookChannel(HookSettings):
    """One Teams channel or chat, by a Workflows webhook."""

    kind: Literal["teams_webhook"]
    envelope: Literal["attachments", "bare"] = Field(
        "attachments", description="What the flow wants: a message with the card in it, or the bare card."
    )

"""`kind: slack` of channels.yaml: a Slack app of one's own, by its bot token. Both keys of it are secrets."""

import re
from functools import cached_property
from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, model_validator

from service.settings.check import Strict, wrong
from service.settings.hooks import Range, may_be_called
from service.settings.net_address import Network
from service.settings.web_address import BadUrl, WebAddress, normalise

SHOWN_KEYS = frozenset({"api_url"})
API_URL = "https://slack.com/api/"
# https://docs.slack.dev/authentication/tokens: the other kinds of token, and what each is called in Slack.
_OTHER_TOKENS = {
    "xoxp-": "a user's token",
    "xapp-": "an app-level token",
    "xoxe": "a token that rotates",
    "xoxs-": "a session's token",
    "xoxc-": "a session's token",
    "https": "a URL",
}
_TOKEN = re.compile(r"xoxb-[A-Za-z0-9-]{10,200}")
_TOKEN_HINT = "take the Bot User OAuth Token from OAuth & Permissions of your Slack app; it begins with xoxb-"  # noqa: S105  # words
_SECRET = re.compile(r"[A-Za-z0-9]{20,100}")
_SECRET_HINT = "take the Signing Secret from Basic Information, App Credentials, of your Slack app"  # noqa: S105  # words


def _token(value: SecretStr) -> SecretStr:
    token = value.get_secret_value()
    if _TOKEN.fullmatch(token):
        return value
    other = next((what for mark, what in _OTHER_TOKENS.items() if token.startswith(mark)), "")
    raise wrong(f"this is {other or 'no bot token'}{', no bot token' if other else ''}", _TOKEN_HINT)


def _signing_secret(value: SecretStr) -> SecretStr:
    if not _SECRET.fullmatch(value.get_secret_value()):
        raise wrong("this is no signing secret of a Slack app", _SECRET_HINT)
    return value


def _api_url(value: str) -> str:
    try:
        url = normalise(value).url
    except BadUrl as error:
        raise wrong(f"the URL {error}", f"write it as in {API_URL}") from None
    if "?" in url:
        raise wrong("the URL has a ? in it", f"write it as in {API_URL}")
    return url if url.endswith("/") else f"{url}/"


class SlackChannel(Strict):
    """Slack, by an app of your own: direct messages, buttons that answer, slash commands."""

    kind: Literal["slack"]
    token: Annotated[SecretStr, AfterValidator(_token)] = Field(
        description="The app's Bot User OAuth Token, xoxb-…; a secret, so write ${ENV} or use token_file."
    )
    signing_secret: Annotated[SecretStr, AfterValidator(_signing_secret)] | None = Field(
        None,
        description="The app's Signing Secret. Without it nothing from Slack is believed: buttons open a page.",
    )
    api_url: Annotated[str, AfterValidator(_api_url)] = Field(
        API_URL, description="Where Slack's Web API is; another one for GovSlack, or a proxy of yours."
    )
    allow_private: list[Range] = Field(
        [],
        description="Private ranges that may be called, for a proxy of yours; without it only public ones.",
    )

    @model_validator(mode="after")
    def _is_reachable(self) -> "SlackChannel":
        may_be_called(self.to, self.opened)
        return self

    @cached_property
    def to(self) -> WebAddress:
        return normalise(self.api_url)

    @cached_property
    def opened(self) -> tuple[Network, ...]:
        return tuple(ip_network(one) for one in self.allow_private)

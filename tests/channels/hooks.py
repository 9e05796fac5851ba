"""Channels that call a URL of this machine, as channels.yaml would make them but for a short deadline and our CA."""

import ssl
from collections.abc import Sequence
from typing import Any, Literal

from service.channels.contract import Channel
from service.channels.http import Http
from service.channels.slack_webhook import SlackWebhookChannel
from service.channels.teams_webhook import TeamsWebhookChannel
from service.channels.webhook import WebhookChannel
from service.settings.channels import KINDS
from tests.channels.vendor import tls_client

Kind = Literal["slack_webhook", "teams_webhook", "webhook"]
LOOPBACK = ["127.0.0.0/8", "::1/128"]


def settings_of(kind: Kind, url: str, opened: Sequence[str] = LOOPBACK, **more: Any) -> Any:
    return KINDS[kind].model_validate({"kind": kind, "url": url, "allow_private": list(opened), **more})


def http_to(
    url: str,
    opened: Sequence[str] = LOOPBACK,
    *,
    post_s_max: float = 5,
    tls: ssl.SSLContext | None = None,
    using: type[Http] = Http,
) -> Http:
    settings = settings_of("slack_webhook", url, opened)
    return using(settings.to, settings.opened, connections=4, post_s_max=post_s_max, tls=tls or tls_client())


def channel_to(
    kind: Kind, url: str, *, secret: str = "", envelope: str = "attachments", post_s_max: float = 5
) -> Channel:
    http = http_to(url, post_s_max=post_s_max)
    if kind == "slack_webhook":
        return SlackWebhookChannel(http)
    if kind == "teams_webhook":
        return TeamsWebhookChannel(http, envelope)
    return WebhookChannel(http, settings_of("webhook", url, secret=secret).secrets)

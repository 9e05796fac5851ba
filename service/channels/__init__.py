"""The channels there are, and the one place that opens them. To add one: its file, and one line in CHANNELS.

A channel carries a rendered message to an address and says what became of it (`contract.py`). It must not know the
store, delivery or policies.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from service.channels.caught import CaughtChannel
from service.channels.console import ConsoleChannel
from service.channels.contract import Channel, ChannelError, Outlets
from service.channels.email import EmailChannel
from service.settings.channels import ChannelSettings

__all__ = ["CHANNELS", "PLACED", "Channel", "ChannelError", "Channels", "Outlets"]


def _slack(name: str, settings: Any, outlets: Outlets) -> Channel:
    from service.channels.slack import SlackChannel

    return SlackChannel.of(name, settings, outlets)


def _slack_webhook(_name: str, settings: Any, _outlets: Outlets) -> Channel:
    from service.channels.slack_webhook import SlackWebhookChannel

    return SlackWebhookChannel.of(settings)


def _teams_webhook(_name: str, settings: Any, _outlets: Outlets) -> Channel:
    from service.channels.teams_webhook import TeamsWebhookChannel

    return TeamsWebhookChannel.of(settings)


def _webhook(_name: str, settings: Any, _outlets: Outlets) -> Channel:
    from service.channels.webhook import WebhookChannel

    return WebhookChannel.of(settings)


# kind in channels.yaml -> (name, its settings, outlets) -> the channel. Settings of a kind fit the factory of that
# kind; `service/settings/channels.py` has the same kinds, and a test compares them.
CHANNELS: dict[str, Callable[[str, Any, Outlets], Channel]] = {
    "caught": lambda name, _settings, outlets: CaughtChannel(name, outlets),
    "console": lambda _name, _settings, _outlets: ConsoleChannel(),
    "email": lambda _name, settings, _outlets: EmailChannel.of(settings),
    "slack": _slack,
    "slack_webhook": _slack_webhook,
    "teams_webhook": _teams_webhook,
    "webhook": _webhook,
}

# Kinds with one place of their own, written in channels.yaml: whoever is told by them needs no address there.
PLACED = frozenset({"console", "slack_webhook", "teams_webhook", "webhook"})


class Channels(Mapping[str, Channel]):
    """The channel of every name: the configured one, or, for a name nobody configured, one that is caught."""

    def __init__(self, configured: Mapping[str, ChannelSettings], outlets: Outlets) -> None:
        self._outlets = outlets
        self._open = {name: CHANNELS[entry.kind](name, entry, outlets) for name, entry in configured.items()}

    def __getitem__(self, name: str) -> Channel:
        if name not in self._open:
            self._open[name] = CaughtChannel(name, self._outlets)
        return self._open[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._open)

    def __len__(self) -> int:
        return len(self._open)

    async def close(self) -> None:
        """Close every one; a channel that cannot be closed does not keep the others open."""
        await asyncio.gather(*[channel.close() for channel in self._open.values()], return_exceptions=True)

"""Slack by an incoming webhook: one URL that speaks in one Slack channel. How it looks is `slack_blocks.py`."""

import msgspec

from service.channels import slack_blocks
from service.channels.contract import Rate
from service.channels.hook import Hook
from service.channels.http import Http
from service.core.effects import Owed
from service.core.message import Message
from service.settings.hooks import SlackWebhookChannel as SlackWebhookSettings

_encode = msgspec.json.Encoder().encode


class SlackWebhookChannel:
    """Messages in one Slack channel, by an incoming webhook: `url: "${SLACK_WINS_URL}"`.

    Make the URL in Slack (your app, "Incoming Webhooks", "Add New Webhook to Workspace") and keep it secret: whoever
    has it can post. Deadlines are shown in the zone of whoever looks. The buttons open a page that asks first. At most
    one message a second, as Slack allows; more wait their turn. A URL that Slack has deleted (404, 410) goes to the
    reader's next channel. What is longer than Slack takes is cut, and says so. An incoming webhook cannot change or
    answer what it has posted, nor tell us that a button was pressed in Slack: that takes the app itself.
    """

    kind = "slack_webhook"
    # One a second leaves two hands idle; a third would only wait for the limit.
    concurrency = 2
    # https://docs.slack.dev/apis/web-api/rate-limits: incoming webhooks, one a second.
    rate = Rate(1)

    def __init__(self, http: Http) -> None:
        self._hook = Hook(http, says_words=True)

    @classmethod
    def of(cls, settings: SlackWebhookSettings) -> "SlackWebhookChannel":
        """As channels.yaml says."""
        return cls(Http(settings.to, settings.opened, connections=cls.concurrency))

    async def send(self, owed: Owed, message: Message, address: str) -> None:
        """One message. Slack drops no copies, so an outcome that nobody knows is told as such."""
        await self._hook.deliver(_encode(slack_blocks.payload(owed, message)), {}, address)

    async def probe(self) -> str:
        """See `Http.probe`."""
        return await self._hook.probe()

    async def close(self) -> None:
        await self._hook.close()

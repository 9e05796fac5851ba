"""Teams by a Workflows webhook: one URL that speaks in one channel or chat. How it looks is `teams_card.py`."""

from service.channels import teams_card
from service.channels.contract import Rate
from service.channels.hook import Hook
from service.channels.http import Http
from service.core.effects import Owed
from service.core.message import Message
from service.settings.hooks import TeamsWebhookChannel as TeamsWebhookSettings


class TeamsWebhookChannel:
    """Cards in one Teams channel or chat, by a Workflows webhook: `url: "${TEAMS_URL}"`.

    Make the URL in Teams (Workflows, "When a Teams webhook request is received") and keep it secret: whoever has it can
    post. The flow belongs to whoever made it and dies when they leave, so give it a co-owner. Some flows want the card
    alone: then say `envelope: bare`. A flow that wants the other one may answer 202 and show nothing, so look once.
    At most four messages a second, as Teams allows. A card has a budget of 20 KB; what does not fit is cut, and says
    so. Its buttons open a page that asks first. The old `webhook.office.com` addresses are served no longer.
    """

    kind = "teams_webhook"
    concurrency = 4
    # https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors: above four a second it says 429.
    rate = Rate(4)

    def __init__(self, http: Http, envelope: str = "attachments") -> None:
        self._hook, self._envelope = Hook(http), envelope

    @classmethod
    def of(cls, settings: TeamsWebhookSettings) -> "TeamsWebhookChannel":
        """As channels.yaml says."""
        return cls(Http(settings.to, settings.opened, connections=cls.concurrency), settings.envelope)

    async def send(self, owed: Owed, message: Message, address: str) -> None:
        """One card. Teams drops no copies, so an outcome that nobody knows is told as such."""
        del owed  # A card has no id and no date of its own.
        await self._hook.deliver(teams_card.payload(message, self._envelope), {}, address)

    async def probe(self) -> str:
        """See `Http.probe`."""
        return await self._hook.probe()

    async def close(self) -> None:
        await self._hook.close()

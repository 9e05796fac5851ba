"""Slack by an app of one's own: direct messages with buttons, one thread a commitment, its first message kept true.

How a message looks is `slack_blocks.py`; where it goes `slack_people.py`; which thread `slack_places.py`; what Slack's
answers mean `slack_errors.py`. Presses and slash commands come in by `web/slack.py`.
"""

from collections.abc import Mapping
from contextlib import suppress

from msgspec.structs import replace

from service.channels import slack_blocks
from service.channels.contract import ChannelError, Outlets, Rate
from service.channels.http import Http
from service.channels.slack_api import CALL_S_MAX, SlackApi, text_of
from service.channels.slack_buttons import token_of
from service.channels.slack_errors import GONE, NOT_ALLOWED, SlackError
from service.channels.slack_people import SlackPeople
from service.channels.slack_places import KEYS_MAX, Place, Places, life_of
from service.core.effects import Owed
from service.core.message import Message
from service.settings.slack import SlackChannel as SlackSettings

# Words that ask nothing of anybody: they stand in the thread. Whatever else is said later shows in the conversation,
# too, for a thread that nobody has opened tells nobody.
_ASKS_NOTHING = frozenset({"acknowledged", "kept", "replanned", "resolved"})


class SlackChannel:
    """Direct messages and channels in Slack, by an app of your own: `token: "${SLACK_TOKEN}"`.

    docs/slack.md says what to click. People are found by their e-mail address, or by `slack: U0ANA` in directory.yaml;
    a policy may name a channel of Slack, as in `channel:slack:#wins`. With `signing_secret` the buttons answer at once
    and `/commit`, `/done` and `/snooze` work; without it they open a page that asks first. All that is said of one
    commitment to one reader is one thread, and its first message always shows how things stand. At most one message a
    second to each conversation, as Slack allows. A member who does not exist goes to the reader's next channel; so does
    everybody when Slack does not let our app in, and who has no other channel waits until somebody has mended it.
    """

    kind = "slack"
    concurrency = 4
    # https://docs.slack.dev/apis/web-api/rate-limits: one message a second and channel, short bursts aside.
    rate = Rate(1)

    def __init__(self, api: SlackApi, places: Places, *, is_heard: bool = False) -> None:
        self.api, self.places, self.is_heard = api, places, is_heard
        self.people = SlackPeople(api)

    @classmethod
    def of(cls, name: str, settings: SlackSettings, outlets: Outlets) -> "SlackChannel":
        """As channels.yaml says."""
        http = Http(settings.to, settings.opened, connections=cls.concurrency, post_s_max=CALL_S_MAX)
        is_heard = settings.signing_secret is not None
        return cls(SlackApi(http, settings.token), Places(name, outlets), is_heard=is_heard)

    async def send(self, owed: Owed, message: Message, address: str) -> None:
        """The first message of a commitment, or one in its thread, whose first message then shows the same.

        Slack drops no copies. What we remember to have posted is not posted again; of what we do not know, the outcome
        is told as unknown.
        """
        if not address:
            raise ChannelError("a policy names it without a place; write channel:slack:#name", permanent=True)
        try:
            await self._send(owed, message, address)
        except SlackError as error:
            if error.bounced:
                self.people.forget(address)
            # Nobody with another channel waits for an operator; nothing is dropped for who has none.
            error.permanent = error.permanent or (error.word in NOT_ALLOWED and bool(owed.fallbacks))
            raise

    async def _send(self, owed: Owed, message: Message, address: str) -> None:
        channel, life = await self.people.conversation(address), life_of(owed)
        place = await self.places.of(owed.to, life)
        if place is not None and not channel.startswith("#") and place.channel != channel:
            place = None  # The reader has another address by now.
        if place is not None and owed.key in place.keys:
            return  # Whoever posted it died before saying so.
        shown = slack_blocks.payload(owed, message, is_heard=self.is_heard)
        token = token_of(message.actions[0].url) if message.actions else ""
        if place is not None and await self._reply(place, shown, owed, address):
            keys = (*place.keys, owed.key)[-KEYS_MAX:]
            await self.places.remember(owed.to, life, replace(place, token=token, keys=keys))
            await self.update(place, shown)
            return
        posted = await self.api.change("chat.postMessage", {"channel": channel, **shown})
        # Where it really stands: a name becomes an id.
        ts, where = text_of(posted, "ts"), text_of(posted, "channel") or channel
        await self.places.remember(owed.to, life, Place(where, ts, token, (owed.key,)))

    async def _reply(self, place: Place, shown: Mapping[str, object], owed: Owed, address: str) -> bool:
        """Post in the thread; False when there is none any more."""
        about = {"channel": place.channel, "thread_ts": place.ts}
        is_seen = owed.template not in _ASKS_NOTHING
        try:
            await self.api.change("chat.postMessage", {**about, "reply_broadcast": is_seen, **shown})
        except SlackError as error:
            if error.word not in GONE and not error.bounced:
                raise
            self.people.forget(address)
            return False
        return True

    async def update(self, place: Place, shown: Mapping[str, object]) -> None:
        """Let a message show something else. What it says is told elsewhere as well, so a failure is none."""
        about = {"channel": place.channel, "ts": place.ts}
        with suppress(ChannelError):
            await self.api.change("chat.update", {**about, "text": shown["text"], "blocks": shown["blocks"]})

    async def close(self) -> None:
        await self.api.close()

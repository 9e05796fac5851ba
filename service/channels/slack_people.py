"""Who is who in Slack: an address becomes a conversation, and a member becomes an e-mail address. Remembered a while.

It must not know our directory: that is `settings/address_book.py`.
"""

import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from service.channels.contract import ChannelError
from service.channels.slack_api import SlackApi, text_of

# People leave, and addresses change hands: an hour late is soon enough, and spares 50 calls a minute at nine o'clock.
REMEMBERED_S = 3600
REMEMBERED_MAX = 10_000

# https://docs.slack.dev/reference/objects/conversation-object and user-object: what ids begin with.
_MEMBER = re.compile(r"[UW][A-Z0-9]{2,20}")
_CONVERSATION = re.compile(r"[CGD][A-Z0-9]{2,20}")
_NAME = re.compile(r"#[^\s#@<>|,]{1,80}")
_NO_ADDRESS = (
    "this is no place in Slack: a member's or a channel's id, #name or an e-mail address is expected"
)


class SlackPeople:
    """One workspace's, as the app's token sees it."""

    def __init__(self, api: SlackApi, timer: Callable[[], float] = time.monotonic) -> None:
        self._api, self._timer = api, timer
        self._known: dict[tuple[str, str], tuple[str, float]] = {}

    async def conversation(self, address: str) -> str:
        """Where to post: the direct messages with a member, told by id or e-mail address, or a channel as it is."""
        if _CONVERSATION.fullmatch(address) or _NAME.fullmatch(address):
            return address
        if _MEMBER.fullmatch(address):
            return await self._once("dm", address, self._open)
        if "@" in address.strip("@"):
            return await self._once(
                "dm", await self._once("member", address.casefold(), self._look_up), self._open
            )
        raise ChannelError(_NO_ADDRESS, permanent=True)

    async def email_of(self, member: str) -> str:
        """The confirmed address of a full member of our own workspace; empty for anybody else.

        Whoever comes from another workspace by a shared channel could bear any address there, and a guest's is not
        always their own.
        """
        return await self._once("email", member, self._ask_email)

    async def is_ours(self, team: str, enterprise: str) -> bool:
        """Whether members of `team` are of our own workspace, or of the Enterprise organisation it belongs to: ids of
        members count there only. Slack may name the organisation as the team."""
        home, organisation = await self._home()
        return team == home != "" or (organisation != "" and organisation in (team, enterprise))

    def forget(self, address: str) -> None:
        """What was known of an address turned out to be wrong."""
        member, _ = self._known.pop(("member", address.casefold()), (address, 0))
        self._known.pop(("dm", member), None)

    async def _once(self, kind: str, of: str, ask: Callable[[str], Awaitable[str]]) -> str:
        now = self._timer()
        known, until = self._known.get((kind, of), ("", 0))
        if until > now:
            return known
        found = await ask(of)
        if len(self._known) >= REMEMBERED_MAX:
            self._known = {key: one for key, one in self._known.items() if one[1] > now}
        if found and len(self._known) < REMEMBERED_MAX:
            self._known[kind, of] = (found, now + REMEMBERED_S)
        return found

    async def _look_up(self, email: str) -> str:
        return text_of((await self._api.look("users.lookupByEmail", email=email)).get("user"), "id")

    async def _open(self, member: str) -> str:
        return text_of((await self._api.look("conversations.open", users=member)).get("channel"), "id")

    async def _ask_email(self, member: str) -> str:
        user = (await self._api.look("users.info", user=member)).get("user")
        team, _ = await self._home()
        if not isinstance(user, dict) or team not in _teams(user):
            return ""
        is_odd = any(user.get(flag) for flag in ("deleted", "is_bot", "is_restricted", "is_stranger"))
        if is_odd or user.get("is_email_confirmed") is False:
            return ""
        return text_of(user.get("profile"), "email")

    async def _home(self) -> tuple[str, str]:
        """Our own workspace, and the Enterprise organisation it belongs to; empty where there is none."""
        team, _, organisation = (await self._once("home", "", self._ask_home)).partition(" ")
        return team, organisation

    async def _ask_home(self, _: str) -> str:
        known = await self._api.look("auth.test")
        return f"{text_of(known, 'team_id')} {text_of(known, 'enterprise_id')}"


def _teams(user: dict[str, Any]) -> list[object]:
    """A member of an Enterprise organisation belongs to several workspaces."""
    enterprise = user.get("enterprise_user")
    teams = enterprise.get("teams") if isinstance(enterprise, dict) else None
    return [user.get("team_id"), *(teams if isinstance(teams, list) else [])]

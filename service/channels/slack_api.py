"""Slack's Web API, by the bot token of an app: one method a call. It must not know what is sent, or to whom.

https://docs.slack.dev/apis/web-api; what answers mean is in `slack_errors.py`.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
from pydantic import SecretStr

from service.channels import slack_reply
from service.channels.contract import ChannelError
from service.channels.http import Http
from service.channels.slack_errors import said

# A message takes up to four calls (who, where, the message, the first one of its thread), and has 30 s.
CALL_S_MAX = 7

_encode = msgspec.json.Encoder().encode


class SlackApi:
    """Calls methods; raises SlackError for what Slack refuses, and ChannelError where nobody answers."""

    def __init__(self, http: Http, token: SecretStr) -> None:
        self._http, self._token = http, token

    async def change(self, method: str, arguments: Mapping[str, object]) -> dict[str, Any]:
        """A call that posts or changes something, as JSON."""
        return await self._call(method, "application/json; charset=utf-8", _encode(arguments))

    async def look(self, method: str, **arguments: str) -> dict[str, Any]:
        """A call that may be made twice, as a form: those that look something up read no JSON. Nobody was told
        anything, whatever became of it."""
        try:
            form = urlencode(arguments).encode()
            return await self._call(method, "application/x-www-form-urlencoded", form)
        except ChannelError as error:
            error.is_unknown = False
            raise

    async def reply(self, url: str, text: str) -> None:
        """See `slack_reply.py`."""
        await slack_reply.reply(self._http, url, text)

    async def _call(self, method: str, media: str, body: bytes) -> dict[str, Any]:
        headers = {"Content-Type": media, "Authorization": f"Bearer {self._token.get_secret_value()}"}
        return said(await self._http.post(body, headers, under=method))

    async def close(self) -> None:
        await self._http.close()


def text_of(found: object, name: str) -> str:
    """A text in an answer of Slack's; empty where there is none."""
    value = found.get(name) if isinstance(found, dict) else None
    return value if isinstance(value, str) else ""

"""What only whoever pressed or typed something in Slack reads: an answer to the address that Slack gave with it."""

from contextlib import suppress

import msgspec

from service.channels.contract import ChannelError
from service.channels.http import Http
from service.channels.slack_blocks import TEXT_CHARS_MAX, escaped_lines
from service.settings.web_address import BadUrl, normalise

# Slack gives its own address whatever proxy we call its Web API by: docs.slack.dev/govslack has the other one.
_SLACK = ("hooks.slack.com", "hooks.slack-gov.com")


def private(text: str) -> dict[str, object]:
    """https://docs.slack.dev/interactivity/handling-user-interaction: seen by one person, and not kept."""
    shown = escaped_lines(text, TEXT_CHARS_MAX)
    return {"response_type": "ephemeral", "replace_original": False, "text": shown}


async def reply(near: Http, url: str, text: str) -> None:
    """Answer at `url`, if it is Slack's, or on the host of the Web API `near`, or on `hooks.` of it. Whoever is not
    reached presses again."""
    try:
        to = normalise(url)
    except BadUrl:
        return
    if to.scheme != "https" or to.host not in (near.to.host, f"hooks.{near.to.host}", *_SLACK):
        return
    http = near.towards(to)
    try:
        with suppress(ChannelError):
            await http.post(msgspec.json.encode(private(text)), {"Content-Type": "application/json"})
    finally:
        await http.close()

"""The doctor about a Slack app: Slack is asked whether it knows its token (`auth.test`), and for its scopes."""

from typing import TYPE_CHECKING

from service.cli.checks.finding import Finding, bad, fine, look

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from service.channels.slack_api import SlackApi
    from service.settings.slack import SlackChannel


# What each scope is for; without one of them some people are not reached, or nobody is.
_METHODS = {
    "chat.postMessage": "posts messages",
    "conversations.open": "opens direct messages",
    "users.info": "tells who pressed a button",
    "users.lookupByEmail": "finds people by their e-mail address",
}


async def slack(name: str, settings: "SlackChannel", public_url: str) -> list[Finding]:
    """Nothing is posted. Of the keys nothing is shown."""
    from service.channels.contract import ChannelError
    from service.channels.http import Http
    from service.channels.slack_api import CALL_S_MAX, SlackApi
    from service.channels.slack_errors import SlackError

    http = Http(settings.to, settings.opened, connections=1, post_s_max=CALL_S_MAX)
    api = SlackApi(http, settings.token)
    try:
        known = await api.look("auth.test")
        missing = [finding async for finding in _missing(name, api)]
    except SlackError as error:
        fix = "reinstall the app in Slack and copy its Bot User OAuth Token anew; see docs/slack.md"
        return [bad(f"{name}: {error.text}", fix, is_down=error.is_outage)]
    except ChannelError as error:
        fix = "check `api_url` and the network" + (", or open its range by allow_private" * error.permanent)
        server = f"{settings.to.host}:{settings.to.port}"
        return [bad(f"{name}: {server}: {error.text}", fix, is_down=not error.permanent)]
    finally:
        await api.close()
    told = fine(f"{name}: Slack knows the token, as {_word(known, 'user')} in {_word(known, 'team')}")
    return [told, *missing, _listens(name, settings, public_url)]


async def _missing(name: str, api: "SlackApi") -> "AsyncIterator[Finding]":
    """A call without its arguments does nothing, and Slack looks at the scope first."""
    from service.channels.slack_errors import SlackError

    for method, use in _METHODS.items():
        try:
            if method.startswith("chat."):
                await api.change(method, {})
            else:
                await api.look(method)
        except SlackError as error:
            if error.word == "missing_scope":
                fix = "add it under OAuth & Permissions of your Slack app, and reinstall the app"
                yield bad(f"{name}: {error.text}; {method} {use}", fix)


def _listens(name: str, settings: "SlackChannel", public_url: str) -> Finding:
    if settings.signing_secret is None:
        said = f"{name}: without signing_secret its buttons open a page, and there are no slash commands"
        return look(said, "add `signing_secret` from Basic Information of your Slack app")
    where = f"{public_url.rstrip('/')}/integrations/slack"
    if not where.startswith("https://"):
        said = f"{name}: Slack sends presses and commands by https only, and public_url is {public_url}"
        return look(said, "set web.public_url to the https address that Slack reaches you by")
    return fine(f"{name}: presses come to {where}/interactions, commands to {where}/commands")


def _word(found: dict[str, object], key: str) -> str:
    return str(found.get(key) or "?")[:80]

"""The channels: mail servers are greeted and logged in to, URLs are connected to; nothing is ever sent."""

from typing import TYPE_CHECKING

from service.cli.checks.finding import Finding, bad, fine, look
from service.cli.checks.slack import slack

if TYPE_CHECKING:
    from service.settings.channels import EmailChannel
    from service.settings.hooks import HookSettings
    from service.settings.model import Settings


async def channels(settings: "Settings") -> list[Finding]:
    from service.settings.channels import EmailChannel
    from service.settings.hooks import HookSettings
    from service.settings.slack import SlackChannel

    found = []
    for name, channel in sorted(settings.channels.items()):
        if isinstance(channel, EmailChannel):
            found.append(await _mail(name, channel))
        elif isinstance(channel, HookSettings):
            found += await _hook(name, channel)
        elif isinstance(channel, SlackChannel):
            found += await slack(name, channel, settings.service.web.public_url)
        elif channel.kind == "console":
            found.append(fine(f"{name}: printed on the service's standard output"))
        else:
            found.append(fine(f"{name}: caught, nothing leaves this machine"))
    return found or [fine("none configured: every message is caught")]


async def _mail(name: str, settings: "EmailChannel") -> Finding:
    from service.channels.contract import ChannelError
    from service.channels.email import EmailChannel

    server = f"{settings.host}:{settings.port}"
    channel = EmailChannel.of(settings)
    try:
        return fine(f"{name}: {server} {await channel.probe()}")
    except ChannelError as error:
        return bad(
            f"{name}: {server}: {error.text}", "check `smtp` in channels.yaml and the server", is_down=True
        )
    finally:
        await channel.close()


async def _hook(name: str, settings: "HookSettings") -> list[Finding]:
    """Of a URL only the host is shown: its path is a secret."""
    from service.channels.contract import ChannelError
    from service.channels.http import Http
    from service.settings.hooks import TeamsWebhookChannel

    server, http = f"{settings.to.host}:{settings.to.port}", Http(settings.to, settings.opened, connections=1)
    try:
        found = [fine(f"{name}: {server} {await http.probe()}")]
    except ChannelError as error:
        fix = f"check the URL of `{name}` in channels.yaml" + (
            ", or open its range by allow_private" if error.permanent else " and the server"
        )
        return [bad(f"{name}: {server}: {error.text}", fix, is_down=not error.permanent)]
    finally:
        await http.close()
    if isinstance(settings, TeamsWebhookChannel):
        said = f"{name}: a flow that wants another envelope answers 202 all the same, and shows nothing"
        found.append(look(said, "look into the Teams channel once, or try the other `envelope`"))
    return found

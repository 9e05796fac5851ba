"""The channels: those that really send are greeted and logged in to; nothing is ever sent."""

from typing import TYPE_CHECKING

from service.cli.checks.finding import Finding, bad, fine

if TYPE_CHECKING:
    from service.settings.channels import EmailChannel
    from service.settings.model import Settings


async def channels(settings: "Settings") -> list[Finding]:
    from service.settings.channels import EmailChannel

    found = []
    for name, channel in sorted(settings.channels.items()):
        if isinstance(channel, EmailChannel):
            found.append(await _mail(name, channel))
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

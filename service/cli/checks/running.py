"""The running service: does it answer at web.listen, and is it ready to take events and to decide them."""

import http.client
import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

from service.cli.checks.finding import Finding, bad, fine, look
from service.cli.configuration import command
from service.cli.sending import connect, is_live

if TYPE_CHECKING:
    from pathlib import Path

    from service.settings.model import Settings


def running(settings: "Settings", given: "Path | None") -> list[Finding]:
    """Not running is no mistake: only somebody who wants it knows."""
    web = settings.service.web
    if not is_live(web):
        return [look(f"nothing answers at {web.listen}", f"start it: {command('run', given)}")]
    try:
        with closing(connect(web, 5.0)) as wire:
            wire.request("GET", "/health/ready")
            answer = wire.getresponse()
            told: Any = json.loads(answer.read(100_000))
        reasons = [str(reason) for reason in told["reasons"]]
        warnings = [str(warning) for warning in told.get("warnings", [])]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        return [bad(f"it lives, but does not tell whether it is ready ({error})", "look into its log")]
    if reasons:
        return [bad(f"not ready: {reason}", "look into its log", is_down=True) for reason in reasons]
    return [
        fine(f"ready at {web.listen}, as {told.get('role', 'a worker')}"),
        *(look(warning, _fix(warning)) for warning in warnings),
    ]


def _fix(warning: str) -> str:
    if warning.startswith("the fallback contact"):
        return "see People below"
    if "configuration is refused" in warning:
        return "mend it: the service takes it in by itself"
    if "restart" in warning:
        return "restart the service when it suits you"
    return "" if "configuration" in warning else "make room before it is full: see Store below"

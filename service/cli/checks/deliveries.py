"""What each channel delivered last, and the last error it gave: one line a channel, also of those that are caught."""

from typing import TYPE_CHECKING

from service.cli.checks.finding import Finding, at, fine, look
from service.cli.configuration import command
from service.cli.connection import has_store, open_store
from service.cli.exits import Failure

if TYPE_CHECKING:
    from pathlib import Path

    from service.delivery.notes import Delivered, Failed
    from service.settings.model import Settings


async def deliveries(settings: "Settings", given: "Path | None") -> list[Finding]:
    from service.delivery import notes

    if not has_store(settings):
        return [_of(name, None, None, given) for name in sorted(settings.channels)]
    try:
        async with open_store(settings) as store:
            known = notes.decode(await store.notes(notes.NAME))
    except Failure as failure:
        return [look(f"what was delivered is not known: {failure.text}", "see Store above")]
    names = sorted({*settings.channels, *known})
    return [_of(name, *known.get(name, (None, None)), given) for name in names]


def _of(name: str, delivered: "Delivered | None", failed: "Failed | None", given: "Path | None") -> Finding:
    """Yellow while the last word of a channel is an error."""
    last = (
        f"{name}: last delivery {at(delivered.at)}, {delivered.template} to {delivered.to}"
        if delivered
        else f"{name}: no delivery yet"
    )
    if failed is None:
        return fine(last)
    told = f"{last}; last error {at(failed.at)}: {failed.error}"
    if delivered is not None and delivered.at > failed.at:
        return fine(told)
    return look(
        told, f"what was given up is in {command('dead-letters list', given)}; the rest is tried again"
    )

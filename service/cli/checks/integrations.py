"""The integrations: what each sent last, what was refused last, and what was decided about it."""

from typing import TYPE_CHECKING

from service.cli.checks.finding import Finding, at, fine, look
from service.cli.configuration import command
from service.cli.connection import has_store, open_store
from service.cli.exits import Failure

if TYPE_CHECKING:
    from pathlib import Path

    from service.core.effects import LogEntry
    from service.integrations.notes import Refused, Seen
    from service.settings.model import Settings
    from service.store.contract import Store

# A busy shard decides more than this within minutes; then `explain` finds it.
RECENT_MAX = 2_000


async def integrations(settings: "Settings", given: "Path | None") -> list[Finding]:
    if not has_store(settings):
        return [_silent(name, settings) for name in settings.integrations]
    found = []
    try:
        async with open_store(settings) as store:
            for name in settings.integrations:
                found += await _of(name, settings, store, given)
    except Failure as failure:
        return [look(f"nothing is known: {failure.text}", "see Store above")]
    return found


async def _of(name: str, settings: "Settings", store: "Store", given: "Path | None") -> list[Finding]:
    from service.integrations import notes

    seen, refused = notes.decode(await store.notes(notes.name_of(name)))
    found = [] if refused is None else [_refused(name, refused, given)]
    if seen is None:
        return [*found, *([] if refused else [_silent(name, settings)])]
    if not seen.subject:
        told = f"{name}: the last request, {at(seen.at)}, made no event"
        return [*found, look(told, f"see `only` and `when` in integrations/{name}.yaml")]
    what = f"{name}: last event {seen.type} of {seen.subject}, {at(seen.at)}"
    entry = await _decided(settings, store, seen)
    if entry is None:
        return [*found, fine(f"{what}: not decided yet, or long ago")]
    why = "; ".join(reason.text for reason in entry.reasons)
    if entry.policies or entry.effects:
        return [*found, fine(f"{what}: {why}")]
    explain = command(f"explain {seen.subject}", given)
    return [*found, look(f"{what}, matched no policy: {why}", f"see its story: {explain}")]


def _silent(name: str, settings: "Settings") -> Finding:
    url = f"{settings.service.web.public_url}/integrations/{name}"
    return look(f"{name}: nothing has come yet", f"have it send to {url}")


def _refused(name: str, refused: "Refused", given: "Path | None") -> Finding:
    fixes = {
        "wrong_signature": "is the secret here the one that the sender has? Is web.public_url the address it sends to?",
        "no_signature": f"is the scheme in integrations/{name}.yaml the one that the sender uses?",
        "stale_timestamp": "is the clock of this machine right? An old request may be somebody's replay",
        "forwarded": "choose another scheme than `none`: it comes through a proxy",
    }
    letters = f"mend integrations/{name}.yaml; then {command('dead-letters requeue --all', given)}"
    told = f"{name}: last refused {at(refused.at)}: {refused.detail} ({refused.reason})"
    return look(told, fixes.get(refused.reason, letters))


async def _decided(settings: "Settings", store: "Store", seen: "Seen") -> "LogEntry | None":
    """The decision on this event, while the record is short enough to look for it."""
    from service.core.effects import decode_log
    from service.core.events import TOPIC_OF_FAMILY
    from service.core.ids import partition_of, split_subject
    from service.store.contract import Shard

    family, bare = split_subject(seen.subject)
    shard = Shard(TOPIC_OF_FAMILY[family], partition_of(bare, settings.service.partitions))
    entries = (decode_log(logged.value) for logged in await store.recent_log(shard, RECENT_MAX))
    return next((entry for entry in entries if entry.input_id == seen.input_id), None)

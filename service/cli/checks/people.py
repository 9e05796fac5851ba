"""The people as they are in force, what events have said counted: who is told when nobody else can be, and what of
their words does not hold as things are."""

from typing import TYPE_CHECKING

from service.cli.checks.finding import Finding, bad, fine, look
from service.cli.configuration import command
from service.cli.connection import has_store, open_store
from service.cli.exits import Failure

if TYPE_CHECKING:
    from pathlib import Path

    from service.settings.model import Settings

# The first are enough to see what is wrong with the sender; `people` has all of them.
LEFT_SHOWN_MAX = 10


async def people(files: "Settings", given: "Path | None") -> list[Finding]:
    """Never red for a store that does not answer: its own section says that."""
    from service.core.fallback import nobody_left
    from service.people import in_force, read_people

    raw = None
    if has_store(files):
        try:
            async with open_store(files) as store:
                raw = await read_people(store, files.service.partitions)
        except Failure:
            return [look("what events have said of people is not known", "mend the store first: see Store")]
    settings, left = await in_force(files, raw)
    if nobody := nobody_left(settings.service.fallback_contact, settings.graph):
        fix = "give the role to somebody who works here, or name somebody else in `fallback_contact`"
        found = [bad(nobody, fix)]
    else:
        found = [
            fine(f"{len(settings.graph.people)} people; {settings.service.fallback_contact} is somebody")
        ]
    for one in left[:LEFT_SHOWN_MAX]:
        found.append(
            look(f"left out of what events said, {one.what}: {one.why}", "send it again as it should be")
        )
    if (more := len(left) - LEFT_SHOWN_MAX) > 0:
        found.append(look(f"{more} more words are left out", f"see them with `{command('people', given)}`"))
    return found

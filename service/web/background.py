"""What goes on after a request was answered. Nobody waits for it, and its failure is ours alone to see."""

import asyncio
from collections.abc import Coroutine

from service.store.contract import StoreDown
from service.telemetry.logs import get_log

log = get_log()

# The event loop keeps only weak references to its tasks.
_tasks: set[asyncio.Task[object]] = set()


def soon(what: str, work: Coroutine[object, object, object]) -> "asyncio.Task[object]":
    """Begin the work; `what` names it in the log, should it fail."""
    task = asyncio.create_task(_watched(what, work))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return task


async def _watched(what: str, work: Coroutine[object, object, object]) -> object:
    try:
        return await work
    except StoreDown as error:
        log.warning("store_down", where=what, failure=str(error))
    except Exception:
        log.exception("background_failed", where=what)
    return None

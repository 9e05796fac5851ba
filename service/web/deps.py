"""What the web needs, in one object: made by `service/app.py`, read by every route as `deps: Deps`.

It must not know FastAPI's application beyond `request.app.state`; a test makes one with a store in memory.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from service.broker import Broker
from service.channels.contract import Channel
from service.messages.links import Links
from service.settings.model import Settings
from service.store.clock import Clock
from service.store.contract import Store
from service.telemetry.metrics import Metrics


@dataclass(frozen=True)
class WebDeps:
    """`settings()` is the configuration in force now: a reload replaces it whole, so ask for each request.

    `readiness()` tells what the engine knows of itself: `reasons` is a list of plain sentences, empty when all is
    well, `warnings` another of what soon may not be; every other key is shown as it is on `/health/ready`. The store is
    asked by the route itself. `is_full()` says that the store has no room for more events. `channels` are those that
    deliver: one that shows what was answered needs them.
    """

    settings: Callable[[], Settings]
    store: Store
    broker: Broker
    clock: Clock
    links: Callable[[], Links]
    readiness: Callable[[], Mapping[str, object]]
    metrics: Metrics
    is_full: Callable[[], bool] = lambda: False
    channels: Mapping[str, Channel] = field(default_factory=dict)


def get_deps(request: Request) -> WebDeps:
    """The object `make_app` was given."""
    deps: WebDeps = request.app.state.deps
    return deps


Deps = Annotated[WebDeps, Depends(get_deps)]

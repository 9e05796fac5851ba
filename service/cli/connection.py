"""The store as commands reach it: by `redis_url`, or by joining (else starting) the embedded server in data_dir."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from service.cli.exits import Exit, Failure

if TYPE_CHECKING:
    from service.broker import Broker
    from service.settings.model import Settings
    from service.store.redis import RedisStore


def has_store(settings: "Settings") -> bool:
    """Whether there may be something to read: a look must not make the embedded server's folder."""
    return settings.service.redis_url is not None or (settings.service.data_dir / "valkey").exists()


@asynccontextmanager
async def open_store(settings: "Settings") -> "AsyncIterator[RedisStore]":
    """A store that answers. The embedded server is left as it was found: running, or shut down by us, the last out."""
    from service.store.connect import connect
    from service.store.contract import StoreDown, Unfit
    from service.store.embedded import Embedded

    service = settings.service
    embedded = Embedded(service.data_dir) if service.redis_url is None else None
    try:
        url = service.redis_url.get_secret_value() if service.redis_url else ""
        if embedded is not None:
            url = await embedded.start()
        durability = service.durability if embedded is None else "everysec"  # the embedded one always waits
        store = await connect(url, service.key_prefix, durability)
        try:
            yield store
        finally:
            await store.close()
    except StoreDown as error:
        raise store_down(settings, str(error)) from error
    except Unfit as error:
        raise Failure(Exit.DOWN, str(error)) from error
    finally:
        if embedded is not None:
            await embedded.stop()


@asynccontextmanager
async def open_broker(settings: "Settings") -> "AsyncIterator[tuple[RedisStore, Broker]]":
    """The store, and the event log to publish to, wherever that lies."""
    from service import event_log
    from service.store.contract import StoreDown, Unfit

    async with open_store(settings) as store:
        try:
            async with event_log.open_broker(settings.service, store) as broker:
                yield store, broker
        except StoreDown as error:
            if not settings.service.kafka_servers:
                raise
            action = "start it, or write `event_log: redis` to do without"
            raise Failure(Exit.DOWN, str(error), action) from error
        except Unfit as error:
            raise Failure(Exit.DOWN, str(error)) from error


def store_down(settings: "Settings", why: str) -> Failure:
    """Exit 3: what to start, or where to look."""
    if settings.service.redis_url is None:
        log = settings.service.data_dir / "valkey" / "server.log"
        return Failure(Exit.DOWN, f"the embedded store does not work: {why}", f"look into {log}")
    action = "start it, or leave redis_url (and REDIS_URL) out to use the embedded server"
    return Failure(Exit.DOWN, f"the Redis server of redis_url cannot be used: {why}", action)

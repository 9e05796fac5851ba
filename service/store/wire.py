"""The wire to the server: raw replies, scripts by their hash, and every failure under one name, StoreDown.

Nothing here knows a key or a shard. redis-py's own parsing of replies is left out: we want the bytes as they came,
in the one shape of RESP2.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from redis import exceptions as errors
from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.connection import HiredisRespSerializer

from service.store.contract import StoreDown

Arg = str | bytes | int
T = TypeVar("T")

# No command of ours takes longer than a batch of 500 (13 ms, measured 2026-11); ten times the slowest fsync seen.
TIMEOUT_S = 5.0
# A blocking read returns empty after this even if its caller would wait longer: a dead peer is noticed in time.
BLOCK_MS_MAX = 10_000
# More tasks than this at once wait for a connection rather than open one.
CONNECTIONS_MAX = 50

# "Not now": full, a replica, a disk that cannot be written, a script that hangs. (LOADING counts as a lost connection.)
_REFUSALS = (
    errors.OutOfMemoryError,
    errors.ReadOnlyError,
    errors.ClusterDownError,
    errors.MasterDownError,
    errors.TryAgainError,
)
_REFUSAL_CODES = ("MISCONF", "NOREPLICAS", "BUSY ")


class Lost(StoreDown):
    """The connection broke or fell silent: whether the server acted on the request is unknown."""


class Script:
    """A Lua file beside this one, known to the server by its hash."""

    def __init__(self, name: str) -> None:
        self.text = Path(__file__).with_name(name).read_text(encoding="utf-8")
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


def open_client(url: str) -> Redis:
    """A client fit for a store: it never resends by itself (redis-py 8 does so ten times unless told not to)."""
    pool = BlockingConnectionPool.from_url(
        url,
        retry=None,
        protocol=2,
        decode_responses=False,
        # Wire bounds every command by itself. With a timeout here redis-py sends by `asyncio.wait_for`, which in
        # Python 3.11 swallows a cancellation that comes in the turn in which it finishes (cpython#86296).
        socket_timeout=None,
        socket_connect_timeout=TIMEOUT_S,
        max_connections=CONNECTIONS_MAX,
        timeout=TIMEOUT_S,
    )
    pool.connection_class = _packing_in_c(pool.connection_class)
    return Redis.from_pool(pool)


def _packing_in_c(connection_class: type[Any]) -> type[Any]:
    """redis-py's asyncio client packs commands in Python. A commit of 500 events takes it 1.5 ms, and 0.5 ms in C: 5 %
    of the engine's time under a simple policy (measured 2026-11)."""

    class Packing(connection_class):  # type: ignore[misc]
        def pack_command(self, *command: Arg) -> list[bytes]:
            # Its annotation says that every argument is a list; what it means is the list of arguments.
            pack: Callable[..., list[bytes]] = HiredisRespSerializer().pack
            return pack(*command)

    return Packing


class Wire:
    """Commands to one server. With `fsync`, writes return only when the server's disk has them (WAITAOF)."""

    def __init__(self, client: Redis, fsync: bool = False) -> None:
        pool = client.connection_pool
        kwargs = pool.connection_kwargs
        assert kwargs.get("retry") is None, "a store's client must not resend by itself: use wire.open_client"
        assert not kwargs.get("decode_responses"), "a store's client must not decode: use wire.open_client"
        assert kwargs["socket_timeout"] is None, (
            "a store's client has its timeouts here: use wire.open_client"
        )
        self._fsync = fsync
        self._client = _raw(pool)
        # Blocking reads hold their connection for seconds, so they have connections of their own.
        self._waiting = _raw(ConnectionPool(connection_class=pool.connection_class, **kwargs))
        # redis-py leaves these untyped; a reply is whatever the server says.
        self._ask: Callable[..., Awaitable[Any]] = self._client.execute_command
        self._ask_patiently: Callable[..., Awaitable[Any]] = self._waiting.execute_command

    async def call(self, *command: Arg) -> Any:
        """One command that reads, or whose loss in a power cut costs nothing."""
        return await _bounded(TIMEOUT_S, self._ask(*command))

    async def wait(self, *command: Arg) -> Any:
        """A command that blocks on the server, for at most BLOCK_MS_MAX."""
        return await _bounded(TIMEOUT_S + BLOCK_MS_MAX / 1000, self._ask_patiently(*command))

    async def write(self, commands: list[tuple[Arg, ...]], *, atomic: bool = False) -> list[Any]:
        """Run `commands` in one round trip, `atomic` = all or none, and wait for the disk where that was asked for."""
        if atomic and len(commands) > 1:
            return list((await self._send([("MULTI",), *commands, ("EXEC",)]))[-1])
        return await self._send(commands)

    async def script(self, script: Script, keys: list[str], args: list[Arg]) -> Any:
        """Run a script that writes. A server that does not know it yet is taught it; nothing ran until then."""
        return (await self.scripts(script, [(keys, args)]))[0]

    async def scripts(self, script: Script, calls: list[tuple[list[str], list[Arg]]]) -> list[Any]:
        """The same script over several sets of keys, in one round trip."""
        commands: list[tuple[Arg, ...]] = [("EVALSHA", script.sha, len(k), *k, *args) for k, args in calls]
        try:
            return await self._send(commands)
        except errors.NoScriptError:
            await self.call("SCRIPT LOAD", script.text)
            return await self._send(commands)

    async def _send(self, commands: list[tuple[Arg, ...]]) -> list[Any]:
        if len(commands) == 1 and not self._fsync:
            return [await self.call(*commands[0])]
        return await _bounded(TIMEOUT_S, self._send_together(commands))

    async def _send_together(self, commands: list[tuple[Arg, ...]]) -> list[Any]:
        if self._fsync:
            # One copy on the local disk, no replica; the wait is bounded by less than the socket's timeout.
            commands = [*commands, ("WAITAOF", 1, 0, int(TIMEOUT_S * 800))]
        async with self._client.pipeline(transaction=False) as pipe:
            queue: Callable[..., object] = pipe.execute_command
            for command in commands:
                queue(*command)
            replies = await pipe.execute(raise_on_error=False)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        if self._fsync and replies.pop()[0] < 1:
            raise Lost("the server did not write its AOF to disk in time")
        return replies

    async def close(self) -> None:
        await self._waiting.aclose()
        await self._waiting.connection_pool.aclose()
        await self._client.aclose()
        await self._client.connection_pool.aclose()


def _raw(pool: ConnectionPool) -> Redis:
    client = Redis(connection_pool=pool)
    client.response_callbacks.clear()
    return client


async def _bounded(timeout_s: float, asking: Awaitable[T]) -> T:
    """What "cannot be reached or refuses to write" looks like, as StoreDown; any other error is a bug of ours."""
    try:
        async with asyncio.timeout(timeout_s):
            return await asking
    except TimeoutError as error:
        raise Lost(f"the store did not answer within {timeout_s:g} s") from error
    except (errors.ConnectionError, errors.TimeoutError, OSError) as error:
        raise Lost(f"the store cannot be reached: {error}") from error
    except errors.ResponseError as error:
        if isinstance(error, _REFUSALS) or str(error).startswith(_REFUSAL_CODES):
            raise StoreDown(f"the store refuses: {error}") from error
        raise

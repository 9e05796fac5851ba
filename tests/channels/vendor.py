"""An HTTP server that misbehaves on request, enforces a vendor's published limits, and keeps books of what it took.

`vendor.on_request = [Reply(429, {"Retry-After": "7"}), HANG]` answers the next requests so, one entry each; before that
`on_connection` decides the same for connections, before any encryption. Otherwise `judge` answers.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple, Self

from tests.channels.sink import CERTIFICATE


class Reply(NamedTuple):
    """An answer; `endless` goes on for ever behind its headers."""

    status: int = 200
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes = b""
    endless: bool = False
    raw: bytes = b""


# Says nothing for ever, or cuts the connection without a word.
HANG, DROP = Reply(-1), Reply(-2)


class Request(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Judge = Callable[[Request], Reply]


@dataclass
class Vendor:
    """`async with Vendor() as vendor:` listens on loopback; `vendor.url("/hook")` is where."""

    judge: Judge = lambda _request: Reply()
    tls: bool = True
    host: str = "localhost"
    on_connection: list[Reply] = field(default_factory=list)
    on_request: list[Reply] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    taken: list[Request] = field(default_factory=list)  # those that were answered by 2xx, or may have been
    connections: int = 0
    endless_bytes: int = 0  # written of endless answers

    def __post_init__(self) -> None:
        self.changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def url(self, path: str = "/") -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}{path}"

    async def has_taken(self, count: int) -> None:
        await self.until(lambda: len(self.taken) >= count)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20), self.changed:
            await self.changed.wait_for(condition)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            if await self._lets_in(writer):
                while await self._one(reader, writer):
                    pass
        self._writers.discard(writer)
        if writer.transport is not None:
            writer.transport.abort()

    async def _lets_in(self, writer: asyncio.StreamWriter) -> bool:
        reply = self.on_connection.pop(0) if self.on_connection else None
        await self._note()
        if reply == HANG:
            await asyncio.Event().wait()
        if reply == DROP:
            return False
        if self.tls:
            plain = writer.transport
            await writer.start_tls(tls_server())
            if writer.transport is None:  # CPython 3.11 loses it when the client hangs up meanwhile.
                writer._transport = plain  # type: ignore[attr-defined]
                return False
        return True

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip("\r\n").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        method, path, _ = first.split(" ")
        request = Request(method, path, headers, body)
        self.requests.append(request)
        reply = self.on_request.pop(0) if self.on_request else self.judge(request)
        if reply.status < 300:
            self.taken.append(request)
        await self._note()
        if reply == HANG:
            await asyncio.Event().wait()
        if reply == DROP:
            return False
        await _write(writer, reply)
        while reply.endless:
            writer.write(b"x" * 65_536)
            await writer.drain()
            self.endless_bytes += 65_536
        return not reply.raw

    async def _note(self) -> None:
        async with self.changed:
            self.changed.notify_all()


def tls_server() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def tls_client() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(CERTIFICATE))


async def _write(writer: asyncio.StreamWriter, reply: Reply) -> None:
    if reply.raw:
        writer.write(reply.raw)
        await writer.drain()
        return
    length = {} if reply.endless else {"Content-Length": str(len(reply.body))}
    lines = [f"{name}: {value}" for name, value in {**length, **reply.headers}.items()]
    writer.write("\r\n".join([f"HTTP/1.1 {reply.status} Whatever", *lines, "", ""]).encode() + reply.body)
    await writer.drain()

"""A small proxy before a server: it passes everything on, or cuts after the request was delivered, or goes silent."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path


class Proxy:
    """`cut` replies are lost, after `spare` that are not: the server got the request and answered, the client sees a
    closed connection. `pass_bytes` cuts on the way there: so much of a request arrives and no more.
    """

    def __init__(self, upstream: Path) -> None:
        self.upstream = upstream
        self.cut = 0
        self.spare = 0
        self.pass_bytes: int | None = None
        self.is_silent = False  # takes requests and answers nothing
        self.replies_cut = 0
        self.links: set[_Client] = set()

    async def close(self) -> None:
        for link in list(self.links):
            link.drop()
            await asyncio.wait([link.dialling])


class _Client(asyncio.Protocol):
    """The client's side of one connection."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._early = bytearray()
        self._server: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.client = transport
        self._proxy.links.add(self)
        self.dialling = asyncio.create_task(self._dial())

    async def _dial(self) -> None:
        dial = asyncio.get_running_loop().create_unix_connection
        try:
            server, _ = await dial(lambda: _Server(self._proxy, self), str(self._proxy.upstream))
        except OSError:
            self.client.close()
            return
        self._server = server
        if self.client.is_closing():
            server.close()
        server.write(bytes(self._early))

    def data_received(self, data: bytes) -> None:
        if self._proxy.is_silent:
            return
        limit = self._proxy.pass_bytes
        if limit is not None:
            data, self._proxy.pass_bytes = data[:limit], max(0, limit - len(data))
        if self._server is None:
            self._early += data
        else:
            self._server.write(data)
        if limit is not None and self._proxy.pass_bytes == 0:
            self.drop()

    def connection_lost(self, exc: Exception | None) -> None:
        self._proxy.links.discard(self)
        self.drop()

    def drop(self) -> None:
        self.client.close()
        if self._server is not None:
            self._server.close()


class _Server(asyncio.Protocol):
    """The server's side of the same connection."""

    def __init__(self, proxy: Proxy, link: _Client) -> None:
        self._proxy, self._link = proxy, link

    def data_received(self, data: bytes) -> None:
        if self._proxy.spare > 0:
            self._proxy.spare -= 1
            self._link.client.write(data)
        elif self._proxy.cut > 0:
            self._proxy.cut -= 1
            self._proxy.replies_cut += 1
            self._link.drop()
        else:
            self._link.client.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._link.client.close()


@asynccontextmanager
async def proxy_to(upstream: Path) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy to a server on a unix socket, and the URL that goes through it."""
    with tempfile.TemporaryDirectory(prefix="ft-") as folder:
        proxy, path = Proxy(upstream), Path(folder) / "p"
        loop = asyncio.get_running_loop()
        server = await loop.create_unix_server(lambda: _Client(proxy), str(path))
        try:
            yield proxy, f"unix://{path}"
        finally:
            server.close()
            await proxy.close()

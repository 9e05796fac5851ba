"""The HTTP server around the application: uvicorn, held to our limits, started and stopped by `service/app.py`.

It must not handle signals, read proxies' headers, or log by itself; all three are done elsewhere, once.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator

import uvicorn
from fastapi import FastAPI

from service.web.guard import HEADER_BYTES_MAX

# Connections at once; the next one is told 503 instead of making everybody slow.
CONNECTIONS_MAX = 1000
# An idle connection is kept no longer; load balancers keep theirs for 60 s and open new ones.
IDLE_S = 15
# Answers in hand may take this long at a stop; live pages end at once (`app.state.is_stopping`).
STOP_WITHIN_S = 3


class _Server(uvicorn.Server):
    """Signals are the process's, not the web server's; and somebody wants to know when the port is open."""

    on_started: Callable[[], None]

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.on_started()


class WebServer:
    """`run()` serves until `stop()`; `on_ready` is called when the port is open. `port` 0 picks a free one."""

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        self.app, self.host, self.port = app, host, port
        self.on_ready: Callable[[], None] = lambda: None
        self._server = _Server(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                proxy_headers=False,
                server_header=False,
                limit_concurrency=CONNECTIONS_MAX,
                h11_max_incomplete_event_size=HEADER_BYTES_MAX,
                timeout_keep_alive=IDLE_S,
                timeout_graceful_shutdown=STOP_WITHIN_S,
            )
        )

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    async def run(self) -> None:
        """Serve until `stop()`. Raises OSError when the port is taken."""
        with self._bind() as listener:
            self.port = listener.getsockname()[1]
            self._server.on_started = self.on_ready
            serving = asyncio.create_task(self._server.serve([listener]))
            try:
                await asyncio.shield(serving)
            except asyncio.CancelledError:
                self.stop()
                await serving
                raise

    def stop(self) -> None:
        """Take no new request, finish those in hand, then `run()` returns."""
        self.app.state.is_stopping = True
        self._server.should_exit = True

    def _bind(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self.host, self.port))
        except BaseException:
            listener.close()
            raise
        return listener

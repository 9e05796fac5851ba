"""An SMTP server that misbehaves on request, and keeps books of what it accepted.

`sink.on["RCPT"] = [Reply("451 later")]` answers the next RCPT so, once for each entry; then it behaves again.
`sink.refuses["dana@example.com"] = "550 no such user"` answers every RCPT with that address so.
Steps: BANNER EHLO STARTTLS AUTH MAIL RCPT DATA (the command), BODY (after the final dot).
"""

import asyncio
import base64
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self

CERTIFICATE = Path(__file__).with_name("localhost.pem")


class Reply(NamedTuple):
    """What happens instead of a good answer. HANG says nothing for ever, DROP cuts the connection without a word."""

    text: str = ""


HANG, DROP = Reply("hang"), Reply("drop")


class Mail(NamedTuple):
    sender: str
    to: str
    body: bytes
    is_encrypted: bool
    user: str
    at: float  # epoch seconds by this machine's clock


@dataclass
class Sink:
    """`async with Sink() as sink:` listens on loopback. `connections` counts those that were opened."""

    tls: bool = False
    auth: bool = False
    is_implicit_tls: bool = False
    on: dict[str, list[Reply]] = field(default_factory=dict)
    refuses: dict[str, str] = field(default_factory=dict)
    mails: list[Mail] = field(default_factory=list)
    connections: int = 0
    keep: bool = True
    seen: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.changed = asyncio.Condition()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.accepted = 0

    async def __aenter__(self) -> Self:
        context = self._context() if self.is_implicit_tls else None
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context, limit=1 << 20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.hang_up()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def hang_up(self) -> None:
        """Cut every connection, as a restarted server does."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def has_seen(self, step: str, count: int = 1) -> None:
        async with asyncio.timeout(20), self.changed:
            await self.changed.wait_for(lambda: self.seen.count(step) >= count)

    async def mail_to(self, address: str) -> Mail:
        """The first mail this address got, waited for."""
        async with asyncio.timeout(20), self.changed:
            await self.changed.wait_for(lambda: any(mail.to == address for mail in self.mails))
        return next(mail for mail in self.mails if mail.to == address)

    @staticmethod
    def _context() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        return context

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            await _Session(self, reader, writer).run()
        self._writers.discard(writer)
        writer.transport.abort()

    async def _misbehaves(self, step: str, writer: asyncio.StreamWriter) -> bool:
        self.seen.append(step)
        async with self.changed:
            self.changed.notify_all()
        waiting = self.on.get(step)
        if not waiting:
            return False
        reply = waiting.pop(0)
        if reply == HANG:
            await asyncio.Event().wait()
        if reply == DROP:
            writer.transport.abort()
            raise ConnectionResetError
        writer.write(f"{reply.text}\r\n".encode())
        if reply.text.startswith("421"):
            await writer.drain()
            writer.close()
            raise ConnectionResetError
        return True


class _Session:
    def __init__(self, sink: Sink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sink, self.reader, self.writer = sink, reader, writer
        self.is_encrypted, self.user, self.sender, self.to = sink.is_implicit_tls, "", "", ""

    async def run(self) -> None:
        await self._answer("BANNER", "220 sink ready")
        while line := (await self.reader.readline()).decode("ascii").rstrip("\r\n"):
            verb, _, rest = line.partition(" ")
            if verb == "QUIT":
                self.writer.write(b"221 bye\r\n")
                return
            await getattr(self, f"_{verb.lower()}")(rest)

    async def _answer(self, step: str, good: str) -> bool:
        if await self.sink._misbehaves(step, self.writer):
            return False
        self.writer.write(f"{good}\r\n".encode())
        return True

    async def _ehlo(self, _rest: str) -> None:
        lines = ["sink"]
        if self.sink.tls and not self.is_encrypted:
            lines.append("STARTTLS")
        if self.sink.auth and (self.is_encrypted or not self.sink.tls):
            lines.append("AUTH PLAIN")
        lines.append("SIZE 1000000")
        answer = "\r\n".join(f"250-{line}" for line in lines[:-1]) + f"\r\n250 {lines[-1]}"
        await self._answer("EHLO", answer)

    async def _starttls(self, _rest: str) -> None:
        if await self._answer("STARTTLS", "220 go ahead"):
            plain = self.writer.transport
            await self.writer.start_tls(self.sink._context())
            if self.writer.transport is None:  # CPython 3.11 loses it when the client hangs up meanwhile.
                self.writer._transport = plain  # type: ignore[attr-defined]
                raise ConnectionResetError
            self.is_encrypted = True

    async def _auth(self, rest: str) -> None:
        _, user, _password = base64.b64decode(rest.partition(" ")[2]).decode().split("\0")
        if await self._answer("AUTH", "235 welcome"):
            self.user = user

    async def _mail(self, rest: str) -> None:
        self.sender = rest.removeprefix("FROM:")[1:-1]
        await self._answer("MAIL", "250 ok")

    async def _rcpt(self, rest: str) -> None:
        self.to = rest.removeprefix("TO:")[1:-1]
        await self._answer("RCPT", self.sink.refuses.get(self.to, "250 ok"))

    async def _rset(self, _rest: str) -> None:
        await self._answer("RSET", "250 ok")

    async def _data(self, _rest: str) -> None:
        if not await self._answer("DATA", "354 go on"):
            return
        body = await self.reader.readuntil(b"\r\n.\r\n")
        sink = self.sink
        sink.accepted += 1
        if sink.keep and not _is_refusal(sink.on.get("BODY")):
            # A server that drops the line after the final dot may have kept the mail: this one has.
            sink.mails.append(
                Mail(self.sender, self.to, body[:-3], self.is_encrypted, self.user, time.time())
            )
            async with sink.changed:
                sink.changed.notify_all()
        await self._answer("BODY", "250 kept")


def _is_refusal(waiting: list[Reply] | None) -> bool:
    return bool(waiting) and waiting[0] not in (HANG, DROP)  # type: ignore[index]

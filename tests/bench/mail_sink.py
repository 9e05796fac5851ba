"""The least an SMTP server can do, in a process of its own: takes every mail, keeps none, tells which came when.

`python -m tests.bench.mail_sink` prints its port, then `<epoch seconds> <c12>` for each mail, by the word in it.
"""

import asyncio
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

ANSWERS = {b"DATA": b"354 go\r\n", b"QUIT": b"221 bye\r\n"}
# How a bench names what a mail is about; it stands in the subject.
ABOUT = re.compile(rb"Promise (c\S+)")


class _Session(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.buffer, self.is_data = transport, b"", False
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            end = self.buffer.find(b"\r\n.\r\n" if self.is_data else b"\r\n")
            if end < 0:
                return
            line, self.buffer = self.buffer[:end], self.buffer[end + (5 if self.is_data else 2) :]
            if self.is_data:
                about = ABOUT.search(line)
                print(time.time(), about[1].decode() if about else "-", flush=True)
            self.transport.write(ANSWERS.get(line, b"250 ok\r\n"))
            self.is_data = line == b"DATA"


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Session, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class MailSink:
    """The process as a bench sees it: `mails` are (when, what about), in the order they came."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.mails: list[tuple[float, str]] = []
        self._came = asyncio.Condition()

    async def keep(self, lines: asyncio.StreamReader) -> None:
        while line := await lines.readline():
            at, about = line.decode().split()
            self.mails.append((float(at), about))
            async with self._came:
                self._came.notify_all()

    async def has(self, count: int) -> None:
        async with asyncio.timeout(60), self._came:
            await self._came.wait_for(lambda: len(self.mails) >= count)


@asynccontextmanager
async def mail_sink() -> AsyncIterator[MailSink]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.mail_sink", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    sink = MailSink(int(await process.stdout.readline()))
    keeping = asyncio.create_task(sink.keep(process.stdout))
    try:
        yield sink
    finally:
        process.kill()
        await process.wait()
        await keeping


if __name__ == "__main__":
    asyncio.run(_serve())

"""Mails a second: our e-mail channel, and through the whole delivery worker, beside a bare aiosmtplib loop.

    python -m tests.bench.bench_email [mails]

The sink is a bare SMTP server in a process of its own that keeps nothing; both run on loopback.
"""

import asyncio
import multiprocessing
import sys
import time
from collections.abc import Awaitable, Callable
from email.message import EmailMessage

import aiosmtplib

from service.channels.email import CONNECTIONS, EmailChannel
from service.channels.smtp import Server
from tests.channels.samples import ANA, MESSAGE, SENDER, owed

ANSWERS = {b"DATA": b"354 go\r\n", b"QUIT": b"221 bye\r\n"}


class Sink(asyncio.Protocol):
    """The least an SMTP server can do."""

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
            self.transport.write(ANSWERS.get(line, b"250 ok\r\n"))
            self.is_data = line == b"DATA"


def serve(port: "multiprocessing.Queue[int]") -> None:
    async def forever() -> None:
        server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
        port.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(forever())


async def shared_out(count: int, hands: int, send: Callable[[int, int], Awaitable[None]]) -> None:
    async def hand(number: int) -> None:
        for mail in range(number, count, hands):
            await send(number, mail)

    await asyncio.gather(*[hand(number) for number in range(hands)])


async def bare(port: int, count: int, *, is_built: bool) -> None:
    """What a script would do: persistent connections, EmailMessage or the same bytes again and again."""
    clients = [aiosmtplib.SMTP(hostname="127.0.0.1", port=port) for _ in range(CONNECTIONS)]
    for client in clients:
        await client.connect()
    fixed = built(0)

    async def send(hand: int, mail: int) -> None:
        await clients[hand].sendmail("ft@example.com", [ANA], built(mail) if is_built else fixed)

    await shared_out(count, CONNECTIONS, send)
    for client in clients:
        await client.quit()


def built(number: int) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ft@example.com", ANA, MESSAGE.subject
    message["Message-ID"] = f"<{number}@example.com>"
    message.set_content(MESSAGE.text)
    message.add_alternative(MESSAGE.html, subtype="html")
    return message.as_bytes()


async def ours(port: int, count: int) -> None:
    channel = EmailChannel(Server("127.0.0.1", port), SENDER)

    async def send(_hand: int, mail: int) -> None:
        await channel.send(owed(key=f"{mail:032x}"), MESSAGE, ANA)

    await shared_out(count, CONNECTIONS, send)
    await channel.close()


async def worker(port: int, count: int) -> None:
    from tests.delivery.desk import Desk, an_owed

    desk = Desk()
    desk.channels["email"] = EmailChannel(Server("127.0.0.1", port), SENDER)
    desk.render = lambda _owed, _reader: MESSAGE
    await desk.owe(*[an_owed(number) for number in range(count)])
    async with desk.working():
        await desk.settled.count(count)


def measure(name: str, run: Awaitable[None], count: int) -> None:
    begun, cpu = time.perf_counter(), time.process_time()
    asyncio.run(run)  # type: ignore[arg-type]
    took, used = time.perf_counter() - begun, time.process_time() - cpu
    print(f"{name:46} {count / took:8,.0f} mails/s  {used / count * 1000:6.2f} CPU-s per 1,000")


def main() -> None:
    import logging

    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    port_queue: multiprocessing.Queue[int] = multiprocessing.Queue()
    sink = multiprocessing.Process(target=serve, args=(port_queue,), daemon=True)
    sink.start()
    port = port_queue.get()
    measure("bare aiosmtplib, one ready mail", bare(port, count, is_built=False), count)
    measure("bare aiosmtplib, EmailMessage each", bare(port, count, is_built=True), count)
    measure("e-mail channel", ours(port, count), count)
    measure("delivery worker, store in memory", worker(port, count), count)
    sink.terminate()


if __name__ == "__main__":
    main()

"""What a script does: takes an event by POST, sends a mail about it, forgets it. No store, no retry, no decision.

`python -m tests.bench.bare_script <smtp port>` prints its own port. `mail` is used by other benches too.
"""

import asyncio
import sys
from email.message import EmailMessage

import aiosmtplib
from aiohttp import web

# Connections to the SMTP server, as many as the e-mail channel has.
HANDS = 4


def mail(title: str) -> bytes:
    """A mail by the standard library: two sentences, as text and as HTML (ours says more, and looks better)."""
    message = EmailMessage()
    message["From"], message["To"] = "ft@example.com", "ana@example.com"
    message["Subject"] = f"Due today: {title}"
    text = f"Hello Ana,\n\nyou promised: {title}. It is due today. " + "If the date will not hold, say so."
    message.set_content(text)
    message.add_alternative(f"<html><body><p>{text}</p></body></html>", subtype="html")
    return message.as_bytes()


class Mailer:
    """Persistent connections; each sends one mail after the other."""

    async def open(self, port: int, hands: int) -> None:
        self.titles: asyncio.Queue[str] = asyncio.Queue()
        self._clients = [aiosmtplib.SMTP(hostname="127.0.0.1", port=port) for _ in range(hands)]
        for client in self._clients:
            await client.connect()
        self._hands = [asyncio.create_task(self._send(client)) for client in self._clients]

    async def _send(self, client: aiosmtplib.SMTP) -> None:
        while True:
            title = await self.titles.get()
            await client.sendmail("ft@example.com", ["ana@example.com"], mail(title))
            self.titles.task_done()

    async def close(self) -> None:
        for hand in self._hands:
            hand.cancel()
        await asyncio.gather(*self._hands, return_exceptions=True)
        for client in self._clients:
            await client.quit()


async def _serve(smtp_port: int) -> None:
    mailer = Mailer()
    await mailer.open(smtp_port, HANDS)

    async def accept(request: web.Request) -> web.Response:
        event = await request.json()
        mailer.titles.put_nowait(f"Promise {event['data']['commitment_id']}")
        return web.json_response({"accepted": 1, "ids": [event["id"]]}, status=202)

    app = web.Application()
    app.router.add_post("/v1/events", accept)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))

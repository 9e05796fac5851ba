"""SMTP as the e-mail channel needs it: a few connections that stay open, and one mail's way through one of them.

It tells how far a mail got (`Handed`), because only then is it known whether it may have arrived. It must not know
what is in a mail.
"""

import asyncio
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import aiosmtplib

# A server may close a connection that was idle for 5 minutes (RFC 5321 section 4.5.3.2.7), many do so sooner; a new
# one costs some milliseconds.
IDLE_S_MAX = 60


class Refused(Exception):
    """The server said no: `step` is where (MAIL, RCPT, DATA), `code` and `text` are its answer."""

    def __init__(self, step: str, code: int, text: str) -> None:
        super().__init__(f"{step}: {code} {text}")
        self.step, self.code, self.text = step, code, text


class Server(NamedTuple):
    """Where to, and as whom. With a password the connection must be encrypted and the certificate good; without one
    it is encrypted if the server can (RFC 7435: better than nothing, where plain text would be accepted as well)."""

    host: str
    port: int
    is_implicit_tls: bool = False
    username: str = ""
    password: str = ""
    tls: ssl.SSLContext | None = None  # for tests, and for a private authority

    def client(self) -> aiosmtplib.SMTP:
        is_checked = bool(self.username) or self.is_implicit_tls
        return aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            use_tls=self.is_implicit_tls,
            start_tls=None if self.is_implicit_tls or not self.username else True,
            username=self.username or None,
            password=self.password or None,
            validate_certs=is_checked,
            tls_context=self.tls,
            timeout=None,  # The channel's deadline is over the whole attempt.
        )


@dataclass
class Handed:
    """How far one mail got. `is_whole`: all of it was written, so the server may have it."""

    is_whole: bool = False


class Pool:
    """At most `size` connections, opened when needed and kept open. A send waits for a free one."""

    def __init__(self, server: Server, size: int, timer: Callable[[], float] = time.monotonic) -> None:
        self._server, self._timer = server, timer
        self._free = asyncio.Semaphore(size)
        self._idle: list[tuple[aiosmtplib.SMTP, float]] = []
        self._used: set[aiosmtplib.SMTP] = set()

    async def send(self, sender: str, to: str, mail: bytes, handed: Handed) -> None:
        """One mail. Raises Refused, or what the library raises; a connection that failed is never used again.

        An old connection that turns out to be dead, or that the server is tired of (421), is replaced once; that is
        safe only while nothing of the mail was handed over.
        """
        async with self._free:
            smtp = self._take_idle()
            if smtp is not None:
                try:
                    await self._through(smtp, sender, to, mail, handed)
                except (aiosmtplib.SMTPServerDisconnected, Refused) as error:
                    is_tired = not isinstance(error, Refused) or error.code == 421
                    if handed.is_whole or not is_tired:
                        raise
                else:
                    return
            smtp = self._server.client()
            await self._through(smtp, sender, to, mail, handed)

    async def _through(
        self, smtp: aiosmtplib.SMTP, sender: str, to: str, mail: bytes, handed: Handed
    ) -> None:
        self._used.add(smtp)
        try:
            if not smtp.is_connected:
                await smtp.connect()
                if smtp.is_ehlo_or_helo_needed:  # After a login it has been said.
                    await smtp.ehlo()
            await _transact(smtp, sender, to, mail, handed)
        except Refused as error:
            if error.code != 421 and await _was_reset(smtp):
                self._idle.append((smtp, self._timer()))
            else:
                smtp.close()
            raise
        except BaseException:  # Also when cancelled: nobody knows what the server will say next.
            smtp.close()
            raise
        else:
            self._idle.append((smtp, self._timer()))
        finally:
            self._used.discard(smtp)

    def _take_idle(self) -> aiosmtplib.SMTP | None:
        """The connection used last, so that those not needed grow old and go."""
        while self._idle:
            smtp, since = self._idle.pop()
            if smtp.is_connected and self._timer() - since <= IDLE_S_MAX:
                return smtp
            smtp.close()
        return None

    async def close(self) -> None:
        """Say goodbye where nothing is going on, and hang up where something is."""
        idle, self._idle = self._idle, []
        for smtp, _ in idle:
            try:
                async with asyncio.timeout(1):
                    await smtp.quit()
            except (aiosmtplib.SMTPException, OSError, TimeoutError):
                smtp.close()
        for smtp in list(self._used):
            smtp.close()


async def _transact(smtp: aiosmtplib.SMTP, sender: str, to: str, mail: bytes, handed: Handed) -> None:
    """RFC 5321 section 3.3, by single commands: the library's sendmail() does not tell how far it got. `mail` has CRLF
    line ends and no line that begins with a dot, so it needs no rewriting."""
    await _command(smtp, "MAIL", b"FROM:<" + sender.encode("ascii") + b">", 250)
    await _command(smtp, "RCPT", b"TO:<" + to.encode("ascii") + b">", 250, 251)
    await _command(smtp, "DATA", b"", 354)
    protocol = smtp.protocol
    if protocol is None:
        raise aiosmtplib.SMTPServerDisconnected("Connection lost")
    protocol.write(mail + b".\r\n")
    handed.is_whole = True
    answer = await protocol.read_response()
    if answer.code != 250:
        handed.is_whole = False  # It said no, so it does not have it.
        raise Refused("DATA", answer.code, answer.message)


async def _command(smtp: aiosmtplib.SMTP, step: str, rest: bytes, *good: int) -> None:
    answer = await smtp.execute_command(*[part for part in (step.encode(), rest) if part])
    if answer.code not in good:
        raise Refused(step, answer.code, answer.message)


async def _was_reset(smtp: aiosmtplib.SMTP) -> bool:
    """Whether the connection is good for another mail after a refusal."""
    try:
        await smtp.rset()
    except (aiosmtplib.SMTPException, OSError):
        return False
    return True

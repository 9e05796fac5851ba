"""E-mail by SMTP. What a mail looks like is `mime.py`, the connections are `smtp.py`; here is what an answer means."""

import asyncio
import re
import ssl

import aiosmtplib

from service.channels.contract import ChannelError
from service.channels.mime import Sender, assemble
from service.channels.smtp import Handed, Pool, Refused, Server
from service.core.effects import Owed
from service.core.message import Message
from service.settings.channels import EmailChannel as EmailSettings
from service.settings.mail_address import BadAddress, normalise
from service.settings.text import one_line

# The total deadline of one send, whatever the server does (design, "Delivery"); the outbox waits four times as long
# before it gives a delivery to another worker.
SEND_S_MAX = 30
# Four connections carry some 2,000 mails a second (measured 2026-11), and stay below what servers allow one client.
CONNECTIONS = 4
# RFC 5321 section 4.2.3: no such mailbox, not here, not a mailbox name. RFC 3463 says it more exactly: X.1.x is about
# the address; X.7.x is about policy, where 550 tells nothing about the mailbox.
_NO_MAILBOX = frozenset({550, 551, 553})
_ENHANCED = re.compile(r"^[245]\.(\d{1,3})\.\d{1,3}\b")
_ANY_ADDRESS = re.compile(r"<?[^\s<>@]+@[^\s<>@]+>?")
# What a server says is shown up to here: enough to find the reason, too little for a page of HTML.
ANSWER_CHARS_MAX = 160


class EmailChannel:
    """Mail by SMTP: a text part and an HTML part, one person a mail, everything about one commitment in one thread.

    `smtp://user:${SMTP_PASSWORD}@host:587` turns to TLS before it says the password; `smtps://…:465` is TLS from the
    start; without a user it is TLS if the server can. Up to four connections stay open. `domains` limits whom mail may
    go to. What the server refuses for now (4xx), or not answering within 30 seconds, is tried again over three days;
    what it refuses for good (5xx) goes to the person's next channel, and an address that does not exist is put out of
    order. A copy sent twice carries the same Message-ID and the same bytes. Answers to holiday replies are not asked
    for (`Auto-Submitted`).
    """

    kind = "email"
    rate = None

    def __init__(
        self,
        server: Server,
        sender: Sender,
        *,
        domains: tuple[str, ...] = (),
        connections: int = CONNECTIONS,
        send_s_max: float = SEND_S_MAX,
    ) -> None:
        self.concurrency = connections
        self._sender, self._server, self._send_s_max = sender, server, send_s_max
        self._domains = frozenset(domain.lower() for domain in domains)
        self._pool = Pool(server, connections)

    @classmethod
    def of(cls, settings: EmailSettings) -> "EmailChannel":
        """As channels.yaml says."""
        password = settings.password.get_secret_value()
        server = Server(settings.host, settings.port, settings.is_implicit_tls, settings.username, password)
        return cls(server, Sender(*settings.sender), domains=tuple(settings.domains))

    async def send(self, owed: Owed, message: Message, address: str) -> None:
        """One mail to one address; the envelope's recipient and the header's are one and the same string."""
        to = self._checked(address)
        mail, handed = assemble(owed, message, self._sender, to), Handed()
        try:
            async with asyncio.timeout(self._send_s_max):
                await self._pool.send(self._sender.address, to, mail, handed)
        except Refused as refusal:
            raise self._meaning(refusal, to) from refusal
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as failure:
            if handed.is_whole:
                text = f"{_what_broke(failure)} after the mail was handed over"
                raise ChannelError(text, is_unknown=True, is_outage=True) from failure
            raise self._trouble(failure, to) from failure

    async def probe(self, within_s: float = 10) -> str:
        """Greet the server, encrypt and log in as a send would, and hang up; no mail is sent. Returns how it went in
        words; ChannelError says what a send would meet."""
        smtp = self._server.client()
        try:
            async with asyncio.timeout(within_s):
                await smtp.connect()
                if smtp.is_ehlo_or_helo_needed:
                    await smtp.ehlo()
                is_encrypted = (
                    smtp.transport is not None and smtp.transport.get_extra_info("ssl_object") is not None
                )
                await smtp.quit()
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as failure:
            raise self._trouble(failure, "") from failure
        finally:
            smtp.close()
        login = "logged in" if self._server.username else "no login asked for"
        return f"answers, {'encrypted' if is_encrypted else 'not encrypted'}, {login}"

    def _checked(self, address: str) -> str:
        try:
            to = normalise(address)
        except BadAddress as error:
            raise ChannelError(f"the address {error}", permanent=True) from None
        if self._domains and to.rpartition("@")[2] not in self._domains:
            raise ChannelError("the address is outside the domains this channel may write to", permanent=True)
        return to

    def _meaning(self, refusal: Refused, to: str) -> ChannelError:
        """The retry table of SMTP.

        | answer | means |
        | --- | --- |
        | 4xx | later |
        | 421 | later, and the server is out of order |
        | 550 551 553 to RCPT, not for policy | the mailbox does not exist: bounced |
        | any other 5xx | never by this channel |
        """
        text = f"the server said {refusal.code} to {refusal.step}: {self._told(refusal.text, to)}"
        if not 500 <= refusal.code <= 599:
            return ChannelError(text, is_outage=refusal.code == 421)
        found = _ENHANCED.match(refusal.text)
        is_about_address = found is None or found[1] == "1"
        bounced = refusal.step == "RCPT" and refusal.code in _NO_MAILBOX and is_about_address
        return ChannelError(text, permanent=True, bounced=bounced)

    def _trouble(self, failure: Exception, to: str) -> ChannelError:
        """Nothing was handed over and the server gave no answer about this mail: the channel is out of order.

        A wrong password is no reason to drop what people are owed: it is tried again until somebody mends it.
        """
        if isinstance(failure, aiosmtplib.SMTPResponseException):
            where = (
                "the login" if isinstance(failure, aiosmtplib.SMTPAuthenticationError) else "the connection"
            )
            return ChannelError(
                f"the server said {failure.code} to {where}: {self._told(failure.message, to)}",
                is_outage=True,
            )
        return ChannelError(_what_broke(failure), is_outage=True)

    def _told(self, text: str, to: str) -> str:
        """The server's words on one line, without addresses and secrets: they go to the log."""
        shown = one_line(text)
        for secret in (self._server.password, self._server.username, to, to.partition("@")[0]):
            if len(secret) > 2:
                shown = re.sub(re.escape(secret), "…", shown, flags=re.IGNORECASE)
        return _ANY_ADDRESS.sub("…", shown)[:ANSWER_CHARS_MAX]

    async def close(self) -> None:
        await self._pool.close()


def _what_broke(failure: Exception) -> str:
    """In words, without what the exception says itself: that may hold an address of ours or of the network."""
    cause = failure.__cause__
    if isinstance(failure, ssl.SSLError) or isinstance(cause, ssl.SSLError):
        return "the server's certificate or encryption was not accepted"
    if isinstance(failure, TimeoutError):
        return "the server did not answer in time"
    if isinstance(failure, aiosmtplib.SMTPConnectError):
        return "the server cannot be reached"
    if isinstance(failure, ConnectionError):
        return "the connection broke"
    return f"the server cannot be used ({type(failure).__name__})"

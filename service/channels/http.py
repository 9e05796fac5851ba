"""The one way out by HTTP: every URL that somebody configured is called from here, and nowhere else (a lint rule).

It dials only addresses that it has checked itself, follows no redirect, uses no proxy, keeps no cookie, and reads
little of the answer, within a deadline. It must not know what is sent. What it says names no URL: paths are secrets.
"""

import asyncio
import re
import socket
import ssl
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import SimpleNamespace
from typing import NamedTuple

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from service.channels.contract import ChannelError
from service.settings.net_address import Network, is_opened, refusal
from service.settings.web_address import WebAddress

# Standard Webhooks advises 15 to 30 s; the total deadline of a send is 30 s (design, "Delivery").
POST_S_MAX = 20
# Of what is said beside the status this much is looked at, and only for so long: the status is the answer.
ANSWER_BYTES_MAX = 65_536
ANSWER_S_MAX = 1
# Elsewhere only on addresses that `allow_private` opens: a database or a mail server is no webhook.
PORTS = frozenset({80, 443, 8443})
# A name server that hangs keeps a thread; these are this channel's own, so it keeps nobody else's.
LOOKUPS = 2
# A hundred years: longer ones are no waiting time, and numbers that overflow a date must not get through.
_SECONDS = re.compile(r"\d{1,9}")


class Answer(NamedTuple):
    """The status, the vendor's wish when to come again, and the beginning of what it said."""

    status: int
    retry_after_s: float | None
    body: bytes


class Refused(Exception):
    """We do not go there. The text is for people, and names neither the host nor its address."""


@dataclass
class _Handed:
    """`is_any`: a connection stood, so some of the request, or all of it, may have arrived."""

    is_any: bool = False


class Http:
    """POSTs to one URL, or to what lies under it, each over a connection of its own. `opened`: ranges of an
    `allow_private`."""

    def __init__(
        self,
        to: WebAddress,
        opened: Collection[Network] = (),
        *,
        connections: int,
        post_s_max: float = POST_S_MAX,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.to, self._opened, self._post_s_max = to, tuple(opened), post_s_max
        self._connections = connections
        self._tls = tls or ssl.create_default_context()
        self._session: aiohttp.ClientSession | None = None
        self._threads = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="lookup")

    async def post(self, body: bytes, headers: Mapping[str, str], under: str = "") -> Answer:
        """One request, never repeated, to the URL with `under` (a word of our own) behind it. Any answer is returned,
        also a redirect; without one, ChannelError says whether the request may have arrived (`is_unknown`)."""
        handed = _Handed()
        try:
            self._check(self.to.host)
            async with asyncio.timeout(self._post_s_max):
                return await self._post(self.to.url + under, body, headers, handed)
        except Refused as refused:
            raise ChannelError(str(refused), permanent=True) from None
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as failure:
            # `from None`: what the library says holds the URL, and a traceback would print it.
            text = _what_broke(failure)
            if handed.is_any:
                raise ChannelError(
                    f"{text} after the request was handed over", is_unknown=True, is_outage=True
                ) from None
            raise ChannelError(text, is_outage=True) from None

    def towards(self, to: WebAddress) -> "Http":
        """The same gate before another URL, for one request."""
        return Http(to, self._opened, connections=1, post_s_max=self._post_s_max, tls=self._tls)

    async def probe(self, within_s: float = 10) -> str:
        """Resolve, connect and encrypt as a send would, and hang up; no request is made. Returns how it went."""
        try:
            self._check(self.to.host)
            async with asyncio.timeout(within_s):
                address = (await self.addresses(self.to.host, self.to.port))[0]
                is_encrypted = self.to.scheme == "https"
                _, writer = await asyncio.open_connection(
                    address,
                    self.to.port,
                    ssl=self._tls if is_encrypted else None,
                    server_hostname=self.to.host if is_encrypted else None,
                )
                writer.transport.abort()
        except Refused as refused:
            raise ChannelError(str(refused), permanent=True) from None
        except (OSError, TimeoutError, ValueError) as failure:
            raise ChannelError(_what_broke(failure), is_outage=True) from None
        return f"answers, {'encrypted' if is_encrypted else 'not encrypted'}; nothing was sent"

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def addresses(self, host: str, port: int) -> list[str]:
        """What the name stands for, asked once and all of it checked: one bad address refuses the name."""
        found = await asyncio.get_running_loop().run_in_executor(self._threads, self.look_up, host, port)
        for address in found:
            self._check(address)
        return found

    def look_up(self, host: str, port: int) -> list[str]:
        """The system's own answer, by whatever it is set to ask."""
        return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]

    def dial(self, info: aiohttp.AddrInfoType) -> socket.socket:
        """The last gate: a socket for an address that is about to be dialled, by whatever way it came here."""
        family, kind, protocol, _, address = info
        self._check(str(address[0]))
        return socket.socket(family, kind, protocol)

    def _check(self, address: str) -> None:
        """Raises Refused for an address that may not be dialled; a name passes, its addresses are checked later."""
        if not _is_numeric(address):
            return
        why = refusal(address, self._opened)
        if why:
            hint = "; `allow_private` can open it" if why == "is private" else ""
            raise Refused(f"the address of its host {why}{hint}")
        if is_opened(address, self._opened):
            return
        if self.to.scheme != "https":
            raise Refused("without encryption only addresses that `allow_private` opens are called")
        if self.to.port not in PORTS:
            raise Refused(f"port {self.to.port} is called only on addresses that `allow_private` opens")

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str], handed: _Handed) -> Answer:
        session = self._opened_session()
        async with session.post(
            # Encoded already: written anew, a signature in its query might not be the same.
            URL(url, encoded=True),
            data=body,
            headers=headers,
            allow_redirects=False,
            trace_request_ctx=handed,
        ) as response:
            said = await _beginning(response)
            return Answer(response.status, _retry_after(response.headers), said)

    def _opened_session(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            trace = aiohttp.TraceConfig()
            trace.on_connection_create_end.append(_is_handed)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    ssl=self._tls,
                    resolver=_Resolver(self),
                    use_dns_cache=False,
                    socket_factory=self.dial,
                    limit=self._connections,
                    # A server that hangs up a kept connection as we write leaves the outcome unknown, and a reminder
                    # is not repeated then. Vendors take a few requests a second: a handshake each costs nothing.
                    force_close=True,
                ),
                timeout=aiohttp.ClientTimeout(total=None),  # The deadline is over the whole attempt.
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                read_bufsize=ANSWER_BYTES_MAX,
                trust_env=False,
                trace_configs=[trace],
            )
        return self._session


class _Resolver(AbstractResolver):
    """What the connector dials is exactly what was checked, so a name that answers otherwise a moment later gains
    nothing."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del family  # Both: the system sorts them by what it can reach.
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in await self._http.addresses(host, port)
        ]

    async def close(self) -> None:
        """Nothing is held."""


async def _is_handed(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
    context.trace_request_ctx.is_any = True


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """Enough to find a vendor's word for what is wrong. However slow or endless the rest is, the status stands."""
    said = bytearray()
    with suppress(aiohttp.ClientError, OSError, TimeoutError, ValueError):
        async with asyncio.timeout(ANSWER_S_MAX):
            while len(said) < ANSWER_BYTES_MAX and (chunk := await response.content.readany()):
                said += chunk
    if not response.content.at_eof():
        response.close()
    return bytes(said[:ANSWER_BYTES_MAX])


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """RFC 9110 section 10.2.3: seconds, or a date, which is compared with the vendor's own clock if it says it."""
    wish = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(wish):
        return float(wish)
    until = _date(wish)
    if until is None:
        return None
    now = _date(headers.get("Date", "")) or datetime.now(UTC)
    return max(0.0, (until - now).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _is_numeric(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def _what_broke(failure: Exception) -> str:
    """In words, without what the exception says itself: that holds the URL."""
    cause = failure.__cause__ or failure.__context__
    if isinstance(failure, ssl.SSLError | aiohttp.ClientSSLError) or isinstance(cause, ssl.SSLError):
        return "the server's certificate or encryption was not accepted"
    if isinstance(failure, TimeoutError):
        return "the server did not answer in time"
    if isinstance(failure, socket.gaierror | aiohttp.ClientConnectorDNSError):
        return "the name of the server cannot be resolved"
    if isinstance(failure, aiohttp.ClientConnectorError | ConnectionRefusedError):
        return "the server cannot be reached"
    if isinstance(failure, ConnectionError | aiohttp.ClientConnectionError):
        return "the connection broke"
    if isinstance(failure, aiohttp.ClientPayloadError | aiohttp.ClientResponseError):
        return "the server's answer is no HTTP"
    return f"the server cannot be used ({type(failure).__name__})"

"""The door before every route: who asks, from where, with what; how much they may send; and what every answer says.

Plain ASGI, because it also stands around bodies that stream. It knows no route but the few prefixes below, each with
its reason. Order: size of the head, host, forwarding, kind of request, key, body.
"""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.telemetry.logs import get_log
from service.web.deps import WebDeps
from service.web.doors import Doors, secret_in
from service.web.problems import problem

log = get_log()

# Four events of the largest size, or a thousand of a usual one (GoAlert's limit, too).
BODY_BYTES_MAX = 256 * 1024
# A browser sends about 20 headers in 2 kB, with many cookies 8 kB; a proxy adds a few more.
HEADERS_MAX = 100
HEADER_BYTES_MAX = 32 * 1024
# A sender that takes longer for 256 kB holds a connection on purpose, or is broken.
BODY_WITHIN_S = 10.0

# Asked by machines that know us by an address only.
_ANY_HOST = ("/health/live", "/health/ready", "/metrics")
# Reached without our keys: signed links, vendors' signatures, what a page needs to look right.
_NO_KEY = ("/a/", "/integrations/", "/static/", *_ANY_HOST)
# Forms and vendors' formats arrive here; both are signed.
_ANY_CONTENT = ("/a/", "/integrations/")
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
_SAFE = ("GET", "HEAD", "OPTIONS")

# No inline script or style, nothing from elsewhere; a caught mail is framed from here, in a sandbox (caught.py).
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
# Two years, as browsers' preload lists ask.
_HSTS = "max-age=63072000"


class Guard:
    """ASGI middleware. A route may set any of the headers itself; what it leaves out is filled in."""

    def __init__(self, app: ASGIApp, deps: WebDeps) -> None:
        self._app, self._deps = app, deps
        self._settings: object = None
        self._doors: Doors | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        doors = self._current()
        answer = _Answer(send, is_https=doors.public_scheme == "https")
        refusal = self._refusal(scope, Headers(scope=scope), doors)
        try:
            if refusal is not None:
                await refusal(scope, receive, answer.send)
            else:
                await self._app(scope, _Body(receive).receive, answer.send)
        except ClientDisconnect:
            return  # Nobody is left to be answered, and nothing was published.
        except Exception:
            log.exception("request_failed", method=scope["method"], path=_shown(scope["path"]))
            if not answer.has_started:
                await problem(500, "internal", "Something of ours failed; it is in the log.")(
                    scope, receive, answer.send
                )

    def _current(self) -> Doors:
        service = self._deps.settings().service
        if self._doors is None or service is not self._settings:
            self._settings, self._doors = service, Doors.of(service)
        return self._doors

    def _refusal(self, scope: Scope, headers: Headers, doors: Doors) -> Response | None:
        path, method = scope["path"], scope["method"]
        return (
            self._too_many_headers(headers)
            or self._wrong_host(path, headers, doors)
            or self._forwarded(path, headers, doors)
            or self._wrong_kind(path, method, headers)
            or self._no_key(path, method, headers, doors)
            or self._wrong_body(headers)
        )

    def _too_many_headers(self, headers: Headers) -> Response | None:
        """The server's own limit holds only for a head that comes in pieces (h11: "incomplete event")."""
        size = sum(len(name) + len(value) for name, value in headers.raw)
        if len(headers.raw) <= HEADERS_MAX and size <= HEADER_BYTES_MAX:
            return None
        return self._refuse(431, "too_many_headers", "Send fewer headers, or shorter ones.", _CLOSE)

    def _wrong_host(self, path: str, headers: Headers, doors: Doors) -> Response | None:
        hosts = headers.getlist("host")
        if path in _ANY_HOST or (len(hosts) == 1 and doors.knows_host(hosts[0])):
            return None
        return self._refuse(
            421, "wrong_host", "Ask for this service by its public_url, or from this machine."
        )

    def _forwarded(self, path: str, headers: Headers, doors: Doors) -> Response | None:
        """A proxy makes everybody look like this machine; without keys, being this machine is all we ask for."""
        if doors.keys or path in _ANY_HOST or not any(name in headers for name in FORWARDED):
            return None
        return self._refuse(
            403, "forwarded", "Behind a proxy the service needs api_keys in followthrough.yaml."
        )

    def _wrong_kind(self, path: str, method: str, headers: Headers) -> Response | None:
        """What another site's page can make a browser send without asking: forms, and whatever it marks as such."""
        if method in _SAFE or path.startswith(_ANY_CONTENT):
            return None
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            return self._refuse(403, "cross_site", "A page of another site cannot write here.")
        media = headers.get("content-type", "").partition(";")[0].strip().lower()
        if media == "application/json" or (media.startswith("application/") and media.endswith("+json")):
            return None
        return self._refuse(415, "media_type", "Send application/json or application/cloudevents+json.")

    def _no_key(self, path: str, method: str, headers: Headers, doors: Doors) -> Response | None:
        if not doors.keys or path.startswith(_NO_KEY):
            return None
        key = doors.holder(secret_in(headers.get("authorization", "")))
        if key is None:
            ask = {"WWW-Authenticate": 'Bearer, Basic realm="Followthrough", charset="UTF-8"'}
            return self._refuse(401, "no_key", "Send an API key as `Authorization: Bearer KEY`.", ask)
        scope = "read" if method in _SAFE else "emit"
        if scope in key.scopes:
            return None
        return self._refuse(
            403, "no_scope", f"The key {key.name} may not {scope}; its scopes say what it may."
        )

    def _wrong_body(self, headers: Headers) -> Response | None:
        if headers.get("content-encoding", "identity").strip().lower() != "identity":
            return self._refuse(415, "media_type", "Compressed bodies are not read; send it as it is.")
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length[:20]) > BODY_BYTES_MAX:
            return self._refuse(413, "too_large", _TOO_LARGE, _CLOSE)
        return None

    def _refuse(
        self, status: int, error: str, detail: str, headers: Mapping[str, str] | None = None
    ) -> Response:
        self._deps.metrics.intake_refusals.labels(error).inc()
        return problem(status, error, detail, headers=headers)


_TOO_LARGE = f"A body may have {BODY_BYTES_MAX // 1024} kB; send several."
_CLOSE = {"Connection": "close"}  # What is still on its way would be read as the next request.


def _shown(path: str) -> str:
    """A path without the token in it: whoever reads the log may not act by it."""
    first, kept = path.split("/")[1:2], {"a": 2, "integrations": 3}
    return "/".join(path.split("/")[: kept.get(first[0], 99)]) if first else path


class _Body:
    """A request's body, counted and timed while it streams in."""

    def __init__(self, receive: Receive) -> None:
        self._receive, self._bytes, self._is_whole = receive, 0, False
        self._ends_at: float | None = None

    async def receive(self) -> Message:
        if self._is_whole:
            return await self._receive()
        if self._ends_at is None:
            self._ends_at = asyncio.get_running_loop().time() + BODY_WITHIN_S
        try:
            async with asyncio.timeout_at(self._ends_at):
                message = await self._receive()
        except TimeoutError:
            self._is_whole = True
            detail = f"The body did not arrive within {BODY_WITHIN_S:.0f} s."
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, detail, _CLOSE) from None
        self._bytes += len(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)
        if self._bytes > BODY_BYTES_MAX:
            self._is_whole = True
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOO_LARGE, _CLOSE)
        return message


class _Answer:
    """The way out: puts on every answer the headers it does not bring itself."""

    def __init__(self, send: Send, *, is_https: bool) -> None:
        self._send, self._is_https, self.has_started = send, is_https, False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_started = True
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            if self._is_https:
                headers.setdefault("Strict-Transport-Security", _HSTS)
        await self._send(message)

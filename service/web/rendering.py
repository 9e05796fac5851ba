"""Our own pages: one Jinja environment, the static files beside them, and how times are written.

The templates are ours, so they are not sandboxed; every value in them is somebody else's, so they are autoescaped.
Nothing inline, nothing from another host: the pages live under the strict Content-Security-Policy of guard.py.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import NamedTuple
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

NO_STORE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


class Asset(NamedTuple):
    body: bytes
    media_type: str
    etag: str


_MEDIA_TYPES = {"site.css": "text/css", "site.js": "text/javascript", "icon.svg": "image/svg+xml"}


def _asset(name: str, media_type: str) -> Asset:
    body = files("service.web").joinpath("static", name).read_bytes()
    return Asset(body, media_type, hashlib.sha256(body).hexdigest()[:16])


ASSETS = {name: _asset(name, media_type) for name, media_type in _MEDIA_TYPES.items()}


def asset_url(name: str) -> str:
    """The address of a static file; it names the content, so that it may be kept for ever."""
    return f"/static/{ASSETS[name].etag}/{name}"


@router.get("/static/{etag}/{name}")
async def static(etag: str, name: str) -> Response:
    """A static file by its hash. Served whole from memory: no path of the disk is ever built from a request."""
    found = ASSETS.get(name)
    if found is None or found.etag != etag:
        return Response("not found", status_code=404, media_type="text/plain")
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "ETag": f'"{found.etag}"'}
    return Response(found.body, media_type=found.media_type, headers=headers)


def in_words(span: timedelta) -> str:
    """A span as people say it, cut to its largest unit: "2 days", "5 minutes", "less than a minute"."""
    seconds = int(abs(span).total_seconds())
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "less than a minute"


def local_time(at: datetime, zone: ZoneInfo) -> str:
    """`Tue 24 Nov 2026, 16:00`: unambiguous, without a locale."""
    local = at.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M}"


def machine_time(at: datetime) -> str:
    """What `<time datetime>` carries."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


_environment = Environment(
    loader=PackageLoader("service.web", "pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.globals["asset_url"] = asset_url
_environment.filters.update(local_time=local_time, machine_time=machine_time, in_words=in_words)


def html(name: str, **context: object) -> str:
    """The page or fragment `pages/<name>.html.j2` with this context."""
    return _environment.get_template(f"{name}.html.j2").render(context)


def page(
    name: str, status: int = 200, headers: dict[str, str] | None = None, **context: object
) -> HTMLResponse:
    """A whole page as a response that no cache keeps."""
    return HTMLResponse(html(name, **context), status, {**NO_STORE, **(headers or {})})


def wants_html(request: Request) -> bool:
    """Whether a person's browser is asking, rather than a program."""
    return "text/html" in request.headers.get("accept", "")

"""The web application: one page that says which routes exist and what every request passes through first.

A page or an API is one module with a module-level `router = APIRouter()`; its routes take `deps: Deps` (deps.py).
Content security: no inline script or style, everything from this host (guard.py). Serve it with `server.py`.
"""

from fastapi import FastAPI

from service import __version__
from service.web import (
    answers,
    api_docs,
    asyncapi,
    caught,
    explain,
    home,
    intake,
    integrations,
    operate,
    policies,
    reads,
    rendering,
    slack,
)
from service.web.deps import WebDeps
from service.web.doors import refuse_open_door
from service.web.guard import Guard
from service.web.problems import install_problem_handlers

ROUTERS = (
    intake.router,
    slack.router,  # before what takes any name
    integrations.router,
    reads.router,
    explain.router,
    operate.router,
    home.router,
    answers.router,
    caught.router,
    policies.router,
    api_docs.router,
    asyncapi.router,
    rendering.router,
)


def make_app(deps: WebDeps) -> FastAPI:
    """The whole application; it starts nothing and holds nothing but `deps`. Raises OpenDoor (doors.py)."""
    service = deps.settings().service
    refuse_open_door(service.web.host, service.api_keys)
    app = FastAPI(
        title="Followthrough",
        summary="Events in, answers in, and what became of every commitment.",
        version=__version__,
        docs_url=None,  # FastAPI's pages load from a CDN, which the content policy forbids.
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    app.state.deps = deps
    app.state.is_stopping = False  # Live pages look at it and end, so that a stop need not wait for them.
    for router in ROUTERS:
        app.include_router(router)
    install_problem_handlers(app)
    app.add_middleware(Guard, deps=deps)
    return app

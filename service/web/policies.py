"""`/policies`: what each policy does, in sentences and as a picture of its ladder. Whoever is told may know why.

Reads the configuration in force and nothing else; the words and the picture are made in `messages/`.
"""

from fastapi import APIRouter, HTTPException, Response

from service.messages.ladder_picture import NARROW, WIDE, picture
from service.messages.policy_words import words
from service.messages.saying import NOUNS, the_moment
from service.settings.model import Settings
from service.settings.policies import model_of
from service.settings.policy_model import PolicyModel
from service.web.deps import Deps
from service.web.rendering import page

router = APIRouter(include_in_schema=False)

MODES = {"live": "", "shadow": "tried out, nothing is sent", "canary": "live for some teams"}
WIDTHS = {"wide": WIDE, "narrow": NARROW}

# A picture opened alone may bring its own style, and nothing else.
_PICTURE_CSP = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


@router.get("/policies")
async def list_page(deps: Deps) -> Response:
    """Every policy: what it is about, and how much it does."""
    return page("policies", policies=[_row(model) for model in _models(deps.settings()).values()])


@router.get("/policies/{name}")
async def policy_page(name: str, deps: Deps) -> Response:
    """One policy in full."""
    settings = deps.settings()
    model = _one(settings, name)
    said = words(model, settings.book.name)
    return page("policy", said=said, row=_row(model), wide=WIDE, narrow=NARROW, file=_file(settings, name))


@router.get("/policies/{name}/{width}.svg")
async def ladder(name: str, width: str, deps: Deps) -> Response:
    """Its ladder as a picture, for a wide page or a narrow one."""
    settings = deps.settings()
    model = _one(settings, name)
    if width not in WIDTHS:
        raise HTTPException(404, f"There are pictures of these widths: {', '.join(WIDTHS)}.")
    drawn = picture(model, settings.book.name, WIDTHS[width])
    return Response(drawn, media_type="image/svg+xml", headers={"Content-Security-Policy": _PICTURE_CSP})


def _models(settings: Settings) -> dict[str, PolicyModel]:
    return {policy.name: model_of(settings.pinned_policies[policy.hash]) for policy in settings.policies.live}


def _one(settings: Settings, name: str) -> PolicyModel:
    model = _models(settings).get(name)
    if model is None:
        raise HTTPException(404, "There is no policy of this name.")
    return model


def _file(settings: Settings, name: str) -> str:
    return next(policy.file for policy in settings.policies.live if policy.name == name)


def _row(model: PolicyModel) -> dict[str, str]:
    counts = [
        (len(model.steps), "step", f" around {the_moment(model.moment)}"),
        (len(model.reactions), "reaction", ""),
    ]
    does = [f"{n} {what}{'s' * (n != 1)}{where}" for n, what, where in counts if n]
    return {
        "url": f"/policies/{model.policy}",
        "title": model.title or model.policy,
        "does": f"For {NOUNS[model.for_]}s: {', '.join(does) or 'nothing'}.",
        "mode": MODES.get(model.mode, model.mode),
    }

"""`followthrough explain --policy`: what a policy does, in sentences, and its ladder as a picture. Asks no service."""

from pathlib import Path
from typing import TYPE_CHECKING

from service.cli.exits import Exit, Failure
from service.cli.output import put, put_json, say

if TYPE_CHECKING:
    from service.settings.model import Settings
    from service.settings.policy_model import PolicyModel


def say_policies(settings: "Settings", name: str | None, svg: Path | None, *, as_json: bool) -> None:
    """One policy by its name, or all of them; with `svg` the picture of the one goes into that file."""
    from service.messages.ladder_picture import picture
    from service.messages.policy_words import in_full, words

    if svg is not None and name is None:
        raise Failure(Exit.WRONG, "a picture is of one policy", "name it: --policy NAME --svg FILE")
    models = [_named(settings, name)] if name is not None else _all(settings)
    said = [words(model, settings.book.name) for model in models]
    if svg is not None:
        try:
            svg.write_text(picture(models[0], settings.book.name), encoding="utf-8")
        except OSError as error:
            raise Failure(Exit.WRONG, f"{svg} cannot be written: {error.strerror}") from error
        say(f"{svg}: the ladder of {said[0].name}")
    if as_json:
        put_json({"policies": [one._asdict() | _steps(one) for one in said]})
    else:
        put("\n".join(in_full(one) for one in said).rstrip())


def _all(settings: "Settings") -> "list[PolicyModel]":
    from service.settings.policies import model_of

    return [model_of(settings.pinned_policies[policy.hash]) for policy in settings.policies.live]


def _named(settings: "Settings", name: str) -> "PolicyModel":
    from service.settings.problems import did_you_mean

    models = {model.policy: model for model in _all(settings)}
    if name not in models:
        raise Failure(Exit.WRONG, f"there is no policy {name!a}", did_you_mean(name, models))
    return models[name]


def _steps(said: object) -> dict[str, object]:
    return {part: [one._asdict() for one in getattr(said, part)] for part in ("steps", "reactions")}

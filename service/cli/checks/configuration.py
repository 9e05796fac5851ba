"""The configuration: does it load, do the templates render, do links lead somewhere, is the data folder private."""

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from service.cli.checks.finding import Finding, bad, fine, look
from service.cli.configuration import command

if TYPE_CHECKING:
    from service.cli.configuration import Examined
    from service.settings.model import Settings

# A key of 32 characters with fewer different ones than this was typed by a person, not made by a generator.
KEY_LETTERS_MIN = 12


def configuration(found: "Examined", given: Path | None) -> list[Finding]:
    """Whether it loads. Templates are rendered with samples on the way."""
    if found.settings is None:
        first, number = found.errors[0], len(found.errors)
        return [
            bad(
                f"{number} problem{'s' * (number != 1)}, the first: {first.place}: {first.message}",
                f"see them all with `{command('validate', given)}`",
            )
        ]
    policies, people = len(found.settings.policies.live), len(found.settings.graph.people)
    return [
        fine(f"it loads: {policies} policies, {people} people; every template renders with samples"),
        *(look(f"{problem.place}: {problem.message}", problem.hint) for problem in found.warnings),
    ]


def public_url(settings: "Settings") -> list[Finding]:
    """Links in messages begin with it."""
    from service.settings.channels import STAYS

    web, url = settings.service.web, urlsplit(settings.service.web.public_url)
    is_local = (url.hostname or "") in ("localhost", "127.0.0.1", "::1")
    sends = sorted(name for name, channel in settings.channels.items() if channel.kind not in STAYS)
    if is_local and sends:
        where = f"{', '.join(sends)} really sends, but public_url is {web.public_url}"
        return [
            look(f"{where}: links work on this machine only", "set web.public_url to what people can reach")
        ]
    if is_local and (url.port or 80) != web.port:
        return [
            bad(f"public_url is {web.public_url}, but it listens on {web.listen}", "give both the same port")
        ]
    if not is_local and url.scheme != "https":
        return [look(f"public_url is {web.public_url}", "serve it by https: whoever reads a link can use it")]
    return [fine(f"public_url {web.public_url}")]


def signing_keys(settings: "Settings") -> list[Finding]:
    """Whoever knows one can answer for anybody."""
    given = settings.service.signing_keys
    if given is not None:
        return [_strength(f"signing key {n}", key.get_secret_value()) for n, key in enumerate(given, 1)]
    path = settings.service.data_dir / "signing.keys"
    try:
        status, keys = path.stat(), path.read_text(encoding="utf-8").split()
    except (FileNotFoundError, NotADirectoryError):
        return [fine(f"signing keys: the first start makes one in {path}")]
    except (OSError, UnicodeDecodeError) as error:
        return [bad(f"{path} cannot be read: {error}", "run as the user who owns it")]
    if stat.S_IMODE(status.st_mode) & 0o077:
        return [bad(f"{path} can be read by others", f"chmod 600 {path}, and replace the keys in it")]
    if not keys:
        return [bad(f"{path} is empty", "delete it: the next start makes a key")]
    return [_strength(f"signing key {n} in {path}", key) for n, key in enumerate(keys, 1)]


def _strength(name: str, key: str) -> Finding:
    from service.messages.links import KEY_CHARS_MIN

    if len(key) < KEY_CHARS_MIN:
        return bad(
            f"{name} is shorter than {KEY_CHARS_MIN} characters", "make one with `openssl rand -base64 48`"
        )
    if len(set(key)) < KEY_LETTERS_MIN:
        return look(f"{name} looks as if it could be guessed", "make one with `openssl rand -base64 48`")
    return fine(f"{name}: long and mixed")


def data_dir(settings: "Settings") -> list[Finding]:
    """State lies there, and the keys."""
    folder = settings.service.data_dir.absolute()
    if not folder.exists():
        nearest = next(parent for parent in folder.parents if parent.exists())
        if nearest.is_dir() and os.access(nearest, os.W_OK):
            return [fine(f"data_dir {folder}: the first start makes it")]
        return [bad(f"data_dir {folder} cannot be made", "choose another data_dir, or make it for this user")]
    if not folder.is_dir() or not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return [bad(f"data_dir {folder} cannot be used by this user", f"chown -R $(id -u) {folder}")]
    if stat.S_IMODE(folder.stat().st_mode) & 0o022:
        return [bad(f"data_dir {folder} can be changed by others", f"chmod 700 {folder}")]
    return [fine(f"data_dir {folder}")]

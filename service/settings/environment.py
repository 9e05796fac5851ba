"""What the environment says: `${VAR}`, `*_file:` and the `FOLLOWTHROUGH_…` overrides.

Only followthrough.yaml, channels.yaml and integrations/ may refer to it. Policies, people and calendars may not: they
stay replayable. Must not know the meaning of a key. The mapping of names is in the docstring of `override`.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from service.settings.document import Document, Path_
from service.settings.problems import Problem, did_you_mean

PREFIX = "FOLLOWTHROUGH_"
# Read elsewhere: the folder of the configuration (cli).
NOT_OURS = frozenset({"FOLLOWTHROUGH_CONFIG"})
# A key or token is a line; a file much larger is the wrong file.
FILE_BYTES_MAX = 65_536

# `${VAR}`, `${VAR:-default}`; `$${` stands for a literal `${`.
_REFERENCE = re.compile(r"\$(\$\{)|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|(\$\{)")


def expand(document: Document, env: Mapping[str, str], folder: Path) -> object:
    """The document's data with references replaced and `*_file` keys read; relative files are beside the YAML."""
    return _expand(document, env, folder, document.data, ())


def _expand(document: Document, env: Mapping[str, str], folder: Path, value: object, path: Path_) -> object:
    if isinstance(value, str):
        return _reference(document, env, value, path)
    if isinstance(value, list):
        return [_expand(document, env, folder, item, (*path, i)) for i, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    expanded: dict[str, object] = {}
    for key, inner in value.items():
        here = (*path, key)
        plain = _expand(document, env, folder, inner, here)
        if not key.endswith("_file"):
            expanded[key] = plain
            continue
        name = key.removesuffix("_file")
        if name in value:
            document.error(here, f"`{key}` and `{name}` both say what it is", "keep one of them", at_key=True)
            continue
        document.keys.setdefault((*path, name), document.mark(here, at_key=True))
        document.values.setdefault((*path, name), document.mark(here))
        expanded[name] = _file(document, folder, plain, here)
    return expanded


def _reference(document: Document, env: Mapping[str, str], text: str, path: Path_) -> str:
    def replace(match: re.Match[str]) -> str:
        literal, name, default, broken = match.groups()
        if literal:
            return "${"
        if broken:
            document.spoil(
                path, "a `${` that is not `${NAME}` or `${NAME:-default}`", "write `$${` for a plain `${`"
            )
            return ""
        if name in env and (env[name] or default is None):
            return env[name]
        if default is None:
            document.spoil(
                path, f"the environment variable {name} is not set", f"set it, or write ${{{name}:-…}}"
            )
        return default or ""

    return _REFERENCE.sub(replace, text)


def _file(document: Document, folder: Path, name: object, path: Path_) -> str | None:
    if not isinstance(name, str) or not name:
        document.spoil(path, "the name of a file is expected")
        return None
    try:
        with (folder / name).open("rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        document.spoil(path, f"the file `{name}` cannot be read: {error.strerror}", f"looked in {folder}")
        return None
    try:
        text = raw.decode().strip()
    except UnicodeDecodeError:
        text = ""
    if not text or len(raw) > FILE_BYTES_MAX:
        document.spoil(path, f"the file `{name}` is empty, too large or not text")
        return None
    return text


def refuse_references(document: Document) -> None:
    """Reports every `${…}` in a file that may not have one."""
    for path in document.values:
        value = document.get(path)
        if isinstance(value, str) and "${" in value:
            document.error(
                path,
                "`${…}` works only in followthrough.yaml, channels.yaml and integrations/",
                "policies, people and calendars say the same on every machine",
            )


def override(
    document: Document, data: dict[str, object], env: Mapping[str, str], known: Iterable[str]
) -> None:
    """Puts `FOLLOWTHROUGH_…` variables over the file's values in `data`; unknown names are reported as warnings.

    The name is the path in followthrough.yaml in capitals, `__` between its levels: `FOLLOWTHROUGH_DATA_DIR` is
    `data_dir`, `FOLLOWTHROUGH_WEB__LISTEN` is `web: {listen: …}`. A value that begins with `[` or `{` is JSON; an
    empty one counts as not set. `REDIS_URL` is `redis_url` for platforms that provide it, below
    `FOLLOWTHROUGH_REDIS_URL` and above the file.
    """
    paths = {f"{PREFIX}{path.replace('.', '__').upper()}": tuple(path.split(".")) for path in known}
    given = {"REDIS_URL": ("redis_url",)} | paths
    for variable, path in given.items():
        if env.get(variable):
            _put(data, path, _value(env[variable]))
            document.elsewhere[path] = f"${variable}"
    for variable in sorted(name for name in env if name.startswith(PREFIX) and name not in NOT_OURS):
        if variable not in paths and env[variable]:
            # Only a warning: Kubernetes sets FOLLOWTHROUGH_PORT and others for a service called "followthrough".
            hint = did_you_mean(variable, paths)
            document.report.warnings.append(Problem(f"${variable}", 0, 0, "is not a setting", hint))


def _value(text: str) -> object:
    if text[0] in "[{":
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _put(data: dict[str, object], path: tuple[str, ...], value: object) -> None:
    here = data
    for part in path[:-1]:
        inner = here.get(part)
        here[part] = inner = dict(inner) if isinstance(inner, dict) else {}
        here = inner
    here[path[-1]] = value

"""Every template the service can use, by name and by content hash. Compiled and tried out at load, never later.

A notification pins the hash of its template with its layouts, so that every attempt sends the same words; the
sources travel to the store as a bundle, and an old bundle comes back by `add_pinned`.
"""

import hashlib
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import msgspec
from jinja2.exceptions import TemplateError, TemplateSyntaxError
from msgspec import Struct

from service.messages import samples
from service.messages.compiled import Compiled, Layout, compile_layout, compile_template, variants
from service.messages.digest import view_of
from service.messages.links import Links
from service.messages.view import variables
from service.settings.problems import ConfigError, Problem, did_you_mean
from service.settings.sandbox import RenderFailed

SUFFIX = ".md.j2"
LAYOUTS = ("email.html.j2", "email.txt.j2")

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,59}")
_PLACE = re.compile(r"\S+ line (\d+): (.*)", re.DOTALL)
_UNDEFINED = re.compile(r"'([^']+)' is undefined|no attribute '([^']+)'")
_LINKS = Links(["the key of samples, which sign nothing that is ever sent"], "https://followthrough.example")


class UnknownTemplate(LookupError):
    """No template with this hash is loaded: get the pinned bundle from the store, or send the built-in text."""

    def __init__(self, name: str, content_hash: str) -> None:
        super().__init__(f"template {name} {content_hash or '(none pinned)'} is not loaded")
        self.name, self.content_hash = name, content_hash


class _Bundle(Struct, frozen=True, kw_only=True, tag="template.v1"):
    """What is pinned: the sources of a template and of its layouts. The hash is made of its bytes."""

    name: str
    template: str
    layouts: dict[str, str]

    def encode(self) -> bytes:
        return msgspec.json.encode(self, order="sorted")


class Templates:
    """`hashes`: the current version of each name. Old versions are known by hash only."""

    def __init__(self) -> None:
        self.hashes: dict[str, str] = {}
        self._compiled: dict[str, Compiled] = {}
        self._bundles: dict[str, bytes] = {}
        self._variants = variants()
        self._layouts: dict[tuple[str, str], Layout] = {}

    @classmethod
    def load(cls, folder: Path | None = None, overrides: Path | None = None) -> "Templates":
        """The templates of `folder` (default: those shipped), with those of `overrides` before them.

        Each is tried on samples; ConfigError carries every mistake of every file.
        """
        templates, problems = cls(), list[Problem]()
        found = _sources(folder or _shipped(), overrides)
        layouts = {name: found.pop(f"layouts/{name}")[1] for name in LAYOUTS}
        for name, (file, source) in sorted(found.items()):
            bundle = _Bundle(name=name, template=source, layouts=layouts)
            try:
                _check_name(name)
                templates.hashes[name] = templates._add(bundle)
                _try_out(templates._compiled[templates.hashes[name]])
            except Exception as error:  # noqa: BLE001  # whatever is wrong with a template, its author is told where
                problems.append(_problem(file, source, error))
        if problems:
            raise ConfigError(problems)
        return templates

    def bundle(self, name: str) -> bytes:
        """The current version of a template as bytes, to be pinned in the store under its hash."""
        return self._bundles[self.hashes[name]]

    def source_of(self, content_hash: str) -> bytes:
        """The bundle of any version that is loaded; raises UnknownTemplate."""
        if content_hash not in self._bundles:
            raise UnknownTemplate("", content_hash)
        return self._bundles[content_hash]

    def __contains__(self, content_hash: object) -> bool:
        return content_hash in self._compiled

    def add_pinned(self, content_hash: str, bundle: bytes) -> None:
        """Compile an old version from the store; ValueError when the bytes are not those that were pinned."""
        if content_hash in self._compiled:
            return
        if hash_of(bundle) != content_hash:
            raise ValueError(f"the pinned template {content_hash} is not what it was")
        self._add(msgspec.json.decode(bundle, type=_Bundle))

    def get(self, name: str, content_hash: str) -> Compiled:
        """The version that was pinned, and no other; raises UnknownTemplate."""
        compiled = self._compiled.get(content_hash)
        if compiled is None:
            raise UnknownTemplate(name, content_hash)
        return compiled

    def _add(self, bundle: _Bundle) -> str:
        raw = bundle.encode()
        content_hash = hash_of(raw)
        sources = (bundle.layouts[LAYOUTS[0]], bundle.layouts[LAYOUTS[1]])
        if sources not in self._layouts:
            self._layouts[sources] = compile_layout(self._variants, *sources)
        compiled = compile_template(self._variants, bundle.name, bundle.template, self._layouts[sources])
        self._compiled[content_hash], self._bundles[content_hash] = compiled, raw
        return content_hash


def hash_of(bundle: bytes) -> str:
    return hashlib.sha256(bundle).hexdigest()[:16]


def _shipped() -> Path:
    return Path(str(files("service"))) / "templates"


def _sources(folder: Path, overrides: Path | None) -> dict[str, tuple[str, str]]:
    """Name → (file, source), the later folder's first; layouts under `layouts/<file>`."""
    found: dict[str, tuple[str, str]] = {}
    for place in (folder, overrides):
        if place is None or not place.is_dir():
            continue
        for path in sorted(path for path in place.glob(f"*{SUFFIX}") if path.is_file()):
            found[path.name.removesuffix(SUFFIX)] = (str(path), path.read_text("utf-8"))
        for name in LAYOUTS:
            if (path := place / "layouts" / name).is_file():
                found[f"layouts/{name}"] = (str(path), path.read_text("utf-8"))
    return found


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise TemplateSyntaxError("a template is named by small letters, digits, `_` and `-`", 1)


def _try_out(compiled: Compiled) -> None:
    for owed, reader in samples.samples(compiled.name):
        compiled.message(*view_of(owed, reader, samples.name_of, _LINKS))


def _problem(file: str, source: str, error: Exception) -> Problem:
    """The mistake with its line, its column where a name is wrong, and the name that was meant."""
    message, line, hint = str(error), 1, str(getattr(error, "hint", ""))
    if isinstance(error, TemplateSyntaxError):
        message, line = error.message or message, error.lineno
    elif isinstance(error, RenderFailed | TemplateError) and (placed := _PLACE.fullmatch(message)):
        line, message = int(placed[1]), placed[2]
    lines = source.split("\n")
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    column = 1
    if undefined := _UNDEFINED.search(message):
        name = undefined[1] or undefined[2]
        column = max(text.find(name), 0) + 1
        hint = did_you_mean(name, _known())
    return Problem(file, line, column, message, hint, text)


def _known() -> Mapping[str, object]:
    return variables(samples.owed("reminder"), samples.ANA, samples.name_of)

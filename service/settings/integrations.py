"""config/integrations/*.yaml: each file read, put over the mapping of its vendor where it names one, checked, compiled.

Which keys there are says `integration_model.py`. Must not know a request: that is `service/integrations`.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.core.events import EVENTS
from service.core.payload import shape_of
from service.settings.check import check
from service.settings.document import Document, Path_
from service.settings.environment import expand
from service.settings.integration_compiler import CompiledRule, Compiler
from service.settings.integration_model import Authenticate, IntegrationModel, Lookup, Rule
from service.settings.mapping_values import Getter
from service.settings.problems import Report, did_you_mean
from service.settings.service import ServiceSettings, is_loopback
from service.settings.yaml_reader import read

VENDORS = Path(__file__).parents[1] / "integrations" / "vendors"
# A token in a path, or a password that travels with every request, is made by us: 128 bits, as hex half of that typed.
SENT_CHARS_MIN = 16
# A secret that only signs is the vendor's to make.
SIGNING_CHARS_MIN = 8
# What each scheme needs and what it may have besides.
_NEEDS = {
    "hmac-sha256-hex": ({"secret", "header"}, {"prefix", "timestamp_header", "signed", "tolerance"}),
    "hmac-sha256-base64": ({"secret", "header"}, {"prefix", "timestamp_header", "signed", "tolerance"}),
    "hubspot-v3": ({"secret"}, {"tolerance"}),
    "standard-webhooks": ({"secret"}, {"tolerance"}),
    "basic": ({"secret", "username"}, set[str]()),
    "path-token": ({"secret"}, set[str]()),
    "none": (set[str](), set[str]()),
}
_FIELDS = {
    name for kind in EVENTS.values() if kind.data is not None for name in shape_of(kind.data)
} | set().union(*(model.model_fields for model in (IntegrationModel, Authenticate, Rule, Lookup)))
_FIELDS.add("import")
# Values of these keys may be shown in an error; any other may be a secret.
SHOWN_KEYS = frozenset(_FIELDS - {"secret", "username"})


@dataclass(frozen=True)
class Integration:
    """One file, ready for use."""

    name: str
    model: IntegrationModel
    source: str
    only: Getter | None
    id: Getter
    time: Getter
    rules: tuple[CompiledRule, ...]
    mapping: bytes  # a hash of all that decides what becomes of a body


def read_integrations(
    folder: Path, report: Report, env: Mapping[str, str], service: ServiceSettings | None
) -> dict[str, Integration]:
    """Every integration of the configuration in `folder`; what is wrong with one is in the report."""
    found: dict[str, Integration] = {}
    for path in sorted((folder / "integrations").glob("*.y*ml")):
        document = read(path, str(path), report, shown_keys=SHOWN_KEYS)
        if path.suffix != ".yaml":
            document.error((), "is not read", f"name it {path.stem}.yaml")
        elif document.data is not None:
            integration = _integration(document, path, env, service)
            if integration is not None:
                found[path.stem] = integration
        elif not any(problem.file == document.file for problem in report.errors):
            document.error((), "is empty", "delete it, or write a mapping")
    return found


def vendors() -> list[str]:
    """The mappings that we ship."""
    return sorted(path.stem for path in VENDORS.glob("*.yaml"))


def _integration(
    document: Document, path: Path, env: Mapping[str, str], service: ServiceSettings | None
) -> Integration | None:
    before = len(document.report.errors)
    name = path.stem
    if not name.isascii() or not all(char.isalnum() or char in "_-" for char in name):
        document.error((), f"`{name}` cannot name an integration", "use letters, digits, _ and -")
    data = _over_its_vendor(document, expand(document, env, path.parent))
    model = check(document, IntegrationModel, (), data) if data is not None else None
    if model is None:
        return None
    _check_authentication(document, model.authenticate, service)
    compiler = Compiler(document, model.tables)
    rules = tuple(compiler.rule(("events", i), rule) for i, rule in enumerate(model.events))
    integration = Integration(
        name,
        model,
        model.source or f"integrations/{name}",
        compiler.condition(("only",), model.only),
        compiler.value(("id",), model.id),
        compiler.value(("time",), model.time),
        rules,
        hashlib.blake2b(model.model_dump_json(exclude={"authenticate"}).encode(), digest_size=16).digest(),
    )
    return integration if len(document.report.errors) == before else None


def _over_its_vendor(document: Document, data: Any) -> Any:
    """The file's own keys go before the vendor's; of tables and authentication, key by key."""
    if not isinstance(data, dict) or data.get("vendor") is None:
        return data
    vendor = data["vendor"]
    if vendor not in (known := vendors()):
        document.error(("vendor",), f"we ship no mapping for `{vendor}`", did_you_mean(vendor, known))
        return None
    report = Report()
    shipped: Any = read(VENDORS / f"{vendor}.yaml", vendor, report).data
    report.raise_errors()
    merged = {**shipped, **data}
    for name in ("authenticate", "tables"):
        merged[name] = _merged(shipped.get(name), data.get(name), deep=name == "tables")
    return {name: value for name, value in merged.items() if value is not None}


def _merged(shipped: Any, own: Any, *, deep: bool) -> Any:
    if not isinstance(shipped, dict) or not isinstance(own, dict):
        return shipped if own is None else own
    both = {**shipped, **own}
    return {
        name: _merged(shipped.get(name), own.get(name), deep=False) if deep else value
        for name, value in both.items()
    }


def _check_authentication(document: Document, how: Authenticate, service: ServiceSettings | None) -> None:
    path: Path_ = ("authenticate",)
    needed, allowed = _NEEDS[how.scheme]
    for name in sorted(needed):
        if not getattr(how, name):
            document.error(path, f"`{how.scheme}` needs `{name}`")
    for name in sorted(how.model_fields_set - needed - allowed - {"scheme"}):
        hint = f"it needs {', '.join(sorted(needed))}" if needed else ""
        document.error((*path, name), f"`{how.scheme}` has no use for `{name}`", hint, at_key=True)
    if how.scheme == "none" and service is not None and not is_loopback(service.web.host):
        document.error(
            (*path, "scheme"),
            f"without authentication it may listen on this machine only, not on {service.web.listen}",
            "choose path-token where the sender cannot sign",
        )
    _check_secrets(document, how)
    for name in ("{body}", *(["{timestamp}"] if how.timestamp_header else [])):
        if how.signed and name not in how.signed:
            document.error((*path, "signed"), f"`signed` is without {name}: anybody could change that")


def _check_secrets(document: Document, how: Authenticate) -> None:
    path = ("authenticate", "secret")
    if document.mark(path) in document.spoilt:
        return
    least = SENT_CHARS_MIN if how.scheme in ("basic", "path-token") else SIGNING_CHARS_MIN
    for secret in how.secret:
        text = secret.get_secret_value()
        if len(text) < least:
            document.error(
                path,
                f"this secret is shorter than {least} characters",
                "make one with `openssl rand -hex 24`",
            )
        elif how.scheme == "path-token" and not all(char.isalnum() or char in "-_" for char in text):
            document.error(path, "a token in a path has letters, digits, _ and - only")
        elif how.scheme == "standard-webhooks" and not is_standard_secret(text):
            document.error(path, "this is no secret of Standard Webhooks", "it is written whsec_ and base64")


def is_standard_secret(text: str) -> bool:
    """`whsec_` and at least 16 bytes in base64."""
    try:
        return len(base64.b64decode(text.removeprefix("whsec_"), validate=True)) >= 16
    except ValueError:
        return False

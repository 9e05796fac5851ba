"""What one version has written, every later one reads.

Each folder beside this file is a version, each file in it the bytes of one thing and the value they stand for. The
folder of `service.__version__` is what today's program writes, every other one is history: it is never edited.
"""

import base64
import importlib
import json
import os
import pkgutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

import service
from tests.wire.filled import UNWRITTEN, plain
from tests.wire.samples import WIRE, stored_structs

HERE = Path(__file__).parent
TODAY = HERE / service.__version__
FILES = sorted(HERE.glob("*/*.json"))
IS_RELEASED = f"## [{service.__version__}]" in (HERE.parents[1] / "CHANGELOG.md").read_text("utf-8")
# What is written by the present version alone may still change; what people's stores are full of may not.
WHAT_TO_DO = (
    "{name}: today's bytes are not those in tests/wire/{version}. Whoever has data of that version must still be able "
    "to read it. "
    + (
        "It was released: raise __version__ and run `UPDATE_WIRE=1 pytest tests/wire`, which writes a new folder "
        "beside the old one; never edit the old one, all of its files must still be read."
        if IS_RELEASED
        else "It was not released yet: if the change is meant, run `UPDATE_WIRE=1 pytest tests/wire` and read the "
        "diff. A struct may only grow at its end, by a field with a default."
    )
)


@pytest.fixture(scope="module", autouse=True)
def _updated() -> None:
    if os.environ.get("UPDATE_WIRE"):
        assert not (IS_RELEASED and TODAY.exists()), WHAT_TO_DO.format(name="all", version=TODAY.name)
        TODAY.mkdir(exist_ok=True)
        for old in TODAY.glob("*.json"):
            old.unlink()
        for name, sample in WIRE.items():
            raw = sample.write()
            frozen = {**_written(raw), "value": plain(sample.read(raw))}
            text = json.dumps(frozen, indent=1, ensure_ascii=False)
            (TODAY / f"{name}.json").write_text(f"{text}\n", "utf-8")


@pytest.mark.parametrize("name", WIRE)
def test_todays_bytes_are_the_frozen_ones(name: str):
    file = TODAY / f"{name}.json"
    why = WHAT_TO_DO.format(name=name, version=TODAY.name)
    assert file.exists(), why
    assert WIRE[name].write() == _bytes(file), why


def test_nothing_frozen_is_written_no_more():
    names = {file.stem for file in TODAY.glob("*.json")}
    assert names <= WIRE.keys(), f"{names - WIRE.keys()} are frozen, and nothing in samples.py reads them"


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_what_any_version_wrote_is_read_as_it_was_meant(file: Path):
    read = plain(WIRE[file.stem].read(_bytes(file)))

    assert _is_in(json.loads(file.read_text("utf-8"))["value"], read), f"{file} is read as {read}"


def test_every_stored_struct_is_frozen_with_all_its_fields():
    _import_all()
    seen: set[tuple[type, str]] = set()
    for sample in WIRE.values():
        _note(sample.read(sample.write()), seen)

    for kind in stored_structs():
        missing = {name for name in kind.__struct_fields__ if not {(kind, name)} & (seen | UNWRITTEN)}
        assert not missing, (
            f"{kind.__name__} is stored or sent, and {sorted(missing)} of it in no sample: add one to WIRE"
        )


def _written(raw: bytes) -> dict[str, str]:
    """Text as text, so that a diff can be read."""
    try:
        return {"text": raw.decode()} if raw.decode().isprintable() else {"base64": _base64(raw)}
    except UnicodeDecodeError:
        return {"base64": _base64(raw)}


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(file: Path) -> bytes:
    frozen = json.loads(file.read_text("utf-8"))
    return frozen["text"].encode() if "text" in frozen else base64.b64decode(frozen["base64"])


def _is_in(meant: Any, read: Any) -> bool:
    """Whether all that was meant is there; a later version may know more fields."""
    if isinstance(meant, dict):
        return isinstance(read, dict) and all(_is_in(one, read.get(name)) for name, one in meant.items())
    if isinstance(meant, list):
        is_as_long = isinstance(read, list) and len(meant) == len(read)
        return is_as_long and all(_is_in(one, other) for one, other in zip(meant, read, strict=True))
    return bool(meant == read)


def _note(value: Any, seen: set[tuple[type, str]]) -> None:
    """The fields of every struct in `value` that are not at their default: only those prove that they are written."""
    if isinstance(value, msgspec.Struct):
        for field in msgspec.structs.fields(value):
            found = getattr(value, field.name)
            if found is not msgspec.UNSET and found not in (None, field.default):
                seen.add((type(value), field.name))
                _note(found, seen)
    elif isinstance(value, dict):
        for one in value.values():
            _note(one, seen)
    elif isinstance(value, list | tuple):
        for one in value:
            _note(one, seen)


def _import_all() -> None:
    """A struct exists once its module is imported; wherever it is, it must not be missed."""
    for found in pkgutil.walk_packages(service.__path__, "service."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)

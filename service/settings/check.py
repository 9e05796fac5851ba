"""A document against a pydantic model: every mismatch becomes a Problem at its place, in words for its author.

The base class and the text types of all our models are here. Must not know what the models describe.
"""

import types
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeVar, Union

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from service.settings.document import Document, Path_
from service.settings.problems import did_you_mean

# A value is quoted in a message up to here; a whole paragraph helps nobody.
QUOTED_CHARS_MAX = 60


class Strict(BaseModel):
    """The base of every model: unknown keys are mistakes, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False, populate_by_name=True)


ModelT = TypeVar("ModelT", bound=BaseModel)


def wrong(message: str, hint: str = "") -> PydanticCustomError:
    """What a validator raises: the sentence for the author, and what to write instead."""
    return PydanticCustomError("followthrough", "{message}", {"message": message, "hint": hint})


def _id(value: object) -> object:
    """Ids are text; a bare number is accepted, as CRMs number their people."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


# Letters, digits and `. _ - + @`: an id stands in recipients (`person:ana`) and in subjects (`deadline/c1`).
Id = Annotated[str, BeforeValidator(_id), Field(min_length=1, max_length=200, pattern=r"^[\w.@+-]+$")]
Line = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\r\n]*$")]


def check(document: Document, model: type[ModelT], at: Path_ = (), value: object = None) -> ModelT | None:
    """The model of the data at `at` (or of `value`, which stands there), or None with every problem reported."""
    data = document.get(at) if value is None else value
    try:
        return model.model_validate(data)
    except ValidationError as error:
        for found in error.errors(include_url=False):
            _report(document, model, at, dict(found))
        return None


def _report(document: Document, model: type[BaseModel], at: Path_, error: dict[str, Any]) -> None:
    loc: Path_ = tuple(error["loc"])
    path = (*at, *loc)
    kind, context = error["type"], error.get("ctx") or {}
    names = [part for part in path if isinstance(part, str)]
    name = f"`{names[-1]}`" if names else "the file"
    if document.is_spoilt(path):
        return
    if kind == "extra_forbidden":
        known = list(_keys_at(model, loc[:-1]))
        document.error(path, f"{name} is not known here", did_you_mean(loc[-1], known), at_key=True)
    elif kind == "missing":
        document.error(path, f"{name} is missing")
    elif kind == "followthrough":
        document.error(path, context["message"], context["hint"])
    else:
        message, hint = _wording(
            kind,
            context,
            error,
            "" if document.hides(path) else shown(error.get("input")),
            list(_keys_at(model, loc)),
        )
        document.error(path, f"{name}: {message}", hint)


def _wording(
    kind: str, context: Mapping[str, Any], error: dict[str, Any], found: str, keys: list[str]
) -> tuple[str, str]:
    got = f", not {found}" if found else ""
    got = ", and there is nothing" if "input" in error and error["input"] is None else got
    if kind == "literal_error":
        choices = [choice.strip("'") for choice in context["expected"].replace(" or ", ", ").split(", ")]
        one_of = f"one of {', '.join(choices)}" if len(choices) > 1 else f"`{choices[0]}`"
        return f"{one_of} is expected{got}", _near(error.get("input"), choices)
    if kind in ("less_than_equal", "greater_than_equal"):
        most = kind == "less_than_equal"
        return f"at {'most' if most else 'least'} {context['le' if most else 'ge']} is expected{got}", ""
    if kind == "string_type":
        return f"text is expected{got}", "quote it" if isinstance(error.get("input"), int | float) else ""
    if kind == "bool_type":
        return f"true or false is expected{got}", "in YAML 1.2 `yes` and `no` are text"
    if kind in ("int_type", "int_parsing", "int_from_float"):
        return f"a whole number is expected{got}", ""
    if kind in ("list_type", "tuple_type"):
        return f"a list is expected{got}", "begin each with `- `, or write them as [one, two]"
    if kind in ("dict_type", "model_type", "model_attributes_type"):
        return f"keys and values are expected{got}", f"its keys are {', '.join(keys)}" if keys not in (
            [],
            ["root"],
        ) else ""
    if kind == "string_pattern_mismatch":
        return f"{found or 'this'} holds characters that cannot stand here", _PATTERN_HINTS.get(
            context["pattern"], ""
        )
    if kind == "string_too_long":
        return f"is longer than {context['max_length']} characters", ""
    if kind in ("string_too_short", "too_short"):
        return "is empty", ""
    message: str = error["msg"]
    return message[:1].lower() + message[1:] + got, ""


_PATTERN_HINTS = {
    r"^[\w.@+-]+$": "letters, digits and . _ - + @",
    r"^[^\r\n]*$": "keep it on one line",
    r"^[A-Za-z0-9][A-Za-z0-9_-]*$": "letters, digits, - and _, as in `heads-up`",
    r"^(/.*)?$": "write a JSON pointer, as in /data/items",
    r"^[A-Za-z0-9-]*$": "write the name of a header, as in X-Signature",
}


def _near(value: object, choices: list[str]) -> str:
    hint = did_you_mean(value, choices)
    return hint if hint.startswith("did") else ""  # the message lists the choices already


def shown(value: object) -> str:
    """A value as a message quotes it."""
    if isinstance(value, dict | list):
        return "a list" if isinstance(value, list) else "keys and values"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text[:QUOTED_CHARS_MAX]}{'…' if len(text) > QUOTED_CHARS_MAX else ''}`"


def _keys_at(model: type[BaseModel], loc: Path_) -> Iterator[str]:
    """The keys that the mapping at `loc` may have, as they are written in the file."""
    for annotation in _annotations_at(model, loc):
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            for name, field in annotation.model_fields.items():
                yield field.alias or name


def _annotations_at(model: type[BaseModel], loc: Path_) -> list[Any]:
    """The types that may stand at `loc`: unions and annotations taken apart, lists and mappings stepped into."""
    here = _parts(model)
    for part in loc:
        here = [inner for annotation in here for step in _step(annotation, part) for inner in _parts(step)]
    return here


def _step(annotation: Any, part: str | int) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            if part in (name, field.alias):
                return [field.annotation]
        root = annotation.model_fields.get("root")
        return _step(root.annotation, part) if root else []
    arguments = typing.get_args(annotation)
    origin = typing.get_origin(annotation)
    if origin in (list, tuple) and isinstance(part, int):
        return [arguments[0]]
    return [arguments[1]] if origin is dict and len(arguments) == 2 else []


def _parts(annotation: Any) -> list[Any]:
    origin = typing.get_origin(annotation)
    if origin in (Union, types.UnionType):
        return [part for argument in typing.get_args(annotation) for part in _parts(argument)]
    if origin is Annotated:
        return _parts(typing.get_args(annotation)[0])
    return [annotation]

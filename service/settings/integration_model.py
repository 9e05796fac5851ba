"""A file of config/integrations/: what another system sends to us, how we know that it is it, and what becomes of it.

`integrations.py` reads and checks it; what it does at run time is in `service/integrations`. Must not open anything.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr

from service.settings.check import Line, Strict

# How a request proves where it comes from.
Scheme = Literal[
    "hmac-sha256-hex",
    "hmac-sha256-base64",
    "hubspot-v3",
    "standard-webhooks",
    "basic",
    "path-token",
    "none",
]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Pointer = Annotated[str, Field(pattern=r"^(/.*)?$", max_length=300)]


class Lookup(Strict):
    """A value looked up in one of the file's tables."""

    value: str = Field(description="A JSON pointer, or `= expression`.")
    table: str = Field(description="Which of `tables`.")
    otherwise: str | int | float | bool | None = Field(
        None,
        description="What stands for a value that is not in the table; without this key, the value itself.",
    )


Value = str | int | float | bool | Lookup | None


class Authenticate(Strict):
    """How we know that a request comes from there."""

    scheme: Scheme = Field(description="How it is signed; `none` only where we listen on this machine alone.")
    secret: Annotated[list[SecretStr], BeforeValidator(_listed)] = Field(
        [],
        description="The shared secret, the password, or the token in the path; a list while one replaces another.",
    )
    username: str = Field("", max_length=200, description="Of `basic`.")
    header: str = Field("", pattern=r"^[A-Za-z0-9-]*$", description="Where an HMAC signature stands.")
    prefix: str = Field("", max_length=50, description="What stands before the signature, as in `sha256=`.")
    timestamp_header: str = Field(
        "",
        pattern=r"^[A-Za-z0-9-]*$",
        description="Where the time of sending stands, if it is signed as well.",
    )
    signed: str = Field(
        "",
        max_length=100,
        description="What an HMAC is made of; `{timestamp}.{body}` with a timestamp, else `{body}`.",
    )
    tolerance: int = Field(
        300,
        ge=1,
        le=3600,
        description="Seconds a signed time may differ from ours: older requests are replays.",
    )


class Rule(Strict):
    """One of our events, made from every item for which `when` holds."""

    type: str = Field(description="Our event type, as in deal.won.")
    when: str | None = Field(None, description="An expression; without one, always.")
    each: Pointer | None = Field(None, description="A list in the item: an event for each, called `one`.")
    is_import: Value = Field(
        False, alias="import", description="True: history, recorded and never acted on backwards in time."
    )
    data: dict[str, Value] = Field(
        min_length=1, description="Our field: a JSON pointer, `= expression`, a lookup, or a constant."
    )


class IntegrationModel(Strict):
    """What another system sends, and what becomes of it."""

    vendor: str | None = Field(
        None, description="A mapping that we ship, hubspot or pipedrive; what stands here goes before it."
    )
    title: Line = Field("", min_length=0, description="What people call it.")
    source: Annotated[str, Field(pattern=r"^[\w./:@+-]+$", max_length=200)] | None = Field(
        None, description="Source of the events; null is integrations/NAME."
    )
    authenticate: Authenticate
    each: Pointer | None = Field(
        None,
        description='A list in the body, an item each; "" is the body itself. Null: the body is the item.',
    )
    only: str | None = Field(None, description="An expression; items for which it is false are not for us.")
    id: Value = Field(None, description="What the sender calls the item; null makes an id of its content.")
    time: Value = Field(None, description="When it happened, at the sender's; null is on receipt.")
    naive_times: Literal["utc"] | None = Field(
        None, description="What a time without an offset means; null: such a time is refused."
    )
    tables: dict[str, dict[str, str | int | float | bool]] = Field(
        {}, description="Translations: of stages, of people's ids."
    )
    events: list[Rule] = Field(min_length=1, description="What becomes of an item: every rule that holds.")

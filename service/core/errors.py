"""Errors by blame: whose fault it is decides what happens next.

`BadEvent` is the sender's (a 4xx or a dead letter), `ConfigError` the operator's (see settings), `ChannelError` a
vendor's (see channels), `Conflict` a race's (see store); an `AssertionError` is ours and stops the process loudly.
"""


class BadEvent(ValueError):
    """The sender's event cannot be used: `reason` is a stable code, `pointer` the JSON pointer of the place."""

    def __init__(self, reason: str, detail: str, pointer: str = "", status: int = 422) -> None:
        super().__init__(f"{reason} at {pointer or 'the document'}: {detail}")
        self.reason, self.detail, self.pointer, self.status = reason, detail, pointer, status

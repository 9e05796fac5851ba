"""Where a delivery goes: pinned in the entry for a channel's own address, looked up now for a person."""

from service.channels import CHANNELS, PLACED
from service.channels.contract import Channel
from service.core.effects import Owed
from service.core.message import Reader

# Kinds that find a person by their e-mail address where the directory has no other.
FOUND_BY_MAIL = frozenset({"slack"})


def address_of(owed: Owed, reader: Reader, channel: Channel) -> str | None:
    """The address, empty where the channel has its own; None when this person cannot be reached by it.

    A caught channel stands in for a real one and is as strict as that: without an e-mail address nobody gets mail,
    caught or not. Only where the name tells no kind (`standup: {kind: caught}`), or one that has its own place, there
    is nothing to be missing.
    """
    if owed.address or owed.to.startswith("channel:"):
        return owed.address
    kind = owed.channel if channel.kind == "caught" else channel.kind
    found = reader.addresses.get(owed.channel) or reader.addresses.get(channel.kind)
    if found is None and kind in FOUND_BY_MAIL:
        found = reader.addresses.get("email")
    if found is None and (kind in PLACED or (channel.kind == "caught" and kind not in CHANNELS)):
        return ""
    return found

"""Who is told when nobody else can be; and whether anybody is, before the first escalation needs them. Pure."""

from service.core.directory import Directory
from service.core.model import Commitment
from service.core.policy import Recipients
from service.core.recipients import resolve


def fallback(contact: str, directory: Directory) -> list[str]:
    """Whom `fallback_contact` names, as people are now; empty where that is nobody. It hangs on no commitment."""
    return resolve(Recipients((contact,)), Commitment(), directory)


def nobody_left(contact: str, directory: Directory) -> str:
    """A sentence where the fallback contact is nobody; "" where it is somebody."""
    if fallback(contact, directory):
        return ""
    return f"the fallback contact {contact} is nobody: what cannot be told to its people is told to no one"

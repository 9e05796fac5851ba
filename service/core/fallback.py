"""Whether anybody is left to tell when nobody else can be: seen before the first escalation needs them. Pure."""

from service.core.directory import Directory
from service.core.model import Commitment
from service.core.policy import Recipients
from service.core.recipients import resolve


def nobody_left(contact: str, directory: Directory) -> str:
    """A sentence where the fallback contact is nobody, as people are now; "" where it is somebody."""
    if resolve(Recipients((contact,)), Commitment(), directory):
        return ""
    return f"the fallback contact {contact} is nobody: what cannot be told to its people is told to no one"

"""What a loaded configuration is made of. `load.py` makes one; everybody else only reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from service.core.directory import Directory, World
from service.core.events import CheckinScheduled
from service.core.policy import PolicyBook
from service.settings.address_book import AddressBook
from service.settings.cadences import Cadence
from service.settings.channels import ChannelSettings
from service.settings.integrations import Integration
from service.settings.problems import Problem
from service.settings.service import ServiceSettings


@dataclass(frozen=True)
class Settings:
    """A configuration that can be used. Replaced whole at a reload, never changed."""

    service: ServiceSettings
    channels: dict[str, ChannelSettings]
    graph: Directory
    book: AddressBook
    policies: PolicyBook
    warnings: list[Problem]
    series: tuple[CheckinScheduled, ...] = ()  # who is in which cadence
    cadences: tuple[Cadence, ...] = ()  # of which `series` is made
    pinned_policies: dict[str, bytes] = field(default_factory=dict)  # hash -> what to keep as policy:<hash>
    pinned_graph: bytes = b""  # what to keep as graph:<graph.hash>
    people_file: Path | None = None  # where the people stand, if not in directory.yaml itself
    integrations: dict[str, Integration] = field(default_factory=dict)  # by the name in their address

    def world(self, templates: Mapping[str, str]) -> World:
        """What decisions look at; `templates` are the hashes of those that messages are rendered with, by name."""
        return World(
            policies=self.policies,
            directory=self.graph,
            templates=dict(templates),
            channels=frozenset(self.channels),
            fallback_contact=self.service.fallback_contact,
            noise_budget=self.service.noise_budget,
        )

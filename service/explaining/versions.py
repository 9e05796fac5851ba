"""The policies and directories that decisions were made under: those in force, and older ones as they were pinned."""

import json
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from service.core.directory import Directory
from service.core.policy import Policy
from service.explaining.record import Record
from service.settings.graph import compile_graph
from service.settings.model import Settings
from service.settings.policies import compile_policy
from service.store.contract import Store


class Versions(Struct, frozen=True):
    """What is not kept any more is missing here, and explanations say so."""

    settings: Settings
    policies: dict[str, Policy]
    graphs: dict[str, Directory]
    says: dict[str, dict[str, Any]]  # hash -> the policy as it was written

    def graph(self, content_hash: str) -> Directory:
        """The directory of a decision; today's where that one is not kept."""
        return self.graphs.get(content_hash, self.settings.graph)

    def is_in_force(self, policy: Policy) -> bool:
        return any(live.hash == policy.hash for live in self.settings.policies.live)


async def versions_of(record: Record | None, settings: Settings, store: Store) -> Versions:
    """Every version that `record` mentions, and those in force."""
    decided = record.decided if record else []
    hashes = {one for decision in decided for one in decision.entry.policies}
    if record and record.commitment:
        hashes |= {run.policy for moment in record.commitment.moments.values() for run in moment.runs}
    pinned = {
        **settings.pinned_policies,
        **await _pinned(store, "policy", hashes - settings.pinned_policies.keys()),
    }
    graphs = await _pinned(store, "graph", {one.entry.graph for one in decided} - {settings.graph.hash, ""})
    policies, says = dict(settings.policies.by_hash), dict[str, dict[str, Any]]()
    for content_hash, raw in pinned.items():
        try:
            policies.setdefault(content_hash, compile_policy(raw, content_hash))
            says[content_hash] = json.loads(raw)["policy"]
        except ValueError:  # damaged, or of a newer version: as good as lost
            continue
    known = {settings.graph.hash: settings.graph}
    return Versions(
        settings, policies, known | {one: compile_graph(raw) for one, raw in graphs.items()}, says
    )


async def _pinned(store: Store, kind: str, hashes: Iterable[str]) -> dict[str, bytes]:
    found = {one: await store.get_pinned(kind, one) for one in sorted(hashes)}
    return {one: raw for one, raw in found.items() if raw is not None}

"""The checker's books: what was accepted, what arrived, and whether the two agree. Kept outside the product.

Append-only files, written by the producer and the sink themselves; compared at rest. The reference below is not the
product's code: it knows the one policy of the fault run (`config/`), and what that policy owes, from the events alone.
"""

import hashlib
import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Accepted:
    """One commitment as it was accepted: when it is due (epoch seconds), and whether it was met before that.

    `is_met` None: its `met` was accepted too close to the moment, or after it, for the books to say which came first.
    """

    id: str
    owner: str
    due_at: float
    is_met: bool | None


@dataclass(frozen=True)
class Received:
    """One mail at the sink: which commitment it is about, which template, to whom, with which key and body."""

    commitment: str
    template: str
    to: str
    key: str
    body: str
    at: float


@dataclass
class Verdict:
    """What the books say. All but `accepted`, `received` and `duplicates` must be empty or zero."""

    accepted: int = 0
    received: int = 0
    lost: list[str] = field(default_factory=list)
    early: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    duplicates: int = 0
    latest_s: float = 0.0  # of the mails whose time the policy names, the one that came longest after it

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.early or self.unexpected or self.differing)

    def __str__(self) -> str:
        return (
            f"accepted {self.accepted}, received {self.received}: lost {len(self.lost)}, early {len(self.early)}, "
            f"unexpected {len(self.unexpected)}, differing keys {len(self.differing)}, "
            f"duplicates {self.duplicates}, latest {self.latest_s:.1f} s"
        )


# The policy of the fault run: what each step owes, in seconds after the moment, and to whom. A reminder or the missed
# notice may be overtaken by a later step while the service is down; the manager's step may not: it is the last one.
MANAGER_AFTER_S = 4.0
REMINDER_BEFORE_S = 2.0
# Both clocks are this machine's; mail timestamps are cut to the sink's own reading, so nothing is forgiven.
ALLOWED_OPEN = {"reminder": -REMINDER_BEFORE_S, "missed": 0.0, "escalated": MANAGER_AFTER_S}
ALLOWED_MET = {"reminder": -REMINDER_BEFORE_S, "kept": None}
OWED_OPEN, OWED_MET = "escalated", "kept"


def judge(accepted: list[Accepted], received: list[Received], managers: dict[str, str]) -> Verdict:
    """Closed world: everything owed arrived, nothing else did, nothing early, and every copy is the same."""
    verdict = Verdict(len(accepted), len(received))
    by_id = {entry.id: entry for entry in accepted}
    copies: dict[tuple[str, str, str], list[Received]] = defaultdict(list)
    for mail in received:
        copies[mail.commitment, mail.template, mail.to].append(mail)
    for entry in accepted:
        met, unmet = (entry.id, OWED_MET, entry.owner), (entry.id, OWED_OPEN, managers[entry.owner])
        owed = [met] if entry.is_met else [unmet] if entry.is_met is False else [met, unmet, _resolved(entry)]
        if not any(one in copies for one in owed):
            verdict.lost.append(" or ".join(" ".join(one) for one in owed))
    for (commitment, template, to), mails in copies.items():
        name = f"{commitment} {template} to {to}"
        entry = by_id.get(commitment)
        if entry is None or not _is_expected(entry, template, to, managers):
            verdict.unexpected.append(name)
            continue
        offset = {**ALLOWED_OPEN, **ALLOWED_MET, "resolved": None}[template]
        if offset is not None:
            after_s = min(mail.at for mail in mails) - (entry.due_at + offset)
            verdict.latest_s = max(verdict.latest_s, after_s)
            if after_s < 0:
                verdict.early.append(name)
        if len({(mail.key, mail.body) for mail in mails}) > 1:
            verdict.differing.append(name)
        verdict.duplicates += len(mails) - 1
    return verdict


def _is_expected(entry: Accepted, template: str, to: str, managers: dict[str, str]) -> bool:
    if entry.is_met is None and template == "resolved":
        return to in (entry.owner, managers[entry.owner])
    allowed = (
        {**ALLOWED_OPEN, **ALLOWED_MET}
        if entry.is_met is None
        else ALLOWED_MET
        if entry.is_met
        else ALLOWED_OPEN
    )
    reader = managers[entry.owner] if template == "escalated" else entry.owner
    return template in allowed and to == reader


def _resolved(entry: Accepted) -> tuple[str, str, str]:
    return entry.id, "resolved", entry.owner


_KEY = re.compile(rb"^Message-ID:\s*<([0-9a-f]+)@", re.MULTILINE | re.IGNORECASE)
_TEMPLATE = re.compile(rb"^X-Followthrough-Template:\s*(\S+)", re.MULTILINE | re.IGNORECASE)
_SUBJECT = re.compile(rb"^X-Followthrough-Subject:\s*deadline/(\S+)", re.MULTILINE | re.IGNORECASE)


def read_mail(raw: bytes, to: str, at: float) -> Received:
    """One mail as the sink saw it."""

    def header(pattern: re.Pattern[bytes]) -> str:
        found = pattern.search(raw)
        return found.group(1).decode() if found else "?"

    body = hashlib.sha256(raw).hexdigest()
    return Received(header(_SUBJECT), header(_TEMPLATE), to, header(_KEY), body, at)


def read_book(path: Path, kind: type) -> list:
    """The entries of one append-only book; a last line cut by a kill of its writer does not count."""
    entries = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            entries.append(kind(**json.loads(line)))
        except (json.JSONDecodeError, TypeError):
            continue
    return entries

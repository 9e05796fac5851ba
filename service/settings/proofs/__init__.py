"""What can be proved of a configuration that loads: steps that never fire, misses nobody hears of, whom it exempts.

`prove` is the whole of it, one file a proof. A proof claims nothing it does not know: where a condition is more than
comparisons, or the directory may say so tomorrow, it is silent. Must not open a connection, and knows no clock.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from service.settings.model import Settings
from service.settings.proofs.conditions import conditions
from service.settings.proofs.exempt import exempt
from service.settings.proofs.finding import Finding
from service.settings.proofs.ground import Ground, make_ground
from service.settings.proofs.last_word import last_word
from service.settings.proofs.never import never
from service.settings.proofs.nobody import nobody
from service.settings.proofs.twice import twice

PROOFS: tuple[Callable[[Ground], Iterator[Finding]], ...] = (
    conditions,
    never,
    nobody,
    last_word,
    exempt,
    twice,
)


def prove(folder: Path, settings: Settings) -> list[Finding]:
    """Everything found in the policies of `folder`, of which `settings` were made, in the order of the files."""
    ground = make_ground(folder, settings)
    return sorted((found for proof in PROOFS for found in proof(ground)), key=lambda found: found.problem)


__all__ = ["Finding", "prove"]

"""What a machine has already, as a file that is carried to where its next bundle is made: layers, and packages as apt
has to know them."""

import json
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from infrakit.bundle.images import known_layers
from infrakit.bundle.manifest import DIGEST, WORD
from infrakit.errors import UsageProblem

FORMAT = 1
FIELDS = (
    "Package",
    "Status",
    "Architecture",
    "Multi-Arch",
    "Essential",
    "Source",
    "Version",
    "Provides",
    "Depends",
    "Pre-Depends",
    "Breaks",
    "Conflicts",
    "Replaces",
)
FIELD = re.compile(r"^([A-Za-z-]+):((?:.*)(?:\n[ \t].*)*)", re.MULTILINE)
HINT = "make it on that machine: sudo infrakit inventory > inventory.json"


class Inventory(NamedTuple):
    """`system` as in debian-trixie. `chains`: of each image the digests of its unpacked layers, the lowest first.
    `status`: dpkg's.

    `program`: SHA-256 of the InfraKit that is installed there, "" where none is.
    """

    host: str
    system: str
    architecture: str
    chains: tuple[tuple[str, ...], ...]
    status: str
    program: str = ""

    def lowest(self) -> set[tuple[str, ...]]:
        """Every chain of layers that is there."""
        return {chain[:count] for chain in self.chains for count in range(1, len(chain) + 1)}


def trimmed(status: str) -> str:
    """dpkg's status without what apt does not need to choose packages; only what is installed."""
    paragraphs = []
    for paragraph in status.split("\n\n"):
        fields = dict(FIELD.findall(paragraph))
        if fields.get("Status", "").split()[-1:] == ["installed"]:
            paragraphs.append("\n".join(f"{name}:{fields[name]}" for name in FIELDS if name in fields))
    return "\n\n".join([*paragraphs, ""])


def render(inventory: Inventory) -> str:
    """JSON, the same for the same machine."""
    longest = [
        chain
        for chain in inventory.chains
        if not any(other[: len(chain)] == chain and other != chain for other in inventory.chains)
    ]
    tree = {**inventory._asdict(), "chains": sorted(set(longest)), "inventory": FORMAT}
    return json.dumps(tree, indent=1, sort_keys=True) + "\n"


def parse(content: bytes, name: str) -> Inventory:
    """Raises UsageProblem where it is no inventory."""
    try:
        tree: Any = json.loads(content)
        if tree.get("inventory") != FORMAT:
            raise ValueError
        chains = tuple(tuple(chain) for chain in tree["chains"])
        found = Inventory(
            tree["host"], tree["system"], tree["architecture"], chains, tree["status"], str(tree.get("program", ""))
        )
        fits = all(isinstance(item, str) and DIGEST.fullmatch(item) for chain in chains for item in chain)
        if (
            not fits
            or not all(WORD.fullmatch(word) for word in (found.system, found.architecture))
            or not isinstance(found.status, str)
            or not isinstance(found.host, str)
        ):
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UsageProblem(f"{name} is no inventory of a machine", HINT) from None
    return found


def left_out(inventories: Iterable[Inventory], architecture: str, ids: tuple[str, ...]) -> int:
    """How many of the lowest layers of an image every one of these machines has; 0 where none is of this
    architecture."""
    counts = [
        known_layers(ids, inventory.lowest()) for inventory in inventories if inventory.architecture == architecture
    ]
    return min(counts, default=0)

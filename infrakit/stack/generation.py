"""Artifacts -> a folder of their own under the state folder, and the link `current` that leads to it.

A generation is named by what is in it: the same tree is the same generation, and publishing it again changes nothing.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from infrakit.model import Artifact
from infrakit.plan import Action
from infrakit.plan.model import Tell
from infrakit.stack.layout import CURRENT, GENERATIONS, KEPT_GENERATIONS, secrets_folder

MARK = "generation"
"""A file in every generation that was written whole: the others' leftovers have none."""


SECRETS = "secrets"
"""A link in every generation, to the secrets of its host."""


def generation_id(artifacts: Sequence[Artifact], digest: Any) -> str:
    """A short name for exactly these files. `digest`: bytes -> hexadecimal SHA-256."""
    parts = [f"{item.path} {item.mode:o} {digest(item.content)}" for item in sorted(artifacts)]
    return str(digest("\n".join(parts).encode())[:16])


class Published(NamedTuple):
    """`current` leads to this generation, and the files in it are what they should be."""

    name: str
    host: str
    artifacts: tuple[Artifact, ...]

    def holds(self, machine: Any) -> bool:
        if machine.target(CURRENT) != _relative(self.name):
            return False
        folder = f"{GENERATIONS}/{self.name}"
        if machine.target(f"{folder}/{SECRETS}") != _secrets(self.host):
            return False
        return all(
            machine.read(f"{folder}/{item.path}", len(item.content) + 1) == item.content for item in self.artifacts
        )

    def text(self) -> str:
        return f"{CURRENT} is generation {self.name}"


class Publish(NamedTuple):
    """Write a generation whole, then let `current` lead to it by one rename; the last few stay."""

    name: str
    host: str
    artifacts: tuple[Artifact, ...]

    def do(self, machine: Any, tell: Tell) -> None:
        before = machine.target(CURRENT).rpartition("/")[2]
        contents = [(item.path, item.content, item.mode) for item in self.artifacts]
        links = [(SECRETS, _secrets(self.host))]
        machine.make_tree(f"{GENERATIONS}/{self.name}", [*contents, (MARK, self.name.encode(), 0o444)], links)
        machine.point(CURRENT, _relative(self.name))
        for name in _forgotten(machine, {self.name, before}):
            machine.remove_tree(f"{GENERATIONS}/{name}")

    def inverse(self, machine: Any) -> tuple[Action, ...]:
        return ()

    def text(self) -> str:
        return f"write generation {self.name}: {len(self.artifacts)} files"


def _secrets(host: str) -> str:
    return f"{secrets_folder(host)}/secrets"


def _relative(name: str) -> str:
    return f"{GENERATIONS.rpartition('/')[2]}/{name}"


def _forgotten(machine: Any, kept: set[str]) -> list[str]:
    """Those that are neither the last nor the one before, nor among the newest."""
    others = [name for name in machine.listing(GENERATIONS) if name not in kept]
    others.sort(key=lambda name: machine.changed_s(f"{GENERATIONS}/{name}"))
    return others[: max(0, len(others) - (KEPT_GENERATIONS - len(kept)))]

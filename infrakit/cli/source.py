"""The user's file with the lock beside it, or an embedded example -> the decided fleet."""

import os
from collections.abc import Callable
from typing import NamedTuple

from infrakit.compiler import Compiled, load
from infrakit.config.reader import MAXIMUM_BYTES
from infrakit.errors import UsageProblem
from infrakit.lock import LockFile
from infrakit.system.files import read_input
from infrakit.system.stamp import lock_beside

FILE = "infrakit.yaml"
EXAMPLES = ("full", "edge", "monitoring", "hybrid")


class Source(NamedTuple):
    """`path` is "" for an example; `name` is what messages call it; `blueprints` grows as they are read. `lock` None:
    there is none."""

    path: str
    name: str
    content: bytes
    read_blueprint: Callable[[str], bytes]
    blueprints: list[str]
    lock: LockFile | None = None


def find(file: str | None, example: str | None) -> Source:
    """-f FILE, --example NAME, or infrakit.yaml in this folder."""
    if example:
        from infrakit import resources

        return Source("", f"{example}.yaml", resources.example_source(example), no_blueprint, [])
    path = file or FILE
    if not file and not os.path.exists(path):
        raise UsageProblem(f"there is no {FILE} in this folder", "infrakit init writes one; -f names another")
    folder = os.path.dirname(path)

    blueprints: list[str] = []

    def read_blueprint(name: str) -> bytes:
        blueprints.append(name)
        if ".." in name.split("/") or name.startswith("/"):
            raise UsageProblem(f"{name} is not below the folder of {FILE}")
        return read_input(os.path.join(folder, name), MAXIMUM_BYTES)

    return Source(path, path, read_input(path, MAXIMUM_BYTES), read_blueprint, blueprints, lock_of(path))


def lock_of(path: str) -> LockFile | None:
    """The lock beside the file, None where there is none."""
    beside = lock_beside(path)
    return LockFile(beside, read_input(beside)) if os.path.lexists(beside) else None


def compiled(source: Source) -> Compiled:
    """The decided fleet. Raises ConfigurationInvalid."""
    return load(source.content, source.name, source.read_blueprint, source.lock)


def no_blueprint(name: str) -> bytes:
    """Of a file that stands alone."""
    raise UsageProblem(f"{name}: an example has no files beside it")

"""What is named on the command line -> the Compose project that it is, and a reader of its files.

Only files below the project's folder are read (or below the one that --within names), links followed; those that the
person named, anywhere.
"""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from infrakit.composed import Asked
from infrakit.composed.yaml_text import MAXIMUM_BYTES
from infrakit.errors import Position, Problem, UsageProblem
from infrakit.system.files import read_input


class Place(NamedTuple):
    """A project: `folder` is whole, `shown` is how the person names it; `files` empty: those that Compose finds."""

    folder: str
    shown: str
    files: tuple[str, ...]

    def named(self, position: Position) -> Position:
        """A place in one of its files as the person would name it from here."""
        if os.path.isabs(position.document):
            return position
        return position._replace(document=os.path.join(self.shown, position.document))

    def problem(self, problem: Problem) -> Problem:
        """A problem with its places as the person would name them."""
        related = self.named(problem.related) if problem.related else None
        return problem._replace(position=self.named(problem.position), related=related)


def place(path: str) -> Place:
    """The project at `path`: a folder, a file, or several files with : between them, which are merged."""
    if os.path.isdir(path):
        return Place(os.path.abspath(path), "" if path in (".", "./") else path.rstrip("/"), ())
    files = [path] if os.path.lexists(path) else [each for each in path.split(":") if each]
    for each in files:
        if not os.path.lexists(each):
            raise UsageProblem(f"{each}: there is no such file or folder")
    if not files:
        raise UsageProblem(f'"{path}" names no file', "name a folder, a Compose file, or several with : between them")
    folder = os.path.dirname(files[0])
    whole = os.path.abspath(folder)
    return Place(whole, folder, tuple(os.path.join(whole, os.path.relpath(each, whole)) for each in files))


def environment(outside: Mapping[str, str]) -> dict[str, str]:
    """The variables of this shell that can stand in a file."""
    return {name: value for name, value in outside.items() if all(c.isprintable() or c in "\n\t" for c in value)}


def asked(
    place: Place, env_files: Sequence[str], profiles: Sequence[str], name: str, outside: Mapping[str, str]
) -> Asked:
    """What is read of the project."""
    return Asked(
        place.files,
        place.folder,
        outside.get("HOME") or "/root",
        environment(outside),
        [os.path.abspath(each) for each in env_files] or None,
        profiles,
        name,
    )


def leads_to(path: str) -> str:
    """Where a path of this host leads, links followed: who made the project may have made them, too."""
    return os.path.realpath(path) if "\0" not in path else path


def reader(place: Place, within: str, named: Collection[str]) -> Callable[[str], bytes | None]:
    """Reads a file of the project by its path, relative to the folder or whole. `named`: whole paths that the person
    wrote."""
    allowed = os.path.realpath(within or place.folder)
    free = {*place.files, *(os.path.abspath(each) for each in named)}

    def read_file(path: str) -> bytes | None:
        whole = os.path.normpath(os.path.join(place.folder, path))
        if "\0" in whole or not os.path.lexists(whole):
            return None
        real = os.path.realpath(whole)
        if whole not in free and os.path.commonpath([allowed, real]) != allowed:
            leads = f" (it is {real})" if real != whole else ""
            hint = "name the folder that both are in, if it is meant: --within FOLDER"
            raise UsageProblem(f"{path} is outside of {allowed}{leads}", hint)
        return read_input(whole, MAXIMUM_BYTES)

    return read_file

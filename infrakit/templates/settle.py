"""A template's Compose project -> the same one in which nothing leads to the other program any more.

Folders beside it become volumes, files that it gives are kept apart, and passwords among the words of a command come
from its environment.
"""

import posixpath
import re
from collections.abc import Mapping
from typing import NamedTuple

from infrakit.composed.model import Mount, Project, Resource, Service, Variable
from infrakit.composed.paths import absolute
from infrakit.templates.model import SECRETS, Mark, pattern

FOLDER = "/template/code"
"""Where its files are taken to be; nothing is ever there."""
ROOT = posixpath.dirname(FOLDER) + "/"
SHELL = ("/bin/sh", "-c")
UNSAFE = re.compile(r"[^\w@%+=:,./-]")


class Settled(NamedTuple):
    """`files`: service -> path in the container -> content."""

    project: Project
    files: Mapping[str, Mapping[str, str]]


def settled(project: Project, contents: Mapping[str, str], marks: Mapping[str, Mark]) -> Settled:
    """`contents`: of files, by the path that they are mounted from."""
    given = {absolute(path, FOLDER, "/root"): text for path, text in contents.items()}
    files: dict[str, Mapping[str, str]] = {}
    folders: dict[str, Resource] = {}
    services = []
    for service in project.services:
        mounts, own = _mounts(service, given, folders)
        if own:
            files[service.name] = own
        services.append(_Spoken(service._replace(volumes=mounts), marks).whole())
    return Settled(project._replace(services=tuple(services), volumes=(*project.volumes, *folders.values())), files)


def _mounts(
    service: Service, given: Mapping[str, str], folders: dict[str, Resource]
) -> tuple[tuple[Mount, ...], dict[str, str]]:
    """Its mounts without those of files that the template gives, and these by where they are seen."""
    mounts = []
    files = {}
    for mount in service.volumes:
        if mount.kind != "bind" or not mount.source.startswith(ROOT):
            mounts.append(mount)
            continue
        below = {path: text for path, text in given.items() if path.startswith(mount.source.rstrip("/") + "/")}
        if mount.source in given:
            files[mount.target] = given[mount.source]
        elif below:
            start = len(mount.source.rstrip("/"))
            files.update({mount.target.rstrip("/") + path[start:]: text for path, text in below.items()})
        else:
            key = mount.source.removeprefix(ROOT).replace("/", "-")
            folders.setdefault(key, Resource(key, key, False, service.at))
            mounts.append(mount._replace(kind="volume", source=key, others={}))
    return tuple(mounts), files


class _Spoken:
    """The commands of one service, with a variable of its environment in the place of a secret."""

    def __init__(self, service: Service, marks: Mapping[str, Mark]) -> None:
        self.service, self.marks, self.word = service, marks, pattern(marks)
        self.known = {each.value: each.name for each in service.environment if each.value in marks}
        self.added: dict[str, Variable] = {}

    def whole(self) -> Service:
        command, health = self.service.command, self.service.healthcheck
        if command is not None and self.holds(command):
            if command[:2] in (SHELL, ("sh", "-c")) and len(command) == 3:
                command = (*command[:2], self.word.sub(self.variable, command[2]))
            else:
                command = (*SHELL, f"exec {self.script(command)}")
        if health is not None and self.holds(health.test):
            lines = " ".join(health.test[1:])
            is_script = health.test[0] == "CMD-SHELL"
            said = self.word.sub(self.variable, lines) if is_script else self.script(health.test[1:])
            health = health._replace(test=("CMD-SHELL", said))
        environment = (*self.service.environment, *self.added.values())
        return self.service._replace(command=command, healthcheck=health, environment=environment)

    def holds(self, words: tuple[str, ...]) -> bool:
        return any(self.marks[found].kind in SECRETS for word in words for found in self.word.findall(word))

    def variable(self, match: "re.Match[str]") -> str:
        mark = self.marks[match[0]]
        if mark.kind not in SECRETS:
            return match[0]
        name = self.known.setdefault(match[0], f"INFRAKIT_{mark.name.upper()}")
        if name.startswith("INFRAKIT_"):
            self.added[name] = Variable(name, match[0], self.service.at)
        return "${" + name + "}"

    def script(self, words: tuple[str, ...]) -> str:
        """The words for a shell, which reads a variable in double quotes, and nothing else of a word."""
        return " ".join(
            self.word.sub(self.variable, _quoted(word)) if self.word.search(word) else _single(word) for word in words
        )


def _quoted(word: str) -> str:
    return '"' + re.sub(r'([\\"$`])', r"\\\1", word) + '"'


def _single(word: str) -> str:
    return word if word and not UNSAFE.search(word) else "'" + word.replace("'", "'\\''") + "'"

"""A template's Compose project -> the same one in which nothing leads to the other program any more.

Folders beside it become volumes, files that it gives are kept apart, and passwords among the words of a command come
from its environment.
"""

import posixpath
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from infrakit.composed.model import Health, Mount, Project, Resource, Service, Variable
from infrakit.composed.paths import absolute
from infrakit.templates.model import MARK, SECRETS, Mark

FOLDER = "/template/code"
"""Where its files are taken to be; nothing is ever there."""
ROOT = posixpath.dirname(FOLDER) + "/"
SHELL = ("/bin/sh", "-c")
Variables = Callable[["re.Match[str]"], str]
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
        services.append(_spoken(service._replace(volumes=mounts), marks))
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


def _spoken(service: Service, marks: Mapping[str, Mark]) -> Service:
    """Its commands with a variable of its environment in the place of a secret."""
    known = {each.value: each.name for each in service.environment if each.value and MARK.fullmatch(each.value)}
    added: dict[str, Variable] = {}

    def variable(match: "re.Match[str]") -> str:
        mark = marks[match[0]]
        if mark.kind not in SECRETS:
            return match[0]
        name = known.setdefault(match[0], f"INFRAKIT_{mark.name.upper()}")
        if name.startswith("INFRAKIT_"):
            added[name] = Variable(name, match[0], service.at)
        return "${" + name + "}"

    def script(words: tuple[str, ...]) -> str:
        # The shell reads a variable in double quotes, and nothing else of a word.
        return " ".join(
            MARK.sub(variable, _quoted(word))
            if MARK.search(word)
            else word
            if not UNSAFE.search(word)
            else _single(word)
            for word in words
        )

    def holds(words: tuple[str, ...] | None) -> bool:
        return any(marks[found].kind in SECRETS for word in words or () for found in MARK.findall(word))

    command, health = service.command, service.healthcheck
    if command is not None and holds(command):
        if command[:2] in (SHELL, ("sh", "-c")) and len(command) == 3:
            command = (*command[:2], MARK.sub(variable, command[2]))
        else:
            command = (*SHELL, f"exec {script(command)}")
    if health is not None and holds(health.test):
        health = _health(health, variable, script)
    environment = (*service.environment, *added.values())
    return service._replace(command=command, healthcheck=health, environment=environment)


def _health(health: Health, variable: Variables, script: Callable[[tuple[str, ...]], str]) -> Health:
    if health.test[0] == "CMD-SHELL":
        return health._replace(test=("CMD-SHELL", MARK.sub(variable, " ".join(health.test[1:]))))
    return health._replace(test=("CMD-SHELL", script(health.test[1:])))


def _quoted(word: str) -> str:
    return '"' + re.sub(r'([\\"$`])', r"\\\1", word) + '"'


def _single(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"

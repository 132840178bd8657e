"""Values of imported secrets -> the host's own store, before the file names them; and taken back where that fails.

A value goes nowhere else: no message, table or JSON has one.
"""

import os
from collections.abc import Callable, Mapping
from typing import NamedTuple

from infrakit.cli.given_secret import MOST_BYTES
from infrakit.cli.here import BUILD
from infrakit.compiler import load
from infrakit.composed.words import Converted
from infrakit.config import parse
from infrakit.emit.yaml_text import to_yaml
from infrakit.errors import ConfigurationInvalid, MachineUnfit, Problem, UsageProblem
from infrakit.stack.layout import HOSTS
from infrakit.system import secrets
from infrakit.system.files import plain_errors, read, remove


class Store(NamedTuple):
    """Where they are kept: `folder` is of one host."""

    host: str
    folder: str

    def path(self, name: str) -> str:
        return os.path.join(self.folder, secrets.FOLDER, name)

    def has_other(self, name: str, value: bytes) -> bool:
        """Whether a secret of this name is there, with another value."""
        if not os.access(os.path.join(self.folder, secrets.FOLDER), os.R_OK | os.X_OK):
            return False  # none is there, or only root can see them
        there = read(self.path(name))
        return there is not None and there != value


def store(content: bytes, name: str, read_blueprint: Callable[[str], bytes], output: str | None) -> Store:
    """Of the host that apps run on by the file as it is now."""
    try:
        compiled = load(content, name, read_blueprint)
    except ConfigurationInvalid:
        alone = _alone(content, name)
        if not alone:
            raise  # whose secrets they are is not known before the file is right
        compiled = load(alone, name, read_blueprint)
    deployments = list(compiled.fleet.deployments)
    host = deployments[0].core or deployments[0].host
    return Store(host, os.path.join(output or HOSTS, host))


def _alone(content: bytes, name: str) -> bytes:
    """The file without what does not name its only host; nothing where it has several. An app that was imported before
    may still wait for a person: an image without a version."""
    document = parse(content, name)
    said = {key.value: value for key, value in document.root.value}
    if "hosts" in said:
        return b""
    kept = {key: said[key].value for key in ("name", "domain") if key in said and said[key].kind == "scalar"}
    return f"version: 1\npattern: full\n{to_yaml(kept).partition(chr(10))[2]}".encode()


def values(found: Converted, read_file: Callable[[str], bytes | None]) -> tuple[dict[str, bytes], list[Problem]]:
    """Each secret's value as it was given, and what is wrong with those that stand in files."""
    kept = {name: value.encode() for name, value in found.secrets.items()}
    problems = []
    for name, (path, at) in found.secret_files.items():
        what = hint = ""
        try:
            value = read_file(path)
            what = f"there is no file {path}" if value is None else "" if value else f"nothing is in {path}"
        except UsageProblem as error:
            value, what, hint = None, error.message, error.hint
        if not what and value is not None and len(value) > MOST_BYTES:
            what = f"{path}: more than {MOST_BYTES} bytes"
        if what:
            hint = hint or "write the secret into it, or correct its path"
            problems.append(Problem(at, f"the secret {name}: {what}", "compose-secret", hint))
        elif value is not None:
            kept[name] = value
    return kept, problems


def need_access(place: Store, names: Mapping[str, bytes], output: str | None) -> None:
    """MachineUnfit where the values cannot be kept there: said before anything is written."""
    folder = os.path.abspath(os.path.join(place.folder, secrets.FOLDER))
    while not os.path.isdir(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    if not names or os.access(folder, os.W_OK | os.X_OK):
        return
    count = f"{len(names)} secret{'' if len(names) == 1 else 's'} ({', '.join(sorted(names))})"
    hint = f"run it as root: sudo infrakit import ...; or keep them in this folder for now: -o {BUILD}"
    raise MachineUnfit(f"only root can keep {count} in {place.folder}; nothing was written", hint if not output else "")


def keep(place: Store, kept: Mapping[str, bytes]) -> list[str]:
    """Write those that are not there; their names."""
    made: list[str] = []
    try:
        with plain_errors("keep the secrets"):
            os.makedirs(place.folder, exist_ok=True)
            for name, value in sorted(kept.items()):
                if not os.path.lexists(place.path(name)):
                    secrets.store(place.folder, name, value)
                    made.append(name)
    except MachineUnfit:
        take_back(place, made)
        raise
    return made


def take_back(place: Store, made: list[str]) -> None:
    """Those that a run has written which did not end well."""
    for name in made:
        remove(place.path(name))

"""Secrets x text -> the environment of a container: a file that Compose reads as `env_file`, 0600 in the 0700 folder;
and files of a container's own.

Values leave this module into that file only. Compose's reader (compose-go, dotenv) takes escapes and variables in
double quotes; the engine takes environment as JSON, so that what is no UTF-8, or holds a NUL, would not arrive.
"""

import os
from collections.abc import Iterable, Mapping

from infrakit.emit.environment_file import double_quoted
from infrakit.errors import MachineUnfit
from infrakit.model import SecretEnvironment, SecretFile, SecretText
from infrakit.system import files
from infrakit.system.secrets import FOLDER, secrets_folder


def path_of(folder: str, container: str) -> str:
    """Where the file of a container is. No secret is called so: their names have no dot."""
    return os.path.join(folder, FOLDER, f".{container}.env")


def values_of(folder: str, texts: SecretEnvironment) -> dict[str, str]:
    """Each variable, whole. MachineUnfit where a secret is missing, or would not arrive as it is."""
    return {name: _whole(folder, text) for name, text in texts}


def is_written(folder: str, container: str, texts: SecretEnvironment) -> bool:
    """Whether the file of a container holds the secrets as they are, for nobody else to read."""
    try:
        with open(path_of(folder, container), "rb") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o7777
            return mode == 0o600 and file.read(files.MOST_BYTES) == _content(values_of(folder, texts))
    except (OSError, MachineUnfit):
        return False


def write(folder: str, container: str, texts: SecretEnvironment) -> None:
    """Put the file of a container in place, by one rename."""
    content = _content(values_of(folder, texts))
    secrets_folder(folder)
    files.replace(path_of(folder, container), content, 0o600, flushed=True)


def file_is_written(folder: str, file: SecretFile) -> bool:
    """Whether a file of a container's holds the secrets as they are."""
    try:
        with open(os.path.join(folder, FOLDER, file.stored), "rb") as found:
            return found.read(files.MOST_BYTES) == _whole(folder, file.text).encode()
    except (OSError, MachineUnfit):
        return False


def write_file(folder: str, file: SecretFile) -> None:
    """Put it in place, by one rename; any user of its container may read it, as he may a secret."""
    content = _whole(folder, file.text).encode()
    secrets_folder(folder)
    files.replace(os.path.join(folder, FOLDER, file.stored), content, 0o444, flushed=True)


def differing(folder: str, texts: SecretEnvironment, found: Iterable[str]) -> list[str]:
    """Secrets of those variables that are otherwise in an environment of the engine's (NAME=value)."""
    there = set(found)
    try:
        values = values_of(folder, texts)
    except MachineUnfit:
        return []  # nothing to make it anew with
    changed = {name for name, value in values.items() if f"{name}={value}" not in there}
    named = [secret for name, text in texts if name in changed for _, secret in text if secret]
    return list(dict.fromkeys(named))


def _content(values: Mapping[str, str]) -> bytes:
    return "".join(f"{name}={double_quoted(value)}\n" for name, value in values.items()).encode()


def _whole(folder: str, text: SecretText) -> str:
    return "".join([before + _secret(folder, secret) for before, secret in text])


def _secret(folder: str, name: str) -> str:
    if not name:
        return ""
    try:
        with open(os.path.join(folder, FOLDER, name), "rb") as file:
            value = file.read(files.MOST_BYTES).decode()
    except OSError:
        raise MachineUnfit(f"the secret {name} is not there", f"infrakit secrets set {name}") from None
    except UnicodeDecodeError:
        value = "\0"
    if "\0" in value:
        what = f"the secret {name} is no text, which an environment or a file of text could hold"
        raise MachineUnfit(what, f"let the app read /run/secrets/{name} instead")
    return value

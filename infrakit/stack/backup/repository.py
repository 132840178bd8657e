"""Where backups are: restic's repository, and what restic says about it in words for us."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from infrakit.backups import Backup
from infrakit.errors import InfraKitError, MachineUnfit
from infrakit.machine import Done, Machine
from infrakit.plan.model import Event, Tell
from infrakit.resolve.backups import KEY
from infrakit.stack.backup.places import is_folder, opened, refused, ssh_says, way
from infrakit.stack.layout import CACHE, STATE, secrets_folder

FOLDER = f"{STATE}/backup"
KNOWN = f"{FOLDER}/known.json"
"""Which repositories there were: one that is gone is not made anew, for its disk may not be there."""
LONGEST_S = 7 * 24 * 3600
ASK_S = 600
NONE_THERE = ("unable to open config", "does not exist", "no such file or directory")
DAMAGED = re.compile(
    r"is damaged|ciphertext verification failed|invalid data returned|returned errors|unmarshal: "
    r"|not found in repository|contains errors|/[0-9a-f]{64}: no such file"
)
"""What restic says of a repository that is not as it wrote it, in small letters."""
LOCKED = re.compile(
    r"already locked (?:exclusively )?by PID (?P<pid>\d+) on (?P<host>\S+) by (?P<user>\S+)"
    r"(?:.*?lock was created at (?P<since>\S+ \S+))?",
    re.DOTALL,
)
"""restic's own lock.go."""
LOCKED_S, LOOK_S = 600, 5
"""How long, and how often, somebody else's lock is waited for; restic does so itself only from 0.16 on."""
LOOK = "sudo infrakit backup verify says what is damaged, and what to do"
MOST_BYTES = 1 << 20
TAG, HOST = "infrakit", "host"
"""Tags: of all snapshots of ours; of the one that makes a set whole."""
NO_SESSION = "unable to start the sftp session"
STATUS = '{"message_type":"status"'
QUIET = {"RESTIC_PROGRESS_FPS": "2"}


class Repository(NamedTuple):
    """Of one host. `key`: the file that has it, "" where that is in its place. `host_key`: of an SSH server; `secrets`:
    the folder of those that open a server, "" where they are in their places."""

    to: str
    host: str
    key: str = ""
    host_key: str = ""
    secrets: str = ""

    @property
    def folder(self) -> str:
        """That the folder of each host is in."""
        return self.to.rpartition("/")[0]


def repository_of(backup: Backup, host: str) -> Repository:
    """Where the backups of a host are."""
    return Repository(backup.to, host, host_key=backup.host_key)


def restic(
    machine: Machine, repository: Repository, *words: str, timeout_s: float = ASK_S, tell: Tell | None = None
) -> list[dict[str, Any]]:
    """What restic says in JSON, its progress told. MachineUnfit, in its own last words, where it fails."""
    done = asked(machine, repository, *words, timeout_s=timeout_s, tell=tell)
    if done.code:
        error = unfit(done, repository)
        at_hand = is_folder(repository.to)
        if isinstance(error, Damaged) and at_hand and not machine.exists(f"{repository.to}/config"):
            raise gone(repository)
        raise error
    return list(values(done.out))


def asked(
    machine: Machine, repository: Repository, *words: str, timeout_s: float = ASK_S, tell: Tell | None = None
) -> Done:
    """How restic ended. With somebody to `tell`, a repository that another one has locked is waited for."""
    end_s = machine.monotonic() + LOCKED_S
    while True:
        done = _once(machine, repository, words, timeout_s, tell)
        holder = LOCKED.search(done.err) if done.code else None
        if holder is None or tell is None or machine.monotonic() > end_s:
            return done
        tell(Event("progress", "", f"waits for another restic: process {holder['pid']} on {holder['host']}"))
        machine.sleep(LOOK_S)


def call(machine: Machine, repository: Repository, *words: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """(words, environment) of a call of restic; what opens the place, and its key, is in neither. MachineUnfit where
    that is missing."""
    found = way(machine, repository.to, repository.host_key, repository.secrets or _secrets(repository))
    opened(machine, found)
    whole = ("restic", *found.words, "--password-file", key_of(repository), "--cache-dir", f"{CACHE}/restic", *words)
    return whole, {**QUIET, **dict(found.environment)}


def by_hand(repository: Repository, *words: str) -> str:
    """A call of it that a person can type: a server is opened by us."""
    if not is_folder(repository.to):
        return " ".join(("infrakit", "backup", "restic", *words))
    return " ".join(("restic", "--repo", repository.to, "--password-file", key_of(repository), *words))


def key_of(repository: Repository) -> str:
    """The file that opens it."""
    return repository.key or f"{_secrets(repository)}/{KEY}"


def _secrets(repository: Repository) -> str:
    return f"{secrets_folder(repository.host)}/secrets"


def _once(machine: Machine, repository: Repository, words: Sequence[str], timeout_s: float, tell: Tell | None) -> Done:
    lines: list[str] = []

    def heard(line: str) -> None:
        if not line.startswith(STATUS):
            lines.append(line)
        elif tell:
            tell(_progress(line))

    whole, environment = call(machine, repository, "--json", *words)
    done = machine.run(whole, timeout_s=timeout_s, environment=environment, heard=heard)
    why = ssh_says(machine, whole) if done.code and NO_SESSION in done.err else ""
    return done._replace(out="".join(lines), err=f"{done.err}\n{why}")


def _progress(line: str) -> Event:
    try:
        item = json.loads(line)
    except ValueError:
        item = {}
    return Event("progress", "", "", 0.0, item.get("bytes_done", 0), item.get("total_bytes", 0))


def values(text: str) -> Iterator[dict[str, Any]]:
    """JSON objects one after the other, or in lists; restic lays some out over several lines."""
    decoder = json.JSONDecoder()
    text = text.strip()
    while text:
        try:
            found, end = decoder.raw_decode(text)
        except ValueError:
            return
        yield from found if isinstance(found, list) else [found]
        text = text[end:].lstrip()


class NoneThere(MachineUnfit):
    """There is no repository at a place."""


class Damaged(MachineUnfit):
    """It is not as restic wrote it."""


def gone(repository: Repository) -> NoneThere:
    """The words for it."""
    first = "the first: sudo infrakit backup now"
    where = "is its disk plugged in" if is_folder(repository.to) else "does the server still have its disk"
    return NoneThere(f"{repository.to} is not there", f"{where}? {first}")


def unfit(done: Done, repository: Repository) -> MachineUnfit:
    """Why restic did not do it, and what to do."""
    said = list(said_in(done.err))
    plain = [line for line in said if line.startswith("Fatal: ")] or said or [f"exit code {done.code}"]
    words = "\n".join(said).lower()
    if done.code == 127:
        return MachineUnfit("restic is not on this machine", "sudo infrakit up installs it")
    if "wrong password" in words:
        return MachineUnfit(
            f"{repository.to} is shut with another key", f"is {KEY} the one that it was made with? {LOOK}"
        )
    if "no space left" in words:
        return MachineUnfit(f"{repository.to}: no space left", "make room there, or keep fewer: backup.keep")
    if holder := LOCKED.search("\n".join(said)):
        return _locked(holder, repository)
    if DAMAGED.search(words):
        what = f"{repository.to} is damaged: {plain[0].removeprefix('Fatal: ')}"
        return Damaged(what, LOOK)
    if not is_folder(repository.to) and (why := refused(words)):
        return MachineUnfit(f"{repository.to}: {why[0]}", why[1])
    if any(text in words for text in NONE_THERE):
        return gone(repository)
    return MachineUnfit(f"{repository.to}: {plain[0].removeprefix('Fatal: ')}", "see whether it can be reached")


def _locked(holder: "re.Match[str]", repository: Repository) -> MachineUnfit:
    since = f" since {holder['since']}" if holder["since"] else ""
    who = f"process {holder['pid']} of {holder['user']} on {holder['host']}"
    hint = (
        f"on {holder['host']}: ps -p {holder['pid']}; let it end, then run again; a lock of one that is gone goes then"
    )
    return MachineUnfit(f"{repository.to}: another restic is at work there{since}: {who}", hint)


def said_in(text: str) -> Iterator[str]:
    """Lines for a person; from restic 0.17 on some are in JSON (doc/075_scripting.rst, exit_error)."""
    for line in text.splitlines():
        try:
            item = json.loads(line) if line.startswith("{") else {}
        except ValueError:
            item = {}
        about = item.get("error")
        message = item.get("message") or (about.get("message") if isinstance(about, dict) else None) or line
        yield from filter(None, map(str.strip, str(message).splitlines()))


def number(machine: Machine, repository: Repository) -> str:
    """The repository's own; "" where there is none."""
    try:
        return str(restic(machine, repository, "cat", "config")[0]["id"])
    except NoneThere:
        return ""


class Ready(NamedTuple):
    """The repository is there, and is the one that it was."""

    repository: Repository

    def holds(self, machine: Machine) -> bool:
        found = number(machine, self.repository)
        return bool(found) and known(machine).get(self.repository.to, found) == found

    def text(self) -> str:
        return f"{self.repository.to} is there"


class Begin(NamedTuple):
    """Make it, where none ever was."""

    repository: Repository

    def do(self, machine: Machine, tell: Tell) -> None:
        folder, place = self.repository.folder, self.repository.to
        if is_folder(place) and not machine.exists(folder):
            what = f"{folder} is not there"
            raise MachineUnfit(what, f"is its disk plugged in? else make it, once: sudo mkdir -p {folder}")
        before = known(machine)
        found = number(machine, self.repository)
        if place in before and before[place] != found:
            what = f"{place} is another one than before" if found else f"{place} is not there any more"
            remedy = gone(self.repository).hint.partition("?")[0]
            raise MachineUnfit(what, f"{remedy}? where it is gone for good: sudo rm {KNOWN}")
        if not found:
            restic(machine, self.repository, "init")
            found = number(machine, self.repository)
        machine.make_folder(FOLDER, 0o700)
        machine.write(KNOWN, json.dumps({**before, place: found}, sort_keys=True).encode(), 0o600)

    def text(self) -> str:
        return f"make {self.repository.to}, where none ever was"


def known(machine: Machine) -> dict[str, str]:
    """Place -> number of the repository that was there."""
    content = machine.read(KNOWN, MOST_BYTES)
    try:
        return {str(place): str(found) for place, found in json.loads(content or b"{}").items()}
    except (ValueError, AttributeError):
        raise InfraKitError(f"{KNOWN} is damaged", f"sudo rm {KNOWN}") from None


def tagged(*tags: str) -> Sequence[str]:
    """Words of restic for tags."""
    return tuple(word for tag in tags for word in ("--tag", tag))

"""The machine that we run on: its files and its programs. Whatever changes a host goes through here.

Passed to `plan`, `host` and `stack` as `machine`; they never import it. Nothing given to a program stands in its
environment but what is named here, and a secret goes through `feed`, never through `words`.
"""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import cached_property
from typing import IO, Any

from infrakit.errors import MachineUnfit
from infrakit.machine import Done, Engine
from infrakit.model import SecretEnvironment, SecretFile, SecretSpec
from infrakit.system import SOCKET, files, process, secrets, seen, tree
from infrakit.system.asking import Asking
from infrakit.system.stop import Stop

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "HOME": "/root",
    "DOCKER_HOST": f"unix://{SOCKET}",
}


class Machine(Asking):
    """The real one. `stop`: whether somebody said stop, which ends waits, fetches and questions at once, by Stopped."""

    def __init__(self) -> None:
        self.stop = Stop()

    def breakable(self) -> AbstractContextManager[None]:
        """While inside, a signal may end what is done at any instant."""
        return self.stop.breaks()

    def read(self, path: str, most_bytes: int = 1 << 20) -> bytes | None:
        """The beginning of a file, or None where it cannot be read: /proc and /sys files have no size."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            content = b""
            while len(content) < most_bytes:
                more = os.read(descriptor, most_bytes - len(content))
                if not more:
                    break
                content += more
            return content
        except OSError:
            return None
        finally:
            os.close(descriptor)

    def whole(self, path: str, most_bytes: int) -> bytes | None:
        """All of a file, or None where it cannot be read. MachineUnfit where that is more: a part of it would be taken
        for the whole."""
        content = self.read(path, most_bytes + 1)
        if content is not None and len(content) > most_bytes:
            raise MachineUnfit(f"{path} has more than {most_bytes} bytes", "move it away, then run again")
        return content

    def write(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """Put a file in place by one rename, and on the disk; folders above it are made, 0755. MachineUnfit where that
        cannot be."""
        with files.plain_errors("write"):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            files.replace(path, content, mode, flushed=True)

    def flush(self, *folders: str) -> None:
        """Have all that any program wrote until now on the disks that hold these folders: not on others, which may not
        answer."""
        devices = {os.stat(folder).st_dev: folder for folder in folders if os.path.isdir(folder)}
        with files.plain_errors("flush"):
            for folder in devices.values():
                files.sync(folder)

    def remove(self, path: str) -> None:
        """Unlink a file, or remove an empty folder, where it is."""
        with files.plain_errors("remove"):
            if os.path.isdir(path) and not os.path.islink(path):
                try:
                    os.rmdir(path)
                except OSError:
                    pass
            else:
                files.remove(path)

    def exists(self, path: str) -> bool:
        """Whether anything stands there, a broken link included."""
        return os.path.lexists(path)

    def mode(self, path: str) -> int:
        """Permission bits, 0 where nothing is."""
        try:
            return os.stat(path).st_mode & 0o7777
        except OSError:
            return 0

    def owner(self, path: str) -> int:
        """The number of the user whom a file belongs to, -1 where nothing is."""
        try:
            return os.stat(path).st_uid
        except OSError:
            return -1

    def changed_s(self, path: str) -> float:
        """When it was last written, in seconds of the clock; 0 where nothing is."""
        try:
            return os.stat(path).st_mtime
        except OSError:
            return 0.0

    def started_with(self, path: str, pid: int, inside: str, started_at: str) -> bool:
        """Whether a process in a container has a file as it is now (system/seen.py)."""
        return seen.started_with(path, pid, inside, started_at)

    def monotonic(self) -> float:
        """Seconds since some moment, which no change of the clock moves."""
        return time.monotonic()

    def append(self, path: str, line: bytes) -> None:
        """Add a line to a file of ours, 0600, and have it on the disk before going on."""
        with files.plain_errors("write"):
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                size = os.fstat(descriptor).st_size
                torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"  # by a power cut, or a full disk
                os.write(descriptor, (b"\n" if torn else b"") + line + b"\n")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def turn(self, path: str, most_bytes: int) -> None:
        """A file that has grown beyond that goes on anew; what it had is kept as PATH.1, in place of the one before."""
        with files.plain_errors("rename"):
            if os.path.isfile(path) and os.path.getsize(path) > most_bytes:
                os.replace(path, f"{path}.1")

    def target(self, path: str) -> str:
        """Where a symbolic link leads, "" where there is none."""
        try:
            return os.readlink(path)
        except OSError:
            return ""

    def point(self, path: str, target: str) -> None:
        """Let a symbolic link lead elsewhere, by one rename."""
        with files.plain_errors("link"):
            fresh = f"{path}.new"
            files.remove(fresh)
            os.symlink(target, fresh)
            os.rename(fresh, path)

    def make_tree(
        self, path: str, contents: Iterable[tuple[str, bytes, int]], links: Iterable[tuple[str, str]] = ()
    ) -> None:
        """A folder with these files (path in it, content, mode) and links (path, target): whole, on the disk, by one
        rename."""
        fresh = f"{path}.new"
        with files.plain_errors("write"):
            tree.remove_tree(fresh)
            os.makedirs(fresh, mode=0o755)
            for name, content, mode in contents:
                os.makedirs(os.path.join(fresh, os.path.dirname(name)), exist_ok=True)
                files.write_new(os.path.join(fresh, name), content, mode)
            for name, target in links:
                os.symlink(target, os.path.join(fresh, name))
            files.sync(fresh)
            tree.remove_tree(path)
            os.rename(fresh, path)

    def make_folder(self, path: str, mode: int = 0o755) -> None:
        """A folder, and those above it, where they are not there yet."""
        with files.plain_errors("make"):
            os.makedirs(path, mode=mode, exist_ok=True)

    def remove_tree(self, path: str) -> None:
        """A folder with all in it; never follows a link. It takes minutes for an engine's: a signal leaves the rest for
        the next run."""
        with self.breakable(), files.plain_errors("remove"):
            tree.remove_tree(path)

    def mint(self, folder: str, host: str, specs: Iterable[SecretSpec]) -> list[str]:
        """Make the secrets of a host that are missing; the names of those made."""
        with files.plain_errors("mint secrets"):
            return secrets.mint(folder, host, specs, [folder])

    def keep_secret(self, folder: str, name: str, value: bytes, changed_s: float | None = None) -> None:
        """Put a secret of a host in place, whole, by one rename. `changed_s`: when it was set, else now; who began
        before that has not read it (system/seen.py)."""
        with files.plain_errors("keep the secret"):
            secrets.store(folder, name, value)
            if changed_s is not None:
                os.utime(os.path.join(folder, secrets.FOLDER, name), (changed_s, changed_s))

    def environment_is_written(self, folder: str, container: str, texts: SecretEnvironment) -> bool:
        """Whether the file of a container's environment holds its secrets as they are (system/environments.py)."""
        from infrakit.system import environments

        return environments.is_written(folder, container, texts)

    def write_environment(self, folder: str, container: str, texts: SecretEnvironment) -> None:
        """Put that file in place."""
        from infrakit.system import environments

        with files.plain_errors("write"):
            environments.write(folder, container, texts)

    def secret_file_is_written(self, folder: str, file: SecretFile) -> bool:
        """Whether a file of a container's holds its secrets as they are (system/environments.py)."""
        from infrakit.system import environments

        return environments.file_is_written(folder, file)

    def write_secret_file(self, folder: str, file: SecretFile) -> None:
        """Put it in place."""
        from infrakit.system import environments

        with files.plain_errors("write"):
            environments.write_file(folder, file)

    def environment_differs(self, folder: str, texts: SecretEnvironment, called: str) -> list[str]:
        """Names of secrets that a container, as Docker calls it, was not made with as they are."""
        from infrakit.system import environments

        return environments.differing(folder, texts, self.engine.environment(called))

    def secret_states(self, folder: str, host: str, specs: Iterable[SecretSpec]) -> list[secrets.SecretState]:
        """How the secrets of a host stand."""
        return secrets.states(folder, host, specs)

    def load_image(self, bundle: str, manifest: Any, reference: str, architecture: str, progress: Any) -> None:
        """Give the engine an image of a bundle. Refused where the bundle is not what its manifest says."""
        from infrakit.system.bundle.content import Content
        from infrakit.system.bundle.load import load

        with self.breakable(), Content(bundle, manifest) as content:
            image = content.image(reference, architecture)
            if image is None:
                raise MachineUnfit(f"the bundle has no {reference} for {architecture}", "take another bundle")
            load(self.engine, content, image, progress)

    def unpack_packages(self, bundle: str, manifest: Any, system: str, target: str) -> None:
        """Copy the packages of a bundle for one system, verified."""
        from infrakit.system.bundle.content import Content
        from infrakit.system.bundle.packages import unpack

        with self.breakable(), Content(bundle, manifest) as content:
            unpack(content, system, target)

    def group_number(self, name: str) -> int | None:
        """The number of a group of this host, None where there is none."""
        import grp

        try:
            return grp.getgrnam(name).gr_gid
        except KeyError:
            return None

    def sleep(self, seconds: float) -> None:
        """Wait, until somebody says stop."""
        with self.breakable():
            time.sleep(seconds)

    @cached_property
    def engine(self) -> "Engine":
        """The Docker Engine. DockerUnreachable where it does not answer."""
        from infrakit.system.engine import Engine

        return Engine()

    def listing(self, path: str) -> list[str]:
        """Names in a folder, sorted; empty where there is none."""
        try:
            return sorted(os.listdir(path))
        except OSError:
            return []

    def sparse_in(self, folder: str) -> list[str]:
        """Files below a folder that have holes worth keeping, by their whole paths."""
        return list(files.sparse(folder))

    def dig_holes(self, path: str, timeout_s: float) -> None:
        """Where a file is nothing but zeros it takes no room of the disk any more; when it was changed stays what it
        was. A disk that knows no holes keeps it as it is."""
        try:
            before = os.lstat(path)
            self.run(("fallocate", "--dig-holes", "--", path), timeout_s=timeout_s)
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns), follow_symlinks=False)
        except OSError:  # it did not come, or the disk cannot
            return

    def sqlite_in(self, folder: str) -> list[str]:
        """Paths of SQLite databases below a folder (system/sqlite.py)."""
        from infrakit.system import sqlite

        return sqlite.found_in(folder)

    def copy_sqlite(self, folder: str, name: str, target: str) -> None:
        """One below a folder that others write to, as it is at one instant."""
        from infrakit.system import sqlite

        sqlite.copy(folder, name, target, self.stop)

    def sqlite_rows(self, path: str) -> dict[str, int]:
        """Table -> rows, of a copy."""
        from infrakit.system import sqlite

        return sqlite.rows_of(path, self.stop)

    def sqlite_damage(self, path: str) -> str:
        """What is wrong with a copy, "" where nothing is."""
        from infrakit.system import sqlite

        return sqlite.damage_of(path)

    def run(
        self,
        words: Sequence[str],
        *,
        feed: bytes | None = None,
        timeout_s: float = 60,
        environment: dict[str, str] | None = None,
        fed_from: str = "",
        into: str = "",
        heard: Callable[[str], None] | None = None,
    ) -> Done:
        """Run a program and wait for it, `timeout_s` at most; never raises for how it ended (system/process.py). It
        reads `feed`, or a file; what it writes is returned, or goes `into` a file that is ours alone, or is `heard`
        line by line, by another thread."""
        way = self.proxies if words[0] == "apt-get" else {}
        whole = {**ENVIRONMENT, **way, **(environment or {})}
        with ExitStack() as stack:
            fed: bytes | IO[bytes] = feed or b""
            out: IO[bytes] | None = None
            if fed_from:
                stack.enter_context(files.plain_errors("read"))
                fed = stack.enter_context(open(fed_from, "rb"))
            if heard is not None:
                out = stack.enter_context(process.listening(heard))
            elif into:
                stack.enter_context(files.plain_errors("write"))
                out = stack.enter_context(files.only_for_us(into))
            return process.run(words, fed, timeout_s, whole, self.stop, out)

    def afterwards(self, words: Sequence[str]) -> AbstractContextManager[None]:
        """Run a program when this is left, also by a kill of this process (system/process.py)."""
        return process.afterwards(words, ENVIRONMENT)

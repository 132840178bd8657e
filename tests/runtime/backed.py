"""A machine of the test's own whose backups go to a folder beside it; in place of systemd stands a script."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infrakit.emit.timer import STOPPED
from infrakit.stack.layout import secrets_folder
from tests.runtime.engine import engine
from tests.runtime.test_update import Host
from tests.system import fake_registry

SECRETS = f"{secrets_folder('infrakit')}/secrets"
needs_restic = pytest.mark.skipif(not shutil.which("restic"), reason="needs restic (tests/tools/install.sh)")


class Backed(Host):
    """A machine whose file says where backups go: a folder beside it."""

    @property
    def to(self) -> Path:
        return self.folder / "mnt/disk"

    def restic(self, *words: str) -> str:
        """What restic says, that somebody calls who has the folder and the key."""
        own = ["restic", "--repo", self.to / "infrakit", "--password-file", f"{SECRETS}/backup_key", "--no-cache"]
        return subprocess.run([*own, *words], capture_output=True, text=True, check=True, timeout=120).stdout

    def up(self, text: str) -> None:
        """A file comes into force. `text`: to be formatted with the registry's address."""
        (self.folder / "infrakit.yaml").write_text(text.format(at=self.registry.address))
        done = self.infrakit("up", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        (self.folder / "infrakit.yaml").unlink()

    def now(self, *words: str) -> subprocess.CompletedProcess:
        return self.infrakit("backup", "now", *words)

    def sets(self) -> list[dict]:
        done = self.infrakit("backup", "list", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["backups"]

    def place(self, volume: str) -> Path:
        return self.real.socket.parent / f"data/volumes/infrakit_{volume}/_data"

    def is_well(self) -> bool:
        return {how for _, _, how in self.found().values()} == {"healthy"} and not os.path.exists(STOPPED)


@contextmanager
def backed(tmp_path_factory, pyz) -> Iterator[Backed]:
    """With its disk, and nothing in force yet."""
    folder = tmp_path_factory.mktemp("backup")
    with engine(tmp_path_factory.mktemp("backed")) as real, fake_registry.registry() as registry:
        made = Backed(real, registry, pyz, folder)
        systemctl = folder / "systemctl"
        systemctl.write_text("#!/bin/sh\nexit 0\n")
        systemctl.chmod(0o755)
        made.to.mkdir(parents=True)
        yield made
    for place in ("/var/lib/infrakit", "/etc/infrakit"):
        subprocess.run(["find", place, "-mindepth", "1", "-delete"], check=True)

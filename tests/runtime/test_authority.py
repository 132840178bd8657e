"""Caddy's own authority, broken off in its making: the compiled container mends it before Caddy starts; a whole one
stays."""

import itertools
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.runtime.caddy import CADDY, needs_caddy
from tests.runtime.test_doors import CONFIG, hosts_of

pytestmark = needs_caddy

FILES = ("root.crt", "root.key", "intermediate.crt", "intermediate.key")
AUTHORITY = "caddy/pki/authorities/local"
CADDYFILE = """\
{
	admin off
	skip_install_trust
}
home.example.org:0 {
	tls internal
}
"""


@pytest.fixture(scope="module")
def entrypoint() -> tuple[str, ...]:
    (host,) = hosts_of(CONFIG).values()
    return next(
        container.entrypoint
        for service in host.services
        for container in service.containers
        if container.name == "caddy"
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    assert validated(folder).returncode == 0
    assert sorted(os.listdir(folder / AUTHORITY)) == sorted(FILES)
    return folder


def validated(folder: Path, entrypoint: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
    """Caddy with everything set up but its listeners, which is where the authority is made or read."""
    (folder / "Caddyfile").write_text(CADDYFILE)
    words = [*entrypoint, CADDY, "validate", "--config", "Caddyfile", "--adapter", "caddyfile"]
    return subprocess.run(
        words,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "XDG_DATA_HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def broken(made: Path, folder: Path, left: tuple[str, ...], *, emptied: bool) -> Path:
    """A copy with these files alone; the others are gone or empty."""
    shutil.copytree(made, folder)
    for name in set(FILES) - set(left):
        (folder / AUTHORITY / name).unlink()
        if emptied:
            (folder / AUTHORITY / name).touch()
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / AUTHORITY / name).read_bytes() for name in FILES}


@pytest.mark.parametrize("emptied", (False, True), ids=("gone", "empty"))
@pytest.mark.parametrize(
    "left",
    [left for count in range(4) for left in itertools.combinations(FILES, count)],
    ids=lambda left: "+".join(left) or "nothing",
)
def test_caddy_starts_with_a_whole_authority_whatever_was_left_of_one(made, entrypoint, tmp_path, left, emptied):
    folder = broken(made, tmp_path / "data", left, emptied=emptied)

    done = validated(folder, entrypoint)

    assert done.returncode == 0, done.stderr
    signed = subprocess.run(
        ["openssl", "verify", "-CAfile", folder / AUTHORITY / "root.crt", folder / AUTHORITY / "intermediate.crt"],
        capture_output=True,
        text=True,
    )
    assert signed.returncode == 0, signed.stderr
    assert (contents(folder)["root.crt"] == contents(made)["root.crt"]) is ({"root.crt", "root.key"} <= {*left})


def test_without_that_a_certificate_whose_key_is_missing_stops_caddy(made, tmp_path):
    assert validated(broken(made, tmp_path / "data", ("root.crt",), emptied=False)).returncode == 1


def test_a_whole_authority_stays(made, entrypoint, tmp_path):
    folder = broken(made, tmp_path / "data", FILES, emptied=False)
    assert validated(folder, entrypoint).returncode == 0
    assert contents(folder) == contents(made)

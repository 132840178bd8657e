"""Docker's packages for a machine that nobody described: apt's own closure, without what every Debian has, on this
machine."""

import subprocess

import pytest

from infrakit.cli.bundle_packages import bring
from infrakit.errors import MachineUnfit
from infrakit.system.bundle.write import Writer
from tests.e2e.bed import NETWORK, needs_bed, packages, registry
from tests.e2e.bed.engine import mirror

pytestmark = [pytest.mark.slow, needs_bed]
NONE = {"packages": None, "no_packages": False, "keyrings": (), "backs_up": True}


def repository() -> str:
    """What stands in for Docker's, as this machine reaches it."""
    registry()
    words = ["docker", "inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", f"{NETWORK}-server"]
    return f"http://{subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()}"


def test_the_closure_is_whole_and_spares_the_base_system(tmp_path):
    with Writer(str(tmp_path / "out")) as writer:
        bring(
            writer,
            ["amd64"],
            (),
            {},
            systems=("debian-trixie",),
            docker_repository=repository(),
            docker_key=packages("trixie").fingerprint,
            mirrors=(f"debian={mirror()}",),
            **NONE,
        )
    names = {path.name.partition("_")[0] for path in (tmp_path / "out/packages/debian-trixie-amd64").glob("*.deb")}
    assert {
        "docker-ce",
        "docker-ce-cli",
        "containerd.io",
        "docker-compose-plugin",
        "iptables",
        "ca-certificates",
        "apparmor",
        "openssl",
        "restic",
    } <= names
    # openssl wants its library in one version with itself: both come, although every machine has the library.
    assert "libssl3t64" in names and not {"libc6", "systemd", "dpkg", "apt", "perl-base"} & names
    index = (tmp_path / "out/packages/debian-trixie-amd64/Packages").read_text()
    assert {line.split()[1] for line in index.splitlines() if line.startswith("Package: ")} == names


def test_a_key_that_is_not_dockers_is_refused_before_anything_is_fetched(tmp_path):
    with Writer(str(tmp_path / "out")) as writer, pytest.raises(MachineUnfit) as caught:
        bring(
            writer,
            ["amd64"],
            (),
            {},
            systems=("debian-trixie",),
            docker_repository=repository(),
            docker_key="9DC858229FC7DD38854AE2D88D81803C0EBFCD88",
            mirrors=(f"debian={mirror()}",),
            **NONE,
        )
    assert "do not go on" in caught.value.hint and writer.files == {}


def test_a_release_that_nobody_has_is_said_in_words(tmp_path):
    with Writer(str(tmp_path / "out")) as writer, pytest.raises(MachineUnfit) as caught:
        bring(
            writer,
            ["amd64"],
            (),
            {},
            systems=("debian-bookworm",),
            docker_repository=repository(),
            docker_key=packages("bookworm").fingerprint,
            mirrors=("debian=http://127.0.0.1:9/debian",),
            **NONE,
        )
    assert "packages for debian-bookworm-amd64" in caught.value.message and "--packages DIR" in caught.value.hint

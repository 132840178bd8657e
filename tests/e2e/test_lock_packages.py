"""Docker's packages in the lock: asked of a repository by apt itself, checked by its key, kept until asked again."""

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from infrakit.bundle.systems import sources, system
from infrakit.cli.bundle_packages import docker_of
from infrakit.compiler import load
from infrakit.errors import MachineUnfit
from infrakit.host.docker import HELPERS, PACKAGES, exact
from infrakit.lock import full_name, parse
from infrakit.system.bundle.debs import Apt
from tests.cli.test_lock import FILE, publish
from tests.e2e.bed import host_tar, needs_bed, packages
from tests.system import fake_registry

pytestmark = [pytest.mark.slow, needs_bed]

SYSTEM = "debian-trixie-amd64"
ONE = FILE.partition("  shed:")[0]


@pytest.fixture
def place(tmp_path):
    """A folder with a file of one host, and a registry that has its images."""
    with fake_registry.registry() as registry:
        fleet = load(ONE.encode(), "infrakit.yaml", lambda name: b"").fleet
        for name in {full_name(item.image) for service in fleet.deployments[0].services for item in service.containers}:
            publish(registry, name)
        (tmp_path / "infrakit.yaml").write_text(f'{ONE}images: {{mirror: "{registry.address}/"}}\n')
        yield tmp_path


def test_a_system_of_the_lock_has_the_packages_of_the_repository(infrakit, place):
    archive = packages("trixie")
    repository = ("--docker-repository", f"file://{archive.folder}", "--docker-key", archive.fingerprint)
    assert infrakit("lock").returncode == 0 and b"packages" not in (place / "infrakit.lock").read_bytes()
    done = infrakit("lock", "--system", "debian-trixie", *repository)
    assert (
        done.returncode == 0
        and f"about packages for {SYSTEM}" in done.stderr
        and f"+ {SYSTEM} docker-ce: 5:" in done.stdout
    ), done.stderr
    content = (place / "infrakit.lock").read_bytes()
    lock = parse(content, "infrakit.lock")
    listed = (archive.folder / "linux/debian/dists/trixie/stable/binary-amd64/Packages").read_text()
    assert len(lock.packages[SYSTEM]) == 4
    for name, package in lock.packages[SYSTEM].items():
        entry = next(item for item in listed.split("\n\n") if item.startswith(f"Package: {name}\n"))
        assert (
            f"\nVersion: {package.version}\n" in entry
            and f"SHA256: {package.digest[7:]}" in entry
            and f"Size: {package.size_bytes}\n" in entry
        )
    again = infrakit("lock")
    assert (place / "infrakit.lock").read_bytes() == content and again.stderr == "", (
        "what is locked is kept, and nobody is asked"
    )
    assert infrakit("lock", "--check", *repository).returncode == 0
    older = content.replace(lock.packages[SYSTEM]["docker-ce"].version.encode(), b"5:1.0")
    (place / "infrakit.lock").write_bytes(older)
    found = infrakit("lock", "--check", "--json", *repository)
    assert found.returncode == 6 and json.loads(found.stdout)["packages"][0].endswith("was 5:1.0")
    assert (
        infrakit("lock", "--upgrade", *repository).returncode == 0 and (place / "infrakit.lock").read_bytes() == content
    )


def test_apt_fetches_the_locked_versions_and_no_others(tmp_path):
    archive, made_for = packages("trixie"), system("debian-trixie", "amd64")
    status = subprocess.run(
        ["tar", "-xOf", host_tar("trixie"), "./var/lib/dpkg/status"], capture_output=True, text=True, check=True
    ).stdout
    (tmp_path / "key.asc").write_bytes(archive.key)
    lines = sources(made_for, {"debian": f"file://{archive.folder}/debian"}, {"debian": str(tmp_path / "key.asc")})
    with Apt(made_for, lines, docker_of(made_for, f"file://{archive.folder}", archive.fingerprint), status) as apt:
        locked = apt.offered(PACKAGES)
        folder = apt.fetch(exact((*PACKAGES, *HELPERS), locked))
        for name, package in locked.items():
            (file,) = Path(folder).glob(f"{name}_*.deb")
            assert (
                f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}" == package.digest
                and file.stat().st_size == package.size_bytes
            )
        with pytest.raises(MachineUnfit, match="docker-ce"):
            apt.fetch(exact(PACKAGES, {"docker-ce": locked["docker-ce"]._replace(version="5:1.0")}))


def test_another_key_is_refused_and_the_lock_stays(infrakit, place):
    infrakit("lock")
    before = (place / "infrakit.lock").read_bytes()
    done = infrakit("lock", "--system", "debian-trixie", "--docker-repository", f"file://{packages('trixie').folder}")
    assert done.returncode == 3 and "do not go on" in done.stderr and (place / "infrakit.lock").read_bytes() == before


def test_a_system_that_nobody_knows_is_refused(infrakit, place):
    assert infrakit("lock", "--system", "windows-11").returncode == 2

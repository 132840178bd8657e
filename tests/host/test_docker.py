"""Where Docker comes from: a row per machine, a pinned key, and steps that say what they change."""

import os
import shutil
import subprocess

import pytest

from infrakit.errors import MachineUnfit
from infrakit.host.docker import KEY, KEYRING, MATRIX, FetchKey, Installed, KeyIs, docker_steps, row_for, source_file
from infrakit.host.openpgp import fingerprints
from infrakit.plan import Plan, preview
from infrakit.system.machine import Machine

CELLS = [(row, architecture) for row in MATRIX for architecture in row.architectures]


@pytest.mark.parametrize(("row", "architecture"), CELLS, ids=lambda value: value if isinstance(value, str) else f"{value.distribution}-{value.codename}")
def test_every_cell_has_a_source(row, architecture):
    assert row_for(row.distribution, row.codename, architecture) == row
    text = source_file(row, architecture, "https://download.docker.com").decode()
    assert f"URIs: https://download.docker.com/linux/{row.origin}\nSuites: {row.codename}\n" in text
    assert f"Architectures: {architecture}\nSigned-By: {KEYRING}\n" in text


def test_raspbian_trixie_goes_to_debians_packages():
    assert row_for("raspbian", "trixie", "armhf").origin == "debian"
    assert row_for("raspbian", "bookworm", "armhf").origin == "raspbian"


@pytest.mark.parametrize(("machine", "words"), [
    (("raspbian", "bookworm", "armv6"), "ARMv6"), (("debian", "buster", "amd64"), "not one that InfraKit can install Docker on"),
    (("raspbian", "trixie", "arm64"), "no packages of raspbian trixie for arm64"), (("", "", "amd64"), "this system"),
])
def test_what_has_no_packages_is_refused_in_words(machine, words):
    with pytest.raises(MachineUnfit, match=words):
        row_for(*machine)


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    """(an armoured public key, its fingerprint as GnuPG says it), in both packet formats' lengths."""
    if shutil.which("gpg") is None:
        pytest.skip("gpg is not installed")
    home = tmp_path_factory.mktemp("gnupg")
    home.chmod(0o700)
    gpg = ["gpg", "--batch", "--quiet", "--homedir", str(home), "--pinentry-mode", "loopback", "--passphrase", ""]
    subprocess.run([*gpg, "--quick-generate-key", "test <test@example.org>", "rsa4096", "sign", "never"], check=True, capture_output=True)
    listed = subprocess.run([*gpg, "--with-colons", "--fingerprint"], check=True, capture_output=True, text=True).stdout
    fingerprint = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))
    armoured = subprocess.run([*gpg, "--armor", "--export"], check=True, capture_output=True).stdout
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], capture_output=True)
    return armoured, fingerprint


def test_a_fingerprint_is_what_gnupg_says(key):
    armoured, fingerprint = key
    assert fingerprints(armoured) == [fingerprint]
    assert fingerprints(armoured + b"\n" + armoured) == [fingerprint, fingerprint]


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n%%%\n-----END PGP PUBLIC KEY BLOCK-----\n", os.urandom(64)])
def test_what_is_no_key_has_no_fingerprint(content):
    assert fingerprints(content) == []


def test_only_the_pinned_key_is_put_in_place(key, tmp_path):
    armoured, fingerprint = key
    (tmp_path / "gpg").write_bytes(armoured)
    place = str(tmp_path / "keyring.asc")
    with pytest.raises(MachineUnfit, match="not " + KEY):
        FetchKey((tmp_path / "gpg").as_uri(), KEY, place).do(Machine(), lambda event: None)
    assert not os.path.exists(place)
    FetchKey((tmp_path / "gpg").as_uri(), fingerprint, place).do(Machine(), lambda event: None)
    assert KeyIs(place, fingerprint).holds(Machine()) and not KeyIs(place, KEY).holds(Machine())


def test_packages_are_looked_for_in_dpkgs_own_words():
    if shutil.which("dpkg-query") is None:
        pytest.skip("not a Debian")
    assert Installed(("dpkg", "base-files")).holds(Machine())
    assert not Installed(("dpkg", "no-such-package")).holds(Machine())


def test_the_plan_names_every_change():
    steps = docker_steps(row_for("debian", "trixie", "arm64"), "arm64", apparmor=True)
    said = [action.text() for step in steps for action in step.actions]
    assert said[0] == f"fetch https://download.docker.com/linux/debian/gpg, refuse any key but {KEY}"
    assert "write /etc/apt/sources.list.d/docker.sources" in said and "write /etc/docker/daemon.json" in said
    assert any(text.startswith("install docker-ce ") and text.endswith("apparmor") for text in said)
    assert len(preview(Plan("docker", steps), Machine())) == len(steps)

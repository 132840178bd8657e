"""`infrakit bundle serve`, and the programs of others against it: a real dockerd pulls, a real apt fetches, curl's way
works."""

import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from infrakit.bundle.systems import index_entry
from infrakit.system.bundle.write import Writer
from infrakit.system.engine import Engine
from tests.bundle.small import digest, key, make
from tests.bundle.test_create import create
from tests.e2e.bed.engine import docker, run, start_engine
from tests.system import fake_registry
from tests.system.test_engine import needs_docker

SYSTEM = "packages/debian-trixie-amd64"
LOOPBACK = "127.0.0.1:0"


@contextmanager
def serving(pyz, folder, *words, listen=LOOPBACK):
    """(the address that it printed, what it said first) while it serves."""
    call = [
        sys.executable,
        str(pyz),
        "bundle",
        "serve",
        str(folder),
        "--listen",
        listen,
        "--tls",
        str(folder.parent / "tls"),
        *words,
    ]
    with open(folder.parent / "said", "w+") as said:
        running = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=said, text=True)
        try:
            address = running.stdout.readline().strip()
            assert address.startswith("https://"), Path(said.name).read_text()
            yield address, Path(said.name).read_text()
        finally:
            running.send_signal(signal.SIGTERM)
            code = running.wait(20)
            running.stdout.close()
        assert code == 0 and Path(said.name).read_text().splitlines()[-1] == "closing"


def package(folder: Path, name: str) -> Path:
    """A .deb with one file."""
    (folder / "tree/DEBIAN").mkdir(parents=True)
    (folder / "tree/DEBIAN/control").write_text(
        f"Package: {name}\nVersion: 1:2~3+4\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\n"
        "Description: a test\n"
    )
    (folder / "tree/hello").write_text("hello\n")
    path = folder / f"{name}_2~3+4_all.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-b", str(folder / "tree"), str(path)], check=True, capture_output=True
    )
    return path


@pytest.fixture
def stick(tmp_path, pyz):
    path = package(tmp_path, "hello-edge")
    control = subprocess.run(["dpkg-deb", "-f", path], capture_output=True, text=True, check=True).stdout
    entry = index_entry(control, path.name, path.stat().st_size, digest(path.read_bytes()))
    more = {
        "infrakit.pyz": pyz.read_bytes(),
        f"{SYSTEM}/Packages": entry.encode(),
        f"{SYSTEM}/{path.name}": path.read_bytes(),
    }
    return make(tmp_path / "stick", key(tmp_path), more=more)


def test_a_machine_finds_all_it_needs_at_the_address_that_is_printed(stick, pyz, tmp_path):
    with serving(pyz, stick) as (address, said):
        context = ssl.create_default_context(cafile=tmp_path / "tls/server.crt")
        with urllib.request.urlopen(f"{address}/", context=context, timeout=10) as answer:
            directions = answer.read().decode()
        assert directions in said and "has not seen that key before" in said
        found = dict(line.split(": ", 1) for line in directions.splitlines() if not line.startswith(" "))
        assert (
            found["all of it"]
            == f"infrakit bundle copy {address} DIR --fingerprint {found['certificate'].rpartition(' ')[2]}"
        )
        call = [str(tmp_path / "copy") if word == "DIR" else word for word in found["all of it"].split()[1:]]
        copied = subprocess.run([sys.executable, str(pyz), *call], capture_output=True, text=True, timeout=60)
        assert copied.returncode == 0 and "has not seen that key before" in copied.stderr, copied.stderr
        assert {path.relative_to(stick): path.read_bytes() for path in stick.rglob("*.*")} == {
            path.relative_to(tmp_path / "copy"): path.read_bytes() for path in (tmp_path / "copy").rglob("*.*")
        }
        place, fingerprint = re.fullmatch(
            r"(https://\S+), sha256 fingerprint ([0-9A-F:]{95})", found["certificate"]
        ).groups()
        shown = subprocess.run(
            ["openssl", "x509", "-in", tmp_path / "tls/server.crt", "-noout", "-fingerprint", "-sha256"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert shown.strip().endswith(fingerprint)
        program, sha256 = re.fullmatch(r"(https://\S+), sha256 ([0-9a-f]{64})", found["program"]).groups()
        # As curl -k would, and the fingerprint compared by eye.
        with urllib.request.urlopen(place, context=ssl._create_unverified_context(), timeout=10) as answer:
            assert answer.read() == (tmp_path / "tls/server.crt").read_bytes()
        with urllib.request.urlopen(program, context=context, timeout=10) as answer:
            assert digest(answer.read()) == sha256 == digest(pyz.read_bytes())


@pytest.mark.skipif(not shutil.which("apt-get"), reason="needs apt")
def test_apt_takes_packages_from_it(stick, pyz, tmp_path):
    root = tmp_path / "apt"
    for name in ("lists/partial", "archives/partial", "got"):
        (root / name).mkdir(parents=True)
    (root / "status").touch()
    with serving(pyz, stick) as (_, said):
        (root / "sources.list").write_text(re.search(r"^packages: (deb .*)$", said, re.MULTILINE)[1] + "\n")
        settings = {
            "Dir::State": root,
            "Dir::State::status": root / "status",
            "Dir::State::lists": root / "lists",
            "Dir::Cache": root,
            "Dir::Etc::sourcelist": root / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "APT::Sandbox::User": "root",
            "Debug::NoLocking": "true",
            "APT::Architecture": "amd64",
            "APT::Architectures": "amd64",
            "Acquire::https::CAInfo": tmp_path / "tls/server.crt",
            "APT::Update::Error-Mode": "any",
        }
        words = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in settings.items())]
        for verb in (
            ["update"],
            ["download", "hello-edge=1:2~3+4"],
            ["install", "-y", "--download-only", "hello-edge"],
        ):
            done = subprocess.run([*words, *verb], capture_output=True, text=True, timeout=60, cwd=root / "got")
            assert done.returncode == 0, done.stdout + done.stderr
        wrong = [word for word in words if "CAInfo" not in word]
        refused = subprocess.run([*wrong, "-oAcquire::Retries=0", "update"], capture_output=True, text=True, timeout=60)
    assert refused.returncode != 0 and "certificate" in refused.stderr.lower()
    assert [path.read_bytes() for path in root.rglob("*.deb")] == [next(stick.glob(f"{SYSTEM}/*.deb")).read_bytes()] * 2


@pytest.fixture
def address():
    """One of this machine that is not in 127.0.0.0/8, where an engine asks for no certificate."""
    found = f"198.18.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
    run("ip", "address", "replace", f"{found}/32", "dev", "lo")
    yield found
    run("ip", "address", "delete", f"{found}/32", "dev", "lo")


@needs_docker
def test_an_engine_pulls_from_it(address, tmp_path, pyz):
    """Only with its certificate, as a machine elsewhere would."""
    start_engine()
    with fake_registry.registry() as registry:
        name = registry.publish_for("team/app", "linux/amd64", "linux/arm64")
        locked = registry.digest("team/app")
        manifest = create(tmp_path / "made", [name], architectures=("amd64", "arm64"), split=1 << 18)
        # The same under the name that it would have in a file without a mirror.
        with Writer(str(tmp_path / "made"), 1 << 18) as writer:
            writer.files, writer.wholes = dict(manifest.files), dict(manifest.wholes)
            writer.seal(manifest._replace(images={"docker.io/team/app:1": manifest.images[name]}), str(key(tmp_path)))
    image = manifest.images[name]["amd64"].config
    with serving(pyz, tmp_path / "made", "--key", str(tmp_path / "key.pub"), listen=f"{address}:0") as (printed, said):
        place = printed.removeprefix("https://")
        trusted = Path("/etc/docker/certs.d") / place
        names = [f"{place}/docker.io/team/app:1", f"{place}/team/app:1", f"{place}/docker.io/team/app@{locked}"]
        refused = subprocess.run(["docker", "pull", names[0]], capture_output=True, text=True, timeout=60)
        try:
            trusted.mkdir(parents=True)
            shutil.copy(tmp_path / "tls/server.crt", trusted / "ca.crt")
            for one in names:
                docker("pull", one)
                assert Engine().image_id(one) == image
                docker("image", "rm", one)
            assert f"docker pull {names[0]}\n" in said
            pushed = subprocess.run(
                ["docker", "pull", f"{place}/team/other:1"], capture_output=True, text=True, timeout=60
            )
        finally:
            shutil.rmtree(trusted, ignore_errors=True)
            for one in names:
                subprocess.run(["docker", "image", "rm", one], capture_output=True)
    assert refused.returncode != 0 and "certificate" in refused.stderr
    assert pushed.returncode != 0 and "unknown" in pushed.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--listen", "5000"], 2, "it is no address with a port"),
        (["--listen", "example.org:5000"], 2, "it is no address with a port"),
        (["--listen", "0.0.0.0:0"], 2, "is every address of this machine"),
        (["--listen", LOOPBACK, "--name", "a b"], 2, "it is no name of a machine"),
        ([], 2, "--listen"),
        (["--listen", "203.0.113.77:0"], 3, "name an address of this machine"),
    ],
)
def test_a_call_that_is_wrong_is_said(infrakit, tmp_path, words, code, said):
    make(tmp_path / "stick", key(tmp_path))
    done = infrakit("bundle", "serve", "stick", "--tls", "tls", *words)
    assert done.returncode == code and said in done.stderr and "Traceback" not in done.stderr, done.stderr


def test_a_bundle_that_is_damaged_or_of_nobody_is_not_served(infrakit, tmp_path):
    make(tmp_path / "stick", None)
    done = infrakit("bundle", "serve", "stick", "--tls", "tls", "--listen", LOOPBACK)
    assert done.returncode == 1 and "[unsigned]" in done.stderr and not (tmp_path / "tls").exists()
    (tmp_path / "stick/infrakit.yaml").write_bytes(b"another 1\n\n")
    done = infrakit("bundle", "serve", "stick", "--tls", "tls", "--listen", LOOPBACK, "--allow-unsigned")
    assert done.returncode == 1 and "infrakit.yaml: it is damaged" in done.stderr


def test_every_address_is_said(tmp_path, pyz):
    with serving(pyz, make(tmp_path / "stick", key(tmp_path)), "--name", "core.lan", listen="0.0.0.0:0") as (
        address,
        said,
    ):
        assert address.startswith("https://core.lan:") and "note: it listens on every address of this machine" in said

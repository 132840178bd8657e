"""Two package archives: Debian's, as far as a host needs it, and Docker's, made of Debian's own packages under Docker's
names.

Debian's docker.io refuses to be beside docker-ce, so its content is packed again: docker-ce, docker-ce-cli,
containerd.io and Compose are then the packages on the host, as with Docker's own. The engine is trixie's on both
suites; bookworm's is too old.
"""

import gzip
import hashlib
import re
import shutil
import tempfile
from email.utils import formatdate
from pathlib import Path
from typing import NamedTuple

from tests.e2e.bed.engine import digest_of, kept, own_text, run, source
from tests.e2e.bed.roots import host_tar

ENGINE_SUITE = "trixie"
RELEASES = {"bookworm": "12", "trixie": "13"}
MAIN = (
    "docker.io",
    "iptables",
    "nftables",
    "ca-certificates",
    "curl",
    "apparmor",
    "gnupg",
    "openssl",
    "xz-utils",
    "pigz",
    "restic",
    "tini",
)
"""What Debian's archive holds here, with all that these need on a fresh host."""
OWN = {"trixie": ("docker.io", "docker-cli", "docker-compose")}
"""What is new enough of the suite's own Docker."""
DROPPED = (
    "Source",
    "Depends",
    "Recommends",
    "Suggests",
    "Breaks",
    "Conflicts",
    "Replaces",
    "Provides",
    "Built-Using",
    "Static-Built-Using",
    "Installed-Size",
)


class Part(NamedTuple):
    """A package of Docker's: Debian's packages that it is made of, the fields that say how it gets along with others,
    and the files that are left out."""

    content: tuple[str, ...]
    fields: dict[str, str]
    without: tuple[str, ...] = ()


PARTS = {
    "docker-ce": Part(
        ("docker.io",),
        {
            "Depends": "libc6 (>= 2.34), libsystemd0, adduser, iptables, sysvinit-utils, tini, "
            "containerd.io, docker-ce-cli",
            "Recommends": "apparmor, ca-certificates, git, pigz, procps, xz-utils",
            "Conflicts": "docker.io",
            "Replaces": "docker.io",
        },
    ),
    "docker-ce-cli": Part(
        ("docker-cli",),
        {
            "Depends": "libc6 (>= 2.34)",
            "Recommends": "docker-compose-plugin",
            "Conflicts": "docker.io, docker-cli",
            "Replaces": "docker.io, docker-cli",
        },
    ),
    "containerd.io": Part(
        ("containerd", "runc"),
        {
            "Depends": "libc6 (>= 2.34), libseccomp2 (>= 2.5.0)",
            "Conflicts": "containerd, runc",
            "Replaces": "containerd, runc",
            "Provides": "containerd, runc",
        },
        # Nothing here calls them, and an emulated machine reads slowly.
        ("usr/bin/ctr", "usr/bin/containerd-shim", "usr/bin/containerd-shim-runc-v1"),
    ),
    "docker-compose-plugin": Part(
        ("docker-compose",), {"Depends": "libc6 (>= 2.34)", "Conflicts": "docker-compose", "Replaces": "docker-compose"}
    ),
}


class Packages(NamedTuple):
    """One suite of both archives, as they lie below `folder`; `repository` is what stands in for
    https://download.docker.com."""

    folder: Path
    repository: str
    key: bytes
    fingerprint: str


def packages(suite: str) -> Packages:
    """Both archives of a suite; the bed serves them at http://apt.bed/debian and http://apt.bed/linux/debian."""
    recipe = own_text("packages.py") + suite + digest_of(host_tar(suite)) + signing_key().read_text()
    folder = kept(f"archive-{suite}", recipe, lambda path: _build(suite, path))
    key = (folder / "linux/debian/gpg").read_bytes()
    return Packages(folder, "http://apt.bed", key, (folder / "fingerprint").read_text())


def signing_key() -> Path:
    """A throw-away secret key, of this machine alone."""

    def make(path: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="bed-") as home:
            run(
                "gpg",
                "--homedir",
                home,
                "--batch",
                "--passphrase",
                "",
                "--quick-gen-key",
                "InfraKit test bed",
                "rsa3072",
                "sign",
                "never",
            )
            path.touch(0o600)
            path.write_bytes(run("gpg", "--homedir", home, "--batch", "--armor", "--export-secret-keys").stdout)
            run("gpgconf", "--homedir", home, "--kill", "gpg-agent")

    return kept("signing-key.asc", "rsa3072", make)


def _build(suite: str, folder: Path) -> None:
    docker_base, debian_base = folder / "linux/debian", folder / "debian"
    docker_pool, debian_pool = docker_base / f"dists/{suite}/pool/stable/amd64", debian_base / "pool"
    docker_pool.mkdir(parents=True)
    debian_pool.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="bed-") as temporary:
        work = Path(temporary)
        host = run("tar", "-xOf", host_tar(suite), "./var/lib/dpkg/status").stdout
        own, engine = Apt(work / suite, suite, host), Apt(work / "engine", ENGINE_SUITE, b"")
        own.closure(debian_pool, (*MAIN, *OWN.get(suite, ())))
        loose = work / "loose"
        engine.download(loose, [name for part in PARTS.values() for name in part.content if name != "runc"])
        own.download(loose, ["runc"])
        for name, part in PARTS.items():
            _pack(name, part, suite, loose, work / name, docker_pool)
    # Docker's archive also serves a host whose Debian archive is out of reach.
    conflicting = re.compile(r"(docker[.-]|containerd_|runc_).*")
    for package in debian_pool.glob("*.deb"):
        if not conflicting.match(package.name):
            (docker_pool / package.name).hardlink_to(package)
    with Signer(signing_key()) as signer:
        _index(docker_base, suite, "stable", "Docker", signer)
        _index(debian_base, suite, "main", "Debian", signer)
        (docker_base / "gpg").write_bytes(signer.public())
        (folder / "fingerprint").write_text(signer.fingerprint())


class Apt:
    """apt with its own sources and lists, for a machine that has the packages of `status`."""

    def __init__(self, folder: Path, suite: str, status: bytes) -> None:
        (folder / "lists/partial").mkdir(parents=True)
        (folder / "archives/partial").mkdir(parents=True)
        (folder / "sources.list").write_text(source(suite) + "\n")
        (folder / "status").write_bytes(status)
        self.folder = folder
        settings = {
            "Dir::State": folder,
            "Dir::State::status": folder / "status",
            "Dir::State::lists": folder / "lists",
            "Dir::Cache": folder,
            "Dir::Etc::sourcelist": folder / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "APT::Sandbox::User": "root",
            "APT::Architecture": "amd64",
            "APT::Architectures": "amd64",
            "APT::Install-Recommends": "false",
            "Debug::NoLocking": "true",
            "Acquire::Retries": "5",
        }
        self.words = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in settings.items())]
        run(*self.words, "update")

    def closure(self, pool: Path, names: tuple[str, ...]) -> None:
        """These packages and what they need on that machine."""
        run(*self.words, "install", "-y", "--download-only", *names)
        for package in self.folder.glob("archives/*.deb"):
            shutil.move(package, pool / package.name.replace("%3a", "_"))

    def download(self, folder: Path, names: list[str]) -> None:
        """These packages alone."""
        folder.mkdir(exist_ok=True)
        run(*self.words, "download", *names, cwd=folder)


def _pack(name: str, part: Part, suite: str, loose: Path, tree: Path, pool: Path) -> None:
    """One of Docker's packages. Not compressed: made and installed faster."""
    first, *others = (next(loose.glob(f"{one}_*.deb")) for one in part.content)
    run("dpkg-deb", "-R", first, tree)
    for other in others:
        run("dpkg-deb", "-x", other, tree)
    for path in part.without:
        (tree / path).unlink()
    control = tree / "DEBIAN/control"
    fields = re.findall(r"^(\S+):((?:.*\n)(?:[ \t].*\n)*)", control.read_text(), re.MULTILINE)
    version = re.match(r"[\d.]+", dict(fields)["Version"].strip())[0]
    docker_version = f"{'5:' if name.startswith('docker-ce') else ''}{version}-1~debian.{RELEASES[suite]}~{suite}"
    kept_fields = {key: value.strip("\n").lstrip(" ") for key, value in fields if key not in DROPPED}
    kept_fields |= {"Package": name, "Version": docker_version, **part.fields}
    control.write_text("".join(f"{key}: {value}\n" for key, value in kept_fields.items()))
    (tree / "DEBIAN/md5sums").unlink(missing_ok=True)
    run(
        "dpkg-deb",
        "--root-owner-group",
        "-Znone",
        "-b",
        tree,
        pool / f"{name}_{docker_version.partition(':')[2] or docker_version}_amd64.deb",
    )


class Signer:
    """gpg with the bed's key, in a home of its own."""

    def __init__(self, key: Path) -> None:
        self.key = key

    def __enter__(self) -> "Signer":
        self.home = tempfile.mkdtemp(prefix="bed-")
        self.gpg("--import", self.key)
        return self

    def __exit__(self, *error) -> None:
        run("gpgconf", "--homedir", self.home, "--kill", "gpg-agent")
        shutil.rmtree(self.home)

    def gpg(self, *words: object) -> bytes:
        return run("gpg", "--homedir", self.home, "--batch", "--yes", *words).stdout

    def public(self) -> bytes:
        return self.gpg("--armor", "--export")

    def fingerprint(self) -> str:
        return re.search(r"^fpr:+([0-9A-F]{40}):", self.gpg("--with-colons", "--list-keys").decode(), re.MULTILINE)[1]


def _index(base: Path, suite: str, component: str, origin: str, signer: Signer) -> None:
    """Packages, Release and its signatures, for all packages below `base`."""
    dist = base / f"dists/{suite}"
    binary = dist / component / "binary-amd64"
    binary.mkdir(parents=True)
    entries = []
    for package in sorted(base.rglob("*.deb")):
        control = run("dpkg-deb", "-f", package).stdout.decode().strip()
        entries.append(
            f"{control}\nFilename: {package.relative_to(base)}\nSize: {package.stat().st_size}\nSHA256: "
            f"{_sha256(package)}\n"
        )
    (binary / "Packages").write_text("\n".join(entries))
    (binary / "Packages.gz").write_bytes(gzip.compress((binary / "Packages").read_bytes(), mtime=0))
    lines = [
        f"Origin: {origin}",
        f"Label: InfraKit test bed {origin}",
        f"Suite: {'stable' if component == 'main' else suite}",
        f"Codename: {suite}",
        f"Date: {formatdate(usegmt=True)}",
        "Architectures: amd64",
        f"Components: {component}",
        "SHA256:",
    ]
    lines += [f" {_sha256(path)} {path.stat().st_size} {path.relative_to(dist)}" for path in sorted(binary.iterdir())]
    (dist / "Release").write_text("\n".join(lines) + "\n")
    signer.gpg("--clearsign", "--digest-algo", "SHA256", "-o", dist / "InRelease", dist / "Release")
    signer.gpg("--armor", "--detach-sign", "--digest-algo", "SHA256", "-o", dist / "Release.gpg", dist / "Release")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

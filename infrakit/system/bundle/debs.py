"""What packages, and all they need, are for a system -> .deb files and an index: resolved by apt itself, with lists of
its own.

apt runs for any distribution and processor; neither its own sources nor what is installed here have a part in it.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from typing import NamedTuple

from infrakit.bundle.apt_sources import places
from infrakit.bundle.systems import ARCHIVES, NOWHERE, Own, System
from infrakit.errors import MachineUnfit
from infrakit.host.apt import problem_of
from infrakit.host.facts_system import assignments
from infrakit.lock.entries import LockedPackage
from infrakit.machine import Done
from infrakit.system.machine import ENVIRONMENT

UPDATE_S, FETCH_S = 900, 3600
BASE = ("?priority(required)", "apt", "systemd-sysv")
"""What every system has that we install on."""
INST = re.compile(r"^Inst (\S+) (?:\[\S+\] )?\((\S+) ")


class Signed(NamedTuple):
    """A repository (address, suite and components) and the content of its key."""

    place: str
    key: bytes


class Apt:
    """`with Apt(system, sources, docker, status) as apt:`. `status`: of the machine that it is for, as dpkg keeps it;
    "" for any machine."""

    def __init__(self, made_for: System, sources: Sequence[str], docker: Signed, status: str = "") -> None:
        self._made_for, self._sources, self._docker, self._status = made_for, sources, docker, status

    def __enter__(self) -> "Apt":
        if not shutil.which("apt-get"):
            raise MachineUnfit(
                "packages are resolved by apt, which is not here",
                "run it on a Debian or Ubuntu, or bring them: --packages DIR",
            )
        self._folder = tempfile.mkdtemp(prefix="infrakit-apt-")
        os.chmod(self._folder, 0o755)
        for name in ("lists/partial", "archives/partial", "deb"):
            os.makedirs(os.path.join(self._folder, name))
        docker = f"deb [arch={self._made_for.architecture} signed-by={self._folder}/docker.asc] {self._docker.place}"
        lines = "\n".join([*self._sources, docker, ""])
        for name, content in {
            "sources.list": lines.encode(),
            "status": self._status.encode(),
            "docker.asc": self._docker.key,
        }.items():
            with open(os.path.join(self._folder, name), "xb") as file:
                file.write(content)
        self._must(self._apt("update", "-o", "APT::Update::Error-Mode=any"), UPDATE_S)
        return self

    def __exit__(self, *error: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def fetch(self, names: Sequence[str]) -> str:
        """Download these packages and what they need; the folder with the files. Empty where the machine has all of
        them."""
        needed = self._installs(names)
        if not self._status:
            needed = self._beyond(needed, self._installs(BASE))
        folder = os.path.join(self._folder, "deb")
        if not needed:
            return folder
        self._must(
            self._apt("download", *(f"{name}={version}" for name, version in sorted(needed.items()))), FETCH_S, folder
        )
        return folder

    def offered(self, names: Sequence[str]) -> dict[str, LockedPackage]:
        """The version of each of these packages that apt would take, as a lock has it. MachineUnfit where one is not to
        be had."""
        found = {name: fields for name, fields in self._shown(names).items() if name in names}
        missing = [name for name in names if not {"Version", "SHA256", "Size"} <= set(found.get(name, ()))]
        if missing:
            raise MachineUnfit(
                f"packages for {self._made_for.name}: there is no {missing[0]}", "is the repository the right one?"
            )
        return {
            name: LockedPackage(fields["Version"], f"sha256:{fields['SHA256']}", int(fields["Size"]))
            for name, fields in found.items()
        }

    def _shown(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        """Package -> the fields of the version that apt would take."""
        done = self._must(self._cache("show", "--no-all-versions", *names), UPDATE_S)
        paragraphs = [
            dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and not line.startswith(" "))
            for paragraph in done.out.split("\n\n")
        ]
        return {fields["Package"]: fields for fields in paragraphs if "Package" in fields}

    def _installs(self, names: Sequence[str]) -> dict[str, str]:
        """Name -> version of all that apt would install."""
        done = self._must(self._apt("install", "--simulate", "--no-upgrade", *names), UPDATE_S)
        return {found[1]: found[2] for found in map(INST.match, done.out.splitlines()) if found}

    def _beyond(self, needed: dict[str, str], base: dict[str, str]) -> dict[str, str]:
        """Without what every machine has; but of one source all or nothing, since such packages often want each other
        in one version."""
        both = sorted({*needed, *base})
        source = {name: fields.get("Source", name).split()[0] for name, fields in self._shown(both).items()}
        brought = {source.get(name, name) for name in needed if name not in base}
        return {
            name: version for name, version in needed.items() if name not in base or source.get(name, name) in brought
        }

    def _options(self) -> list[str]:
        folder, architecture = self._folder, self._made_for.architecture
        settings = {
            "Dir::State": folder,
            "Dir::State::status": f"{folder}/status",
            "Dir::State::lists": f"{folder}/lists",
            "Dir::Cache": folder,
            "Dir::Etc::sourcelist": f"{folder}/sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "APT::Architecture": architecture,
            "APT::Architectures": architecture,
            "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "root",
            "Debug::NoLocking": "true",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
        }
        return [f"-o{name}={value}" for name, value in settings.items()]

    def _apt(self, *words: str) -> list[str]:
        return ["apt-get", "-q", "-y", *self._options(), *words]

    def _cache(self, *words: str) -> list[str]:
        return ["apt-cache", *self._options(), *words]

    def _must(self, words: list[str], timeout_s: float, folder: str = "/") -> Done:
        environment = {
            **ENVIRONMENT,
            **{name: os.environ[name] for name in ("http_proxy", "https_proxy", "no_proxy") if name in os.environ},
        }
        try:
            run = subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout_s,
                env=environment,
                cwd=folder,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise MachineUnfit(
                f"apt took longer than {timeout_s:.0f} s for {self._made_for.name}", "run again"
            ) from None
        done = Done(run.returncode, run.stdout.decode("utf-8", "replace"), run.stderr.decode("utf-8", "replace"))
        if done.code:
            raise MachineUnfit(
                f"packages for {self._made_for.name}: {problem_of(done)}",
                "is the network up, and the codename right? or bring packages: --packages DIR",
            )
        return done


def own_archive(root: str = "/") -> Own:
    """This machine's."""
    release = assignments(_text(os.path.join(root, "etc/os-release")))
    # Ubuntu's children say so; their packages are Ubuntu's.
    distribution, codename = (
        ("ubuntu", release["UBUNTU_CODENAME"])
        if "UBUNTU_CODENAME" in release
        else (release.get("ID", ""), release.get("VERSION_CODENAME", ""))
    )
    if distribution not in ARCHIVES:
        return NOWHERE
    folder = os.path.join(root, "etc/apt/sources.list.d")
    names = sorted(
        name for name in (os.listdir(folder) if os.path.isdir(folder) else ()) if name.endswith((".list", ".sources"))
    )
    texts = [
        _text(path)
        for path in (os.path.join(root, "etc/apt/sources.list"), *(os.path.join(folder, name) for name in names))
    ]
    done = (
        subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, timeout=60, check=False)
        if shutil.which("dpkg")
        else None
    )
    return Own(
        distribution, done.stdout.strip() if done else "", places(texts, codename, ARCHIVES[distribution].keyring)
    )


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def control_of(path: str) -> str:
    """The fields of a package. MachineUnfit where it is none."""
    done = subprocess.run(["dpkg-deb", "-f", path], capture_output=True, timeout=60, check=False)
    if done.returncode:
        raise MachineUnfit(f"{path} is not a whole package", "copy it again")
    return done.stdout.decode("utf-8", "replace")

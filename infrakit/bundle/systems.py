"""A system that a bundle is made for -> where its packages come from: one row per distribution, as apt's sources say
it.

No address stands here: packages come from where this machine, of the same distribution, gets its own, or from where the
user says.
"""

from collections.abc import Mapping
from typing import NamedTuple

from infrakit.errors import UsageProblem


class Archive(NamedTuple):
    """A distribution's own packages. `suites`: with {codename}; `ports`: what the archive for other processors than
    amd64 is called, "" where it is the same."""

    suites: tuple[str, ...]
    components: str
    keyring: str
    ports: str = ""


ARCHIVES = {
    "debian": Archive(
        ("{codename}", "{codename}-updates", "{codename}-security"),
        "main",
        "/usr/share/keyrings/debian-archive-keyring.gpg",
    ),
    "ubuntu": Archive(
        ("{codename}", "{codename}-updates", "{codename}-security"),
        "main universe",
        "/usr/share/keyrings/ubuntu-archive-keyring.gpg",
        "ubuntu-ports",
    ),
    "raspbian": Archive(("{codename}",), "main", "/usr/share/keyrings/raspbian-archive-keyring.gpg"),
}


class Own(NamedTuple):
    """This machine: its distribution and processor, and where each suite of its own packages lies
    (apt_sources.places)."""

    distribution: str
    architecture: str
    places: Mapping[str, str]


NOWHERE = Own("", "", {})


class System(NamedTuple):
    """What packages are made for. Its name is that of its folder: debian-trixie-amd64."""

    distribution: str
    codename: str
    architecture: str

    @property
    def name(self) -> str:
        return f"{self.distribution}-{self.codename}-{self.architecture}"


def system(text: str, architecture: str) -> System:
    """Of "debian-trixie". UsageProblem where it is no system that we know."""
    distribution, _, codename = text.partition("-")
    if distribution not in ARCHIVES or not codename.isalnum():
        raise UsageProblem(
            f"--system {text}: not a system that packages can be had for",
            f"write it like debian-trixie; known are {', '.join(ARCHIVES)}",
        )
    return System(distribution, codename, architecture)


def archive_name(distribution: str, architecture: str) -> str:
    """What a mirror of it is called: "debian", or "ubuntu-ports"."""
    archive = ARCHIVES[distribution]
    return archive.ports if archive.ports and architecture != "amd64" else distribution


def sources(made_for: System, mirrors: Mapping[str, str], keyrings: Mapping[str, str], own: Own = NOWHERE) -> list[str]:
    """Lines of a sources.list for the distribution's packages. `mirrors`, `keyrings`: what the user said, by archive
    and by distribution.

    UsageProblem where nobody says where they are.
    """
    archive, name = ARCHIVES[made_for.distribution], archive_name(made_for.distribution, made_for.architecture)
    mirror = mirrors.get(name)
    alike = own.distribution == made_for.distribution and archive_name(own.distribution, own.architecture) == name
    # A mirror is taken as it is: whether it has updates beside the release, nobody knows.
    places = (
        {archive.suites[0]: mirror}
        if mirror
        else {suite: own.places[suite] for suite in archive.suites if suite in own.places}
        if alike
        else {}
    )
    if archive.suites[0] not in places:
        what = f"packages for {made_for.name}: this machine does not know where those of {name} are"
        raise UsageProblem(
            what,
            (
                f"say it: --mirror {name}=URL; or bring packages: --packages DIR; or, where the hosts have Docker: "
                "--no-packages"
            ),
        )
    keyring = keyrings.get(made_for.distribution, archive.keyring)
    return [
        (
            f"deb [arch={made_for.architecture} signed-by={keyring}] {place} "
            f"{suite.format(codename=made_for.codename)} {archive.components}"
        )
        for suite, place in places.items()
    ]


def index_entry(control: str, name: str, size: int, sha256: str) -> str:
    """A package in the index of a flat repository."""
    return f"{control.strip()}\nFilename: ./{name}\nSize: {size}\nSHA256: {sha256}\n"

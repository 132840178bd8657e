"""Docker's packages, what makes backups, and all they need, for each kind of host that a bundle is made for."""

import os
from collections.abc import Mapping, Sequence
from hashlib import sha256

from infrakit.bundle.inventory import Inventory
from infrakit.bundle.systems import System, index_entry, sources, system
from infrakit.cli.talk import say
from infrakit.errors import MachineUnfit, UsageProblem
from infrakit.host.docker import HELPERS, PACKAGES, exact, row_for
from infrakit.host.openpgp import fingerprints
from infrakit.lock.entries import LockedPackage
from infrakit.stack.backup.program import PACKAGE as RESTIC
from infrakit.stack.backup.program import SSH
from infrakit.system.bundle.debs import Apt, Signed, control_of, own_archive
from infrakit.system.bundle.write import Writer
from infrakit.system.fetch import fetch
from infrakit.system.files import read_input
from infrakit.system.proxies import proxies

Locked = Mapping[str, Mapping[str, LockedPackage]]
"""System -> package -> what a lock says of it."""
DEFAULT = ("debian-bookworm", "debian-trixie")


def bring(
    writer: Writer,
    architectures: Sequence[str],
    inventories: Sequence[Inventory],
    locked: Locked,
    *,
    backs_up: bool,
    systems: tuple[str, ...],
    packages: str | None,
    no_packages: bool,
    docker_repository: str,
    docker_key: str,
    mirrors: tuple[str, ...],
    keyrings: tuple[str, ...],
) -> None:
    """Into packages/ of the bundle, in the versions that a lock names. MachineUnfit where a system's cannot be had.
    `backs_up`: with what makes backups."""
    if no_packages:
        return
    if packages:
        _given(writer, packages)
        return
    wanted = [(system(item.system, item.architecture), item.status) for item in inventories]
    if systems or not inventories:
        chosen = systems or tuple(sorted({name.rpartition("-")[0] for name in locked})) or DEFAULT
        wanted += [(system(name, architecture), "") for name in chosen for architecture in architectures]
    files: dict[str, dict[str, str]] = {}
    own = own_archive()
    for made_for, status in wanted:
        say(f"packages for {made_for.name}")
        lines = sources(made_for, _pairs(mirrors, "--mirror"), _pairs(keyrings, "--keyring"), own)
        with Apt(made_for, lines, docker_of(made_for, docker_repository.rstrip("/"), docker_key), status) as apt:
            folder = apt.fetch(exact(names_of(backs_up=backs_up), locked.get(made_for.name, {})))
            _put(writer, made_for.name, folder, files.setdefault(made_for.name, {}), locked.get(made_for.name, {}))


def names_of(*, backs_up: bool) -> tuple[str, ...]:
    """What a bundle brings, with all that it needs."""
    return (*PACKAGES, *HELPERS, *((RESTIC, SSH) if backs_up else ()))


def _given(writer: Writer, packages: str) -> None:
    names = sorted(name for name in os.listdir(packages) if os.path.isdir(os.path.join(packages, name)))
    if not names:
        raise UsageProblem(
            f"{packages} has no folder called like debian-trixie-amd64", "put the .deb files for one system into each"
        )
    for name in names:
        entries: dict[str, str] = {}
        _put(writer, name, os.path.join(packages, name), entries, {})
        if not entries:
            raise UsageProblem(
                f"there are no .deb files in {os.path.join(packages, name)}",
                "bring docker-ce, docker-ce-cli, containerd.io, docker-compose-plugin and all they need",
            )


def _put(writer: Writer, name: str, folder: str, entries: dict[str, str], locked: Mapping[str, LockedPackage]) -> None:
    """The .deb files of a folder, and the index that lets apt choose among them. `entries`: what of it is there
    already; grows."""
    for item in sorted(item for item in os.listdir(folder) if item.endswith(".deb")):
        stored = item.replace("%3a", "_").replace(":", "_")
        content = read_input(os.path.join(folder, item), 1 << 30)
        writer.put(f"packages/{name}/{stored}", content)
        wanted = next((found.digest[7:] for package, found in locked.items() if item.startswith(f"{package}_")), "")
        if wanted and wanted != sha256(content).hexdigest():
            raise MachineUnfit(
                f"{item} is not the package that infrakit.lock names",
                "infrakit lock --upgrade asks the repository anew",
            )
        entries[stored] = index_entry(
            control_of(os.path.join(folder, item)), stored, len(content), sha256(content).hexdigest()
        )
    if entries:
        writer.put(f"packages/{name}/Packages", "\n".join(entry for _, entry in sorted(entries.items())).encode())


def docker_of(made_for: System, repository: str, wanted: str) -> Signed:
    """Docker's repository for a system, with its key, which is refused where it is another one."""
    origin = row_for(made_for.distribution, made_for.codename, made_for.architecture).origin
    url, wanted = f"{repository}/linux/{origin}/gpg", wanted.upper().replace(" ", "")
    content = fetch(url, 1 << 20, 60, proxies())
    found = fingerprints(content)
    if found != [wanted]:
        raise MachineUnfit(
            f"{url} is {', '.join(found) or 'no key'}, not {wanted}",
            "somebody stands between this machine and Docker's repository: do not go on",
        )
    return Signed(f"{repository}/linux/{origin} {made_for.codename} stable", content)


def _pairs(given: tuple[str, ...], flag: str) -> dict[str, str]:
    """{"debian": "http://..."} of "debian=http://..."."""
    pairs = [item.partition("=") for item in given]
    wrong = next((item for item, (name, _, value) in zip(given, pairs) if not name or not value), None)
    if wrong is not None:
        raise UsageProblem(f"{flag} {wrong}: it has no name, or no value", f"write it like {flag} debian=...")
    return {name: value for name, _, value in pairs}

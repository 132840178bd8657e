"""Where Docker's packages come from, as flags say -> the steps to an engine; for `install`,
`restore --from` and `move --take`."""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import click

from infrakit.cli import source
from infrakit.cli.packages_folder import fit_folder
from infrakit.host.docker import KEY, REPOSITORY, engine_steps
from infrakit.host.facts import Facts
from infrakit.lock import parse
from infrakit.lock.entries import LockedPackage
from infrakit.plan import Step
from infrakit.stack.layout import PACKAGES
from infrakit.system.machine import Machine
from infrakit.system.proxies import of_daemon

OPTIONS = (
    click.option(
        "--docker-repository",
        metavar="URL",
        default=REPOSITORY,
        show_default=True,
        help="A mirror of Docker's package repository.",
    ),
    click.option(
        "--docker-key",
        metavar="FINGERPRINT",
        default=KEY,
        help="The key that signs it; Docker's own where nothing is said.",
    ),
    click.option(
        "--docker-from",
        "docker_from",
        type=click.Choice(["docker", "distribution"]),
        default="docker",
        help="Whose packages: Docker's own, or those of the distribution where they are new enough.",
    ),
    click.option(
        "--packages",
        "packages_folder",
        metavar="DIR",
        help="A folder of .deb files that Docker is installed from, without a network.",
    ),
)


def options(function: Any) -> Any:
    """The flags, for `packages_of`."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function


class Packages(NamedTuple):
    """`own`: those of the distribution; `folder`: of .deb files, "" for none."""

    repository: str
    key: str
    own: bool
    folder: str

    @property
    def are_others(self) -> bool:
        """Whether they come from elsewhere than where Docker has them."""
        return bool(self.folder) or self.own or self.repository != REPOSITORY

    def words(self) -> tuple[str, ...]:
        """The flags that say the same."""
        words = ["--docker-repository", self.repository, "--docker-key", self.key]
        words += ["--docker-from", "distribution"] if self.own else []
        words += ["--packages", os.path.abspath(self.folder)] if self.folder else []
        return tuple(words)


def packages_of(docker_repository: str, docker_key: str, docker_from: str, packages_folder: str | None) -> Packages:
    """What the flags say."""
    key = docker_key.upper().replace(" ", "")
    return Packages(docker_repository.rstrip("/"), key, docker_from == "distribution", packages_folder or "")


def to_engine(
    packages: Packages, found: source.Source, facts: Facts, machine: Machine, *, bundled: bool = False
) -> tuple[Step, ...]:
    """In the versions that a lock names. `bundled`: a bundle has them."""
    locked = _locked(found, facts)
    folder = packages.folder
    files = fit_folder(folder, locked, machine) if folder else PACKAGES if bundled else ""
    return engine_steps(
        facts,
        repository=packages.repository,
        key=packages.key,
        files=files,
        own=packages.own,
        locked={} if folder else locked,
        proxies=of_daemon(machine.proxies),
    )


def _locked(found: source.Source, facts: Facts) -> Mapping[str, LockedPackage]:
    """What the lock says of Docker's packages for this system."""
    if found.lock is None:
        return {}
    return parse(found.lock.content, found.lock.name).packages.get(
        f"{facts.distribution}-{facts.codename}-{facts.architecture}", {}
    )

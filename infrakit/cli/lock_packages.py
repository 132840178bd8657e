"""Docker's packages of a lock: for each system that is asked for or locked already, and that a host of the file may be.

Only Docker's own: its repository keeps every version. A distribution's does not, and its security updates should come
through.
"""

import shutil
from collections.abc import Collection, Mapping

from infrakit.bundle.systems import System, system
from infrakit.cli.bundle_packages import docker_of
from infrakit.cli.talk import say
from infrakit.host.docker import PACKAGES
from infrakit.lock import Lock
from infrakit.lock.entries import LockedPackage
from infrakit.system.bundle.debs import Apt

Packages = Mapping[str, Mapping[str, LockedPackage]]


def locked(
    before: Lock, names: Collection[str], architectures: Collection[str], *, anew: bool, repository: str, key: str
) -> Packages:
    """`names`: distributions with their release (debian-trixie), to have in the lock for `architectures`. `anew`: ask
    what is locked again."""
    kept = [_system(name) for name in before.packages]
    wanted = dict.fromkeys(
        [
            *(item for item in kept if item.architecture in architectures),
            *(system(name, item) for name in names for item in sorted(architectures)),
        ]
    )
    asked = {item.name: item for item in wanted if anew or item.name not in before.packages}
    return {
        item.name: _asked(item, repository, key) if item.name in asked else before.packages[item.name]
        for item in wanted
    }


def now(lock: Lock, *, repository: str, key: str) -> Packages:
    """What the repository has for the systems of the lock; nothing where apt, which reads it, is not here."""
    if lock.packages and not shutil.which("apt-get"):
        say("note: the packages are not looked at, since apt is not here")
        return lock.packages
    return {name: _asked(_system(name), repository, key) for name in lock.packages}


def _system(name: str) -> System:
    return system(*name.rsplit("-", 1))


def _asked(made_for: System, repository: str, key: str) -> Mapping[str, LockedPackage]:
    say(f"asking {repository} about packages for {made_for.name}")
    with Apt(made_for, (), docker_of(made_for, repository.rstrip("/"), key)) as apt:
        return apt.offered(PACKAGES)

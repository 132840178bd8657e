"""--bundle DIR, or a bundle beside the program -> verified whole before anything else; then where files, images and
packages come from."""

import os
from typing import Any

import click

from infrakit import VERSION
from infrakit.bundle.manifest import NAME
from infrakit.cli import source
from infrakit.cli.bundle_verify import checked, say_who
from infrakit.cli.talk import say
from infrakit.cli.trust import trust
from infrakit.errors import MachineUnfit, UsageProblem
from infrakit.host.facts import Facts
from infrakit.lock import LockFile
from infrakit.model import Deployment
from infrakit.stack.bundle import Source, pins, space, system_of
from infrakit.stack.wanted import Brought
from infrakit.system.bundle.content import Content
from infrakit.system.bundle.folder import Folder
from infrakit.system.bundle.load import needed
from infrakit.system.bundle.verify import Trust, head, verify
from infrakit.system.machine import Machine
from infrakit.system.stamp import lock_beside

LOCK = "infrakit.lock"
OPTIONS = (
    click.option(
        "--bundle",
        metavar="DIR",
        help="Take images and packages from the bundle in DIR; the one beside the program where nothing is said.",
    ),
    click.option(
        "--bundle-key", metavar="FILE", help="Public keys whose bundles are believed, instead of the pinned one."
    ),
    click.option("--allow-unsigned", is_flag=True, help="Take a bundle that nobody signed."),
    click.option("--allow-downgrade", is_flag=True, help="Take a bundle that is older than the one before."),
)

__loader__: Any  # of a zipapp, our own (packaging/zip_start.py)


def options(function: Any) -> Any:
    """The flags that say which bundle is taken, for `found`."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function


def found(
    bundle: str | None, bundle_key: str | None, allow_unsigned: bool, allow_downgrade: bool, *, quiet: bool
) -> "Bundle | None":
    """The one that is named, else the one beside the program; None where there is none. Raises Refused."""
    folder = os.path.abspath(bundle) if bundle else beside()
    if not folder:
        if bundle_key or allow_unsigned or allow_downgrade:
            raise UsageProblem("there is no bundle", "name its folder: --bundle DIR")
        return None
    believed = trust(bundle_key, allow_unsigned=allow_unsigned, allow_downgrade=allow_downgrade)
    seen = checked(lambda progress: verify(folder, believed, VERSION, progress=progress), quiet=quiet)
    if not quiet:
        say(
            f"bundle {folder}: whole, {len(seen.manifest.files)} files, {seen.bytes_read / 1e6:.1f} MB, serial "
            f"{seen.manifest.serial}"
        )
        say_who(seen)
    return Bundle(Source(folder, seen.manifest, seen.key), seen.pinned and not bundle_key)


def glimpsed() -> "Bundle | None":
    """The one beside the program: its manifest alone, signed by anybody or nobody, for verbs that change nothing."""
    folder = beside()
    if not folder:
        return None
    with Folder(folder) as opened:
        seen = head(opened, Trust(allow_unsigned=True), VERSION)
    return Bundle(Source(folder, seen.manifest, seen.key), True)


def beside() -> str:
    """The folder that the running zipapp lies in, where that is a bundle; else ""."""
    archive = getattr(__loader__, "archive", "")
    folder = os.path.dirname(os.path.abspath(archive)) if archive else ""
    return folder if folder and os.path.lexists(os.path.join(folder, NAME)) else ""


class Bundle:
    """A verified one, as verbs use it. `pinned`: its key was believed before."""

    def __init__(self, origin: Source, pinned: bool) -> None:
        self.source, self.pinned = origin, pinned

    def file(self) -> source.Source:
        """Its infrakit.yaml, and blueprints beside that, as they were signed."""
        read: list[str] = []

        def read_blueprint(name: str) -> bytes:
            read.append(name)
            return self._read(os.path.normpath(name))

        name = os.path.join(self.source.path, source.FILE)
        lock = LockFile(lock_beside(name), self._read(LOCK)) if LOCK in self.source.manifest.files else None
        return source.Source("", name, self._read(source.FILE), read_blueprint, read, lock)

    def _read(self, path: str) -> bytes:
        with Content(self.source.path, self.source.manifest) as content:
            if not content.has(path):
                raise UsageProblem(
                    f"the bundle in {self.source.path} has no {path}", "make it anew: infrakit bundle create"
                )
            return content.small(path)

    def brought(self, deployment: Deployment, facts: Facts, machine: Machine) -> Brought:
        """What of this host's need is in it, and what it takes once it is unpacked. MachineUnfit where it is for other
        machines."""
        made_for = self.source.manifest.architectures
        if deployment.architecture not in made_for:
            raise MachineUnfit(
                f"the bundle is for {', '.join(made_for)}, and this machine is {deployment.architecture}",
                f"infrakit bundle create --for {deployment.host}",
            )
        chains = machine.engine.chains() if facts.docker_running else set()
        blobs: list[tuple[str, int]] = []
        largest, names = 0, []
        with Content(self.source.path, self.source.manifest) as content:
            for reference, pin in pins(deployment).items():
                image = content.image(reference, deployment.architecture)
                if image is None or not self.source.has(reference, deployment.architecture, pin):
                    continue
                names.append(reference)
                if facts.docker_running and machine.engine.image_id(reference) in image.image_ids:
                    continue
                layers = needed(content, image, chains)
                blobs += [(layer.hex, layer.size) for layer in layers]
                largest = max(largest, sum(layer.size for layer in layers))
            packages = sum(content.size(path) for path in content.packages(system_of(facts)))
        # The engine keeps the archive of an image while it unpacks it.
        return Brought(tuple(names), space(self.source, blobs) + largest, packages)

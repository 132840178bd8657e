"""A verified bundle -> the steps that take images and packages from it instead of from the network, and remember whom
to trust."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from infrakit.bundle import Manifest
from infrakit.bundle.signature import PublicKey, allowed_signers
from infrakit.errors import MachineUnfit
from infrakit.host.apt import Index, Install
from infrakit.host.facts import Facts
from infrakit.machine import Machine
from infrakit.model import Deployment, ImagePin
from infrakit.plan import Action, Event, Gone, Plan, RemoveTree, Step, file_step
from infrakit.plan.model import Tell
from infrakit.stack.images import marked, removal
from infrakit.stack.layout import BUNDLE, PACKAGES, TRUST

UNKNOWN_RATIO = 3
"""What a layer takes unpacked, in sizes of what the bundle has of it, where the bundle does not say."""


class Source(NamedTuple):
    """A bundle that was verified: where it lies, its manifest, and who signed it (None: nobody)."""

    path: str
    manifest: Manifest
    key: PublicKey | None

    def has(self, reference: str, architecture: str, pin: ImagePin | None = None) -> bool:
        """Whether this image is in it; where it is pinned, that very one."""
        entry = self.manifest.images.get(reference, {}).get(architecture)
        return entry is not None and (pin is None or pin.image == entry.config)

    def has_package(self, name: str) -> bool:
        """Whether a package of this name is in it, for whatever system."""
        files = (path.rpartition("/")[2] for path in self.manifest.files if path.startswith("packages/"))
        return any(file.startswith(f"{name}_") for file in files)


class ImageIs(NamedTuple):
    """The engine has exactly this image under this name: an ID of another one does not do."""

    reference: str
    ids: tuple[str, ...]

    def holds(self, machine: Machine) -> bool:
        return machine.engine.image_id(self.reference) in self.ids

    def text(self) -> str:
        return f"the image {self.reference} is the one of the bundle"


class Load(NamedTuple):
    """Give the engine an image of the bundle; layers that it has are left out."""

    source: Source
    reference: str
    architecture: str

    def do(self, machine: Machine, tell: Tell) -> None:
        marked(machine, self, tell)

    def fetch(self, machine: Machine, tell: Tell) -> None:
        """Without a mark."""
        progress = Event("progress", "")
        machine.load_image(
            self.source.path,
            self.source.manifest,
            self.reference,
            self.architecture,
            lambda part, whole, text: tell(progress._replace(part=part, whole=whole, text=text)),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """All that the image has then."""
        return (self.reference,)

    def inverse(self, machine: Machine) -> tuple[Action, ...]:
        return (removal(self.reference),)

    def text(self) -> str:
        return f"load {self.reference} from {self.source.path}"


class Unpack(NamedTuple):
    """Put the packages for this system where apt takes them from: each verified while it is copied, so that nobody
    changes one between."""

    source: Source
    system: str

    def do(self, machine: Machine, tell: Tell) -> None:
        machine.unpack_packages(self.source.path, self.source.manifest, self.system, PACKAGES)
        Index(PACKAGES).do(machine, tell)

    def text(self) -> str:
        return f"copy the packages for {self.system} to {PACKAGES}"


def pins(deployment: Deployment) -> dict[str, ImagePin | None]:
    """Every image that the host runs, once, and what it is pinned to."""
    return {container.image: container.pin for service in deployment.services for container in service.containers}


def image_step(source: Source, reference: str, architecture: str) -> Step:
    """As the step that pulls is called, so that resuming looks the same."""
    entry = source.manifest.images[reference][architecture]
    ids = tuple(filter(None, (entry.config, entry.manifest, entry.index)))
    return Step(
        f"image {reference}", f"image {reference}", (ImageIs(reference, ids),), (Load(source, reference, architecture),)
    )


def system_of(facts: Facts) -> str:
    """The folder of packages for a machine: debian-trixie-amd64."""
    return f"{facts.distribution}-{facts.codename}-{facts.architecture}"


def from_packages(steps: Sequence[Step], source: Source, system: str) -> tuple[Step, ...]:
    """Steps that install from PACKAGES, with the packages brought there before and taken away after. MachineUnfit where
    there are none."""
    if not any(_installs(step) for step in steps):
        return tuple(steps)
    systems = sorted({path.split("/")[1] for path in source.manifest.files if path.startswith("packages/")})
    if system not in systems:
        known = f"it has some for {', '.join(systems)}" if systems else "it has none at all"
        raise MachineUnfit(
            f"the bundle has no packages for {system}: {known}",
            (
                f"make one with: infrakit bundle create --system {system.rpartition('-')[0]}; or name a folder of "
                ".deb files: --packages DIR"
            ),
        )
    remove = RemoveTree(PACKAGES)
    first = Step("packages of a run before", f"{PACKAGES} is gone", (Gone(PACKAGES),), (remove,))
    return (
        first,
        *(
            step._replace(actions=(Unpack(source, system), *step.actions, remove)) if _installs(step) else step
            for step in steps
        ),
    )


def _installs(step: Step) -> bool:
    return any(isinstance(action, Install) and action.files == PACKAGES for action in step.actions)


def remembered(plan: Plan, source: Source, pinned: bool) -> Plan:
    """Trust comes first: the key that signed is believed from now on. The serial comes last, when all of it has been
    done."""
    trust = (
        ()
        if source.key is None or pinned
        else (
            file_step(
                "trust", f"bundles of {source.key.fingerprint} are trusted", TRUST, allowed_signers([source.key])
            ),
        )
    )
    serial = json.dumps({"serial": source.manifest.serial}).encode() + b"\n"
    return Plan(
        plan.title,
        (
            *trust,
            *plan.steps,
            file_step("bundle", f"the bundle of serial {source.manifest.serial} is the newest", BUNDLE, serial),
        ),
    )


def space(source: Source, blobs: Sequence[tuple[str, int]]) -> int:
    """Bytes that layers take once they are unpacked, each once. `blobs`: (hex digest, size in the bundle)."""
    return sum(source.manifest.unpacked.get(name) or UNKNOWN_RATIO * size for name, size in dict(blobs).items())

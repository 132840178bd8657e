"""Images: all of them on the machine before anything of the running stack is touched, and where there is a lock exactly
those that it names.

The engine records a layer as there before its files are on the disk: after a power cut they may be empty, and it never
looks again (moby/moby#42964, #49784; containerd/containerd#8973). So the image on its way at a power cut is thrown
away, and fetched anew.
"""

from typing import Any, NamedTuple

from infrakit.bundle.images import PROCESSORS
from infrakit.errors import MachineUnfit
from infrakit.lock import full_name, untagged
from infrakit.machine import Machine
from infrakit.model import ImagePin
from infrakit.plan import Action, Event, Run
from infrakit.plan.model import Tell
from infrakit.plan.unflushed import begin, broken_off, finish
from infrakit.stack.layout import PULLING

CONTAINERD = "/var/lib/containerd"
"""Where newer engines keep their images."""
REMOVE_S = 300


class ImageThere(NamedTuple):
    """The engine has this image, for this machine's architecture; where it is pinned, no other under its name."""

    reference: str
    architecture: str
    pin: ImagePin | None = None

    def holds(self, machine: Machine) -> bool:
        found = machine.engine.image_id(self.reference)
        if self.pin:
            return found in self.pin.ids
        made_for = machine.engine.image_architecture(self.reference) if found else ""
        return bool(found) and made_for == PROCESSORS.get(self.architecture, made_for)

    def text(self) -> str:
        return f"the image {self.reference} is " + (self.pin.image if self.pin else "there")


class Pull(NamedTuple):
    """Fetch an image; what is there of it already is not fetched again. Where it is pinned by its digest, which then
    gets its name.

    A pinned image that the mirror cannot give is asked of its own registry: what comes is that image or none. By its
    tag alone it is not: there somebody else may have taken a name that only the mirror knows.
    """

    reference: str
    architecture: str
    pin: ImagePin | None = None

    def do(self, machine: Machine, tell: Tell) -> None:
        marked(machine, self, tell)

    def fetch(self, machine: Machine, tell: Tell) -> None:
        """Without a mark."""
        source = self._fetched(machine, tell)
        if self.pin is None:
            return
        found = machine.engine.image_id(source)
        if found not in self.pin.ids:
            what = f"what came is {found or 'nothing'}, and infrakit.lock has {self.pin.image} for {self.architecture}"
            raise MachineUnfit(what, f"is the lock edited by hand? infrakit lock --upgrade asks {self.reference} again")
        machine.engine.tag(source, self.reference)

    def _fetched(self, machine: Machine, tell: Tell) -> str:
        """Which of the sources gave it. Where none did, what is wrong with the first is raised."""
        first, *others = self.sources
        try:
            return self._asked(first, machine, tell)
        except MachineUnfit as error:
            if not others:
                raise
            tell(Event("note", "", f"{first}: {error.message}; asking for {others[0]}"))
            try:
                return self._asked(others[0], machine, tell)
            except MachineUnfit:
                raise error from None

    def _asked(self, source: str, machine: Machine, tell: Tell) -> str:
        progress = Event("progress", "")
        with machine.breakable():
            machine.engine.pull(
                source,
                lambda part, whole, text: tell(progress._replace(part=part, whole=whole, text=text)),
                architecture=self.architecture,
            )
        return source

    @property
    def names(self) -> tuple[str, ...]:
        """All that the image may have then."""
        return tuple(dict.fromkeys((self.reference, *reversed(self.sources))))

    @property
    def sources(self) -> tuple[str, ...]:
        """What is asked for: NAME@DIGEST of the index, so that a registry that moved the tag still gives what was
        locked."""
        if self.pin is None:
            return (self.reference,)
        own, other = untagged(self.reference), untagged(self.pin.name)
        names = (own, other) if other and other != full_name(own) else (own,)
        return tuple(f"{name}@{self.pin.index}" for name in names)

    def inverse(self, machine: Machine) -> tuple[Action, ...]:
        return (removal(*self.names),)

    def text(self) -> str:
        return f"pull {', else '.join(self.sources)}"


def removal(*names: str) -> Action:
    """One image goes, by all these names. It stays where a container of somebody else's uses it, and where there is no
    engine any more."""
    return Run(
        ("sh", "-c", 'docker image rm "$@" || true', "sh", *dict.fromkeys(names)),
        REMOVE_S,
        title=f"remove the image {names[0]}, unless a container of others uses it",
    )


class NoneBrokenOff(NamedTuple):
    """Every fetch that was begun has come to its end."""

    def holds(self, machine: Machine) -> bool:
        return not machine.exists(PULLING)

    def text(self) -> str:
        return "no image was left half fetched"


class ThrowAway(NamedTuple):
    """The image whose fetch a power cut broke off, with its layers. What was merely killed is whole.

    `fetches`: the Pull, or the Load of a bundle (stack/bundle.py), of every image that is wanted.
    """

    fetches: tuple[Any, ...]
    architecture: str

    def do(self, machine: Machine, tell: Tell) -> None:
        wanted = {item.names[-1]: item for item in self.fetches}
        references = {item.reference for item in self.fetches}
        for names in (what.split() for what in broken_off(machine, PULLING)):
            # A layer that no image has cannot be removed: made whole by name, the image goes with all its layers.
            try:
                wanted.get(names[-1], Pull(names[-1], self.architecture)).fetch(machine, tell)
            except MachineUnfit as error:
                if names[0] in references:
                    raise
                tell(Event("note", "", f"{names[0]}: {error.message}"))
            for name in names:
                machine.engine.forget(name)
        finish(machine, PULLING, CONTAINERD, machine.engine.folder())

    def text(self) -> str:
        return "throw away the image whose fetch was broken off"


def marked(machine: Machine, item: Any, tell: Tell) -> None:
    """Fetch, with a mark by which a later run sees that a power cut came into it. `item`: a Pull, or a Load."""
    begin(machine, PULLING, " ".join(item.names))
    item.fetch(machine, tell)
    finish(machine, PULLING, CONTAINERD, machine.engine.folder())

"""Fetching images, where a power cut may come at any time: what was on its way is not believed after it."""

from contextlib import nullcontext

import pytest

from infrakit.errors import MachineUnfit
from infrakit.model import ImagePin
from infrakit.plan import Plan, Step, StepFailed, run
from infrakit.plan.unflushed import THIS_START
from infrakit.stack.images import ImageThere, NoneBrokenOff, Pull, ThrowAway
from infrakit.stack.layout import PULLING

WIKI = "ghcr.io/requarks/wiki:2.5"
OTHER = "ghcr.io/requarks/wiki:2.4"


class Machine:
    """A stand-in for a machine with an engine: its files, its images, and what was asked of it in order."""

    def __init__(self, *images: str, start: str = "first", absent: tuple[str, ...] = ()) -> None:
        self.files = {THIS_START: f"{start}\n".encode()}
        self.images, self.absent, self.calls = set(images), absent, []
        self.engine = self

    def read(self, path):
        return self.files.get(path)

    def exists(self, path):
        return path in self.files

    def append(self, path, line):
        self.files[path] = self.files.get(path, b"") + line + b"\n"

    def remove(self, path):
        self.calls.append("remove mark")
        self.files.pop(path, None)

    def folder(self):
        return "/var/lib/docker"

    def flush(self, *folders):
        assert "/var/lib/docker" in folders
        self.calls.append("flush")

    def monotonic(self):
        return 0.0

    def breakable(self):
        return nullcontext()

    def image_id(self, reference):
        return reference if reference in self.images else ""

    def image_architecture(self, reference):
        return "amd64" if reference in self.images else ""

    def pull(self, reference, progress, *, architecture):
        self.calls.append(f"pull {reference}")
        if reference in self.absent:
            raise MachineUnfit("there is no such image", "is its name right, and its tag?")
        self.images.add(reference)

    def forget(self, reference):
        self.calls.append(f"forget {reference}")
        self.images.discard(reference)


def fetch(machine: Machine) -> list[str]:
    """What is asked of the machine when the image is to be there."""
    machine.calls.clear()
    steps = (
        Step("layers", "", (NoneBrokenOff(),), (ThrowAway((Pull(WIKI, "amd64"),), "amd64"),)),
        Step("image", "", (ImageThere(WIKI, "amd64"),), (Pull(WIKI, "amd64"),)),
    )
    run(Plan("", steps), machine, lambda event: None, lambda step, action: None)
    return machine.calls


def test_an_image_is_on_the_disk_before_it_is_believed_to_be_there():
    machine = Machine()

    assert fetch(machine) == [f"pull {WIKI}", "flush", "remove mark"]
    assert fetch(machine) == []


def test_an_image_on_its_way_during_a_power_cut_is_fetched_anew():
    machine = Machine(WIKI, start="second")
    machine.files[PULLING] = f"first {WIKI}\n".encode()

    assert fetch(machine) == [
        f"pull {WIKI}",
        f"forget {WIKI}",
        "flush",
        "remove mark",
        f"pull {WIKI}",
        "flush",
        "remove mark",
    ]


def test_of_an_image_fetched_by_its_digest_both_names_go():
    machine = Machine(WIKI, start="second")
    by_digest = "ghcr.io/requarks/wiki@sha256:" + 64 * "0"
    machine.files[PULLING] = f"first {WIKI} {by_digest}\n".encode()

    assert fetch(machine)[:3] == [f"pull {by_digest}", f"forget {WIKI}", f"forget {by_digest}"]


def test_an_image_whose_fetch_was_killed_stays():
    """The same start of the machine: its memory holds what its disk does not yet."""
    machine = Machine(WIKI)
    machine.files[PULLING] = f"first {WIKI}\n".encode()

    assert fetch(machine) == ["flush", "remove mark"]


def test_a_broken_off_image_that_is_no_longer_wanted_need_not_be_there():
    machine = Machine(start="second", absent=(OTHER,))
    machine.files[PULLING] = f"first {OTHER}\n".encode()

    assert fetch(machine) == [
        f"pull {OTHER}",
        f"forget {OTHER}",
        "flush",
        "remove mark",
        f"pull {WIKI}",
        "flush",
        "remove mark",
    ]


def test_a_broken_off_image_that_cannot_be_had_now_stays_marked():
    machine = Machine(WIKI, start="second", absent=(WIKI,))
    machine.files[PULLING] = f"first {WIKI}\n".encode()

    with pytest.raises(StepFailed):
        fetch(machine)
    assert PULLING in machine.files


def test_an_image_of_another_processor_is_not_there():
    """Somebody pulled it with --platform, or loaded what was saved elsewhere: `exec format error` would come of it."""
    machine = Machine()
    machine.images.add(WIKI)
    for architecture, there in (("amd64", True), ("arm64", False), ("armhf", False), ("", True)):
        assert ImageThere(WIKI, architecture).holds(machine) is there


MIRRORED = "registry.lan:5000/ghcr.io/requarks/wiki:2.5"
PIN = ImagePin("sha256:" + 64 * "1", "sha256:" + 64 * "2", "sha256:" + 64 * "3", 1, WIKI)


class Engine(Machine):
    """The same, which calls every image by what the lock says, and knows names."""

    def image_id(self, reference):
        return PIN.image if reference in self.images else ""

    def tag(self, source, target):
        self.images.add(target)


def test_a_pinned_image_is_asked_of_the_mirror_and_only_then_of_its_own_registry():
    mirror, own = Pull(MIRRORED, "amd64", PIN).sources
    assert (mirror, own) == (
        f"registry.lan:5000/ghcr.io/requarks/wiki@{PIN.index}",
        f"ghcr.io/requarks/wiki@{PIN.index}",
    )
    machine, said = Engine(), []
    Pull(MIRRORED, "amd64", PIN).do(machine, said.append)
    assert [call for call in machine.calls if call.startswith("pull")] == [f"pull {mirror}"] and not said
    machine = Engine(absent=(mirror,))
    Pull(MIRRORED, "amd64", PIN).do(machine, said.append)
    assert [call for call in machine.calls if call.startswith("pull")] == [
        f"pull {mirror}",
        f"pull {own}",
    ] and MIRRORED in machine.images
    assert [event.text for event in said] == [f"{mirror}: there is no such image; asking for {own}"]
    assert Pull(MIRRORED, "amd64", PIN).text() == f"pull {mirror}, else {own}"


def test_without_a_mirror_or_a_lock_there_is_one_source():
    assert Pull(WIKI, "amd64", PIN).sources == (f"ghcr.io/requarks/wiki@{PIN.index}",)
    assert Pull("caddy:2", "amd64", PIN._replace(name="docker.io/library/caddy:2")).sources == (f"caddy@{PIN.index}",)
    assert Pull(MIRRORED, "amd64").sources == (MIRRORED,)


def test_where_no_source_gives_it_the_mirrors_problem_is_said():
    machine = Engine(absent=Pull(MIRRORED, "amd64", PIN).sources)
    with pytest.raises(MachineUnfit, match="there is no such image"):
        Pull(MIRRORED, "amd64", PIN).do(machine, lambda event: None)

"""Images that a lock pins, against a real dockerd and a registry whose tags move."""

import io
import os
import platform
import shutil
import tarfile

import pytest

from infrakit.errors import MachineUnfit
from infrakit.lock.entries import LockedName
from infrakit.model import ImagePin
from infrakit.stack.images import ImageThere, Pull
from infrakit.system.machine import Machine
from infrakit.system.registry import Client
from infrakit.system.registry.locked import ask
from tests.e2e.bed.engine import start_engine
from tests.system import fake_registry

pytestmark = pytest.mark.skipif(
    os.name != "posix" or os.geteuid() != 0 or platform.machine() != "x86_64" or not shutil.which("dockerd"),
    reason="needs root on x86-64 and dockerd",
)
NAME = "infrakit-engine-pinned"


@pytest.fixture(scope="module")
def machine():
    start_engine()
    return Machine()


@pytest.fixture
def registry(machine):
    import docker

    with fake_registry.registry() as made:
        yield made
    api = docker.APIClient(base_url="unix:///var/run/docker.sock", version="auto")
    for item in api.images():
        for name in item["RepoTags"] or item["RepoDigests"] or []:
            if name.startswith(f"{made.address}/"):
                api.remove_image(item["Id"], force=True)
    api.close()


def pin_of(reference: str) -> ImagePin:
    with Client() as client:
        locked: LockedName = ask(client, reference, "", ["amd64"])
    return ImagePin(locked.index, *locked.images["amd64"])


def fetched(machine, reference, pin=None) -> None:
    Pull(reference, "amd64", pin).do(machine, lambda event: None)


@pytest.mark.parametrize("platforms", [("linux/amd64", "linux/arm64"), ("linux/amd64",)], ids=["index", "one"])
def test_a_pinned_image_is_fetched_under_its_name_although_the_tag_has_moved(machine, registry, platforms):
    reference = registry.publish_for(NAME, *platforms)
    pin = pin_of(reference)
    registry.publish_for(NAME, *platforms)
    fetched(machine, reference)
    assert ImageThere(reference, "amd64").holds(machine) and not ImageThere(reference, "amd64", pin).holds(machine), (
        "it is the moved one"
    )
    fetched(machine, reference, pin)
    assert ImageThere(reference, "amd64", pin).holds(machine)
    assert machine.engine.image_id(reference) in pin.ids


def test_an_image_without_an_index_is_pinned_too(machine, registry):
    reference = registry.publish(NAME)
    fetched(machine, reference, pin_of(reference))
    assert ImageThere(reference, "amd64", pin_of(reference)).holds(machine)


def test_an_image_is_believed_by_each_of_the_three_ids_that_a_store_may_give_it(machine, registry):
    reference = registry.publish(NAME)
    fetched(machine, reference)
    found, other = machine.engine.image_id(reference), f"sha256:{0:064x}"
    pins = [
        ImagePin(*ids, 1)
        for ids in ((found, other, other), (other, found, other), (other, other, found), (other, other, other))
    ]
    assert [ImageThere(reference, "amd64", pin).holds(machine) for pin in pins] == [True, True, True, False]


def test_a_pinned_image_that_the_mirror_has_not_comes_from_its_own_registry(machine, registry):
    with fake_registry.registry() as mirror:
        origin, mirrored = registry.publish_for(NAME, "linux/amd64", "linux/arm64"), f"{mirror.address}/{NAME}:1"
        pin = pin_of(origin)._replace(name=origin)
        said = []
        try:
            Pull(mirrored, "amd64", pin).do(machine, said.append)
            assert ImageThere(mirrored, "amd64", pin).holds(machine)
            notes = [event.text for event in said if event.kind == "note"]
            assert (
                len(notes) == 1
                and "there is no such image" in notes[0]
                and f"asking for {origin.rpartition(':')[0]}@" in notes[0]
            )
            # By its tag alone nobody but the mirror is asked.
            registry.publish("only-by-tag")
            registry.heard.clear()
            with pytest.raises(MachineUnfit):
                Pull(f"{mirror.address}/only-by-tag:1", "amd64").do(machine, said.append)
            assert registry.heard == []
        finally:
            machine.run(("docker", "image", "rm", "--force", mirrored))


def test_a_loaded_image_has_no_digest_and_is_believed_by_its_id(machine, registry, tmp_path):
    """As from a bundle: what docker save and docker load leave of it."""
    reference = registry.publish(NAME)
    pin = pin_of(reference)
    fetched(machine, reference, pin)
    saved = machine.run(("docker", "save", "-o", str(tmp_path / "saved.tar"), reference))
    assert (
        saved.code == 0
        and machine.run(("docker", "image", "rm", "--force", pin.image)).code == 0
        and not ImageThere(reference, "amd64", pin).holds(machine)
    )
    assert machine.run(("docker", "load", "-i", str(tmp_path / "saved.tar"))).code == 0
    assert ImageThere(reference, "amd64", pin).holds(machine)


def test_what_comes_and_is_not_the_locked_image_is_refused_and_gets_no_name(machine, registry):
    """A lock whose line for this processor was edited by hand; the classic store, where the index is no ID."""
    reference = registry.publish(NAME)
    wrong = pin_of(reference)._replace(image=f"sha256:{'1' * 64}", manifest=f"sha256:{'2' * 64}")
    assert machine.run(("docker", "import", "-", reference), feed=archive()).code == 0
    before = machine.engine.image_id(reference)
    with pytest.raises(MachineUnfit) as refused:
        fetched(machine, reference, wrong._replace(index=registry.digest(NAME)))
    assert wrong.image in refused.value.message and "infrakit lock --upgrade" in refused.value.hint
    assert machine.engine.image_id(reference) == before


def archive() -> bytes:
    """A root file system with one empty file."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("empty"))
    return made.getvalue()

"""Images of a bundle into a real dockerd: exactly those, without the layers that it has, and nothing of a bundle that
changed."""

import pytest

from infrakit.bundle import Refused
from infrakit.errors import MachineUnfit
from infrakit.stack.bundle import ImageIs, Load, Source
from infrakit.system.bundle.content import Content
from infrakit.system.bundle.load import load, tar
from infrakit.system.engine import Engine
from infrakit.system.machine import Machine
from tests.bundle.test_create import create, inventory
from tests.e2e.bed.engine import start_engine
from tests.system import fake_registry
from tests.system.test_engine import needs_docker

pytestmark = needs_docker


@pytest.fixture(scope="module")
def engine():
    start_engine()
    return Engine()


@pytest.fixture
def registry(engine):
    import docker

    with fake_registry.registry() as made:
        yield made
        client = docker.APIClient(base_url="unix:///var/run/docker.sock", version="auto")
        for name, tag in made.manifests:
            if not tag.startswith("sha256:"):
                try:
                    client.remove_image(f"{made.address}/{name}:{tag}", force=True)
                except docker.errors.ImageNotFound:
                    pass
        client.close()


def loaded(engine, folder, manifest, name) -> int:
    """Load it; the bytes that were sent."""
    parts = []
    with Content(str(folder), manifest) as content:
        load(engine, content, content.image(name, "amd64"), lambda part, whole, text: parts.append(whole))
    return parts[-1]


def test_an_image_gets_its_name_and_its_id(engine, registry, tmp_path):
    name = registry.publish("team/app", layers=3)
    manifest = create(tmp_path / "out", [name])
    loaded(engine, tmp_path / "out", manifest, name)
    assert engine.image_id(name) == manifest.images[name]["amd64"].config


def test_layers_that_the_engine_has_are_not_sent(engine, registry, tmp_path):
    name = registry.publish("team/app", layers=3)
    manifest = create(tmp_path / "out", [name])
    first = loaded(engine, tmp_path / "out", manifest, name)
    again = loaded(engine, tmp_path / "out", manifest, name)
    assert first > 3 * fake_registry.LAYER_BYTES and again < fake_registry.LAYER_BYTES / 10


def test_a_delta_loads_where_the_rest_is_and_nowhere_else(engine, registry, tmp_path):
    name = registry.publish("team/app", layers=3)
    delta = create(tmp_path / "delta", [name], inventories=[inventory(registry, name, 2)])
    with pytest.raises(MachineUnfit) as caught:
        loaded(engine, tmp_path / "delta", delta, name)
    assert "leaves out a layer" in caught.value.message and engine.image_id(name) == ""
    # The machine as it was when it made the inventory: an older image with the same two layers.
    old = registry.publish("team/old", layers=1)
    whole = create(tmp_path / "whole", [name, old])
    loaded(engine, tmp_path / "whole", whole, name)
    loaded(engine, tmp_path / "delta", delta, name)
    assert engine.image_id(name) == delta.images[name]["amd64"].config


def test_a_blob_that_changes_after_verifying_is_not_loaded(engine, registry, tmp_path):
    name = registry.publish("team/app")
    manifest = create(tmp_path / "out", [name])
    path = tmp_path / "out/images/blobs/sha256" / next(iter(registry.layers))[7:]
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(Refused) as caught:
        loaded(engine, tmp_path / "out", manifest, name)
    assert caught.value.faults[0].code == "damaged" and engine.image_id(name) == ""


def test_the_step_of_a_plan_loads_and_is_done_then(engine, registry, tmp_path):
    name = registry.publish("team/app")
    source = Source(str(tmp_path / "out"), create(tmp_path / "out", [name]), None)
    probe, machine = ImageIs(name, (source.manifest.images[name]["amd64"].config,)), Machine()
    assert not probe.holds(machine)
    Load(source, name, "amd64").do(machine, lambda event: None)
    assert probe.holds(machine) and not ImageIs(name, ("sha256:" + "0" * 64,)).holds(machine)


def test_the_archive_is_never_all_in_memory(registry, tmp_path):
    """Its largest piece is one chunk."""
    name = registry.publish("team/app", layers=2)
    manifest = create(tmp_path / "out", [name], split=1 << 18)
    with Content(str(tmp_path / "out"), manifest) as content:
        image = content.image(name, "amd64")
        blobs = {layer.digest: layer.size for layer in image.parts.layers}
        assert max(len(piece) for piece in tar(content, image, blobs)) <= 1 << 18

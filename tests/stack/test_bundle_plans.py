"""Plans with a bundle: images and packages from it, trust first, the serial last; nothing of it where it does not
fit."""

import pytest

from infrakit.bundle import FileEntry, ImageEntry, Manifest
from infrakit.bundle.signature import PublicKey
from infrakit.bundle.systems import system
from infrakit.cli.bundle_packages import names_of
from infrakit.compiler import load as read
from infrakit.emit import emit
from infrakit.errors import MachineUnfit, UsageProblem
from infrakit.host.apt import Install, Refresh
from infrakit.host.docker import docker_steps
from infrakit.host.facts import facts_of
from infrakit.model import ImagePin
from infrakit.plan import Plan, RemoveTree
from infrakit.stack.bundle import Load, Source, Unpack, from_packages, pins, remembered, space, system_of
from infrakit.stack.images import Pull
from infrakit.stack.layout import BUNDLE, PACKAGES, TRUST
from infrakit.stack.up import plan_up
from infrakit.system.digest import hex_digest
from tests.emit.examples import hosts
from tests.host.machines import load

FULL = hosts()["full-homelab"]
CONFIG = "sha256:" + "1" * 64
ENTRY = ImageEntry("sha256:" + "0" * 64, CONFIG, "sha256:" + "2" * 64)
KEY = PublicKey("ssh-ed25519", b"key")


def source(names=None, files=(), architecture="amd64", unpacked=None) -> Source:
    if unpacked is None:
        unpacked = {}
    listed = list(pins(FULL)) if names is None else names
    entries = {path: FileEntry(1, "0" * 64) for path in files}
    return Source(
        "/stick",
        Manifest(
            9, "0", "0", "x", (architecture,), entries, {}, {name: {architecture: ENTRY} for name in listed}, unpacked
        ),
        KEY,
    )


def actions(plan):
    return [action for step in plan.steps for action in step.actions]


def test_every_image_of_the_bundle_is_loaded_and_none_pulled():
    plan = plan_up(FULL, emit(FULL), hex_digest, source())
    kinds = {type(action) for action in actions(plan)}
    assert Load in kinds and Pull not in kinds
    step = next(step for step in plan.steps if step.name.startswith("image "))
    assert step.done_when[0].ids == (ENTRY.config, ENTRY.manifest, ENTRY.index)


def test_an_image_that_the_bundle_has_not_is_pulled():
    first, *rest = pins(FULL)
    found = [
        action for action in actions(plan_up(FULL, emit(FULL), hex_digest, source(rest))) if isinstance(action, Pull)
    ]
    assert [action.reference for action in found] == [first]


def test_the_bundle_comes_before_the_mirror_and_the_mirror_before_the_internet():
    """Of a locked file with a mirror, whose bundle lacks one image."""
    from tests.test_lock import FILE, compiled, fleet_lock

    deployment = compiled(fleet_lock(), FILE + b"images: {mirror: 'registry.lan:5000/'}\n").fleet.deployments[0]
    wanted = pins(deployment)
    first, *rest = wanted
    entries = {
        name: {"amd64": ImageEntry(wanted[name].manifest, wanted[name].image, wanted[name].index)} for name in rest
    }
    found = actions(
        plan_up(
            deployment,
            emit(deployment),
            hex_digest,
            source()._replace(manifest=source().manifest._replace(images=entries)),
        )
    )
    assert [action.reference for action in found if isinstance(action, Load)] == rest
    [pull] = [action for action in found if isinstance(action, Pull)]
    own = first.removeprefix("registry.lan:5000/")
    assert pull.sources == tuple(f"{name.rpartition(':')[0]}@{wanted[first].index}" for name in (first, own))


def test_an_image_for_another_processor_is_not_taken():
    assert not any(
        isinstance(action, Load)
        for action in actions(plan_up(FULL, emit(FULL), hex_digest, source(architecture="arm64")))
    )


def test_a_locked_image_is_taken_only_where_it_is_that_one():
    name, made = next(iter(pins(FULL))), source()
    assert made.has(name, "amd64", ImagePin("", "", CONFIG, 1)) and not made.has(
        name, "amd64", ImagePin("", "", "sha256:" + "3" * 64, 1)
    )


def test_trust_comes_first_and_the_serial_last():
    plan = remembered(plan_up(FULL, emit(FULL), hex_digest, source()), source(), pinned=False)
    assert plan.steps[0].actions[0].path == TRUST and KEY.line.encode() in plan.steps[0].actions[0].content
    assert plan.steps[-1].actions[0].path == BUNDLE and plan.steps[-1].actions[0].content == b'{"serial": 9}\n'
    assert [step.name for step in remembered(Plan("x", ()), source(), pinned=True).steps] == ["bundle"]


def test_an_unsigned_bundle_pins_no_key():
    unsigned = source()._replace(key=None)
    assert all(
        step.name != "trust"
        for step in remembered(plan_up(FULL, emit(FULL), hex_digest, unsigned), unsigned, pinned=False).steps
    )


def test_packages_are_brought_before_they_are_installed_and_taken_away_after():
    facts = facts_of(load("debian13-vps"))
    name = system_of(facts)
    steps = from_packages(docker_steps(facts, files=PACKAGES), source(files=[f"packages/{name}/a.deb"]), name)
    installing = next(step for step in steps if any(isinstance(action, Install) for action in step.actions))
    assert [type(action) for action in installing.actions][:2] == [Unpack, Install] and installing.actions[
        -1
    ].path == PACKAGES
    assert steps[0].done_when[0].path == PACKAGES


BACKED = b"version: 1\ndomain: home.example.org\npattern: edge\ntls: {mode: internal}\nbackup: {to: /mnt/usb}\n"


def restic_of(*files: str):
    """The step that brings restic, of a host that is backed up, with these packages in the bundle."""
    (host,) = read(BACKED, "infrakit.yaml", lambda _: b"").fleet.deployments
    plan = plan_up(host, emit(host), hex_digest, source(files=files))
    steps = from_packages(plan.steps, source(files=files), "debian-trixie-amd64")
    return next(step for step in steps if step.name == "restic")


def test_what_makes_backups_comes_from_the_bundle_where_that_has_it():
    step = restic_of("packages/debian-trixie-amd64/restic_0.18.0-1_amd64.deb")
    assert [type(action) for action in step.actions] == [Unpack, Install, RemoveTree]
    assert step.actions[1].files == PACKAGES and step.done_when
    assert [type(action) for action in restic_of().actions] == [Refresh, Install], "an older one has none"
    with pytest.raises(MachineUnfit, match="debian-bookworm-arm64"):
        restic_of("packages/debian-bookworm-arm64/restic_0.14.0-1_arm64.deb")


def test_a_bundle_brings_it_where_the_file_says_where_backups_go():
    assert set(names_of(backs_up=True)) - set(names_of(backs_up=False)) == {"restic", "openssh-client"}


def test_a_bundle_without_packages_for_this_system_says_for_which_it_has_some():
    facts = facts_of(load("debian13-vps"))
    with pytest.raises(MachineUnfit) as caught:
        from_packages(
            docker_steps(facts, files=PACKAGES),
            source(files=["packages/debian-bookworm-arm64/a.deb"]),
            system_of(facts),
        )
    assert "debian-trixie-amd64" in caught.value.message and "debian-bookworm-arm64" in caught.value.message


def test_a_machine_that_has_docker_needs_no_packages():
    assert from_packages((), source(), "debian-trixie-amd64") == ()


def test_layers_that_images_share_take_room_once():
    assert space(source(unpacked={"a": 100}), [("a", 10), ("a", 10), ("b", 10)]) == 130


@pytest.mark.parametrize("name", ["debian", "arch-rolling", "debian-../x", ""])
def test_a_system_that_nobody_knows_is_refused(name):
    with pytest.raises(UsageProblem):
        system(name, "amd64")

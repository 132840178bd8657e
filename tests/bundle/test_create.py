"""Making a bundle: each blob once, whatever breaks off goes on, half a bundle is none, and what a machine has is left
out."""

import gzip
import json
import os
import random
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from infrakit.bundle import Manifest, Refused, sbom
from infrakit.bundle.images import parts_of
from infrakit.bundle.inventory import Inventory, parse, render, trimmed
from infrakit.bundle.manifest import NAME
from infrakit.errors import InfraKitError, MachineUnfit, UsageProblem
from infrakit.system.bundle.content import Content
from infrakit.system.bundle.copy import copy
from infrakit.system.bundle.create import Wish, fetch, resolve
from infrakit.system.bundle.inside import Inside
from infrakit.system.bundle.layers import look_into
from infrakit.system.bundle.verify import Trust, verify
from infrakit.system.bundle.write import BEGUN, Writer
from infrakit.system.registry import Client
from tests.bundle.small import VERSION, digest, key, make
from tests.system import fake_registry
from tests.system.fake_registry import forged, truncated

UNSIGNED, NOBODY = Trust(allow_unsigned=True), Trust()


@pytest.fixture
def registry():
    with fake_registry.registry() as made:
        yield made


def create(
    out: Path, names: list[str], *, architectures=("amd64",), split: int = 1 << 31, inventories=(), serial=None
) -> Manifest:
    """As the verb does it, without packages."""
    with Client(wait=lambda seconds: None) as client:
        images = resolve(client, [Wish(name, dict.fromkeys(architectures)) for name in names], lambda text: None)
        with Writer(str(out), split) as writer:
            writer.put("infrakit.yaml", b"version: 1\n")
            with Inside(writer) as inside:
                fetched = fetch(client, writer, images, inventories, lambda part, whole, text: None, inside)
                unpacked = inside.describe(images, print)
            writer.seal(
                Manifest(
                    writer.serial(serial),
                    VERSION,
                    VERSION,
                    "homelab",
                    tuple(architectures),
                    {},
                    {},
                    fetched.images,
                    unpacked,
                    fetched.absent,
                )
            )
    return verify(str(out), UNSIGNED, VERSION).manifest


def asked_for_layers(registry) -> list[str]:
    return [
        path.rpartition("/")[2]
        for method, path, _ in registry.heard
        if method == "GET" and path.rpartition("/")[2] in registry.layers
    ]


def test_a_bundle_for_three_processors_is_no_larger_than_its_blobs(registry, tmp_path):
    name = registry.publish_for("team/app", "linux/amd64", "linux/arm64", "linux/arm/v7")
    manifest = create(tmp_path / "out", [name], architectures=("amd64", "arm64", "armhf"))
    blobs = sum(map(len, registry.blobs.values())) - sum(
        len(blob) for blob in registry.blobs.values() if b'"unknown"' in blob
    )
    used = [
        layer
        for architecture in manifest.images[name].values()
        for layer in (architecture.manifest, architecture.config)
    ]
    assert len(set(used)) == 6 and all(entry.index for entry in manifest.images[name].values())
    size = sum(path.stat().st_size for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert size <= 1.01 * blobs


def test_the_manifest_says_what_layers_take_when_unpacked(registry, tmp_path):
    manifest = create(tmp_path / "out", [registry.publish("team/app", layers=2)])
    assert len(manifest.unpacked) == 2 and all(size > fake_registry.LAYER_BYTES for size in manifest.unpacked.values())


def test_a_layer_that_images_share_is_fetched_once(registry, tmp_path):
    name = registry.publish("team/app")
    registry.manifests["team/other", "1"] = registry.manifests["team/app", "1"]
    create(tmp_path / "out", [name, name.replace("app", "other")])
    assert len(asked_for_layers(registry)) == 1


def test_running_again_fetches_nothing_and_makes_the_same_files(registry, tmp_path):
    name = registry.publish("team/app", layers=3)
    create(tmp_path / "out", [name], serial=5)
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    registry.heard.clear()
    create(tmp_path / "out", [name], serial=5)
    assert asked_for_layers(registry) == []
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == before


def test_the_serial_grows_whatever_the_clock_says(registry, tmp_path):
    name = registry.publish("team/app")
    assert create(tmp_path / "out", [name], serial=1 << 40).serial == 1 << 40
    assert create(tmp_path / "out", [name]).serial == (1 << 40) + 1


def test_what_was_broken_off_is_no_bundle_and_goes_on(registry, tmp_path):
    name = registry.publish("team/app", layers=3)
    registry.always["layer"] = truncated
    with pytest.raises(MachineUnfit):
        create(tmp_path / "out", [name])
    with pytest.raises(Refused) as caught:
        verify(str(tmp_path / "out"), UNSIGNED, VERSION)
    assert caught.value.faults[0].code == "unfinished" and "run it again" in caught.value.hint
    begun = sum(path.stat().st_size for path in (tmp_path / "out/images/blobs/sha256").iterdir())
    assert begun > 10_000
    registry.always.clear()
    registry.heard.clear()
    create(tmp_path / "out", [name])
    assert not (tmp_path / "out" / BEGUN).exists()


@pytest.mark.parametrize("left", [0, 1, 1000, 599_999])
def test_a_partial_blob_is_gone_on_with(registry, tmp_path, left):
    name = registry.publish("team/app")
    create(tmp_path / "whole", [name])
    layer = next(iter(registry.layers))[7:]
    out = tmp_path / "out/images/blobs/sha256"
    out.mkdir(parents=True)
    (tmp_path / "out" / BEGUN).touch()
    (out / layer).write_bytes((tmp_path / "whole/images/blobs/sha256" / layer).read_bytes()[:left])
    create(tmp_path / "out", [name])


def test_a_damaged_blob_on_the_medium_is_fetched_anew(registry, tmp_path):
    name = registry.publish("team/app")
    create(tmp_path / "out", [name])
    path = tmp_path / "out/images/blobs/sha256" / next(iter(registry.layers))[7:]
    path.write_bytes(bytes(path.stat().st_size))
    create(tmp_path / "out", [name])


def test_what_a_registry_forges_does_not_get_into_a_bundle(registry, tmp_path):
    name = registry.publish("team/app")
    registry.always["layer"] = forged
    with pytest.raises(MachineUnfit) as caught:
        create(tmp_path / "out", [name])
    assert "not what it should be" in caught.value.message and not (tmp_path / "out" / NAME).exists()


def test_large_blobs_are_split_and_come_back_as_they_were(registry, tmp_path):
    name = registry.publish("team/app")
    manifest = create(tmp_path / "out", [name], split=1 << 18)
    layer = f"images/blobs/sha256/{next(iter(registry.layers))[7:]}"
    assert len(manifest.wholes[layer]) == 3 and max(entry.size for entry in manifest.files.values()) <= 1 << 18
    with Content(str(tmp_path / "out"), manifest) as content:
        assert b"".join(content.stream(layer)) == next(
            blob for digest_, blob in registry.blobs.items() if digest_ in registry.layers
        )
    registry.heard.clear()
    create(tmp_path / "out", [name], split=1 << 18)
    assert asked_for_layers(registry) == []
    create(tmp_path / "out", [name])
    assert not list((tmp_path / "out").rglob("*.part0001"))


def test_images_of_the_bundle_before_are_swept_away(registry, tmp_path):
    create(tmp_path / "out", [registry.publish("team/app"), registry.publish("team/old")])
    manifest = create(tmp_path / "out", [f"{registry.address}/team/app:1"])
    assert list(manifest.images) == [f"{registry.address}/team/app:1"]


def test_a_folder_with_other_things_in_it_is_left_alone(registry, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/holiday.jpg").write_bytes(b"x")
    with pytest.raises(UsageProblem) as caught:
        create(tmp_path / "out", [registry.publish("team/app")])
    assert "holiday.jpg" in caught.value.message and [path.name for path in (tmp_path / "out").iterdir()] == [
        "holiday.jpg"
    ]


def inventory(registry, name: str, count: int, architecture: str = "amd64") -> Inventory:
    """A machine that has so many of the lowest layers of an image."""
    content = registry.manifests[name.split("/", 1)[1].rpartition(":")[0], "1"][1]
    config = json.loads(registry.blobs[parts_of(content, "").config.digest])
    return Inventory("edge", "debian-trixie", architecture, (tuple(config["rootfs"]["diff_ids"][:count]),), "")


def test_a_delta_has_the_new_layers_only_and_says_what_it_needs(registry, tmp_path):
    name = registry.publish("team/app", layers=4)
    manifest = create(tmp_path / "out", [name], inventories=[inventory(registry, name, 3)])
    blobs = [path for path in manifest.files if path.startswith("images/blobs/")]
    assert len(manifest.absent) == 3 and len(blobs) == 3
    size = sum(entry.size for entry in manifest.files.values())
    assert size <= fake_registry.LAYER_BYTES * 1.01 + (1 << 20)


def test_a_delta_for_two_machines_leaves_out_what_both_have(registry, tmp_path):
    name = registry.publish("team/app", layers=4)
    both = [inventory(registry, name, 3), inventory(registry, name, 1)]
    assert len(create(tmp_path / "out", [name], inventories=both).absent) == 1
    other = [inventory(registry, name, 3, "arm64")]
    assert create(tmp_path / "other", [name], inventories=other).absent == ()


def test_an_inventory_is_read_as_it_was_written():
    status = (
        "Package: a\nStatus: install ok installed\nVersion: 1\nDescription: long\n more\nDepends: b,\n c\n\nPackage: "
        "gone\nStatus: deinstall ok config-files\nVersion: 2\n"
    )
    made = Inventory(
        "edge",
        "debian-trixie",
        "arm64",
        ((f"sha256:{'0' * 64}", f"sha256:{'1' * 64}"), (f"sha256:{'0' * 64}",)),
        trimmed(status),
    )
    found = parse(render(made).encode(), "inventory.json")
    assert found.chains == (made.chains[0],) and found.lowest() == made.lowest()
    assert found.status == "Package: a\nStatus: install ok installed\nVersion: 1\nDepends: b,\n c\n\n"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"inventory": 1}',
        b'{"inventory": 1, "host": "a", "system": "../x", "architecture": "amd64", "chains": [], "status": ""}',
    ],
)
def test_what_is_no_inventory_is_said(content):
    with pytest.raises(UsageProblem) as caught:
        parse(content, "inventory.json")
    assert "inventory.json is no inventory" in caught.value.message


@pytest.fixture
def words(pyz, registry, tmp_path) -> list[str]:
    """`bundle create` for a file of which the registry has every image."""
    (tmp_path / "infrakit.yaml").write_text(
        f"version: 1\ndomain: x.example.org\npattern: monitoring\ntls: {{mode: internal}}\nimages: {{mirror: "
        f'"{registry.address}"}}\n'
    )
    listed = subprocess.run(
        [sys.executable, str(pyz), "compile", "--no-secrets", "-o", "tree"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert listed.returncode == 0, listed.stderr
    text = "\n".join(path.read_text() for path in (tmp_path / "tree").rglob("services/*.yaml"))
    for image in {line.split()[1].strip("\"'") for line in text.splitlines() if line.strip().startswith("image: ")}:
        name, _, tag = image.removeprefix(f"{registry.address}/").rpartition(":")
        registry.publish(name, tag=tag)
    return [sys.executable, str(pyz), "bundle", "create", "--no-packages", "out"]


def test_an_image_that_is_named_by_its_digest_is_refused_with_what_to_do(infrakit, tmp_path):
    digests = f"ghcr.io/x/y:1@sha256:{'0' * 64}"
    (tmp_path / "infrakit.yaml").write_text(
        f'version: 1\ndomain: x.example.org\npattern: full\napps: {{wiki: {{image: "{digests}", port: 3000}}}}\n'
    )
    done = infrakit("bundle", "create", "out")
    assert (
        done.returncode == 2
        and digests in done.stderr
        and "infrakit lock" in done.stderr
        and not (tmp_path / "out").exists()
    )


def test_a_full_disk_leaves_no_bundle_and_is_said(words, tmp_path):
    """A limit of the size of files stands in for the disk."""
    full = subprocess.run(
        ["sh", "-c", 'ulimit -f 500; exec "$@"', "sh", *words], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert full.returncode == 3 and "file too large" in full.stderr and "Traceback" not in full.stderr, full.stderr
    assert not (tmp_path / "out" / NAME).exists()
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "not signed" in done.stderr, done.stderr
    assert verify(str(tmp_path / "out"), UNSIGNED, VERSION).manifest.serial > 1_700_000_000


def test_killed_at_random_instants_it_is_whole_or_no_bundle(words, tmp_path):
    seed = random.SystemRandom().randrange(1 << 32)
    print("seed", seed)
    instants = random.Random(seed)
    kept: set[str] = set()
    for _ in range(6):
        run = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            run.wait(instants.uniform(0.2, 1.2))
        except subprocess.TimeoutExpired:
            run.kill()
            run.wait()
        try:
            verify(str(tmp_path / "out"), UNSIGNED, VERSION)
        except Refused as error:
            assert {fault.code for fault in error.faults} <= {"unfinished", "no-bundle"}, error
        except MachineUnfit:
            assert not (tmp_path / "out").exists()
        blobs = {
            path.name
            for path in (tmp_path / "out/images/blobs/sha256").glob("*")
            if digest(path.read_bytes()) == path.name
        }
        assert kept <= blobs
        kept = blobs
    assert subprocess.run(words, cwd=tmp_path, capture_output=True, timeout=60).returncode == 0
    verify(str(tmp_path / "out"), UNSIGNED, VERSION)


def _tar(path: Path, members: dict[str, bytes | None]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            if content is None:
                entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/shadow"
                archive.addfile(entry)
            else:
                entry.size = len(content)
                archive.addfile(entry, __import__("io").BytesIO(content))
    return path


DPKG = b"""Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.41-12+deb13u1
Description: x
 Package: not-one

Package: gone
Status: deinstall ok config-files
Version: 1
"""
APK = b"C:Q1\nP:busybox\nV:1.37.0-r12\nA:x86_64\nL:GPL-2.0-only\n\nP:musl\nV:1.2.5-r9\nL:MIT\n"
COPYRIGHT = (
    b"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nFiles: *\nLicense: LGPL-2.1+\n "
    b"text\n\nLicense: GPL-2+\n"
)


def test_a_bill_of_materials_names_what_the_databases_name(tmp_path):
    lower = look_into(
        [
            str(
                _tar(
                    tmp_path / "1",
                    {
                        "./var/lib/dpkg/status": DPKG,
                        "etc/os-release": b'ID=debian\nVERSION_ID="13"\n',
                        "usr/share/doc/libc6/copyright": COPYRIGHT,
                    },
                )
            )
        ]
    )
    upper = look_into([str(_tar(tmp_path / "2", {"lib/apk/db/installed": APK, "etc/passwd": b"x"}))])
    tree = json.loads(sbom.document("ghcr.io/x/y:1", "amd64", f"sha256:{'a' * 64}", {**lower.files, **upper.files}, {}))
    assert (tree["bomFormat"], tree["specVersion"]) == ("CycloneDX", "1.5")
    found = {item["name"]: item for item in tree["components"]}
    assert sorted(found) == ["busybox", "debian", "libc6", "musl"]
    assert found["libc6"]["purl"] == "pkg:deb/debian/libc6@2.41-12%2Bdeb13u1?arch=amd64"
    assert [item["license"]["name"] for item in found["libc6"]["licenses"]] == ["GPL-2+", "LGPL-2.1+"]
    assert found["busybox"]["licenses"] == [{"license": {"name": "GPL-2.0-only"}}]


def test_what_a_layer_hides_is_not_in_the_bill(tmp_path):
    from infrakit.system.bundle.layers import merged

    lower = look_into([str(_tar(tmp_path / "1", {"var/lib/dpkg/status": DPKG, "lib/apk/db/installed": APK}))])
    for name in ("var/lib/dpkg/.wh.status", "var/lib/.wh.dpkg", "var/lib/dpkg/.wh..wh..opq"):
        upper = look_into([str(_tar(tmp_path / "2", {name: b""}))])
        assert sorted(merged([lower, upper])) == ["lib/apk/db/installed"]


@pytest.mark.parametrize("content", [b"", b"\x28\xb5\x2f\xfd rest", b"\x1f\x8b damaged", b"no archive at all" * 100])
def test_a_layer_that_cannot_be_read_counts_as_not_read(tmp_path, content):
    (tmp_path / "layer").write_bytes(content)
    assert look_into([str(tmp_path / "layer")]).unread or content == b""


def zstd(path: Path) -> Path:
    """The same layer as others compress it, by the program itself."""
    target, plain = path.with_name(f"{path.name}.zst"), gzip.decompress(path.read_bytes())
    path.with_name("plain").write_bytes(plain)
    subprocess.run(["zstd", "-q", "-o", target], input=plain, check=True)
    return target


def test_a_layer_of_zstd_is_read_as_one_of_gzip_is_whole_or_in_parts(tmp_path):
    packed = _tar(
        tmp_path / "1", {"var/lib/dpkg/status": DPKG, "noise": os.urandom(1 << 21), "lib/apk/db/.wh.installed": b""}
    )
    layer = zstd(packed).read_bytes()
    names = [tmp_path / f"part{number}" for number in range(3)]
    for number, name in enumerate(names):
        name.write_bytes(layer[number << 20 : (number + 1) << 20])
    found = look_into([str(name) for name in names])
    assert (
        found == look_into([str(packed)]) and found.files == {"var/lib/dpkg/status": DPKG} and found.unpacked > 1 << 21
    )


@pytest.mark.parametrize("damage", ["truncated", "changed", "no archive"])
def test_a_damaged_layer_of_zstd_counts_as_not_read(tmp_path, damage):
    path = zstd(_tar(tmp_path / "1", {"noise": os.urandom(1 << 20), "var/lib/dpkg/status": DPKG}))
    content = bytearray(path.read_bytes())
    if damage == "no archive":
        subprocess.run(["zstd", "-qf", "-o", path], input=b"no archive at all" * 100, check=True)
    else:
        content[600_000] ^= 1
        path.write_bytes(content if damage == "changed" else content[:600_000])
    assert look_into([str(path)]).unread == "it is no archive that can be read"


def test_a_layer_that_is_not_read_is_said_and_stands_in_the_bill(registry, tmp_path, monkeypatch, capsys):
    layer = zstd(_tar(tmp_path / "1", {"var/lib/dpkg/status": DPKG})).read_bytes()
    config = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest((tmp_path / 'plain').read_bytes())}"]},
    }
    blobs = [
        registry._blob(json.dumps(config).encode(), fake_registry.CONFIG),
        registry._blob(layer, "application/vnd.oci.image.layer.v1.tar+zstd"),
    ]
    registry.manifests["team/app", "1"] = (
        fake_registry.MANIFEST,
        json.dumps(
            {"schemaVersion": 2, "mediaType": fake_registry.MANIFEST, "config": blobs[0], "layers": blobs[1:]}
        ).encode(),
    )
    name = f"{registry.address}/team/app:1"
    for path, unread in ((os.environ["PATH"], False), (str(tmp_path), True)):
        monkeypatch.setenv("PATH", path)
        manifest = create(tmp_path / "out", [name])
        [bom] = [
            json.loads((tmp_path / "out" / file).read_text()) for file in manifest.files if file.startswith("sbom/")
        ]
        properties = {item["name"]: item["value"] for item in bom["metadata"]["component"]["properties"]}
        assert [item["name"] for item in bom["components"]] == ([] if unread else ["libc6"])
        assert properties["infrakit:layers-not-read"] == str(int(unread)) and bool(manifest.unpacked) is not unread
        assert (
            (
                f"{name} for amd64 lacks what 1 of 1 layers hold: it is compressed with zstd, and that program is "
                "not here: apt-get install zstd"
            )
            in capsys.readouterr().out
        ) is unread
    assert properties["infrakit:layer-not-read"].startswith(f"{blobs[1]['digest']}: it is compressed with zstd")


def test_a_layer_of_traps_is_looked_into_without_writing_or_following(tmp_path):
    before = set(os.listdir(tmp_path))
    layer = look_into(
        [
            str(
                _tar(
                    tmp_path / "1",
                    {"../../escape": b"x", "/abs": b"x", "var/lib/dpkg/status": None, "a/" * 500 + "b": b""},
                )
            )
        ]
    )
    assert layer.files == {} and not layer.unread and set(os.listdir(tmp_path)) == before | {"1"}


def copied(source: Path, target: Path, trust: Trust = NOBODY) -> int:
    return copy(str(source), str(target), trust, VERSION, lambda part, whole, text: None)[1]


def test_a_copy_is_the_same_bytes_and_stays_signed(tmp_path):
    made = make(tmp_path / "made", key(tmp_path), split=1 << 12)
    assert copied(made, tmp_path / "copy") == len(verify(str(made), Trust(), VERSION).manifest.files)
    assert verify(str(tmp_path / "copy"), Trust(), VERSION).sha256 == digest((made / NAME).read_bytes())
    assert {path.relative_to(made) for path in made.rglob("*")} == {
        path.relative_to(tmp_path / "copy") for path in (tmp_path / "copy").rglob("*")
    }


def test_copying_again_writes_what_is_missing_or_damaged(tmp_path):
    made = make(tmp_path / "made", key(tmp_path))
    copied(made, tmp_path / "copy")
    assert copied(made, tmp_path / "copy") == 0
    blobs = sorted((tmp_path / "copy/images/blobs/sha256").iterdir())
    blobs[0].unlink()
    blobs[1].write_bytes(bytes(blobs[1].stat().st_size))
    copied(made, tmp_path / "copy")
    assert verify(str(tmp_path / "copy"), Trust(), VERSION)


def test_a_damaged_bundle_is_not_handed_on(tmp_path):
    made = make(tmp_path / "made", key(tmp_path))
    path = sorted((made / "images/blobs/sha256").iterdir())[0]
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(Refused) as caught:
        copied(made, tmp_path / "copy")
    assert caught.value.faults[0].code == "damaged" and not (tmp_path / "copy" / NAME).exists()


def test_signing_with_what_is_no_key_is_said(tmp_path):
    (tmp_path / "key").write_text("nothing")
    with pytest.raises(InfraKitError) as caught:
        make(tmp_path / "made", tmp_path / "key")
    assert "does not sign" in caught.value.message and not (tmp_path / "made" / NAME).exists()

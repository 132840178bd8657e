"""python3 -m tests.benchmarks.bundle [MEGABYTES]: a bundle beside plain tools on the same bytes and medium, as ratios.
A report, not a gate.

create / (cp + sha256sum of the same blobs); verify / sha256sum; load / docker load, of what `docker save` wrote and of
an archive of the same blobs. Above 1 we are faster. All rounds in one run; the median of each is compared. Caches are
as they come: warm for all. The layers do not compress, so both archives are of one size. Those of real images do:
`docker save` then writes about 3 times the bytes (engine 20.10, classic store), and the engine, which has nothing to
gunzip there, is faster with them from memory: 0.83, measured once.
"""

import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from infrakit.bundle import Manifest
from infrakit.system.bundle.content import Content
from infrakit.system.bundle.create import Wish, fetch, resolve
from infrakit.system.bundle.inside import Inside
from infrakit.system.bundle.load import load, tar
from infrakit.system.bundle.verify import Trust, verify
from infrakit.system.bundle.write import Writer
from infrakit.system.engine import Engine
from infrakit.system.registry import Client
from tests.system import fake_registry

ROUNDS = 5
LAYERS = 4
VERSION = "0.1.0"


def serve(pipe, megabytes: int) -> None:
    """A registry in a process of its own: it must not take our processor time."""
    fake_registry.LAYER_BYTES = megabytes * 1_000_000 // LAYERS
    with fake_registry.registry() as made:
        pipe.send(made.publish("team/app", layers=LAYERS))
        pipe.recv()


def create(name: str, out: Path, *, with_sbom: bool) -> None:
    with Client() as client:
        images = resolve(client, [Wish(name, {"amd64": None})], lambda text: None)
        with Writer(str(out)) as writer, Inside(writer) as inside:
            found = fetch(client, writer, images, (), lambda part, whole, text: None, inside if with_sbom else None)
            unpacked = inside.describe(images, print) if with_sbom else {}
            writer.seal(Manifest(1, VERSION, VERSION, "x", ("amd64",), {}, {}, found.images, unpacked))


def timed(act) -> float:
    os.sync()
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def plain(*words) -> None:
    subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Measure, in a folder of our own on the medium that TMPDIR names."""
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(theirs, megabytes), daemon=True)
    server.start()
    name = ours.recv()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        create(name, folder / "bundle", with_sbom=True)
        manifest = verify(str(folder / "bundle"), Trust(allow_unsigned=True), VERSION).manifest
        blobs = sorted((folder / "bundle/images/blobs/sha256").iterdir())
        engine, rounds = Engine(), {}
        archives(engine, folder, name, manifest)
        for _ in range(ROUNDS):
            for label, act in calls(engine, folder, blobs, name, manifest).items():
                subprocess.run(["docker", "image", "rm", "-f", name], capture_output=True)
                rounds.setdefault(label, []).append(timed(act))
        report(
            {label: statistics.median(times) for label, times in rounds.items()},
            sum(blob.stat().st_size for blob in blobs),
        )
        subprocess.run(["docker", "image", "rm", "-f", name], capture_output=True)
    ours.send("end")


def give(engine: Engine, folder: Path, name: str, manifest: Manifest) -> None:
    with Content(str(folder / "bundle"), manifest) as content:
        load(engine, content, content.image(name, "amd64"), lambda part, whole, text: None)


def archives(engine: Engine, folder: Path, name: str, manifest: Manifest) -> None:
    """What `docker load` is given: saved.tar, and same.tar with the blobs of the bundle."""
    give(engine, folder, name, manifest)
    plain("docker", "save", "-o", folder / "saved.tar", name)
    with Content(str(folder / "bundle"), manifest) as content, open(folder / "same.tar", "wb") as file:
        image = content.image(name, "amd64")
        file.writelines(
            tar(content, image, {blob.digest: blob.size for blob in (image.parts.config, *image.parts.layers)})
        )


def calls(engine: Engine, folder: Path, blobs: list[Path], name: str, manifest: Manifest) -> dict:
    """One round; whatever a call makes is taken away before the next of its kind."""

    def fresh(with_sbom: bool) -> None:
        shutil.rmtree(folder / "made", ignore_errors=True)
        create(name, folder / "made", with_sbom=with_sbom)
        os.sync()

    def copy() -> None:
        shutil.rmtree(folder / "copy", ignore_errors=True)
        (folder / "copy").mkdir()
        plain("cp", *blobs, folder / "copy")
        os.sync()
        plain("sha256sum", *(folder / "copy").iterdir())

    return {
        "create": lambda: fresh(True),
        "create --no-sbom": lambda: fresh(False),
        "cp + sha256sum": copy,
        "verify": lambda: verify(str(folder / "bundle"), Trust(allow_unsigned=True), VERSION),
        "sha256sum": lambda: plain("sha256sum", *blobs),
        "load": lambda: give(engine, folder, name, manifest),
        "docker load": lambda: plain("docker", "load", "-q", "-i", folder / "saved.tar"),
        "docker load, same bytes": lambda: plain("docker", "load", "-q", "-i", folder / "same.tar"),
    }


def report(times: dict[str, float], count: int) -> None:
    print(f"{count / 1e6:.0f} MB of blobs")
    for label, seconds in times.items():
        print(f"{label:24}{seconds:8.2f} s{count / 1e6 / seconds:9.0f} MB/s")
    loads = ("load", "docker load"), ("load", "docker load, same bytes")
    for ours, theirs in (
        ("create", "cp + sha256sum"),
        ("create --no-sbom", "cp + sha256sum"),
        ("verify", "sha256sum"),
        *loads,
    ):
        print(f"{theirs} / {ours}: {times[theirs] / times[ours]:.2f}")


if __name__ == "__main__":
    main()

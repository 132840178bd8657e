"""infrakit bundle create: on a connected machine, without Docker, write all that the hosts of a file need."""

import os
import re
from typing import Any

import click

from infrakit import VERSION, lock
from infrakit.bundle import Manifest
from infrakit.bundle.inventory import parse
from infrakit.bundle.manifest import FAT_BYTES
from infrakit.cli import here, source
from infrakit.cli.bundle_packages import bring
from infrakit.cli.from_bundle import LOCK
from infrakit.cli.install import program
from infrakit.cli.progress import Counter
from infrakit.cli.source import compiled
from infrakit.cli.talk import result, say, say_problems
from infrakit.compiler import Compiled
from infrakit.errors import EXIT_OK, UsageProblem
from infrakit.host.docker import KEY, REPOSITORY
from infrakit.model import Deployment, ImagePin
from infrakit.stack.bundle import pins
from infrakit.system.bundle.create import Wish, fetch, resolve
from infrakit.system.bundle.inside import Inside
from infrakit.system.bundle.write import Writer
from infrakit.system.digest import hex_digest
from infrakit.system.files import read_input
from infrakit.system.registry import Client

LEAST_SPLIT = 1 << 20


@click.command(
    help=(
        "Write into the folder OUT all that hosts of the file need where there is no network: program, file, images, "
        "packages. Run again, it goes on."
    )
)
@click.argument("out", metavar="OUT")
@here.FILE
@click.option(
    "--for", "hosts", metavar="HOST", multiple=True, help="Only what this host needs; may be given several times."
)
@click.option(
    "--inventory",
    "inventories",
    metavar="FILE",
    multiple=True,
    help="Leave out what this machine has (infrakit inventory); may be given several times.",
)
@click.option(
    "--system",
    "systems",
    metavar="SYSTEM",
    multiple=True,
    help=(
        "What the hosts run, such as debian-trixie: Docker's packages for it are brought. By default Debian 12 and 13."
    ),
)
@click.option(
    "--packages",
    metavar="DIR",
    help="Take packages from here instead: folders of .deb files, called like debian-trixie-amd64.",
)
@click.option("--no-packages", is_flag=True, help="Bring no packages: the hosts have Docker.")
@click.option(
    "--docker-repository",
    metavar="URL",
    default=REPOSITORY,
    show_default=True,
    help="A mirror of Docker's package repository.",
)
@click.option(
    "--docker-key",
    metavar="FINGERPRINT",
    default=KEY,
    help="The key that signs it; Docker's own where nothing is said.",
)
@click.option(
    "--mirror",
    "mirrors",
    metavar="NAME=URL",
    multiple=True,
    help=(
        "Where a distribution's packages come from: debian=http://...; for its own distribution, where this machine "
        "gets them."
    ),
)
@click.option(
    "--keyring", "keyrings", metavar="NAME=FILE", multiple=True, help="The keys that sign a distribution's packages."
)
@click.option(
    "--sign", metavar="KEY", help="Sign with this Ed25519 key of ssh-keygen. Unsigned bundles are refused by default."
)
@click.option("--no-sbom", is_flag=True, help="Write no bills of materials: layers are then not looked into.")
@click.option(
    "--split", metavar="SIZE", help="Split blobs that are larger, such as 700m; 4 GiB minus 1 at most, for FAT32."
)
@click.option(
    "--serial",
    type=click.IntRange(0, 1 << 62),
    help="A number that grows with each bundle; by default larger than the one before.",
)
def command(
    out: str,
    file: str | None,
    hosts: tuple[str, ...],
    inventories: tuple[str, ...],
    sign: str | None,
    no_sbom: bool,
    split: str | None,
    serial: int | None,
    **packages: Any,
) -> int:
    known = [parse(read_input(name), name) for name in inventories]
    found = here.find(file)
    fleet = compiled(found)
    say_problems(fleet.warnings)
    deployments = chosen(fleet, hosts)
    limit = size_of(split) if split else FAT_BYTES
    with Client(tell=say) as client:
        images = resolve(client, wishes(deployments), say)
        beside = {os.path.normpath(name): found.read_blueprint(name) for name in tuple(dict.fromkeys(found.blueprints))}
        with Writer(out, limit, beside) as writer:
            _small_files(writer, found, beside, {item.program for item in known})
            architectures = tuple(sorted({deployment.architecture for deployment in deployments}))
            locked = lock.parse(found.lock.content, found.lock.name).packages if found.lock else {}
            backs_up = any(deployment.backup is not None for deployment in deployments)
            bring(writer, architectures, known, locked, backs_up=backs_up, **packages)
            counter = Counter("fetch")
            with Inside(writer) as inside:
                fetched = fetch(client, writer, images, known, counter, None if no_sbom else inside)
                counter.end()
                unpacked = {} if no_sbom else inside.describe(images, say)
            writer.seal(
                Manifest(
                    writer.serial(serial),
                    VERSION,
                    VERSION,
                    fleet.fleet.name,
                    architectures,
                    {},
                    {},
                    fetched.images,
                    unpacked,
                    fetched.absent,
                ),
                sign or "",
            )
    result(
        f"{out}: {len(fetched.images)} images for {', '.join(architectures)}, "
        f"{sum(item.size for item in writer.files.values()) / 1e6:.1f} MB, {fetched.fetched / 1e6:.1f} MB of it "
        "fetched"
    )
    if fetched.absent:
        say(
            f"it leaves out {len(fetched.absent)} layers, which {', '.join(item.host for item in known)} has; "
            "other machines cannot use it"
        )
    if not sign:
        say("note: it is not signed; install takes it with --allow-unsigned only")
    return EXIT_OK


def chosen(fleet: Compiled, hosts: tuple[str, ...]) -> list[Deployment]:
    """One for each kind of host that was asked for. UsageProblem where one is not in the file."""
    found, known = [], set()
    for deployment, names in fleet.fleet.deployments.groups():
        members = {deployment.host} if names is None else set(names)
        known |= members
        if not hosts or members & set(hosts):
            found.append(deployment)
    missing = [name for name in hosts if name not in known]
    if missing:
        raise UsageProblem(f"there is no host {missing[0]} in the file", f"one of: {', '.join(sorted(known)[:8])}")
    return found


def wishes(deployments: list[Deployment]) -> list[Wish]:
    """Every image that one of the hosts runs, for the architectures of those that do."""
    wanted: dict[str, dict[str, ImagePin | None]] = {}
    for deployment in deployments:
        for reference, pin in pins(deployment).items():
            if "@" in reference:
                # moby#22011, moby#43570: what was loaded has no digest, so such a name is never found.
                raise UsageProblem(
                    f"{reference} is named by its digest, which Docker forgets over docker load",
                    "name it by a tag, and pin it with infrakit lock",
                )
            wanted.setdefault(reference, {})[deployment.architecture] = pin
    return [Wish(reference, dict(sorted(architectures.items()))) for reference, architectures in sorted(wanted.items())]


def size_of(text: str) -> int:
    """Bytes, of "700m" or "2g"."""
    fits = re.fullmatch(r"(\d{1,12})([kmg]?)i?b?", text.strip().lower())
    size = int(fits[1]) << {"": 0, "k": 10, "m": 20, "g": 30}[fits[2]] if fits else 0
    if not LEAST_SPLIT <= size <= FAT_BYTES + 1:
        raise UsageProblem(f"--split {text}: not between 1m and 4g", "write 700m or 2g")
    return min(size, FAT_BYTES)


def _small_files(writer: Writer, found: source.Source, beside: dict[str, bytes], there: set[str]) -> None:
    """`there`: digests of the programs of all machines that it is for."""
    content = program()
    if not content:
        say("note: this InfraKit runs from a checkout: the bundle gets no infrakit.pyz")
    elif there == {hex_digest(content)}:
        say("the program is left out, which is there already; install with: sudo infrakit install --bundle DIR")
    else:
        writer.put("infrakit.pyz", content)
    writer.put(source.FILE, found.content)
    if found.lock is not None:
        writer.put(LOCK, found.lock.content)
    for name, text in beside.items():
        writer.put(name, text)

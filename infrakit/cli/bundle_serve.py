"""infrakit bundle serve: hand a bundle on over the LAN: a registry and a source for apt that nobody can write to."""

import os
import re
import ssl
import sys

import click

from infrakit import VERSION
from infrakit.cli.bundle_verify import checked, say_who
from infrakit.cli.carry import stopping
from infrakit.cli.from_bundle import beside
from infrakit.cli.talk import result, say
from infrakit.cli.trust import trust
from infrakit.errors import EXIT_OK, MachineUnfit, UsageProblem
from infrakit.stack.layout import SERVING
from infrakit.system.bundle.remote import fingerprint
from infrakit.system.bundle.serve import Server
from infrakit.system.bundle.shelf import Shelf
from infrakit.system.bundle.verify import verify
from infrakit.system.certificates import is_address, server_pair
from infrakit.system.files import read_input
from infrakit.system.stop import Stop

EVERY = ("0.0.0.0", "::")


@click.command(
    help="""Serve the bundle in DIR to other machines over TLS, until Ctrl-C: its images as a registry,
    its packages to apt, every file of it.
Nobody can write to it, and everybody who reaches it may read it. All of it is checked first."""
)
@click.argument("folder", metavar="[DIR]", required=False)
@click.option(
    "--listen",
    metavar="ADDRESS:PORT",
    required=True,
    help="The address of this machine to be reached at, and only there, such as 192.168.1.10:5000.",
)
@click.option(
    "--name",
    "names",
    metavar="NAME",
    multiple=True,
    help="What others call this machine, for its certificate; the address where nothing is said.",
)
@click.option(
    "--tls",
    metavar="DIR",
    default=SERVING,
    show_default=True,
    help="The folder with server.crt and server.key; made where there are none.",
)
@click.option("--key", metavar="FILE", help="Public keys to believe, instead of the one that this machine pinned.")
@click.option("--allow-unsigned", is_flag=True, help="Serve a bundle that nobody signed.")
@click.option(
    "--allow-downgrade", is_flag=True, help="Serve a bundle that is older than the one that this machine has."
)
def command(
    folder: str | None,
    listen: str,
    names: tuple[str, ...],
    tls: str,
    key: str | None,
    allow_unsigned: bool,
    allow_downgrade: bool,
) -> int:
    folder = folder or beside()
    if not folder:
        raise UsageProblem("there is no bundle beside the program", "name its folder: infrakit bundle serve DIR")
    address, port = _address(listen)
    called = names or (address,)
    _check(called, address)
    believed = trust(key, allow_unsigned=allow_unsigned, allow_downgrade=allow_downgrade)
    found = checked(lambda progress: verify(folder, believed, VERSION, progress=progress), quiet=False)
    say_who(found)
    try:
        certificate, private = server_pair(tls, called)
    except OSError as error:
        raise MachineUnfit(
            f"{tls}: {(error.strerror or str(error)).lower()}",
            "name a folder of your own for the certificate: --tls DIR",
        ) from None
    with Shelf(found) as shelf:
        server = Server(address, port, shelf, certificate, private, say)
        place = f"{f'[{called[0]}]' if ':' in called[0] else called[0]}:{server.port}"
        public = read_input(certificate)
        words = directions(shelf, place, public)
        shelf.put("/", "".join(f"{line}\n" for line in words).encode())
        shelf.put("/server.crt", public)
        for line in words:
            say(line)
        if address in EVERY:
            say(f"note: it listens on every address of this machine, at port {server.port}")
        with stopping(Stop(), lambda: "closing") as asked:
            result(f"https://{place}")
            sys.stdout.flush()
            server.serve(lambda: not asked())
    return EXIT_OK


def _address(listen: str) -> tuple[str, int]:
    """Of "192.168.1.10:5000" or "[fd00::1]:5000"."""
    fits = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):(\d{1,5})", listen, re.ASCII)
    address = (fits[1] or fits[2]) if fits else ""
    if not fits or not is_address(address) or int(fits[3]) > 65535:
        raise UsageProblem(
            f"--listen {listen}: it is no address with a port",
            "write it like 192.168.1.10:5000 or [fd00::1]:5000; see: ip address",
        )
    return address, int(fits[3])


def _check(names: tuple[str, ...], address: str) -> None:
    wrong = next(
        (
            name
            for name in names
            if not is_address(name)
            and not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", name, re.ASCII)
        ),
        None,
    )
    if wrong is not None:
        raise UsageProblem(f"--name {wrong}: it is no name of a machine", "write it like core.lan or 192.168.1.10")
    if names[0] in EVERY:
        raise UsageProblem(
            f"{address} is every address of this machine",
            "say what others call it: --name core.lan, or listen on one: --listen 192.168.1.10:5000",
        )


def directions(shelf: Shelf, place: str, public: bytes) -> list[str]:
    """What to do on another machine."""
    shown = fingerprint(ssl.PEM_cert_to_DER_cert(public.decode("ascii", "replace")))
    lines = [
        f"certificate: https://{place}/server.crt, sha256 fingerprint {shown}",
        f"all of it: infrakit bundle copy https://{place} DIR --fingerprint {shown}",
        f'images: put it to /etc/docker/certs.d/{place}/ca.crt, and into infrakit.yaml: images: {{mirror: "{place}"}}',
    ]
    image = next(
        (
            f"{name}:{tag}"
            for name, tags in sorted(shelf.offer.tags.items())
            if "." in name.partition("/")[0]
            for tag in sorted(tags)
        ),
        "",
    )
    lines += [f"        or: docker pull {place}/{image}"] if image else []
    systems = sorted(
        {
            os.path.dirname(path)
            for path in shelf.manifest.files
            if path.startswith("packages/") and path.endswith("/Packages")
        }
    )
    lines += [f"packages: deb [trusted=yes] https://{place}/{system} ./" for system in systems]
    lines += (
        ["        with: -o Acquire::https::CAInfo=FILE, the certificate; the connection is what apt can trust"]
        if systems
        else []
    )
    program = shelf.manifest.files.get("infrakit.pyz")
    lines += [f"program: https://{place}/infrakit.pyz, sha256 {program.sha256}"] if program else []
    if shelf.manifest.absent:
        lines.append(
            f"note: the bundle leaves out {len(shelf.manifest.absent)} layers: machines that have them not "
            "cannot pull all of its images"
        )
    return lines

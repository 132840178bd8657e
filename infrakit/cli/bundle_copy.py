"""infrakit bundle copy: hand a bundle on, to another stick or a disk, without its maker's key."""

import os

import click

from infrakit import VERSION
from infrakit.cli.bundle_verify import checked, say_who
from infrakit.cli.progress import Counter
from infrakit.cli.talk import result
from infrakit.cli.trust import trust
from infrakit.errors import EXIT_OK, UsageProblem
from infrakit.system.bundle.copy import copy
from infrakit.system.bundle.verify import Verified


@click.command(
    help="""Copy the bundle in DIR, or at the https:// address that infrakit bundle serve prints, to the folder OUT,
    checking every byte.
Its signature stays as it is. Run again, it writes only what is missing or damaged there."""
)
@click.argument("folder", metavar="DIR|URL")
@click.argument("out", metavar="OUT")
@click.option(
    "--fingerprint", metavar="HEX", default="", help="Of the certificate at that address, as it is printed there."
)
@click.option("--key", metavar="FILE", help="Public keys to believe, instead of the one that this machine pinned.")
@click.option("--allow-unsigned", is_flag=True, help="Copy a bundle that nobody signed.")
@click.option("--allow-downgrade", is_flag=True, help="Copy a bundle that is older than the one that this machine has.")
def command(
    folder: str, out: str, fingerprint: str | None, key: str | None, allow_unsigned: bool, allow_downgrade: bool
) -> int:
    if os.path.realpath(folder) == os.path.realpath(out):
        raise UsageProblem(f"{folder} and {out} are one folder")
    believed = trust(key, allow_unsigned=allow_unsigned, allow_downgrade=allow_downgrade)
    written = []

    def act(progress: Counter) -> Verified:
        found, count = copy(folder, out, believed, VERSION, progress, fingerprint or "")
        written.append(count)
        return found

    found = checked(act, quiet=False)
    say_who(found)
    result(
        f"{out}: {len(found.manifest.files)} files, {found.bytes_read / 1e6:.1f} MB, serial "
        f"{found.manifest.serial}; {written[0]} of them written"
    )
    return EXIT_OK

"""infrakit bundle verify: read every byte, name what is damaged, and give a receipt of what was checked."""

import time
from collections.abc import Callable
from typing import Any

import click

from infrakit import VERSION
from infrakit.bundle.fault import Refused
from infrakit.cli.progress import Counter
from infrakit.cli.talk import result, result_json, say
from infrakit.cli.trust import trust
from infrakit.errors import EXIT_OK
from infrakit.system.bundle.verify import Verified, verify

MOST_LINES = 30


@click.command(
    help=(
        "Read every byte of the bundle in DIR from its medium, check signature, serial and hashes, and name what is "
        "damaged. Changes nothing."
    )
)
@click.argument("folder", metavar="DIR")
@click.option("--key", metavar="FILE", help="Public keys to believe, instead of the one that this machine pinned.")
@click.option("--allow-unsigned", is_flag=True, help="Accept a bundle that nobody signed.")
@click.option("--allow-downgrade", is_flag=True, help="Accept a bundle that is older than the one before.")
@click.option("--json", "as_json", is_flag=True, help="Print the receipt as JSON.")
def command(folder: str, key: str | None, allow_unsigned: bool, allow_downgrade: bool, as_json: bool) -> int:
    believed = trust(key, allow_unsigned=allow_unsigned, allow_downgrade=allow_downgrade)
    found = checked(lambda progress: verify(folder, believed, VERSION, fresh=True, progress=progress), quiet=as_json)
    if as_json:
        result_json(receipt(found))
        return EXIT_OK
    say_who(found)
    result(
        f"{folder}: whole: {len(found.manifest.files)} files, {found.bytes_read / 1e6:.1f} MB, serial "
        f"{found.manifest.serial}, manifest sha256:{found.sha256}"
    )
    return EXIT_OK


def checked(act: Callable[[Counter], Verified], *, quiet: bool) -> Verified:
    """`act(progress)` with a bar; what it refuses is said line by line, before the error is."""
    counter = Counter("verify", quiet=quiet)
    try:
        found = act(counter)
    except Refused as error:
        counter.end()
        if not quiet and len(error.faults) > 1:
            for fault in error.faults[:MOST_LINES]:
                say(fault.text())
            if len(error.faults) > MOST_LINES:
                say(f"and {len(error.faults) - MOST_LINES} more")
        raise
    counter.end()
    for note in found.notes:
        say(f"note: {note}; the medium may be failing")
    return found


def say_who(found: Verified) -> None:
    """Whose bundle it is, and whether this machine knew him before."""
    if found.key is None:
        say("note: nobody signed this bundle")
    elif found.pinned:
        say(f"signed with {found.key.fingerprint}, which is trusted")
    else:
        say(
            f"signed with {found.key.fingerprint}; this machine has not seen that key before: compare it with "
            "what its owner says"
        )


def receipt(found: Verified) -> dict[str, Any]:
    """For whoever has to show that it was verified."""
    manifest = found.manifest
    return {
        "result": "verified",
        "bundle": found.path,
        "name": manifest.name,
        "serial": manifest.serial,
        "manifest_sha256": found.sha256,
        "key": found.key.fingerprint if found.key else None,
        "key_was_trusted_before": found.pinned,
        "files": {path: {"size": entry.size, "sha256": entry.sha256} for path, entry in manifest.files.items()},
        "bytes_read": found.bytes_read,
        "read_twice": list(found.notes),
        "architectures": list(manifest.architectures),
        "made_by": manifest.made_by,
        "verified_by": f"infrakit {VERSION}",
        "verified_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }

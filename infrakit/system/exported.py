"""What another host of the file needs to be one of the fleet, as a file that is carried there: secrets that are the
same on all hosts, and a certificate by the fleet's one authority.

The authority's key stays where it is.
"""

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Iterable
from typing import NamedTuple

from infrakit.errors import UsageProblem
from infrakit.model import SecretSpec
from infrakit.system.certificates import FLEET_KINDS, HOME, certified, fingerprint, unfit
from infrakit.system.secrets import FOLDER, password, store

VERSION = 1
MOST_BYTES = 1 << 22
PAIR = ("fleet_ca", "fleet_key", "fleet_certificate")


class Exported(NamedTuple):
    """Of `host`, in the project `fleet`. Never printed: it has values."""

    fleet: str
    host: str
    secrets: dict[str, bytes]

    @property
    def fingerprint(self) -> str:
        """Of the authority, "" where none is there."""
        return fingerprint(self.secrets.get("fleet_ca", b""))


def export(fleet: str, place: str, host: str, specs: Iterable[SecretSpec], known: Iterable[str]) -> Exported:
    """What the folder `place`, which holds one for each of the hosts `known`, has or makes for one of them."""
    found: dict[str, bytes] = {}
    specs = list(specs)
    if any(spec.kind in FLEET_KINDS for spec in specs):
        found = _kept(os.path.join(place, host), PAIR)
        if len(found) < len(PAIR):
            found = certified(os.path.join(place, HOME), host)
    found.update(_kept(os.path.join(place, host), [spec.name for spec in specs if spec.kind == "password"]))
    for spec in specs:
        if spec.shared and spec.kind == "password" and spec.name not in found:
            folders = [os.path.join(place, name) for name in (HOME, *known)]
            others = [_kept(folder, [spec.name]) for folder in folders]
            value = next((other[spec.name] for other in others if other), b"")
            if not value:  # of hosts that this one is not: the next that is exported gets the same
                value = password(spec.length or 40)
                os.makedirs(os.path.join(place, HOME), mode=0o700, exist_ok=True)
                store(os.path.join(place, HOME), spec.name, value)
            found[spec.name] = value
    return Exported(fleet, host, found)


def _kept(folder: str, names: Iterable[str]) -> dict[str, bytes]:
    found = {}
    for name in names:
        try:
            with open(os.path.join(folder, FOLDER, name), "rb") as file:
                found[name] = file.read(MOST_BYTES)
        except FileNotFoundError:
            continue
    return found


def printed(exported: Exported) -> bytes:
    """The file."""
    values = {name: b64encode(value).decode() for name, value in sorted(exported.secrets.items())}
    tree = {"infrakit_secrets": VERSION, "fleet": exported.fleet, "host": exported.host, "secrets": values}
    return json.dumps(tree, indent=1).encode() + b"\n"


def read(content: bytes, name: str) -> Exported:
    """What `printed` wrote. UsageProblem, without a value in it, where it is none, or not whole."""
    try:
        tree = json.loads(content)
        version, fleet, host = tree["infrakit_secrets"], tree["fleet"], tree["host"]
        values = {str(key): b64decode(value, validate=True) for key, value in tree["secrets"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageProblem(f"{name} is not what `infrakit secrets export` writes", "carry it again") from None
    if version != VERSION or not isinstance(fleet, str) or not isinstance(host, str):
        raise UsageProblem(f"{name} is of another version of InfraKit", "export it with the version that runs here")
    exported = Exported(fleet, host, values)
    pair = {key: values[key] for key in PAIR if key in values}
    problem = (
        "" if not pair else unfit(pair, host) if len(pair) == len(PAIR) else "a part of the certificate is missing"
    )
    if problem:
        raise UsageProblem(f"{name}: {problem}", "export it again")
    return exported

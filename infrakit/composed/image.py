"""The configuration of an image -> what an app made of it would have: its door, what it keeps, who it runs as.

Source: opencontainers/image-spec, config.md (ExposedPorts, Volumes, User); Docker adds Healthcheck.
"""

import json
import re
from typing import NamedTuple

from infrakit.composed.doors import WEB, WITHIN

MOST = 20
"""Ports and folders of one image that are looked at."""
PATH = re.compile(r"/[^\s:\x00-\x1f\x7f]{1,200}")


class ImageFacts(NamedTuple):
    """`ports`: of TCP, the likeliest door first. `checks`: it says itself how it is."""

    ports: tuple[int, ...] = ()
    folders: tuple[str, ...] = ()
    checks: bool = False


def facts_of(configuration: bytes) -> ImageFacts:
    """What an image says of itself; nothing where it is not readable."""
    try:
        found = json.loads(configuration)
        said = found["config"]
        exposed = [str(key) for key in said.get("ExposedPorts") or ()][:MOST]
        folders = [str(key) for key in said.get("Volumes") or ()][:MOST]
        checks = bool(said.get("Healthcheck"))
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return ImageFacts()
    ports = [int(key.partition("/")[0]) for key in exposed if re.fullmatch(r"[0-9]{1,5}(/tcp)?", key)]
    ports = [port for port in ports if 0 < port < 65536 and port not in WITHIN and port != 443]
    likely = sorted(ports, key=lambda port: (WEB.index(port) if port in WEB else len(WEB), port))
    return ImageFacts(tuple(likely), tuple(sorted(path for path in folders if PATH.fullmatch(path))), checks)

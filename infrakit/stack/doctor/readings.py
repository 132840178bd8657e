"""A machine, its engine and its doors -> Readings: all that the doctor's checks are told, read once.

Nothing here changes the machine. What programs said is stripped of secrets before it is kept (`clean`).
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from infrakit.errors import InfraKitError
from infrakit.host.facts import Facts
from infrakit.host.recording import Recording
from infrakit.machine import Container, Machine, Met
from infrakit.model import Deployment
from infrakit.stack.answers import silent
from infrakit.stack.backup.last import Last
from infrakit.stack.backup.outcome import Outcome, last
from infrakit.stack.backup.repository import KNOWN
from infrakit.stack.change.applied import Applied
from infrakit.stack.change.back import Digest
from infrakit.stack.change.drift import Drift, drift
from infrakit.stack.doors import Names
from infrakit.stack.layout import secrets_folder
from infrakit.stack.up import wanted_of
from infrakit.stack.wire.doors import Door, doors

CARDS = ("mmcblk0", "mmcblk1")
LIFE = "/sys/block/{}/device/life_time"
PRE_EOL = "/sys/block/{}/device/pre_eol_info"
PRESSURE, UPTIME = "/proc/pressure/memory", "/proc/uptime"
HEAT = tuple(f"/sys/class/thermal/thermal_zone{number}/temp" for number in range(4))
FILES = (PRESSURE, UPTIME, *HEAT, *(path.format(card) for card in CARDS for path in (LIFE, PRE_EOL)))
KERNEL = ("dmesg", "--level=emerg,alert,crit,err")
FAILED = ("systemctl", "list-units", "--failed", "--plain", "--no-legend", "--no-pager")
JOURNAL = ("journalctl", "--disk-usage")
DISK = ("docker", "system", "df", "--format", "{{json .}}")
DANGLING = (
    *("docker", "image", "ls", "--filter", "dangling=true", "--no-trunc", "--digests"),
    *("--format", "{{.ID}}\t{{.Repository}}\t{{.Size}}"),
)
COMMANDS = (KERNEL, FAILED, JOURNAL, DISK, DANGLING)
QUICK_FILES = (PRESSURE, UPTIME, *HEAT, "/proc/meminfo", "/proc/mounts", "/proc/cmdline")
QUICK_COMMANDS = (("date", "+%s"), ("df", "-B1", "-P"), ("df", "-i", "-P"), FAILED)
"""What the checks of each minute want to know."""
CERTIFICATE = ("openssl", "x509", "-noout", "-subject", "-issuer", "-dates", "-ext", "subjectAltName")
PUBLIC_OF_CERTIFICATE = ("openssl", "x509", "-noout", "-pubkey")
PUBLIC_OF_KEY = ("openssl", "pkey", "-pubout", "-passin", "pass:")
READY = "/-/health/ready/"
WORDS = 3
OURS = ("tls_certificate", "fleet_certificate", "fleet_ca")
"""Certificates among the secrets."""


class Secret(NamedTuple):
    """A file below `secrets/`: how it stands (system/secrets.py), its mode and owner, and whether anything is in it."""

    name: str
    state: str
    mode: int
    owner: int
    empty: bool


class Certificate(NamedTuple):
    """`source`: "door", or the name of a secret, or "authority"; `names`: that it is shown for; `text`: what openssl
    said, "" where it could not read it. `fits`: whether its key is its own, None where nobody asked."""

    source: str
    names: tuple[str, ...]
    text: str
    fits: bool | None = None


class Readings(NamedTuple):
    """`applied` None: nothing is in force. `containers` None: the engine does not answer. `words`: container -> what
    it, or its check, said last; `built`: image -> when, "" for one that is gone; `silent`: container -> ports at which
    nobody listens. `met`: each door and what came of a knock; `ready`: of Authentik's own check. `fleet`: (host, what
    is wrong). `space`: (when, free bytes) of Docker's disk before."""

    facts: Facts
    recording: Recording
    deployment: Deployment
    applied: Applied | None = None
    containers: tuple[Container, ...] | None = None
    strangers: tuple[str, ...] = ()
    words: Mapping[str, str] = {}
    built: Mapping[str, str] = {}
    silent: Mapping[str, tuple[int, ...]] = {}
    drift: tuple[Drift, ...] = ()
    met: tuple[tuple[Door, Met], ...] = ()
    ready: Met | None = None
    names: Names = Names()
    fleet: tuple[tuple[str, str], ...] = ()
    certificates: tuple[Certificate, ...] = ()
    secrets: tuple[Secret, ...] = ()
    folder: tuple[int, int] = (0o700, 0)
    space: tuple[tuple[float, int], ...] = ()
    sheet: bool = True
    """Whether somebody has the recovery sheet of the backups; so, too, where there are none."""
    kept: frozenset[str] = frozenset()
    """IDs of images that a kept generation is pinned to, or that a container was made from."""
    drill: Outcome | None = None
    """Of a backup, the last one."""
    backups_since_s: float = 0.0
    """When the first backup was made to a place; 0 where none was."""
    backups: Last = Last()
    since_s: float = 0.0
    """When what is in force came into force; 0 where nobody looked."""


def of_engine(
    machine: Machine, deployment: Deployment, applied: Applied | None, digest: Digest, clean: "Clean"
) -> dict[str, object]:
    """What the engine knows. {} where it does not answer."""
    images = {item.image for service in deployment.services for item in service.containers}
    try:
        return {
            **of_containers(machine, deployment, clean),
            "strangers": tuple(machine.engine.strangers(deployment.name)),
            "built": {image: machine.engine.image_created(image) for image in sorted(images)},
            "drift": drift(machine, applied, digest) if applied else (),
        }
    except InfraKitError:
        return {}


Clean = Callable[[str], str]


def of_containers(machine: Machine, deployment: Deployment, clean: Clean) -> dict[str, object]:
    """How each is. {} where the engine does not answer."""
    project = deployment.name
    try:
        containers = tuple(machine.engine.containers(project))
        wanted = [item for items in wanted_of(deployment, ()).values() for item in items]
        runs = {item.service for item in containers if item.state == "running"}
        quiet = {item.name: silent(machine, project, item) for item in wanted if item.name in runs}
        return {
            "containers": containers,
            "words": {item.service: clean(_words(machine, item)) for item in containers if _is_ill(item)},
            "silent": {name: ports for name, ports in quiet.items() if ports},
        }
    except InfraKitError:
        return {}


def _is_ill(container: Container) -> bool:
    return container.state != "running" or container.health in ("unhealthy", "starting") or container.restarts > 0


def _words(machine: Machine, container: Container) -> str:
    said = machine.engine.last_health(container.name, 1) if container.state == "running" else ""
    lines = [*said.splitlines(), *machine.engine.logs(container.name, WORDS).splitlines()[-WORDS:]]
    return "; ".join(line.strip()[:300] for line in lines if line.strip()) or "it said nothing"


def of_doors(machine: Machine, deployment: Deployment, *, certificates: bool = True) -> dict[str, object]:
    """Every door, knocked at as a stranger; Authentik's own check; and the certificates that were shown, where they are
    asked for."""
    here = doors(deployment)
    portal = next((door for door in here if door.sign_in == "provider"), None)
    asked = [(door.hostname, door.port, door.address, "/") for door in here]
    asked += [(portal.hostname, portal.port, portal.address, READY)] if portal else []
    met = machine.meet(asked) if asked else []
    shown: dict[str, list[str]] = {}
    for door, found in zip(here, met) if certificates else ():
        shown.setdefault(found.certificate, []).append(door.hostname)
    shown.pop("", None)
    return {
        "met": tuple(zip(here, met)),
        "ready": met[-1] if portal else None,
        "certificates": tuple(
            Certificate("door", tuple(names), _read(machine, pem.encode())) for pem, names in shown.items()
        ),
    }


def of_secrets(machine: Machine, deployment: Deployment) -> dict[str, object]:
    """How the files stand, and the certificates among them. No value is kept."""
    place = f"{secrets_folder(deployment.host)}/secrets"
    found, certificates = [], []
    for state in machine.secret_states(secrets_folder(deployment.host), deployment.host, deployment.secrets):
        path = f"{place}/{state.name}"
        found.append(
            Secret(state.name, state.state, machine.mode(path), machine.owner(path), machine.read(path, 1) == b"")
        )
        content = machine.read(path) if state.name in OURS else None
        if content:
            key = machine.read(path.replace("certificate", "key")) if "certificate" in state.name else None
            names = tuple(door.hostname for door in doors(deployment)) if state.name == OURS[0] else ()
            certificates.append(Certificate(state.name, names, _read(machine, content), _fits(machine, content, key)))
    return {
        "secrets": tuple(found),
        "folder": (machine.mode(place), machine.owner(place)) if found and machine.exists(place) else (0o700, 0),
        "certificates": tuple(certificates),
    }


def of_drills(machine: Machine) -> dict[str, object]:
    """Whether backups were tried out."""
    return {"drill": last(machine), "backups_since_s": machine.changed_s(KNOWN)}


def authority(machine: Machine, pem: bytes) -> tuple[Certificate, ...]:
    """The certificate that Caddy signs by, where it gave one."""
    return (Certificate("authority", (), _read(machine, pem)),) if pem else ()


def _read(machine: Machine, pem: bytes) -> str:
    done = machine.run(CERTIFICATE, feed=pem, timeout_s=10)
    return done.out if "notAfter=" in done.out else ""


def _fits(machine: Machine, certificate: bytes, key: bytes | None) -> bool | None:
    if key is None:
        return None
    public = machine.run(PUBLIC_OF_KEY, feed=key, timeout_s=10)
    return public.code == 0 and public.out == machine.run(PUBLIC_OF_CERTIFICATE, feed=certificate, timeout_s=10).out


def seconds_up(recording: Recording) -> float:
    """Since the machine started; 0 where it does not say."""
    found = re.match(r"\d+\.\d+", recording.file(UPTIME))
    return float(found[0]) if found else 0.0


def service_of(deployment: Deployment, container: str) -> tuple[str, str]:
    """(service, the key of infrakit.yaml that its own keys are below) of a container."""
    for service in deployment.services:
        if any(item.name == container for item in service.containers):
            return service.name, f"{'services' if service.kind == 'catalogue' else 'apps'}.{service.name}"
    return container, f"services.{container}"

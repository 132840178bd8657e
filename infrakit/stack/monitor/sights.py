"""What the doctor found -> what is told of it: by keys that stay the same, and the cause without what follows of it."""

from collections.abc import Collection, Iterator, Mapping

from infrakit.model import Deployment
from infrakit.stack.doctor import backups, certificates, containers, doors, drills, machine
from infrakit.stack.doctor.readings import Readings
from infrakit.stack.doctor.words import NOTE, Trouble
from infrakit.stack.monitor.alerts import Look, Sight

QUICK = (
    containers.container_missing,
    containers.container_down,
    containers.container_restarting,
    containers.container_unhealthy,
    containers.container_short_of_memory,
    containers.port_silent,
    doors.door_wrong,
    doors.sign_in_down,
    machine.disk_filled,
    machine.data_read_only,
    machine.hot,
    machine.memory_pressure,
    machine.unit_failed,
)
"""Of the doctor's checks, those of each look: what they need costs little to read. The others have their turn."""
OF_PREFLIGHT = {
    "boot-full",
    "clock-ahead",
    "clock-behind",
    "data-short",
    "disk-tight",
    "docker-missing",
    "docker-stopped",
    "engine-open",
    "firewall-off",
    "forwarding-off",
    "inodes-few",
    "ipv6-unpublished",
    "nameserver-none",
    "no-way-out",
    "ntp-off",
    "reboot-required",
    "root-full",
    "root-read-only",
    "under-voltage",
}
"""What of preflight's findings may come about while a machine runs; the others were seen, and accepted, at install."""
OF_ENGINE = {item.__name__ for item in (*containers.CHECKS, machine.docker_left, doors.changed_by_hand)}
"""They can say nothing where it does not answer."""
OF_STACK = OF_ENGINE | {item.__name__ for item in doors.CHECKS}
"""What is as it is because somebody changes the stack right now, or it only starts."""
SAME = {
    **dict.fromkeys(
        (
            "container-failed",
            "container-out-of-memory",
            "container-paused",
            "container-restarting",
            "container-short-of-memory",
            "container-slow",
            "container-stopped",
            "container-unhealthy",
        ),
        "container",
    ),
    **dict.fromkeys(("door-failing", "door-open", "door-tls"), "door"),
    **dict.fromkeys(("memory-low", "memory-pressure", "swap-full"), "memory"),
    **dict.fromkeys(("disk-filled", "disk-filling", "disk-tight", "data-short", "root-full"), "disk"),
    **dict.fromkeys(("certificate-ended", "certificate-ends", "authority-ends"), "certificate-time"),
    **dict.fromkeys(("backup-none", "backup-old"), "backup-age"),
    **dict.fromkeys(("clock-ahead", "clock-behind"), "clock"),
}
"""Code -> of what it is one of several signs: what goes from one to another of them is one fault."""
ENGINE_DOWN = {"docker-missing", "docker-stopped"}
FOLLOWS_ENGINE = ("container", "door", "fleet-door", "image", "name", "port-silent", "sign-in-down", "compose-missing")
DOCKER_FAILED = "unit-failed docker.service"
ORDER = ("error", "warning")


def look_of(
    troubles: Collection[Trouble], ignored: Collection[Trouble], ran: Collection[str], readings: Readings, *, calm: bool
) -> Look:
    """What one look saw. `ran`: names of the checks that were run; `calm`: nobody changes the stack, and it had time to
    start."""
    slow = set(ran) - {item.__name__ for item in QUICK}
    told = [item for item in troubles if item.severity != NOTE and (item.check in OF_CHECKS or _runs(item))]
    checks = set(ran) - (set() if readings.containers is not None else OF_ENGINE) - (set() if calm else OF_STACK)
    told = [item for item in told if item.check in checks]
    if any(item.code == "door-silent" for item in told):
        checks.discard("door_wrong")  # of each of those that are silent nothing is known
    best: dict[str, Sight] = {}
    for item in sorted(told, key=lambda item: ORDER.index(item.severity)):
        sight = Sight(
            key_of(item), item.check, item.code, item.severity, item.what, item.why, item.remedy, item.check in slow
        )
        best.setdefault(sight.key, sight)
    hidden = frozenset(_explained(best, readings.deployment))
    sights = tuple(item for key, item in best.items() if key not in hidden)
    return Look(sights, frozenset(checks), hidden, frozenset(map(key_of, ignored)))


def key_of(item: Trouble) -> str:
    """The code, or what it is a sign of; and the subject."""
    return f"{SAME.get(item.code, item.code)} {item.subject}".strip()


OF_CHECKS = {
    item.__name__ for part in (backups, certificates, containers, doors, drills, machine) for item in part.CHECKS
}


def _runs(item: Trouble) -> bool:
    return item.code in OF_PREFLIGHT


def _explained(sights: Mapping[str, Sight], deployment: Deployment) -> Iterator[str]:
    """Keys of what is so because of something else that was seen."""
    codes = {item.code for item in sights.values()}
    names = {item.name: service.name for service in deployment.services for item in service.containers}
    ill = {key.partition(" ")[2] for key in sights if key.startswith("container ")}
    services = {names[name] for name in ill if name in names}
    needs = {
        item.name: [need.container for need in item.depends_on]
        for service in deployment.services
        for item in service.containers
    }
    behind = {route.hostname: (route.service, route.sign_in) for route in deployment.routes}
    no_engine, no_sign_in = bool(codes & ENGINE_DOWN), "authentik" in services or "sign-in-down" in codes
    for key, sight in sights.items():
        kind, _, subject = key.partition(" ")
        service, sign_in = behind.get(subject, ("", ""))
        asks = sign_in == "forward_auth" or service == "authentik"
        if (
            no_engine
            and (kind in FOLLOWS_ENGINE or key == DOCKER_FAILED or sight.code.startswith(("image-", "name-")))
            or kind == "container"
            and _reach(needs, subject) & ill - {subject}
            or kind in ("door", "door-silent", "sign-in-down")
            and "caddy" in services
            or kind == "sign-in-down"
            and "authentik" in services
            or kind == "door"
            and (service in services or asks and no_sign_in)
        ):
            yield key


def _reach(needs: Mapping[str, Collection[str]], name: str) -> set[str]:
    """All that a container needs, and what that needs."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        more = [item for item in needs.get(waiting.pop(), ()) if item not in found]
        found.update(more)
        waiting += more
    return found

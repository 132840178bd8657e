"""Who has no check of our own: whether somebody listens where Caddy will dial, or who needs it.

Asked from this machine, which is in every network of its containers: nothing need be in the image, not even a shell.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from infrakit.machine import Machine
from infrakit.model import HOST_NAME, NO_CHECK, Container, Deployment, network_of
from infrakit.plan import Event
from infrakit.plan.model import Tell
from infrakit.stack.hints import hint_of
from infrakit.stack.inside import container_name
from infrakit.stack.watch import CRASHES, SLOW_S, Watch

LOOPBACK = "127.0.0.1"
PAUSE_S = 1.0


class Dial(NamedTuple):
    """A port of a container, by its name in Compose's file; "" is the host itself."""

    container: str
    port: int


class Asked(Protocol):
    """A container that is wanted (stack/services.py)."""

    @property
    def name(self) -> str: ...

    @property
    def dials(self) -> tuple[Dial, ...]: ...


def dials_of(deployment: Deployment, service: str, container: Container) -> tuple[Dial, ...]:
    """Where Caddy dials a service, or apps do that need it, whose container nobody else asks how it is."""
    if container.one_shot or container.health is not None and container.health.test != NO_CHECK:
        return ()
    found = _served(deployment, container) if container.asked_at else []
    for route in deployment.routes if container.name == service else ():
        for upstream in route.upstreams if route.service == service else ():
            name, _, port = upstream.address.rpartition(":")
            if not (upstream.remote or upstream.elsewhere):
                found.append(Dial("" if name == HOST_NAME else name, int(port)))
    return tuple(dict.fromkeys(found))


def _served(deployment: Deployment, container: Container) -> list[Dial]:
    """Its ports for other apps. Where nobody needs it, it is in no network, and can be asked by nobody."""
    place = network_of(container.privileges) or container.name
    everybody = (item for service in deployment.services for item in service.containers)
    met = any(item.networks for item in everybody if item.name == place)
    return [Dial(place, port) for port in container.asked_at if met]


def silent(machine: Machine, project: str, wanted: Asked) -> tuple[int, ...]:
    """Ports of a container at which nobody listens. One that takes no word from this machine, since a firewall is
    between, need not be silent to Caddy."""
    return tuple(dial.port for dial in wanted.dials if not _listens(machine, project, dial))


def _listens(machine: Machine, project: str, dial: Dial) -> bool:
    name = container_name(project, dial.container)
    addresses = machine.engine.addresses(name) if dial.container else [LOOPBACK]
    return any(not machine.refuses(address, dial.port) for address in addresses)


def silent_for_long(
    machine: Machine, tell: Tell, watch: Watch, project: str, wanted: Sequence[Asked]
) -> tuple[str, str] | None:
    """Wait until all listen; None where they do, else what is wrong, and what to do."""
    until = machine.monotonic() + SLOW_S
    told: set[str] = set()
    for item in wanted:
        while ports := silent(machine, project, item):
            container = watch.found(item.name)
            said = f"{item.name} does not listen at {_numbers(ports)}"
            if container is None:
                return f"{item.name} is not there", "run again"
            if container.state not in ("running", "restarting") or watch.deaths(container) >= CRASHES:
                words = watch.last_words(container)
                return words, hint_of(words, item.name)
            if machine.monotonic() > until:
                log = "; ".join(_lines(machine.engine.logs(container.name, 3)))
                hint = f"is it another port, or one for itself alone (127.0.0.1)? see: infrakit logs {item.name}"
                return f"{said}: {log or 'it said nothing'}", hint
            if said not in told:
                told.add(said)
                tell(Event("progress", "", f"{said} yet, waiting"))
            machine.sleep(PAUSE_S)
    return None


def _numbers(ports: Sequence[int]) -> str:
    return f"port {', '.join(map(str, ports))}"


def _lines(text: str) -> Iterator[str]:
    return (line.strip()[:300] for line in text.splitlines() if line.strip())

"""What `${...}` means in a blueprint: a fixed table of names, no expressions."""

from infrakit.catalog.model import ContainerBlueprint
from infrakit.catalog.references import Lookup, references
from infrakit.model import OURS, SECRETS_DIRECTORY, Origin
from infrakit.resolve.routes import openings, url_of
from infrakit.resolve.world import LOG_AGENT, HostDraft, Placed, World

SOCKET_PORT = 2375
USERS_KEYS: dict[str, tuple[tuple[str, ...], ...]] = {
    "domain": (("domain",),),
    "name": (("name",),),
    "timezone": (("timezone",),),
    "contact": (("contact",),),
    "edge_tunnel_port": (("network", "tunnel_port"),),
    "subnet": (("network", "pool"),),
    "url": (("domain",),),
    "hostname": (("domain",),),
}
"""Kind of reference -> where the user writes what it stands for, the nearest first."""


class References:
    """The table for one service on one host. `lookup(name)` gives the value, or None where the name means nothing."""

    def __init__(self, world: World, host: HostDraft, placed: Placed) -> None:
        config = world.config
        self._world, self._host, self._placed = world, host, placed
        self._options = options_of(placed)
        self._simple = {
            "domain": config.domain,
            "name": config.name,
            "host": host.name,
            "timezone": config.timezone,
            "contact": config.contact,
            "core": world.core,
            "administrators": ",".join(sorted(name for name, _ in config.access.administrators)),
            "architecture": host.architecture,
            "client_id": OURS + placed.name,
            "edge_tunnel_port": str(config.network.tunnel_port),
            "agents": _agents(host),
        }

    def for_container(self, container: ContainerBlueprint) -> Lookup:
        """The lookup for the strings of one container, and of the files that it reads."""
        targets = {f"secret.{use.name}": use.target for use in container.secrets if use.target}

        def lookup(name: str) -> str:
            if name == "docker_host":
                return f"tcp://{container.name}-socket:{SOCKET_PORT}"
            return targets.get(name) or self.lookup(name)

        return lookup

    def lookup(self, name: str) -> str:
        """The value of a reference, "" where it has none on this host.

        One that stands for nothing is a bug of ours: the user's are refused before (checks/own.py).
        """
        if name in self._simple:
            return self._simple[name]
        if name in ("url", "hostname"):
            return self._address(name, self._placed.name)
        kind, _, rest = name.partition(".")
        if kind in ("url", "hostname", "inside"):
            return self._address(kind, rest)
        if kind == "option" and rest in self._options:
            return self._options[rest]
        if kind == "secret":
            return f"{SECRETS_DIRECTORY}/{rest}"
        if kind == "subnet":
            return next((network.subnet for network in self._host.networks if network.name == rest), "")
        raise KeyError(f"{self._placed.blueprint.document}: there is no ${{{name}}}")

    def cause(self, text: str) -> Origin | None:
        """Where the user wrote what the references in `text` stand for; None where that is nowhere."""
        for name in references(text) if "${" in text else ():
            kind, _, rest = name.partition(".")
            service = rest or self._placed.name
            if kind == "administrators" and self._world.config.access.administrators:
                return self._world.origin((*self._world.config.access.path, "administrators"), "containers")
            paths = USERS_KEYS.get(kind, ())
            if kind == "option":
                paths = (("services", self._placed.name, "options", rest),)
            elif kind in ("url", "hostname"):
                paths = (("services", service, "subdomain"), *paths)
            for path in paths:
                found = self._world.said(path, "containers")
                if found is not None:
                    return found
        return None

    def _address(self, kind: str, name: str) -> str:
        """The address of a service's first door, or of SERVICE.DOOR, preferring this host; `inside` is by service name
        where both share the host."""
        service, _, door = name.partition(".")
        here = [self._host, *(host for host in self._world.hosts if host.name == self._world.core)]
        for host in here:
            for placed in (item for item in host.placed if item.name == service):
                for opening in openings(self._world, host, placed):
                    if door not in ("", opening.spec.door):
                        continue
                    if kind == "inside" and host is self._host:
                        scheme = opening.door.scheme if opening.door is not None else "http"
                        return f"{scheme}://{opening.spec.container}:{opening.spec.port}"
                    return opening.hostname if kind == "hostname" else url_of(self._world, opening.hostname)
        return ""


def _agents(host: HostDraft) -> str:
    if not (host.relays or host.has(LOG_AGENT)):
        return ""
    from infrakit.resolve.relays import agents

    return agents(host)


def options_of(placed: Placed) -> dict[str, str]:
    """The options of a service as text: the user's where said, else the blueprint's default; a list joins with
    commas."""
    values = {option.name: _text(option.default) for option in placed.blueprint.options}
    if placed.settings is not None:
        values.update(placed.settings.options)
    return values


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ",".join(str(item) for item in value)
    return "" if value is None else str(value)

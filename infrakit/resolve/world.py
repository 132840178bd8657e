"""What the passes hand on: the inputs, and the hosts as far as they are decided.

A pass takes a World and gives a new one. Nothing here is visible outside `resolve`.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from infrakit.catalog.model import Blueprint, Catalog, RouteBlueprint
from infrakit.config.model import AppConfig, Config, HostConfig, Path, ServiceConfig
from infrakit.errors import Position, Problem
from infrakit.lock import Lock
from infrakit.model import Access, Door, Network, Origin, Relay, Route, SecretSpec, Service

DOOR = "caddy"
SIGN_IN = "authentik"
TUNNEL = "cloudflared"
PROXY_TEMPLATE = "socket-proxy"
UPDATER = "watchtower"
HUB = "portainer"
HUB_AGENT = "portainer-edge-agent"
HUB_AUTHORITY = "portainer_authority"
LOGS = "dozzle"
LOG_AGENT = "dozzle-agent"

HOST_TOKEN = "infrakit-host-name-of-a-range"
"""Stands for the name of a host while a range of hosts is decided once; no user can name a host so (it is longer than a
name may be)."""


class Locate(Protocol):
    """Where a path of the user's file stands (its key's place, where asked), and where the cause of a decision does."""

    def __call__(self, path: Path, key: bool = False) -> Position: ...

    def origin(self, origin: Origin) -> Position: ...


class Placed(NamedTuple):
    """One blueprint on one host, with what the user says about it. `cause` is why it is here, `asked_by` the app whose
    blueprint required it."""

    blueprint: Blueprint
    settings: ServiceConfig | None
    app: AppConfig | None
    cause: Origin
    asked_by: str = ""

    @property
    def name(self) -> str:
        return self.blueprint.name

    @property
    def kind(self) -> str:
        """Who wrote it, as Service says."""
        return "catalogue" if self.app is None else "blueprint" if self.app.blueprint else "app"

    @property
    def route(self) -> RouteBlueprint:
        """The blueprint's route, of a service that is known to have one."""
        assert self.blueprint.route is not None, self.name
        return self.blueprint.route


class HostDraft(NamedTuple):
    """One host, or one range of equal hosts, as far as it is decided. `membership`: container -> names of networks.
    `idle_updater`: what asks for Watchtower where it is left out."""

    name: str
    config: HostConfig | None
    patterns: tuple[str, ...]
    profiles: tuple[str, ...]
    architecture: str
    address: str
    memory_bytes: int
    origin: Origin
    placed: tuple[Placed, ...] = ()
    routes: tuple[Route, ...] = ()
    networks: tuple[Network, ...] = ()
    membership: Mapping[str, tuple[str, ...]] = {}
    services: tuple[Service, ...] = ()
    secrets: tuple[SecretSpec, ...] = ()
    door: Door = Door(0, 0, (), 0, 0)
    idle_updater: Origin | None = None
    relays: tuple[Relay, ...] = ()

    def has(self, name: str) -> bool:
        """Whether the service `name` runs here."""
        return any(placed.blueprint.name == name for placed in self.placed)

    def needed(self, placed: Placed) -> tuple[Placed, ...]:
        """What an app of this host needs, as far as it runs here."""
        names = [name for name, _ in placed.app.needs] if placed.app is not None else ()
        return tuple(other for name in names for other in self.placed if other.name == name)

    @property
    def shown(self) -> str:
        """Its name as the user writes it."""
        return self.config.name if self.config is not None else self.name


class World(NamedTuple):
    """Inputs first, decisions after. `blueprints`: the user's apps as blueprints, by name. `lock` None: there is
    none."""

    config: Config
    catalog: Catalog
    blueprints: Mapping[str, Blueprint]
    lock: Lock | None = None
    hosts: tuple[HostDraft, ...] = ()
    core: str = ""
    access: Access = Access((), (), ())
    problems: tuple[Problem, ...] = ()

    def origin(self, path: Path, decided_by: str) -> Origin:
        """A decision whose cause stands in the user's file at `path`."""
        return Origin(self.config.document, path, decided_by)

    def said(self, path: Path, decided_by: str) -> Origin | None:
        """The same, but None where the user did not write it."""
        return self.origin(path, decided_by) if path in self.config.said else None

    def core_host(self) -> HostDraft | None:
        """The host that runs Authentik for the fleet, if there is one."""
        return next((host for host in self.hosts if host.name == self.core), None)

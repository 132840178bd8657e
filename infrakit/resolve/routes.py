"""Doors: the host name of every routed service, who may pass, and where it leads."""

from infrakit.catalog.model import RouteBlueprint
from infrakit.config.model import DoorConfig, Path, ServiceConfig
from infrakit.errors import Problem
from infrakit.model import Door, Origin, Pass, Route, Upstream
from infrakit.resolve.addresses import canonical, dial
from infrakit.resolve.selection import unchecked
from infrakit.resolve.world import DOOR, HUB, HUB_AGENT, LOG_AGENT, HostDraft, Locate, Placed, World

ADMINISTRATORS = "administrators"


def open_doors(world: World) -> World:
    """Give each routed service a host name and a Route; other hosts' services are reached through their own Caddy."""
    hosts = []
    remote: dict[str, Route] = {}
    for host in world.hosts:
        local, through_core = _routes_of(world, host)
        for route in through_core:
            remote[route.hostname] = _merged(remote.get(route.hostname), route)
        hosts.append(host._replace(routes=local))
    hosts = [_with_remote(world, host, remote) for host in hosts]
    hosts = [host._replace(door=_door(world, host)) for host in hosts]
    if world.core and any(host.has(LOG_AGENT) for host in hosts):
        from infrakit.resolve.relays import relayed

        hosts = relayed(world, hosts)
    return world._replace(hosts=tuple(hosts))


class Opening:
    """A door of a service under one of its names: the blueprint's word, and the user's. `number` 0 is its first name;
    `said_at` is where the user wrote the name, None where he did not.

    No named tuple: to make the class of one costs each start more than all that is done with this.
    """

    __slots__ = ("hostname", "number", "said", "said_at", "spec")

    def __init__(
        self,
        spec: RouteBlueprint,
        said: DoorConfig | ServiceConfig | None,
        hostname: str,
        number: int,
        said_at: Path | None,
    ) -> None:
        self.spec, self.said, self.hostname, self.number, self.said_at = spec, said, hostname, number, said_at

    @property
    def door(self) -> DoorConfig | None:
        """What an app says about it."""
        return self.said if isinstance(self.said, DoorConfig) else None


def openings(world: World, host: HostDraft, placed: Placed) -> tuple[Opening, ...]:
    """Every door of a service of a host, under every name: whole ones where an app says them, else
    `<subdomain>.<domain>` at the core and for apps, `<subdomain>-<host>.<domain>` for a service of another host."""
    found = []
    for spec in placed.blueprint.routes:
        said = _said_of(placed, spec)
        if isinstance(said, DoorConfig) and said.domains:
            found += [Opening(spec, said, name, number, at) for number, (name, at) in enumerate(said.domains)]
            continue
        subdomain = said.subdomain if said is not None and said.subdomain else spec.subdomain
        if placed.app is None and world.core and host.name != world.core:
            subdomain = f"{subdomain}-{host.name}"
        at = (*said.path, "subdomain") if said is not None and said.subdomain else None
        found.append(Opening(spec, said, f"{subdomain}.{world.config.domain}", 0, at))
    return tuple(found)


def _said_of(placed: Placed, spec: RouteBlueprint) -> DoorConfig | ServiceConfig | None:
    if placed.app is None:
        return placed.settings
    return next((door for door in placed.app.doors if door.name == spec.door), None)


def url_of(world: World, hostname: str) -> str:
    """The address that a browser uses; a tunnel always answers on 443."""
    port = world.config.network.https_port
    plain = port == 443 or world.config.tls.mode == "tunnel"
    return f"https://{hostname}" if plain else f"https://{hostname}:{port}"


def signs_in_by(opening: Opening) -> str:
    """As in Route, on the host of the door itself."""
    said, spec = opening.said, opening.spec
    if isinstance(said, DoorConfig):
        return "public" if said.opens_to_all else "own" if said.sign_in == "own" else spec.sign_in
    return "public" if said is not None and said.public and spec.sign_in == "forward_auth" else spec.sign_in


def _routes_of(world: World, host: HostDraft) -> tuple[tuple[Route, ...], tuple[Route, ...]]:
    """(routes of this host's own Caddy, routes that the core's Caddy must have for this host)."""
    here, at_core = [], []
    for placed in host.placed:
        for opening in openings(world, host, placed):
            route = _route(world, placed, opening)
            if host.name == world.core or not world.core:
                here.append(route)
            elif host.address:
                here.append(route._replace(sign_in="fleet", allow=(), passes=(), headers=(), identity=()))
                upstream = Upstream(dial(canonical(host.address), world.config.network.fleet_port), host.name)
                at_core.append(route._replace(upstreams=(upstream,)))
    return tuple(here), tuple(at_core)


def _route(world: World, placed: Placed, opening: Opening) -> Route:
    spec, door = opening.spec, opening.door
    allow, allow_origin = _allow(world, placed, opening)
    signs_in = signs_in_by(opening)
    public, own = signs_in == "public", signs_in == "own"
    base = Origin(placed.blueprint.document, ("route",), "routes")
    if placed.app is not None and not placed.app.blueprint:
        base = world.origin(door.path if door is not None else placed.app.path, "routes")
    named = opening.said_at if opening.said_at in world.config.said else None
    origins = {"": base, "allow": allow_origin, "hostname": world.origin(named, "routes") if named else base}
    if (public or own) and opening.said is not None:
        key = "public" if opening.said.public else "sign_in"
        origins["sign_in"] = world.origin((*opening.said.path, key), "routes")
    if door is not None:
        origins.update((key, world.origin((*door.path, key), "routes")) for key in ("headers", "identity"))
    return Route(
        service=placed.name,
        title=_title(placed, opening),
        hostname=opening.hostname,
        upstreams=(Upstream(f"{spec.container}:{spec.port}", elsewhere=spec.elsewhere),),
        sign_in=signs_in,
        allow=() if public or own or spec.sign_in == "provider" else allow,
        health_path=spec.health_path,
        identity_headers=spec.identity_headers and not public and not own,
        stream=spec.stream,
        origins=origins,
        door=spec.door,
        passes=_passes(world, door),
        headers=door.headers if door is not None else (),
        identity=door.identity if door is not None else (),
        **_way_to(world, door, spec, origins),
    )


def _passes(world: World, door: DoorConfig | None) -> tuple[Pass, ...]:
    found = door.passes if door is not None else ()
    return tuple(item._replace(origin=world.origin(item.origin.path, "routes")) for item in found)


def _title(placed: Placed, opening: Opening) -> str:
    """What people know a door by: the app's name, and the door's or its further name after it."""
    title = placed.blueprint.title
    if opening.spec.door and opening.door is not None:
        title = opening.door.title or f"{title} ({opening.spec.door})"
    return f"{title} ({opening.hostname})" if opening.number else title


def _way_to(world: World, door: DoorConfig | None, spec: RouteBlueprint, origins: dict[str, Origin]) -> dict[str, str]:
    """How Caddy speaks to the backend, where an app says it."""
    if door is None or door.scheme == "http":
        return {}
    key = "certificate" if (*door.path, "certificate") in world.config.said else "scheme"
    origins["certificate"] = world.origin((*door.path, key), "routes")
    certificate = door.certificate if door.certificate in ("verify", "any") else "file"
    return {
        "scheme": door.scheme,
        "certificate": certificate,
        "certificate_name": door.certificate_name,
        "authority": spec.authority,
    }


def _allow(world: World, placed: Placed, opening: Opening) -> tuple[tuple[str, ...], Origin]:
    said = opening.said
    if said is not None and said.allow is not None:
        return tuple(name for name, _ in said.allow), world.origin((*said.path, "allow"), "routes")
    default = tuple(opening.spec.allow) or (ADMINISTRATORS,)
    if placed.app is not None:
        return default, world.origin(said.path if said is not None else placed.app.path, "routes")
    return default, Origin(placed.blueprint.document, ("route",), "routes")


def _merged(first: Route | None, second: Route) -> Route:
    """One door for an app on several hosts: the upstreams of all, in the order of the hosts."""
    return second if first is None else first._replace(upstreams=first.upstreams + second.upstreams)


def _with_remote(world: World, host: HostDraft, remote: dict[str, Route]) -> HostDraft:
    """The core's routes, with those of the other hosts; a door that both have leads to both."""
    if host.name != world.core or not remote:
        return host
    routes = {route.hostname: route for route in host.routes}
    for hostname, route in remote.items():
        routes[hostname] = _merged(routes.get(hostname), route)
    return host._replace(routes=tuple(routes[name] for name in sorted(routes)))


def _door(world: World, host: HostDraft) -> Door:
    """The ports that this host's Caddy publishes: web at the core, the fleet's port elsewhere, the edge tunnel where
    asked."""
    network = world.config.network
    if not host.has(DOOR):
        return Door(0, 0, (), 0, 0)
    if world.core and host.name != world.core:
        return Door(0, 0, (canonical(host.address),) if host.address else (), 0, network.fleet_port)
    if world.config.tls.mode == "tunnel":
        return Door(0, 0, (), 0, 0)
    tunnel = network.tunnel_port if host.has(HUB) and any(other.has(HUB_AGENT) for other in world.hosts) else 0
    addresses = tuple(map(canonical, network.bind))
    return Door(network.http_port, network.https_port, addresses, tunnel, 0, network.trusted_proxies)


def unreachable(world: World, locate: Locate) -> list[Problem]:
    """Hosts that serve pages but say no address: the core cannot lead anybody there."""
    problems = []
    for host in world.hosts:
        if not world.core or host.name == world.core or host.address or host.config is None:
            continue
        names = [placed.name for placed in host.placed if placed.blueprint.route is not None]
        if names:
            position = locate(host.config.path, key=True)
            what = f"hosts.{host.config.name}: {', '.join(names)} cannot be reached without an address"
            hint = "add address: with the host's LAN address"
            if host.config.width:
                hint = (
                    "give the range as many addresses as it has hosts, address: '192.168.1.[31:50]', or another pattern"
                )
            problems.append(Problem(position, what, "address-missing", hint))
    return problems


def agents_connect(world: World, locate: Locate) -> list[Problem]:
    """Agents of Portainer's on other hosts can check its certificate, and reach the port of its tunnel."""
    agents = [host for host in world.hosts if host.has(HUB_AGENT)]
    hub = next((host for host in world.hosts if host.has(HUB)), None)
    if hub is None or not agents:
        return []
    tls = world.config.tls
    who = (
        f"the agent of {agents[0].shown}" if len(agents) == 1 else f"the agents of {', '.join(a.shown for a in agents)}"
    )
    if tls.mode == "tunnel":
        what = f"tls.mode: {who} could not reach Portainer's port {world.config.network.tunnel_port} by a tunnel"
        hint = f"switch off services.{HUB} or services.{HUB_AGENT}, or choose another mode"
        return [Problem(locate((*tls.path, "mode")), what, "agent-apart", hint)]
    placed = next(placed for placed in agents[0].placed if placed.name == HUB_AGENT)
    if unchecked(placed) or tls.mode == "internal" or not tls.staging:
        return []
    what = f"tls.staging: {who} could not check Portainer's certificate, and would not connect"
    hint = f"for a network that you trust, services: {{{HUB_AGENT}: {{options: {{insecure_poll: true}}}}}}"
    place = locate((*tls.path, "staging"))
    return [Problem(place, what, "agent-apart", f"remove it in the end; or, {hint}", "warning")]


def balanced(world: World, locate: Locate) -> list[Problem]:
    """What it means that an app has several hosts: one door for all where there is a core, and what each has of its
    own."""
    found = []
    for app in world.config.apps:
        hosts = [host for host in world.hosts if host.shown in [name for name, _ in app.hosts]]
        runs = [placed for host in hosts for placed in host.placed if placed.app is app]
        if len(runs) < 2 or runs[0].blueprint.route is None:
            continue
        place = locate((*app.path, "hosts"), key=True)
        names = " and ".join(host.shown for host in hosts)
        if not world.core:
            what = f"apps.{app.name}.hosts: without a core, {names} each answer for the same host name"
            hint = "give one host the pattern full, whose Caddy leads to all, or name one host"
            found.append(Problem(place, what, "not-balanced", hint, "warning"))
            continue
        own = _own_to_each(runs[0])
        if own:
            what = f"apps.{app.name}.hosts: {names} share one door, and each has {own} of its own"
            hint = "name one host, unless the app itself keeps them equal"
            found.append(Problem(place, what, "balanced-apart", hint, "warning"))
    return found


def _own_to_each(placed: Placed) -> str:
    """What an app has on each of its hosts that differs from that on the others, in words."""
    volumes = {item.volume for container in placed.blueprint.containers for item in container.volumes}
    secrets = {item.name for item in placed.blueprint.secrets if item.kind == "password" and not item.shared}
    if placed.blueprint.oidc is not None:
        secrets.discard(placed.blueprint.oidc.secret)
    kinds = [("data", volumes), ("secrets", secrets)]
    return " and ".join(f"{kind} ({', '.join(sorted(names))})" for kind, names in kinds if names)

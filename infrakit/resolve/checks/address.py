"""apps.*.address -> Problems: a door to what is no container has no key of one, and leads to somebody else."""

from infrakit.catalog.model import Catalog
from infrakit.config.check import dotted
from infrakit.config.doors import KEYS
from infrakit.config.model import AppConfig, Config
from infrakit.errors import Problem
from infrakit.resolve.addresses import address_of, canonical, is_host, no_machine
from infrakit.resolve.checks.ports import PLAIN
from infrakit.resolve.hosts import cores_of
from infrakit.resolve.world import Locate

COUNT = ("address", "title", "hosts", "saml", *(key for key in KEYS if key != "scheme"))
"""Keys that count beside an address."""


def address_alone(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """What is said of a container is refused where there is none, and so is what an app would wait for."""
    found = []
    away = {app.name for app in config.apps if app.address}
    for app in config.apps:
        keys = map(str, config.said.below(app.path)) if app.address else ()
        for key in sorted(set(keys) - set(COUNT)):
            what = f"apps.{app.name}.{key}: the app is an address, and no container"
            hint = f"remove it, or address; beside address count {', '.join(COUNT[1:])}"
            if key in ("scheme", "port"):
                what, hint = f"apps.{app.name}.{key}: the address says it", f"remove it: {app.address}"
            place = locate((*app.path, key), key=True)
            found.append(Problem(place, what, "beside-address", hint, related=locate((*app.path, "address"))))
        for name, path in app.needs:
            if name in away:
                what = f"apps.{app.name}.needs: {name} is an address, and nothing that starts"
                hint = "remove it, and write internet: true, so that the app can reach that address"
                found.append(Problem(locate(path), what, "unknown-need", hint))
    return found


def addresses_of_apps(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """Caddy, in its container, finds another machine there."""
    found = []
    for app in config.apps:
        wrong = _wrong(config, app) if app.doors and app.doors[0].address else None
        if wrong is not None:
            path = (*app.path, "address")
            found.append(Problem(locate(path), f"{dotted(path)}: {wrong[0]}", "address", wrong[1]))
    return found


def _wrong(config: Config, app: AppConfig) -> tuple[str, str] | None:
    """(what, hint)."""
    from ipaddress import ip_network

    door, example = app.doors[0], "for instance https://192.168.1.1"
    host, own = door.address, {name for name, _ in door.domains}
    if host.startswith("["):
        return (
            f"{host} is out of reach for Caddy, which speaks IPv4",
            "write its IPv4 address, or a name that leads to one",
        )
    if not 1 <= door.port <= 65535:
        return f"{door.port} is no port", example
    if door.scheme == "https" and door.port == PLAIN:
        return f"{PLAIN} is plain HTTP's, and Caddy speaks no TLS to it", "write http://, or the port with TLS"
    address = address_of(host)
    if address is None:
        own |= {f"{door.subdomain or app.name}.{config.domain}"}
        if not is_host(host):
            return f"{host} is no address", example
        if host in own:
            return f"{host} is the name of this door: it would lead to itself", "write its address"
        if "." not in host:
            return f"{host} would be a container, if anything", "write its address or its whole name; an app has port"
        if host.endswith((".local", ".localhost", ".internal")):
            return f"no container can look {host} up", "write its address"
        return None
    if address.is_loopback or address.is_unspecified:
        hint = "write the machine's address in the network; of an app's container, the image and port"
        return f"{host} means Caddy's own container", hint
    if no_machine(host) or address.is_link_local:
        return f"{host} is not the address of a machine", example
    ours = {canonical(text) for text in (*config.network.bind, *(item.address for item in cores_of(config.hosts)))}
    web = (config.network.http_port, config.network.https_port)
    if canonical(host) in ours and door.port in web and config.tls.mode != "tunnel":
        what = f"Caddy itself answers at {host}:{door.port}: it would lead to itself"
        return what, "name another port, or another machine"
    if address in ip_network(config.network.pool, strict=False):
        return f"{host} lies in {config.network.pool}, the containers' range", "write image and port for a container"
    return None

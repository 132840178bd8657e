"""Compiled hosts as streets: real Caddy, the outpost, and one backend for each upstream."""

from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from infrakit import compiler
from infrakit.emit import caddyfile
from infrakit.model import Deployment
from infrakit.system.certificates import mint_certificates
from tests.runtime.caddy import Door, Outpost, Seen, StandIn, adapt, moved, running

HEAD = """version: 1
name: homelab
domain: home.example.org
pattern: full
tls: {mode: internal}
access: {administrators: [alice], groups: {family: [bob]}}
"""
"""What files of these tests begin with."""

DOMAIN = "home.example.org"
CONFIG = """
version: 1
name: homelab
domain: home.example.org
timezone: Europe/Berlin
pattern: full
tls: {mode: internal}
access:
  administrators: [alice]
  groups: {family: [bob]}
apps:
  wiki: {image: "ghcr.io/requarks/wiki:2.5", port: 3000, memory: 512m, allow: [family]}
  site: {image: "ghcr.io/example/site:1.0", port: 8000, memory: 64m, public: true}
"""
HYBRID = Path(compiler.__file__).parent / "examples/hybrid.yaml"

SHED = "shed.fleet.infrakit.internal"


def get(target: str = "/", *headers: str, method: str = "GET") -> str:
    return "\r\n".join((f"{method} {target} HTTP/1.1", "Host: HOST", *headers, "Connection: close", "", ""))


def addressed(request: str, hostname: str) -> bytes:
    return request.replace("HOST", hostname).replace("CAPITALS", hostname.upper()).encode()


class Street:
    """Caddy with the outpost and one backend for each upstream; the backends are found by the name of their service, or
    by their address."""

    def __init__(self, outpost: Outpost, backends: dict[str, StandIn], door: Door) -> None:
        self.outpost, self.door = outpost, door
        self._backends = backends

    def backend(self, service: str) -> StandIn:
        """Authentik's own pages come from the stand-in that is the outpost too."""
        return self.outpost if service == "auth" else self._backends[service]

    def forget(self) -> None:
        for each in (self.outpost, *self._backends.values()):
            each.seen.clear()

    def ask(self, service: str, request: str) -> bytes:
        """Forget what was seen, and send."""
        self.forget()
        hostname = f"{service}.{DOMAIN}"
        return self.door.say(addressed(request, hostname), hostname)

    def reached(self) -> list[Seen]:
        """What the backends saw, without Caddy's own health checks."""
        return [
            seen for each in dict.fromkeys(self._backends.values()) for seen in each.seen if seen.path != "/healthz"
        ]


@contextmanager
def street_of(
    host: Deployment,
    folder: Path,
    remote: dict[str, int] | None = None,
    trusted: str = "",
    pairs: dict[str, Path] | None = None,
):
    """The host's Caddyfile and all that it names. `remote`: upstreams that run already; `trusted`: where the tunnel
    comes from instead; `pairs`: certificate and key of upstreams that speak TLS."""
    artifact, *authorities = caddyfile.emit(host)
    for each in authorities:
        (folder / each.path.removeprefix("caddy/")).parent.mkdir(exist_ok=True)
        (folder / each.path.removeprefix("caddy/")).write_bytes(each.content)
    config = adapt(artifact.content, folder)
    for server in config["apps"]["http"]["servers"].values():
        if trusted and "trusted_proxies" in server:
            server["trusted_proxies"]["ranges"] = [trusted]
    addresses = {upstream.address for route in host.routes for upstream in route.upstreams} - {
        "authentik:9000",
        *(remote or {}),
    }
    backends = {
        address: StandIn("backend", (pairs or {}).get(address)) for address in sorted(addresses | {"portainer:8000"})
    }
    outpost = Outpost("outpost")
    behind = (
        {address: each.port for address, each in backends.items()} | {"authentik:9000": outpost.port} | (remote or {})
    )
    config, ports = moved(config, folder, behind)
    names = tuple(route.hostname for route in host.routes if route.sign_in != "fleet")
    try:
        with running(config, ports, folder, names) as door:
            named = {
                address.partition(":")[0]: each for address, each in backends.items() if address != "portainer:8000"
            }
            yield Street(outpost, {**backends, **named}, door)
    finally:
        for each in (outpost, *backends.values()):
            each.stop()


def hosts_of(text: str, tls: str = "internal") -> dict[str, Deployment]:
    lines = [line for line in text.splitlines() if not line.startswith("tls:")] + [f"tls: {{mode: {tls}}}"]
    fleet = compiler.load("\n".join(lines).encode(), "infrakit.yaml", lambda path: b"").fleet
    return {host.host: host for host in fleet.deployments}


class Pair(NamedTuple):
    """The core and the shed of the embedded example, and the folder with each host's certificate."""

    core: Street
    shed: Street
    secrets: dict[str, Path]

    def knock(self, *headers: str, pair: Path | None) -> tuple[bytes, list[Seen]]:
        """What a client with this certificate gets at the shed's door, and what the shed's backends saw."""
        self.shed.forget()
        return self.shed.door.say(
            get("/page", *headers).replace("HOST", SHED).encode(), SHED, ":8443", pair=pair
        ), self.shed.reached()


@contextmanager
def fleet_of(text: str, home: Path):
    """The core and the shed of `text`, each with its certificate, and each with a Dozzle that has a page; agents of
    Portainer could not connect to them."""
    off = "{portainer-edge-agent: {enabled: false}, dozzle-agent: {enabled: false}}"
    hosts = hosts_of(f"{text}\nservices: {off}\n")
    folders = {name: home / name for name in hosts}
    for name, folder in folders.items():
        folder.mkdir()
        mint_certificates(str(folder), name)
    (remote,) = {upstream.address for route in hosts["core"].routes for upstream in route.upstreams if upstream.remote}
    with (
        street_of(hosts["shed"], folders["shed"]) as shed,
        street_of(hosts["core"], folders["core"], remote={remote: shed.door.ports[":8443"]}) as core,
    ):
        yield Pair(core, shed, {name: folder / "secrets" for name, folder in folders.items()})

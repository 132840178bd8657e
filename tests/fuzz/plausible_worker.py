"""FIRST LAST FOLDER -> one line of JSON: what became of the files of these seeds, and what the real programs read.

Runs alone in a process: whoever waits for it can end it. A file may compute for 2 s of the processor's time.
"""

import gc
import json
import signal
import sys
import traceback
from functools import lru_cache
from pathlib import Path
from typing import Any

from infrakit import emit, resources
from infrakit.catalog import load_catalog
from infrakit.compiler import decide
from infrakit.config import bind, check_schema, parse
from infrakit.config.document import Document, Node
from infrakit.errors import ConfigurationInvalid
from infrakit.model import Artifact, Deployment, Route
from tests.emit import importer
from tests.fuzz import bytes_of, caddy_of
from tests.fuzz.bytes_of import SECRET, Host
from tests.fuzz.plausible import Plausible, plausible
from tests.fuzz.programs import Judges
from tests.fuzz.worker import COMPUTING_S, TooLong

CATALOG = load_catalog()
SCHEMA = resources.schema("infrakit")
COLLECTED = 100
READ = 10
"""One file of so many is read from its text and has its review written: both cost much, and have their own tests."""
PLACES = {name: item.route for name, item in CATALOG.blueprints.items() if item.route is not None}


def document_of(file: Plausible, *, read: bool) -> Document:
    """The file as the reader gives it: from its text, or straight from its tree, where all is of one place."""
    return parse(file.source, "infrakit.yaml") if read else Document("infrakit.yaml", _node(file.tree))


def _node(value: Any) -> Node:
    if isinstance(value, dict):
        return Node("map", [(_node(key), _node(item)) for key, item in value.items()], 1, 1, False)
    if isinstance(value, list):
        return Node("list", [_node(item) for item in value], 1, 1, False)
    return Node("scalar", value if isinstance(value, str) else json.dumps(value), 1, 1, not isinstance(value, str))


def compiled(file: Plausible, *, read: bool) -> list[tuple[Deployment, Host]]:
    """The files of every host."""
    document = document_of(file, read=read)
    problems = check_schema(document, SCHEMA)
    if problems:
        raise ConfigurationInvalid(problems)
    fleet = decide(bind(document), document, CATALOG, file.read).fleet
    return [(each, Host(_files(each, review=read))) for each in fleet.deployments]


def sound(file: Plausible, *, read: bool) -> list[tuple[Deployment, Host]]:
    """The same. In a tree all is at one place, and what is wrong with one thing is taken for another's: whether the
    compiler fails is asked of the text."""
    try:
        return compiled(file, read=read)
    except ConfigurationInvalid:
        raise
    except Exception:
        return compiled(file, read=True)


def _files(deployment: Deployment, *, review: bool) -> tuple[Artifact, ...]:
    """What runs; all that is emitted, where `review`."""
    if review:
        return emit.emit(deployment)
    read = tuple(artifact for emitter in emit.CONFIGURATIONS for artifact in emitter.emit(deployment))
    return (*read, *emit.compose.emit(deployment, read), *emit.environment_file.emit(deployment))


def faults(file: Plausible, hosts: list[tuple[Deployment, Host]], judges: Judges) -> list[str]:
    """Everything that is wrong with what a file was compiled to."""
    found = [f"{each.host}: {what}" for each, host in hosts for what in _of_host(file, each, host, judges)]
    return found + _across(file, hosts, judges)


def _of_host(file: Plausible, deployment: Deployment, host: Host, judges: Judges) -> list[str]:
    shared = {name: _mounting(file, name) for name in file.tree.get("volumes", ())}
    found = list(bytes_of.faults(host, shared)) + list(_of_model(deployment, host))
    for path, content in host.files.items():
        if path.startswith("socket-proxy/"):
            judges.haproxy(content)
        elif path == "authentik/blueprints/infrakit.yaml":
            found += _applied(content)
    if "caddy/Caddyfile" in host.files:
        config = judges.adapted(host.files["caddy/Caddyfile"])
        leads = {route.hostname: _leads(file, route) for route in deployment.routes if route.service != AGENT[0]}
        found += caddy_of.faults(config, host, leads)
        people = [route for route in deployment.routes if route.hostname in leads and route.sign_in != "fleet"]
        found += caddy_of.unreached(
            config, {each.hostname: (leads[each.hostname], len(each.upstreams)) for each in people}
        )
        behind = caddy_of.fleet_doors(config, f":{deployment.door.fleet_port}")
        for route in deployment.routes:
            if (
                route.sign_in == "fleet"
                and route.hostname in leads
                and behind.get(route.hostname) != leads[route.hostname]
            ):
                found.append(f"{route.hostname}: the fleet is led to {behind.get(route.hostname)}")
    elif deployment.routes:
        found.append("doors, and no Caddy")
    judges.compose(host)
    return found


def _mounting(file: Plausible, volume: str) -> set[str]:
    """Apps that mount it by the word of the file."""
    apps = file.tree.get("apps", {}).items()
    return {name for name, app in apps if any(item.startswith(f"{volume}:") for item in app.get("mounts", ()))}


def _leads(file: Plausible, route: Route) -> set[str]:
    """Where a door leads on its own host, by the word of its blueprint or of the file alone."""
    service = route.service
    if service in PLACES:
        return {f"{PLACES[service].container}:{PLACES[service].port}"}
    app = file.tree["apps"][service]
    if "blueprint" in app:
        said = file.blueprints[app["blueprint"]]["route"]
        return {f"{said['container']}:{said['port']}"}
    if "address" in app:
        scheme, _, place = app["address"].partition("://")
        return {place if ":" in place else f"{place}:{443 if scheme == 'https' else 80}"}
    container = {"host": "host.docker.internal"}.get(app.get("network", ""), app.get("network", service))
    return {f"{container}:{app['doors'][route.door]['port'] if 'doors' in app else app['port']}"}


def _of_model(deployment: Deployment, host: Host) -> list[str]:
    """The Deployment by itself, and that its bytes say the same."""
    found = []
    for what, names in (
        ("containers", [item.name for service in deployment.services for item in service.containers]),
        ("host names", [route.hostname for route in deployment.routes]),
        ("networks", [item.name for item in deployment.networks]),
        ("secrets", [item.name for item in deployment.secrets]),
        ("volumes", [name for service in deployment.services for name in service.volumes]),
        ("files", [item.path for service in deployment.services for item in service.files]),
        ("applications", [item.slug for item in deployment.access.applications]),
        ("clients", [item.oidc.client_id for item in deployment.access.applications if item.oidc]),
        (
            "client secrets",
            [item.oidc.secret for item in deployment.access.applications if item.oidc and item.oidc.secret],
        ),
    ):
        found += [f"two {what} are called {name}" for name in sorted(set(names)) if names.count(name) > 1]
    kept = {item.name: set(item.required_by) for item in deployment.secrets}
    for service in deployment.services:
        for container in service.containers:
            for use in container.secrets:
                if container.name not in kept.get(use.name, ()):
                    found.append(f"{container.name}: the secret {use.name} is not kept for it")
    if {item.name for service in deployment.services for item in service.containers} != set(host.services):
        found.append("the files have other containers than the model")
    published = [
        (item.name, port.protocol, port.address, port.port, port.container_port)
        for service in deployment.services
        for item in service.containers
        for port in item.ports
    ]
    if sorted(published) != sorted(host.ports()):
        found.append(f"the files publish {sorted(host.ports())}, the model {sorted(published)}")
    if {item.name: item.subnet for item in deployment.networks} != {
        name: tree["ipam"]["config"][0]["subnet"] for name, tree in host.networks.items()
    }:
        found.append("the files have other networks than the model")
    return found


@lru_cache(200)
def _applied(content: bytes) -> list[str]:
    """Authentik's importer takes it, knows every !Find and !KeyOf, and finds nothing to change the second time."""
    database = importer.Database()
    database.files = {f"/run/secrets/{name}": "x" * 60 for name in SECRET.findall(content.decode())}
    try:
        once = importer.apply(database, content)
        twice = importer.apply(once, content)
    except importer.Rejected as refused:
        return [f"Authentik: {refused}"]
    rows = [{model: found for model, found in each.rows.items() if found} for each in (once, twice)]
    return [] if rows[0] == rows[1] else ["Authentik: the second time it changes something"]


AGENT = "dozzle-agent", "dozzle-agent:7007"
"""The one door of a host that has no host name, and where it leads."""


def _across(file: Plausible, hosts: list[tuple[Deployment, Host]], judges: Judges) -> list[str]:
    """Doors of other hosts: the core dials an address at which exactly that host's Caddy answers for that door."""
    found: list[str] = []
    at: dict[str, tuple[Deployment, Host]] = {}
    behind: dict[str, dict[str, set[str]]] = {}
    for each, host in hosts:
        for name, _, address, published, target in host.ports():
            if name == "caddy" and each.door.fleet_port == target:
                at[f"[{address}]:{published}" if ":" in address else f"{address}:{published}"] = (each, host)
    for each, host in hosts:
        if "caddy/Caddyfile" not in host.files:
            continue
        for dial in judges.adapted(host.files["caddy/Caddyfile"]).dials:
            if not dial.secure:
                continue
            if (dial.door, dial.address) == AGENT:
                if not host.meet("caddy", dial.door):
                    found.append(f"{each.host}: Caddy shares no network with {dial.door}")
                continue
            name = dial.hostname or dial.door
            doors = [item for item in each.routes if name in (item.hostname, "") and item.service != AGENT[0]]
            if any(dial.address in _leads(file, item) for item in doors):
                continue  # over TLS to a container, or to a machine that is none of ours
            if dial.address not in at:
                found.append(f"{each.host}: {dial.door}: no host answers at {dial.address}")
                continue
            other, tree = at[dial.address]
            if dial.address not in behind:
                config = judges.adapted(tree.files["caddy/Caddyfile"])
                behind[dial.address] = caddy_of.fleet_doors(config, f":{other.door.fleet_port}")
            (route,) = [item for item in other.routes if item.hostname == dial.door] or (None,)
            inside = behind[dial.address].get(dial.door, set())
            if dial.door == AGENT[0] and inside == {AGENT[1]}:
                continue
            if route is None or not inside or inside - _leads(file, route):
                found.append(f"{each.host}: {dial.door}: {other.host} leads to {sorted(inside)}")
    return found


def main(first: int, last: int, folder: Path) -> None:
    def stop(number: int, frame: Any) -> None:
        raise TooLong

    signal.signal(signal.SIGPROF, stop)
    gc.disable()
    judges = Judges(folder)
    counts = {"compiled": 0, "refused": 0, "hosts": 0}
    wrong: dict[int, str] = {}
    try:
        for seed in range(first, last):
            if seed % COLLECTED == 0:
                gc.collect()
                gc.freeze()  # what is kept need not be looked at again
            file = plausible(seed)
            signal.setitimer(signal.ITIMER_PROF, COMPUTING_S)
            try:
                hosts = sound(file, read=seed % READ == 0)
                signal.setitimer(signal.ITIMER_PROF, 0)
                counts["compiled"] += 1
                counts["hosts"] += len(hosts)
                found = faults(file, hosts, judges)
                if found:
                    wrong[seed] = "\n".join(found)
            except ConfigurationInvalid as refused:
                counts["refused"] += 1
                assert all(problem.position.line >= 1 for problem in refused.problems)
            except (Exception, TooLong):
                wrong[seed] = traceback.format_exc()
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
        judges.finish()
    finally:
        judges.caddy.process.kill()
        judges.caddy.process.wait(10)
    print(json.dumps({"counts": counts, "asked": judges.asked, "wrong": wrong}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))

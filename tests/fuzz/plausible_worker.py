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
from infrakit.model import Artifact, Deployment
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
    found = list(bytes_of.faults(host)) + list(_of_model(deployment, host))
    for path, content in host.files.items():
        if path.startswith("socket-proxy/"):
            judges.haproxy(content)
        elif path == "authentik/blueprints/infrakit.yaml":
            found += _applied(content)
    if "caddy/Caddyfile" in host.files:
        leads = {route.hostname: _leads(file, route.service) for route in deployment.routes}
        found += caddy_of.faults(judges.adapted(host.files["caddy/Caddyfile"]), host, leads)
    judges.compose(host)
    return found


def _leads(file: Plausible, service: str) -> set[str]:
    """Where the doors of a service lead, by the word of its blueprint or of the file alone; and hops to other hosts."""
    if service in PLACES:
        place = f"{PLACES[service].container}:{PLACES[service].port}"
    else:
        app = file.tree["apps"][service]
        route = file.blueprints[app["blueprint"]]["route"] if "blueprint" in app else {"container": service, **app}
        place = f"{route['container']}:{route['port']}"
    return {place, *(f"127.0.0.1:{8101 + number}" for number in range(60))}


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
        for dial in caddy_of.dials(judges.adapted(host.files["caddy/Caddyfile"])):
            if not dial.secure:
                continue
            if (dial.door, dial.address) == AGENT:
                if not host.meet("caddy", dial.door):
                    found.append(f"{each.host}: Caddy shares no network with {dial.door}")
                continue
            if dial.address not in at:
                found.append(f"{each.host}: {dial.door}: no host answers at {dial.address}")
                continue
            other, tree = at[dial.address]
            if dial.address not in behind:
                config = judges.adapted(tree.files["caddy/Caddyfile"])
                behind[dial.address] = caddy_of.fleet_doors(config, f":{other.door.fleet_port}")
            (service,) = {route.service for route in other.routes if route.hostname == dial.door} or {""}
            inside = behind[dial.address].get(dial.door, set())
            if dial.door == AGENT[0] and inside == {AGENT[1]}:
                continue
            if not service or not inside or inside - _leads(file, service):
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
                hosts = compiled(file, read=seed % READ == 0)
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

"""A trace tells the truth: where changing a line of the file moves a value, the value's trace names that line, or what
it stands in."""

from functools import lru_cache

import pytest

from infrakit.compiler import load
from infrakit.config import parse
from infrakit.config.document import leaves as scalars
from infrakit.emit import emit, trace
from infrakit.emit.yaml_text import leaves
from infrakit.errors import ConfigurationInvalid
from tests.emit.read import tree_of

TEXT = """\
version: 1
name: homelab
domain: home.example.org
timezone: Europe/Berlin
contact: ops@example.org
tls: {mode: acme}
access: {administrators: [alice], groups: {family: [bob, carol]}}
hosts:
  core: {pattern: full, address: 10.0.0.1}
  shed: {pattern: edge, architecture: arm64, address: 10.0.0.2}
services:
  dozzle: {allow: [administrators], subdomain: logs}
  glances: {memory: 256m, cpus: "0.5", environment: {TZ: Europe/Rome}}
  portainer: {image: "portainer/portainer-ee:2.39.9"}
apps:
  wiki:
    title: The wiki
    image: ghcr.io/requarks/wiki:2.5
    port: 3000
    allow: [family]
    subdomain: wikipages
    data: [/wiki/data]
    environment: {LOG_LEVEL: info}
    secrets: [db_password]
    user: "1000:1000"
    command: [node, server]
    health: /healthz
    memory: 512m
    cpus: "1.5"
    hosts: [core]
network:
  pool: 172.29.0.0/16
  bind: [192.168.1.10]
  http_port: 8080
  https_port: 9443
images:
  mirror: registry.lan:5000/
"""

OTHERS = {
    "administrators": "family",
    "family": "administrators",
    "10.0.0.1": "10.0.0.9",
    "10.0.0.2": "10.0.0.8",
    "arm64": "amd64",
    "Europe/Berlin": "Europe/Paris",
    "256m": "300m",
    "512m": "600m",
    "0.5": "0.6",
    "1.5": "1.4",
    "172.29.0.0/16": "172.28.0.0/16",
    "192.168.1.10": "192.168.1.11",
    "1000:1000": "1001:1001",
    "3000": "3001",
    "8080": "8081",
    "9443": "9444",
    "/wiki/data": "/wiki/other",
    "/healthz": "/ready",
    "registry.lan:5000/": "registry.lan:6000/",
}
FIXED = {
    ("version",),
    ("tls", "mode"),
    ("hosts", "core", "pattern"),
    ("hosts", "shed", "pattern"),
    ("apps", "wiki", "hosts", 0),
}
"""Keys with another value of which the file would not be a file, or a wholly different one."""


@lru_cache(maxsize=64)
def compiled(text: str) -> dict[tuple[str, str], tuple[dict, dict]]:
    """(host, path of a Compose file) -> (leaf -> value, leaf -> Origin)."""
    fleet = load(text.encode(), "infrakit.yaml", lambda name: b"").fleet
    found = {}
    for deployment in fleet.deployments:
        for artifact in emit(deployment):
            if artifact.path.endswith(".yaml") and not artifact.path.startswith("authentik/"):
                tree = tree_of(artifact.content)
                found[deployment.host, artifact.path] = leaves(tree), trace(deployment, artifact.path)
    return found


def changed(node) -> str:
    """The file with another value where `node` stands."""
    lines = TEXT.splitlines()
    line = lines[node.line - 1]
    start = line.index(node.value, node.column - 1)
    lines[node.line - 1] = line[:start] + OTHERS.get(node.value, f"{node.value}x") + line[start + len(node.value) :]
    return "\n".join(lines)


def length(leaves_of: dict, leaf: str) -> int:
    """Of the innermost list that `leaf` stands in."""
    parts = leaf.split(".")
    while parts and not parts[-1].isdigit():
        parts.pop()
    inside = ".".join(parts[:-1]) + "."
    return len({item[len(inside) :].partition(".")[0] for item in leaves_of if item.startswith(inside)}) if parts else 0


@pytest.fixture(scope="module")
def before():
    return compiled(TEXT)


@pytest.mark.parametrize(
    "path",
    [path for path, _ in scalars(parse(TEXT.encode(), "infrakit.yaml").root) if path not in FIXED],
    ids=lambda path: ".".join(map(str, path)),
)
def test_what_a_line_moves_names_that_line(before, path):
    node = dict(scalars(parse(TEXT.encode(), "infrakit.yaml").root))[path]
    try:
        after = compiled(changed(node))
    except ConfigurationInvalid as refused:
        pytest.fail(f"the test's other value is refused: {refused.problems[0].text()}")
    for place, (values, origins) in before.items():
        moved = after.get(place, ({}, {}))[0]
        for leaf, value in values.items():
            same_list = length(values, leaf) == length(moved, leaf)
            if leaf in moved and moved[leaf] != value and same_list and not leaf.endswith("io.infrakit.config"):
                origin = origins[leaf]
                shared = min(len(path), len(origin.path))
                other_cause = _moves_too(before, place, leaf, path)
                assert (origin.document == "infrakit.yaml" and origin.path[:shared] == path[:shared]) or other_cause, (
                    place,
                    leaf,
                    origin,
                )


def _moves_too(before, place, leaf, path) -> bool:
    """Whether the trace names another line, and that line moves the value too: a name in a domain has two causes."""
    origin = before[place][1][leaf]
    nodes = {
        other: node
        for other, node in scalars(parse(TEXT.encode(), "infrakit.yaml").root)
        if other != path and other not in FIXED
    }
    for other, node in nodes.items():
        shared = min(len(other), len(origin.path))
        nearby = origin.document == "infrakit.yaml" and origin.path[:shared] == other[:shared]
        if nearby and compiled(changed(node)).get(place, ({}, {}))[0].get(leaf) != before[place][0][leaf]:
            return True
    return False

"""Every text of a blueprint of the user's own: refused with a place, or it compiles and starts no line of its own in an
output. A new field fails the first test until the blueprint below has it."""

import copy
import json
from collections.abc import Iterator

import pytest

from infrakit import emit, resources
from infrakit.catalog import load_catalog
from infrakit.compiler import decide
from infrakit.config import bind, check_schema, parse
from infrakit.errors import ConfigurationInvalid

SCHEMA = resources.schema("blueprint")
CONTAINER = SCHEMA["properties"]["containers"]["additionalProperties"]["properties"]
PRIVILEGES, SETTINGS = (CONTAINER[key]["properties"] for key in ("privileges", "settings"))
GRANTS = (
    "cap_add cgroup_parent devices docker_api extra_hosts host_path ipc labels network pid ports privileged root_user "
    "runtime security_opt sysctls unpinned_image userns writable_root reach"
).split()
OWN = {
    "name": "own",
    "title": "Own",
    "summary": "An app.",
    "section": "Apps",
    "profiles": ["observability"],
    "requires": ["glances"],
    "source": "the test",
    "backup": {
        "volumes": ["data"],
        "databases": [{"container": "own-db", "name": "own"}],
        "note": "Both.",
        "live": True,
    },
    "options": {"level": {"type": "string", "default": "a", "enum": ["a", "b"], "description": "How.", "example": "b"}},
    "secrets": {
        "own_token": {
            "kind": "password",
            "length": 40,
            "format": "hex",
            "shared": False,
            "rotate": "restart",
            "description": "Mine.",
        }
    },
    "containers": {
        "own": {
            "image": f"docker.io/example/own:1@sha256:{'a' * 64}",
            "architectures": ["amd64"],
            "minimum_version": "1",
            "advisory": "CVE-1: a hole",
            "seen": "2026-11-28",
            "lines": {"numbers": 1, "through": ["1.9"], "how": "By hand."},
            "update": "never",
            "entrypoint": ["/bin/own"],
            "command": ["serve", "${option.level}"],
            "user": "1000:1000",
            "working_dir": "/own",
            "environment": {"LEVEL": "a"},
            "secrets": ["own_token", {"name": "own_token", "target": "/token"}],
            "volumes": [{"volume": "data", "path": "/data", "read_only": False}],
            "files": [{"file": "own.conf", "path": "/own.conf"}],
            "host_paths": [{"host": "/srv/own", "path": "/srv", "read_only": True}],
            "tmpfs": ["/tmp"],
            "writable_root": False,
            "capabilities": ["CHOWN"],
            "privileges": {key: value["examples"][0] for key, value in PRIVILEGES.items() if key != "network"},
            "settings": {key: value["examples"][0] for key, value in SETTINGS.items()},
            "ports": [{"port": 22, "published": 2222, "address": "192.168.1.9", "protocol": "tcp"}],
            "memory": "64m",
            "cpus": "0.5",
            "pids": 100,
            "shm_size": "64m",
            "health": {"test": ["CMD", "/check"], "interval_s": 9, "timeout_s": 9, "retries": 2, "start_period_s": 9},
            "needs": {"own-db": "healthy"},
            "internet": True,
            "reaches": ["glances"],
            "docker": {
                "transport": "unix",
                "socket_volume_path": "/var/run",
                "allow": ["GET /_ping", "GET /containers/{id}/json"],
            },
            "stop_grace_period_s": 10,
            "labels": {"org.example.team": "home"},
        },
        "own-db": {
            "image": f"docker.io/example/db:1@sha256:{'b' * 64}",
            "architectures": ["amd64"],
            "memory": "64m",
            "user": "1000",
            "health": {"test": ["CMD", "/check"]},
            "privileges": {"network": "host"},
            "one_shot": False,
        },
    },
    "files": {"own.conf": {"content": "a = b\n", "mode": "0644"}},
    "route": {
        "container": "own",
        "port": 80,
        "subdomain": "own",
        "sign_in": "application",
        "health_path": "/health",
        "identity_headers": True,
        "stream": False,
        "allow": ["administrators"],
    },
    "oidc": {
        "secret": "own_token",
        "grant_types": ["authorization_code"],
        "redirects": ["/callback"],
        "scopes": ["openid", "email"],
        "logout": ["/out"],
        "email_verified": True,
    },
    "placement": "host",
}
FILE = {
    "version": 1,
    "domain": "home.example.org",
    "tls": {"mode": "files"},
    "hosts": {
        "core": {"pattern": "full", "address": "192.168.1.2"},
        "shed": {"pattern": "monitoring", "address": "192.168.1.3"},
    },
    "apps": {"own": {"blueprint": "./own.yaml", "hosts": ["core", "shed"], "grants": GRANTS}},
}
DOCUMENT = parse(json.dumps(FILE).encode(), "infrakit.yaml")
assert check_schema(DOCUMENT, resources.schema("infrakit")) == []
CATALOG = load_catalog()
HOSTILE = ["two\nlines", "x\u2028y", "{$HOME}", "/{$HOME}", "GET /{}", "`x` ${y} 'z' \"", "9" * 5000, "", "\r"]
NUMBERS = [-1, 0, 10**9, 10**15]


def places(tree, path=()) -> Iterator[tuple]:
    """Path of every scalar, and of every key of the user's own choice (the path ends in None)."""
    if isinstance(tree, dict):
        for key, item in tree.items():
            yield from places(item, (*path, key))
            if path and path[-1] in (
                "options",
                "secrets",
                "containers",
                "environment",
                "sysctls",
                "ulimits",
                "labels",
                "files",
            ):
                yield (*path, key, None)
    elif isinstance(tree, list):
        for number, item in enumerate(tree):
            yield from places(item, (*path, number))
    else:
        yield path


def changed(path: tuple, value):
    """The blueprint with `value` at one place."""
    tree = node = copy.deepcopy(OWN)
    *above, last = path[:-1] if path[-1] is None else path
    for step in above:
        node = node[step]
    if path[-1] is None:
        node[value] = node.pop(last)
    else:
        node[last] = value
    return tree


def at(path: tuple):
    """What stands there."""
    node = OWN
    for step in path:
        node = node[step]
    return node


def outcome(tree) -> str:
    """Compiled, or refused with places; anything else is raised."""
    content = json.dumps(tree).encode()
    try:
        fleet = decide(bind(DOCUMENT), DOCUMENT, CATALOG, lambda name: content).fleet
    except ConfigurationInvalid as refused:
        assert refused.problems
        assert all(line.isprintable() for problem in refused.problems for line in problem.text().split("\n"))
        return "refused"
    for deployment in fleet.deployments:
        emit.emit(deployment)
    return "compiled"


def fields(schema: dict, path=()) -> Iterator[tuple]:
    """Every key that the schema knows, as a path with * for a name and for a number."""
    for item in (schema, *schema.get("oneOf", ())):
        for key, below in item.get("properties", {}).items():
            yield (*path, key)
            yield from fields(below, (*path, key))
        for below in (item.get("additionalProperties"), item.get("items")):
            yield from fields(below, (*path, "*")) if isinstance(below, dict) else ()


def test_the_blueprint_has_every_key_and_compiles():
    def reached(tree, schema):
        if not schema:
            return True
        steps = [tree.get(schema[0])] if schema[0] != "*" and isinstance(tree, dict) and schema[0] in tree else []
        if schema[0] == "*":
            steps = list(tree.values()) if isinstance(tree, dict) else list(tree)
        return any(reached(item, schema[1:]) for item in steps if not isinstance(item, str) or not schema[1:])

    assert [path for path in fields(SCHEMA) if not reached(OWN, path)] == []
    assert outcome(OWN) == "compiled"


@pytest.mark.parametrize("path", list(places(OWN)), ids=lambda path: ".".join(map(str, path)))
def test_whatever_stands_there_compiles_or_is_refused(path):
    numbers = NUMBERS if path[-1] is not None and type(at(path)) is int else []
    for value in numbers or HOSTILE:
        outcome(changed(path, value))

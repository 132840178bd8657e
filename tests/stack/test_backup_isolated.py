"""What a drill starts reaches nobody and is reached by nobody, has nothing of the host, and bears no name of what runs:
of every example, every service of the catalogue, and whatever people have in Compose projects."""

from functools import cache
from pathlib import Path

import pytest

from infrakit.compiler import load
from infrakit.emit.compose import emit
from infrakit.errors import ConfigurationInvalid
from infrakit.model import Deployment
from infrakit.stack.backup.isolated import isolated, needs_of
from infrakit.stack.belongings import of_deployment
from tests.emit.read import tree_of
from tests.resolve.test_backups import TEXT

ROOT = Path(__file__).parents[1]
HEAD = "version: 1\ndomain: home.example.org\npattern: full\ntls: {mode: internal}\nbackup: {to: /mnt/disk}\n"
CASES = {path.parent.name: path.read_text() for path in ROOT.glob("composed/fixtures/*/expected.yaml")}
APPS = {path.name: path.read_text() for path in ROOT.glob("apps/*.yaml") if ".expected" not in path.name}
KEYS = {
    *("image", "restart", "entrypoint", "command", "user", "working_dir", "hostname", "group_add", "init", "ulimits"),
    *("environment", "env_file", "networks", "network_mode", "secrets", "volumes", "tmpfs", "read_only", "cap_drop"),
    *("cap_add", "security_opt", "sysctls", "runtime", "deploy", "shm_size", "healthcheck", "depends_on", "labels"),
    *("stop_grace_period", "logging"),
}
"""Of a service in Compose's file those that a drill's may have: no ports, no devices, no extra_hosts, no pid."""


HYBRID = HEAD.replace(
    "pattern: full\n", "hosts: {core: {pattern: full}, shed: {pattern: monitoring, address: 192.168.1.31}}\n"
)
EVERY = {**{name: HEAD + text for name, text in CASES.items()}, "own": TEXT, "fleet": HYBRID}
EVERY |= {name: text.rstrip() + "\nbackup: {to: /mnt/disk}\n" for name, text in APPS.items()}


@cache
def hosts_of(text: str) -> list[Deployment]:
    """Not when the tests are collected, which every worker does."""
    try:
        return list(load(text.encode(), "infrakit.yaml", lambda _: b"").fleet.deployments)
    except ConfigurationInvalid:
        return []


def test_there_is_enough_to_look_at():
    hosts = [host for text in EVERY.values() for host in hosts_of(text)]
    assert len(hosts) > 75 and sum(bool(isolated(host, host.backup.parts).order) for host in hosts) > 75


@pytest.mark.parametrize("name", EVERY)
def test_nothing_leads_in_or_out_and_nothing_of_the_host_is_there(name):
    for host in hosts_of(EVERY[name]):
        nothing_leads_in_or_out(host)


def nothing_leads_in_or_out(host):
    alone = isolated(host, host.backup.parts)
    files = emit(alone.deployment)
    main, *services = [tree_of(item.content) for item in files]
    assert main["name"] == f"{host.name}_drill"
    for network in main.get("networks", {}).values():
        assert network["internal"] is True and "ipam" not in network
    assert not any(volume for volume in main.get("volumes", {}).values()), "a volume of somebody else's, or NFS"
    trees = {key: tree for found in services for key, tree in found["services"].items()}
    assert set(trees) == set(alone.order)
    for key, tree in trees.items():
        assert set(tree) <= KEYS, key
        assert tree["restart"] == "no" and set(tree["labels"]) <= {
            "com.centurylinklabs.watchtower.enable",
            "io.infrakit.config",
            "io.infrakit.image",
        }
        assert tree["labels"]["com.centurylinklabs.watchtower.enable"] == "false"
        mode = tree.get("network_mode", "none")
        assert mode == "none" or mode.removeprefix("service:") in trees
        assert "devices" not in tree["deploy"]["resources"].get("reservations", {})
        for volume in tree.get("volumes", ()):
            own = volume["source"] in main["volumes"] if volume["type"] == "volume" else volume["source"][:2] == "./"
            assert own, volume
        assert set(tree.get("depends_on", ())) <= set(trees)


@pytest.mark.parametrize("name", EVERY)
def test_it_has_no_name_of_what_runs_and_each_starts_after_what_it_needs(name):
    for host in hosts_of(EVERY[name]):
        has_no_name_of_what_runs(host)


def has_no_name_of_what_runs(host):
    alone = isolated(host, host.backup.parts)
    assert not of_deployment(alone.deployment).names & of_deployment(host).names
    containers = {item.name: item for service in alone.deployment.services for item in service.containers}
    for number, key in enumerate(alone.order):
        assert set(needs_of(containers[key])) <= set(alone.order[:number])
    left = dict(alone.left)
    kept = {dump.container for part in host.backup.parts for dump in part.dumps}
    assert kept <= {*alone.order, *left} and all(left.values())


def test_the_catalogue_is_there_but_for_what_asks_docker():
    (host,) = hosts_of(HEAD)
    alone = isolated(host, host.backup.parts)
    assert {"authentik", "authentik-worker", "authentik-database", "guacamole-database", "caddy"} <= set(alone.order)
    left = dict(alone.left)
    assert left["portainer"] == "it asks Docker" and not alone.lacking


def test_what_an_app_has_on_the_host_it_need_not_get_well_without():
    (host,) = hosts_of(TEXT)
    alone = isolated(host, host.backup.parts)
    lacking = {"shop": "/srv/x, 192.168.1.5:/far", "reads": "/srv/y", "vpn": "the Internet", "old": "/srv/pg"}
    assert alone.lacking == lacking

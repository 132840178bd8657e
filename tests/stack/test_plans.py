"""Plans for decided hosts, without a machine: what comes before what, and what is left alone."""

import json
from ipaddress import ip_network
from types import SimpleNamespace

import pytest

from infrakit.compiler import load
from infrakit.emit import emit
from infrakit.model import Dependency
from infrakit.plan import Remove, RemoveTree, Run, Write
from infrakit.plan.actions import record_of
from infrakit.stack.belongings import Belongings
from infrakit.stack.down import in_waves, plan_restart
from infrakit.stack.generation import generation_id
from infrakit.stack.layout import UNDO
from infrakit.stack.services import Start, Wanted, is_well
from infrakit.stack.uninstall import plan_uninstall, still_ours
from infrakit.stack.up import in_order, plan_up, wanted_of
from infrakit.stack.wanted import wanted_of as asked_of_the_machine
from infrakit.system.digest import hex_digest
from infrakit.system.engine import Container, Network
from tests.emit.examples import hosts
from tests.policy.test_own_blueprints import own

HOSTS = hosts()
FULL = HOSTS["full-homelab"]


def test_ports_are_asked_for_where_each_is_published():
    text = b"version: 1\ndomain: home.example.org\npattern: full\nnetwork: {bind: [192.0.2.1]}\n"
    line = "ports: [{port: 53, protocol: udp}]"
    app = b"apps: {own: {blueprint: ./own.yaml, grants: [ports]}, a: {image: 'x/y:1', ports: ['192.0.2.2:54:53']}}\n"
    (host,) = load(text + app, "infrakit.yaml", lambda _: own(line).encode()).fleet.deployments
    wanted = asked_of_the_machine(host, SimpleNamespace(docker_running=False, docker_version=""), None)
    web = {(protocol, port, "192.0.2.1") for protocol, port in (("tcp", 80), ("tcp", 443), ("udp", 443))}
    assert set(wanted.ports) == {*web, ("udp", 53, ""), ("tcp", 54, "192.0.2.2")}
    assert set(wanted.addresses) == {"192.0.2.1", "192.0.2.2"}


def test_ports_of_who_has_the_hosts_network_are_asked_for_until_it_runs():
    text = b"version: 1\ndomain: home.example.org\npattern: full\n"
    apps = b"apps: {home: {image: 'x/y:1', network: host, port: 8123}}\n"
    (host,) = load(text + apps, "infrakit.yaml", lambda _: b"").fleet.deployments
    ours = {("tcp", 8123, "")}
    for running, state, wanted in ((False, "", ours), (True, "exited", ours), (True, "running", set())):
        facts = SimpleNamespace(docker_running=running, docker_version="")
        there = [SimpleNamespace(service=name, state=state) for name in ("home",)]
        engine = SimpleNamespace(
            containers=lambda project, names, there=there: [item for item in there if item.service in names],
            image_id=lambda name: "",
        )
        found = set(asked_of_the_machine(host, facts, SimpleNamespace(engine=engine)).ports)
        assert found & ours == wanted


def test_memory_and_processors_are_asked_for_as_the_containers_may_use_them():
    text = b"version: 1\ndomain: home.example.org\npattern: full\nservices: {glances: {cpus: 2.5, memory: 1g}}\n"
    (host,) = load(text, "infrakit.yaml", lambda _: b"").fleet.deployments
    wanted = asked_of_the_machine(host, SimpleNamespace(docker_running=False, docker_version=""), None)
    assert wanted.processors == (("glances", "2.5"),)
    assert wanted.memory_bytes == sum(item.memory_bytes for service in host.services for item in service.containers)
    assert wanted.memory_bytes > 2 << 30


@pytest.mark.parametrize("name", HOSTS)
def test_images_come_before_anything_that_changes_what_runs(name):
    kinds = [step.name.split()[0] for step in plan_up(HOSTS[name], emit(HOSTS[name]), hex_digest).steps]
    order = ["layers", "image", "secrets", "tree", "late", "networks", "readers", "service", "others", "in", "door"]
    order += ["timer", "backups", "drills", "monitor"]

    assert kinds == sorted(kinds, key=order.index)
    assert kinds.count("service") == len(HOSTS[name].services)


def test_a_changed_pool_is_looked_for_in_every_network_before_any_service_is():
    text = "version: 1\ndomain: home.example.org\npattern: full\nnetwork: {{pool: {}}}\n"
    asked = []
    for pool in ("10.213.0.0/16", "10.87.0.0/16"):
        (host,) = load(text.format(pool).encode(), "infrakit.yaml", lambda _: b"").fleet.deployments
        (step,) = [step for step in plan_up(host, emit(host), hex_digest).steps if step.name == "networks"]
        (probe,) = step.done_when
        assert len(probe.networks) == len(host.networks) and probe.members
        assert all(ip_network(item.subnet).subnet_of(ip_network(pool)) for item in probe.networks)
        found = [
            Network(item.name, item.driver, (item.subnet,), item.internal, dict(item.options))
            for item in probe.networks
        ]
        asked.append((probe, SimpleNamespace(engine=SimpleNamespace(networks=lambda _, found=found: found))))
    (before, old), (after, new) = asked
    assert before.in_the_way(old) == after.in_the_way(new) == []
    assert len(after.in_the_way(old)) == len(after.networks)


def test_a_service_comes_after_those_that_it_depends_on():
    first, second, third = FULL.services[:3]
    needy = first._replace(
        containers=tuple(
            item._replace(depends_on=(Dependency(third.containers[0].name, "service_healthy"),))
            for item in first.containers
        )
    )

    assert [service.name for service in in_order((needy, second, third))] == [second.name, third.name, first.name]


def test_a_restart_comes_to_each_after_those_that_it_depends_on():
    containers = [item for service in FULL.services for item in service.containers]
    running = {item.name: f"homelab-{item.name}-1" for item in containers if not item.one_shot}
    waves = in_waves(containers, running)
    place = {name: number for number, wave in enumerate(waves) for name in wave}
    assert sorted(place) == sorted(running.values()) and len(waves) > 2
    for item in containers:
        for need in item.depends_on:
            if item.name in running and need.container in running:
                assert place[running[need.container]] < place[running[item.name]]
    commands = [action.words for action in plan_restart("homelab", waves).steps[0].actions[::2]]
    assert commands == [("docker", "restart", *wave) for wave in waves]


def test_a_restart_looks_through_what_does_not_run():
    first, second, third = (item for service in FULL.services[:3] for item in service.containers[:1])
    by_way = second._replace(depends_on=(Dependency(first.name, "service_healthy"),))
    last = third._replace(depends_on=(Dependency(second.name, "service_completed_successfully"),))
    running = {third.name: "c", first.name: "a"}
    assert in_waves([last, by_way, first._replace(depends_on=())], running) == [("a",), ("c",)]


def test_a_circle_of_services_still_has_every_one_of_them():
    first, second = FULL.services[:2]
    circle = tuple(
        one._replace(
            containers=tuple(
                item._replace(depends_on=(Dependency(other.containers[0].name, "service_healthy"),))
                for item in one.containers
            )
        )
        for one, other in ((first, second), (second, first))
    )
    assert {service.name for service in in_order(circle)} == {first.name, second.name}


def test_a_generation_is_named_by_what_is_in_it():
    artifacts = emit(FULL)
    changed = [item._replace(content=item.content + b"\n") if item.path == ".env" else item for item in artifacts]

    assert generation_id(artifacts, hex_digest) == generation_id(tuple(reversed(artifacts)), hex_digest)
    assert generation_id(changed, hex_digest) != generation_id(artifacts, hex_digest)


def test_every_container_is_wanted_with_the_label_of_its_file():
    text = b"".join(item.content for item in emit(FULL) if item.path.startswith("services/")).decode()
    for wanted in wanted_of(FULL, emit(FULL)).values():
        for item in wanted:
            assert f"io.infrakit.config: {item.label}" in text.replace('"', "").replace("'", "")


def container(**fields) -> Container:
    given = {
        "name": "x-1",
        "service": "x",
        "state": "running",
        "health": "healthy",
        "exit_code": 0,
        "config_hash": "",
        "image": "",
        "image_id": "",
        "restarts": 0,
        "started_at": "",
        "labels": {"io.infrakit.config": "a"},
    }
    return Container(**{**given, **fields})


@pytest.mark.parametrize(
    ("found", "wanted", "well"),
    [
        (container(), Wanted("x", "a", False), True),
        (container(health=""), Wanted("x", "a", False), True),
        (None, Wanted("x", "a", False), False),
        (container(), Wanted("x", "b", False), False),
        (container(health="starting"), Wanted("x", "a", False), False),
        (container(health="unhealthy"), Wanted("x", "a", False), False),
        (container(state="restarting", health=""), Wanted("x", "a", False), False),
        (container(state="exited", health=""), Wanted("x", "a", False), False),
        (container(state="exited", health=""), Wanted("x", "a", True), True),
        (container(state="exited", health="", exit_code=1), Wanted("x", "a", True), False),
    ],
)
def test_who_is_well(found, wanted, well):
    assert is_well(found, wanted) is well


def dialled(apps: str) -> dict[str, tuple[tuple[str, int], ...]]:
    """Service -> where it is asked from outside whether it listens."""
    text = f"version: 1\ndomain: home.example.org\npattern: full\napps:\n{apps}"
    (host,) = load(text.encode(), "infrakit.yaml", lambda _: b"").fleet.deployments
    return {name: item.dials for name, items in wanted_of(host, emit(host)).items() for item in items if item.dials}


def test_who_has_a_door_and_no_check_is_asked_where_caddy_dials():
    found = dialled(
        "  one: {image: 'x/y:1', port: 80}\n"
        "  two: {image: 'x/y:1', doors: {a: {port: 81}, b: {port: 82}}}\n"
        "  none: {image: 'x/y:1', port: 83, health: none}\n"
        "  own: {image: 'x/y:1', port: 84, health: image}\n"
        "  said: {image: 'x/y:1', port: 85, health: /ok}\n"
        "  hosted: {image: 'x/y:1', port: 86, network: host}\n"
        "  vpn: {image: 'x/y:1'}\n"
        "  inside: {image: 'x/y:1', port: 87, network: vpn}\n"
        "  nas: {address: 'https://192.168.1.5'}\n"
    )
    assert found == {
        "one": (("one", 80),),
        "two": (("two", 81), ("two", 82)),
        "none": (("none", 83),),
        "own": (("own", 84),),
        "hosted": (("", 86),),
        "inside": (("vpn", 87),),
    }


ENDPOINT = "driver failed programming external connectivity on endpoint homelab-caddy-1 (0a1b2c): "
TAKEN_PORTS = {
    # As engines say it: 20.10 to 27, their userland proxy, 28.
    "allocated": ENDPOINT + "Bind for 0.0.0.0:443 failed: port is already allocated",
    "proxy": ENDPOINT + "Error starting userland proxy: listen tcp4 0.0.0.0:443: bind: address already in use",
    "ipv6": ENDPOINT + "Bind for :::443 failed: port is already allocated",
    "28": f"failed to set up container networking: {ENDPOINT}failed to bind host port for "
    "0.0.0.0:443:172.30.0.2:443/tcp: address already in use",
}


@pytest.mark.parametrize("name", TAKEN_PORTS)
def test_who_wants_a_port_that_is_taken_is_named_and_nobody_else(name):
    said = SimpleNamespace(err=f"Error response from daemon: {TAKEN_PORTS[name]}\n", out="", code=1)
    what, hint = Start("homelab", (Wanted("dozzle", "", False), Wanted("caddy", "", False)), "/tree")._why(
        None, said, None
    )
    assert what == "homelab-caddy-1 cannot have port 443: somebody else has it" and "sport = :443" in hint


@pytest.mark.parametrize(("image_id", "well"), [("sha256:1", True), ("sha256:2", True), ("sha256:4", False)])
def test_a_locked_container_is_well_only_with_its_image(image_id, well):
    assert is_well(container(image_id=image_id), Wanted("x", "a", False, ("sha256:1", "sha256:2", "sha256:3"))) is well


RECORDS = [
    {"step": "docker packages", **record_of(Run(("apt-get", "purge", "docker-ce")))},
    {"step": "file /etc/infrakit/infrakit.yaml", **record_of(Remove("/etc/infrakit/infrakit.yaml"))},
    {"step": "file /etc/motd", **record_of(Write("/etc/motd", b"\xffbefore", 0o640))},
]


def said(*, records=RECORDS, **options) -> list[str]:
    return [
        action.text()
        for step in plan_uninstall([Belongings("homelab")], records, **options).steps
        for action in step.actions
    ]


def test_uninstall_takes_the_last_change_back_first():
    assert said(keep_data=False, keep_docker=False) == [
        "remove what a drill left",
        "stop infrakit-update.timer, and remove /etc/systemd/system/infrakit-update.timer and "
        "/etc/systemd/system/infrakit-update.service",
        "stop infrakit-backup.timer, and remove /etc/systemd/system/infrakit-backup.timer and "
        "/etc/systemd/system/infrakit-backup.service",
        "stop infrakit-drill.timer, and remove /etc/systemd/system/infrakit-drill.timer and "
        "/etc/systemd/system/infrakit-drill.service",
        "stop infrakit-monitor.timer, and remove /etc/systemd/system/infrakit-monitor.timer and "
        "/etc/systemd/system/infrakit-monitor.service",
        "remove every container of homelab",
        "remove every network of homelab",
        "remove every volume of homelab",
        "remove what was put aside of it before updates",
        "write /etc/motd",
        "run apt-get purge docker-ce",
        "remove /var/lib/infrakit and all in it",
        "remove /etc/infrakit and all in it",
        "remove /var/cache/infrakit and all in it",
    ]


IMAGE = {"step": "image x/y:1", **record_of(Run(("sh", "-c", "true"), title="remove the image x/y:1"))}
DATA = {"step": "docker packages", **record_of(RemoveTree("/var/lib/docker"))}


def test_an_engine_of_ours_goes_with_all_that_it_holds():
    gone = said(keep_data=False, keep_docker=False, records=[DATA, *RECORDS, IMAGE])

    assert gone.index("run apt-get purge docker-ce") < gone.index("remove /var/lib/docker and all in it")
    assert "remove the image x/y:1" not in gone, "it goes with the folder"


@pytest.mark.parametrize(
    ("options", "records"),
    [
        ({"keep_data": False, "keep_docker": False}, [*RECORDS, IMAGE]),
        ({"keep_data": False, "keep_docker": True}, [DATA, *RECORDS, IMAGE]),
        ({"keep_data": True, "keep_docker": False}, [DATA, *RECORDS, IMAGE]),
    ],
    ids=["not our engine", "others use it", "data stays"],
)
def test_where_the_engines_folder_stays_our_images_go(options, records):
    gone = said(records=records, **options)

    assert "remove the image x/y:1" in gone and "remove /var/lib/docker and all in it" not in gone


def test_the_folder_of_an_engine_that_somebody_brought_meanwhile_is_his():
    left = [DATA, RECORDS[1]]

    assert still_ours(left, engine_is_there=True) == [RECORDS[1]]
    assert still_ours(left, engine_is_there=False) == left, "a purge after --keep-data takes it away"
    assert still_ours([DATA, *RECORDS], engine_is_there=True) == [DATA, *RECORDS]


def test_what_is_left_stays_in_the_record_in_its_order():
    steps = plan_uninstall([Belongings("homelab")], [DATA, *RECORDS, IMAGE], keep_data=True, keep_docker=False).steps
    (write,) = [action for step in steps for action in step.actions if type(action) is Write and action.path == UNDO]

    assert [json.loads(line) for line in write.content.splitlines()] == [DATA, RECORDS[1]]


def test_uninstall_keeps_what_it_is_told_to_keep():
    kept = said(keep_data=True, keep_docker=True)

    assert "remove every volume of homelab" not in kept and "run apt-get purge docker-ce" not in kept
    assert not [
        text
        for text in kept
        if "/etc/infrakit" in text or "/var/lib/infrakit/hosts" in text or "remove /var/lib/infrakit/undo" in text
    ]

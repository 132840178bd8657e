"""Keys of an app, in a container of a real engine: what the program inside is, may and sees."""

import json

import pytest

from infrakit.compiler import load
from infrakit.emit import compose
from infrakit.plan import Plan, run
from infrakit.stack import networks
from infrakit.stack.up import service_step, wanted_of
from tests.emit.tree import needs_compose, write
from tests.ports import free_port
from tests.runtime.engine import engine, import_shell, needs_engine
from tests.runtime.test_start import IMAGE, Local

pytestmark = [needs_engine, needs_compose]

FILE = """version: 1
domain: home.example.org
pattern: full
timezone: Europe/Berlin
tls: {{mode: internal}}
apps:
  drops:
    image: {image}
    data: [/kept]
    mounts: ["{folder}:/given:ro"]
    command: [/bin/sh, -c, "chown 999:999 /kept && exec setpriv --reuid=999 --regid=999 --clear-groups /bin/sh -c
      'echo mine >/kept/file; cp /bin/sleep /tmp/program; exec /tmp/program 1000000'"]
    health: [CMD, /bin/sh, -c, "[ -s /kept/file ]"]
    devices: [/dev/null:/dev/given]
    sysctls: {{net.ipv4.ip_forward: 1}}
    ports: ["127.0.0.1:{port}:53/udp"]
    hostname: den
    ulimits: {{nofile: 1024:4096}}
    pids: 50
    dns: [192.0.2.1]
    extra_hosts: [printer:192.0.2.2]
    init: true
    stop_grace: 0s
    needs: [before]
  before:
    image: {image}
    once: true
    command: [/bin/sh, -c, "sleep 1; echo done"]
  unasked:
    image: {image}
    user: 1000:1000
    groups: [44]
    writable: false
    command: [/bin/sh, -c, "echo up; exec sleep 1000000"]
    health: none
    needs: [drops]
    stop_grace: 0s
"""
PROGRAMS = ("/bin/chown", "/usr/bin/setpriv", "/bin/cp", "/bin/cat")


def asked_soon(service):
    """The engine of the tests may be too old to be told how often to ask at the start."""
    return service._replace(
        containers=tuple(
            item._replace(health=item.health and item.health._replace(interval_s=1, start_interval_s=0))
            for item in service.containers
        )
    )


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """The engine after both apps were started, and the folder that one of them is given."""
    place = tmp_path_factory.mktemp("keys")
    given = place / "given"
    given.mkdir()
    (given / "word").write_text("said")
    with engine(place) as made:
        port = free_port()
        import_shell(made, IMAGE, programs=PROGRAMS)
        text = FILE.format(image=IMAGE, folder=given, port=port)
        whole = load(text.encode(), "infrakit.yaml", lambda name: b"").fleet.deployments[0]
        apps = tuple(asked_soon(item) for item in whole.services if item.kind == "app")
        inside = {name for item in apps for container in item.containers for name in container.networks}
        drawn = tuple(item for item in whole.networks if item.name in inside)
        deployment = whole._replace(services=apps, networks=drawn, secrets=())
        tree = write(place / "tree", compose.emit(deployment), deployment)
        wanted = wanted_of(deployment, compose.emit(deployment))
        steps = [networks.networks_step(deployment, wanted, str(tree))]
        order = sorted(apps, key=lambda item: item.name)
        steps += [
            service_step(deployment, item, compose.emit(deployment), wanted[item.name], str(tree)) for item in order
        ]
        run(Plan("up", tuple(steps)), Local(str(made.socket)), lambda event: None, lambda step, action: None)
        yield made, port


def said(made, name: str, *words: str) -> str:
    return made.docker("exec", f"infrakit-{name}-1", *words)


def test_who_starts_as_root_owns_his_data_drops_and_runs_programs_in_tmp(real):
    made, _ = real
    assert said(made, "drops", "/bin/cat", "/kept/file") == "mine"
    (found,) = json.loads(made.docker("inspect", "infrakit-drops-1"))
    assert found["State"]["Health"]["Status"] == "healthy"
    running = said(made, "drops", "/bin/sh", "-c", "for p in /proc/[0-9]*; do cat $p/cmdline $p/status; done")
    program = running[running.index("/tmp/program") :]
    assert (
        "Uid:\t999\t999\t999\t999" in program and "NoNewPrivs:\t1" in program and "CapEff:\t0000000000000000" in program
    )


def test_who_does_its_work_once_had_ended_when_who_waits_began(real):
    made, _ = real
    (before,) = json.loads(made.docker("inspect", "infrakit-before-1"))
    (drops,) = json.loads(made.docker("inspect", "infrakit-drops-1"))
    assert before["State"]["Status"] == "exited" and before["State"]["ExitCode"] == 0
    assert before["State"]["FinishedAt"] < drops["State"]["StartedAt"]


def test_it_sees_what_its_keys_say(real):
    made, port = real
    assert said(made, "drops", "/bin/cat", "/given/word") == "said"
    shell = ("/bin/sh", "-c")
    assert said(made, "drops", *shell, "(: >/given/new) 2>/dev/null && echo yes || echo no") == "no"
    assert said(made, "drops", *shell, "[ -c /dev/given ] && cat /proc/sys/net/ipv4/ip_forward") == "1"
    assert said(made, "drops", *shell, "read name </etc/hostname; echo $name $TZ") == "den Europe/Berlin"
    assert "192.0.2.2" in said(made, "drops", "/bin/cat", "/etc/hosts")
    assert "init" in said(made, "drops", "/bin/cat", "/proc/1/cmdline")
    assert made.docker("port", "infrakit-drops-1") == f"53/udp -> 127.0.0.1:{port}"
    (found,) = json.loads(made.docker("inspect", "infrakit-drops-1"))
    assert found["HostConfig"]["PidsLimit"] == 50 and found["HostConfig"]["Dns"] == ["192.0.2.1"]
    # Not asked inside: what `docker exec` starts may get the hard limit for both (runc is a program in Go, which raises
    # its own).
    assert found["HostConfig"]["Ulimits"] == [{"Name": "nofile", "Hard": 4096, "Soft": 1024}]


def test_who_is_a_number_has_no_power_at_all_and_nobody_asks_how_he_is(real):
    made, _ = real
    (found,) = json.loads(made.docker("inspect", "infrakit-unasked-1"))
    assert found["State"]["Running"] and "Health" not in found["State"]
    status = said(made, "unasked", "/bin/cat", "/proc/1/status")
    assert "CapBnd:\t0000000000000000" in status and "Groups:\t44 1000" in status
    shell = ("/bin/sh", "-c", "(: >/new) 2>/dev/null && echo yes || echo no")
    assert said(made, "unasked", *shell) == "no"

"""What apps have of the host, by a real engine: volumes that they share or that were there before, and who owns what is
new."""

import json
import os

import pytest

from infrakit.compiler import load
from infrakit.emit import compose, service_files
from infrakit.plan import Plan, StepFailed, run
from infrakit.stack import layout, networks
from infrakit.stack.up import in_order, service_step, wanted_of
from tests.emit.tree import needs_compose, write
from tests.runtime.engine import engine, import_shell, needs_engine
from tests.runtime.test_apps_run import asked_soon
from tests.runtime.test_start import IMAGE, Local

pytestmark = [needs_engine, needs_compose]

FILE = """version: 1
domain: home.example.org
pattern: full
tls: {{mode: internal}}
volumes:
  library: {{}}
  old: {{external: from-before}}
apps:
  writes:
    image: {image}
    user: 1000:1001
    data: [/kept, /bin]
    mounts: [library:/library, old:/old]
    files: {{/etc/said.ini: "zone = ${{timezone}}"}}
    command: [/bin/sh, -c, "echo one >/kept/file; echo two >/library/file; read word </old/word; echo $word;
      read said </etc/said.ini; echo $said; exec sleep 1000000"]
    health: [CMD, /bin/sh, -c, "[ -s /library/file ]"]
    stop_grace: 0s
  reads:
    image: {image}
    mounts: ["library:/seen:ro"]
    command: [/bin/sh, -c, "read word </seen/file; echo $word; (: >/seen/new) 2>/dev/null || echo shut;
      exec sleep 1000000"]
    health: none
    needs: [writes]
    stop_grace: 0s
  joins:
    image: {image}
    network: writes
    command: [/bin/sh, -c, "exec sleep 1000000"]
    health: none
    stop_grace: 0s
"""


@pytest.fixture
def real(tmp_path_factory, monkeypatch):
    tmp_path = tmp_path_factory.mktemp("share")
    monkeypatch.setattr(layout, "HOSTS", str(tmp_path / "hosts"))
    with engine(tmp_path) as made:
        import_shell(made, IMAGE)
        made.docker("volume", "create", "from-before")
        place = made.docker("volume", "inspect", "--format", "{{.Mountpoint}}", "from-before")
        with open(f"{place}/word", "w") as file:
            file.write("before")
        yield made, tmp_path


def plan(text: str, place) -> Plan:
    whole = load(text.encode(), "infrakit.yaml", lambda name: b"").fleet.deployments[0]
    apps = tuple(asked_soon(item) for item in whole.services if item.kind == "app")
    inside = {name for item in apps for container in item.containers for name in container.networks}
    drawn = tuple(item for item in whole.networks if item.name in inside)
    deployment = whole._replace(services=apps, networks=drawn, secrets=(), routes=())
    read = service_files.emit(deployment)
    artifacts = (*read, *compose.emit(deployment, read))
    tree = str(write(place / "tree", artifacts, deployment))
    wanted = wanted_of(deployment, artifacts)
    steps = [networks.networks_step(deployment, wanted, tree)]
    steps += [service_step(deployment, item, artifacts, wanted[item.name], tree) for item in in_order(apps)]
    return Plan("up", tuple(steps))


def test_apps_share_what_is_theirs_and_a_fresh_volume_is_its_users(real):
    made, place = real
    machine = Local(str(made.socket))
    whole = plan(FILE.format(image=IMAGE), place)
    taken = run(whole, machine, lambda event: None, lambda step, action: None)
    assert taken and run(whole, machine, lambda event: None, lambda step, action: None) == 0
    assert made.said("infrakit-writes-1", "before", "zone = UTC") == ["before", "zone = UTC"]
    assert made.said("infrakit-reads-1", "two", "shut") == ["two", "shut"]
    for volume, name in (("infrakit_writes-kept", "file"), ("infrakit_library", "file"), ("infrakit_writes-bin", "sh")):
        folder = made.docker("volume", "inspect", "--format", "{{.Mountpoint}}", volume)
        for path in (folder, f"{folder}/{name}"):
            status = os.lstat(path)
            assert (status.st_uid, status.st_gid) == (1000, 1001), path
    assert not list((place / "hosts").glob("*/fresh-volumes"))
    (found,) = json.loads(made.docker("volume", "inspect", "from-before"))
    assert not found["Labels"]


def test_what_is_new_is_given_away_even_where_that_was_broken_off(real):
    made, place = real

    class BreaksOff(Local):
        def run(self, words, **how):
            if words[0] == "chown":
                return super().run(("false",), **how)
            return super().run(words, **how)

    whole = plan(FILE.format(image=IMAGE), place)
    with pytest.raises(StepFailed):
        run(whole, BreaksOff(str(made.socket)), lambda event: None, lambda step, action: None)
    run(whole, Local(str(made.socket)), lambda event: None, lambda step, action: None)
    folder = made.docker("volume", "inspect", "--format", "{{.Mountpoint}}", "infrakit_writes-bin")
    assert os.lstat(f"{folder}/sh").st_uid == 1000
    assert made.said("infrakit-reads-1", "two", "shut") == ["two", "shut"]


def network_of(machine, name: str) -> str:
    (pid,) = [item.pid for item in machine.engine.containers("infrakit") if item.service == name]
    return os.readlink(f"/proc/{pid}/ns/net")


def test_who_is_in_anothers_network_comes_along_when_that_starts_again(real):
    made, place = real
    machine = Local(str(made.socket))
    whole = plan(FILE.format(image=IMAGE), place)
    run(whole, machine, lambda event: None, lambda step, action: None)
    assert network_of(machine, "joins") == network_of(machine, "writes") != network_of(machine, "reads")

    made.docker("restart", "infrakit-writes-1")
    assert network_of(machine, "joins") != network_of(machine, "writes")
    assert run(whole, machine, lambda event: None, lambda step, action: None) >= 1
    assert network_of(machine, "joins") == network_of(machine, "writes")

    made.docker("rm", "-f", "infrakit-writes-1")
    run(whole, machine, lambda event: None, lambda step, action: None)
    assert network_of(machine, "joins") == network_of(machine, "writes")
    assert run(whole, machine, lambda event: None, lambda step, action: None) == 0

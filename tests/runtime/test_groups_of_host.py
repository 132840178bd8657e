"""A group of the host by its name, by a real engine and Compose: the container is in it by its number here, and is made
anew where that is another by now."""

import grp

import pytest

from infrakit.emit import compose
from infrakit.emit.groups import FILE, content
from infrakit.errors import MachineUnfit
from infrakit.plan import Plan, run
from infrakit.stack import layout, readers
from infrakit.stack.groups import group_steps
from infrakit.stack.up import service_step, wanted_of
from tests.emit.deployments import container, deployment, service
from tests.emit.tree import needs_compose
from tests.runtime.engine import engine, import_shell, needs_engine
from tests.runtime.test_start import FOR_EVER, IMAGE, Local

pytestmark = [needs_engine, needs_compose]

GROUP = grp.getgrall()[-1]
COMMON = {"image": IMAGE, "health": None, "stop_grace_period_s": 0, "command": ("/bin/sh", "-c", FOR_EVER)}


def of(group: str):
    return deployment(
        service("looks", container("looks", settings=(("groups", ("9", group)),), **COMMON)), networks=(), secrets=()
    )


@pytest.fixture
def machine(tmp_path_factory, monkeypatch):
    tmp_path = tmp_path_factory.mktemp("groups")
    monkeypatch.setattr(layout, "HOSTS", str(tmp_path / "hosts"))
    with engine(tmp_path) as made:
        import_shell(made, IMAGE)
        found = Local(str(made.socket))
        found.tree, found.kept = tmp_path / "tree", tmp_path / "hosts" / "core"
        yield found


def brought_up(machine, *before) -> list[str]:
    host = of(GROUP.gr_name)
    for artifact in compose.emit(host):
        path = machine.tree / artifact.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(artifact.content)
    if not (machine.tree / "secrets").is_symlink():
        (machine.tree / "secrets").symlink_to(machine.kept / "secrets")
    wanted = wanted_of(host, compose.emit(host))
    steps = (
        *before,
        *readers.readers_step(host, wanted, str(machine.tree)),
        service_step(host, host.services[0], compose.emit(host), wanted["looks"], str(machine.tree)),
    )
    run(Plan("up", steps), machine, lambda event: None, lambda step, action: None)
    (found,) = machine.engine.containers(host.name)
    return machine.engine.groups(found.name)


def test_it_is_in_the_group_by_its_number_here_and_made_anew_where_that_is_another(machine):
    (machine.kept / "secrets").mkdir(parents=True)
    (machine.kept / FILE).write_bytes(content([(GROUP.gr_name, 7654)]))
    assert brought_up(machine) == ["9", "7654"]
    assert brought_up(machine, *group_steps(of(GROUP.gr_name))) == ["9", str(GROUP.gr_gid)]
    (step,) = group_steps(of(GROUP.gr_name))
    assert all(probe.holds(machine) for probe in step.done_when)


def test_a_group_that_is_not_there_is_named(machine):
    (step,) = group_steps(of("no-such-group"))
    with pytest.raises(MachineUnfit, match="no group no-such-group"):
        step.actions[0].do(machine, lambda event: None)

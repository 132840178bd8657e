"""A secret that is set while its readers run, by a real engine and Compose: exactly they start anew, and read it."""

import json
import os

import pytest

from infrakit.cli.status import rows_of
from infrakit.emit import compose
from infrakit.model import Dependency, SecretMount, SecretSpec
from infrakit.plan import Event, Plan, preview, run
from infrakit.stack import layout, readers
from infrakit.stack.up import service_step, wanted_of
from infrakit.system import secrets
from tests.emit.deployments import container, deployment, origin, service
from tests.emit.tree import needs_compose
from tests.runtime.engine import FOR_EVER, engine, import_shell, needs_engine
from tests.runtime.test_start import IMAGE, Local

pytestmark = [needs_engine, needs_compose]

SAYS = ("/bin/sh", "-c", 'while read -r word || [ "$word" ]; do echo "$0 read $word"; done <"$0"; ')
FIRST = (Dependency("once", "service_completed_successfully"),)


def reader(name: str, *names: str, target: str = "", ends: bool = False, after=()):
    inside = target or f"/run/secrets/{names[0]}" if names else "/dev/null"
    command = (*SAYS[:2], SAYS[2] + ("" if ends else FOR_EVER), inside)
    mounts = tuple(SecretMount(item, target) for item in names)
    common = {"image": IMAGE, "health": None, "stop_grace_period_s": 0, "one_shot": ends, "depends_on": after}
    return container(name, command=command, secrets=mounts, **common)


HOST = deployment(
    service("reader", reader("reader", "word", after=FIRST), reader("once", "word", ends=True)),
    service("other", reader("elsewhere", "word", target="/data/word"), reader("neighbour", "another")),
    networks=(),
    secrets=tuple(SecretSpec(name, "user", 0, False, "", (), origin("secrets", name)) for name in ("word", "another")),
)


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    with engine(tmp_path_factory.mktemp("set-again")) as made:
        import_shell(made, IMAGE)
        yield made


@pytest.fixture
def machine(real, tmp_path, monkeypatch):
    """With the compiled tree, and two secrets."""
    tree, kept = tmp_path / "tree", tmp_path / "hosts"
    for artifact in compose.emit(HOST):
        path = tree / artifact.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(artifact.content)
    monkeypatch.setattr(layout, "HOSTS", str(kept))
    (kept / "core").mkdir(parents=True)
    (tree / "secrets").symlink_to(kept / "core" / "secrets")
    found = Local(str(real.socket))
    found.kept, found.tree = kept / "core", str(tree)
    for name in ("word", "another"):
        secrets.store(str(found.kept), name, b"first")
    yield found
    left = real.docker("ps", "-aq", "--filter", "label=com.docker.compose.project=infrakit").split()
    if left:
        real.docker("rm", "-f", *left)


def plan(machine) -> Plan:
    """That part of `up` which is about what runs."""
    artifacts = compose.emit(HOST)
    wanted = wanted_of(HOST, artifacts)
    steps = readers.readers_step(HOST, wanted, machine.tree)
    parts = (service_step(HOST, item, artifacts, wanted[item.name], machine.tree) for item in HOST.services)
    return Plan("up", (*steps, *parts))


def up(machine, notes: list[str] | None = None) -> tuple[int, dict[str, str]]:
    """How many steps were taken, and container -> when it began. `notes` gets what the journal does."""
    told: list[Event] = []
    taken = run(plan(machine), machine, told.append, lambda step, action: None)
    if notes is not None:
        notes += [event.text for event in told if event.kind == "note"]
    return taken, {item.service: item.started_at for item in machine.engine.containers("infrakit")}


def foretold(machine) -> list[str]:
    (first, *others) = preview(plan(machine), machine)
    assert not [item for item in others if item.acts]
    return list(first.actions)


def ill(machine) -> dict[str, str]:
    """By `infrakit status`: container -> how it is."""
    rows = rows_of(HOST, wanted_of(HOST, compose.emit(HOST)), machine)
    return {name: state for _, name, state, well, _ in rows if not well}


def test_its_readers_start_anew_and_nobody_else(real, machine):
    assert up(machine)[0] == 2
    again, before = up(machine)
    secrets.store(str(machine.kept), "word", b"second")
    line = "word was set again: reader, once, elsewhere start anew"
    assert foretold(machine) == [line]
    notes: list[str] = []
    taken, after = up(machine, notes)
    assert notes == [line]

    assert (again, up(machine)[0]) == (0, 0)
    assert taken >= 1 and {name for name in after if after[name] != before[name]} == {"reader", "once", "elsewhere"}
    for name, inside in (("reader", "/run/secrets/word"), ("once", "/run/secrets/word"), ("elsewhere", "/data/word")):
        assert real.said(f"infrakit-{name}-1", f"{inside} read second")[-1] == f"{inside} read second"


@pytest.mark.parametrize("began_anew", [(), ("reader",), ("reader", "once")])
def test_broken_off_anywhere_the_next_run_finishes(real, machine, began_anew):
    """Those had begun anew, and the one after them was stopped, when the power went."""
    up(machine)
    secrets.store(str(machine.kept), "word", b"second")
    order = ("reader", "once", "elsewhere")
    for name in began_anew:
        real.docker("restart", f"infrakit-{name}-1")
    real.docker("stop", f"infrakit-{order[len(began_anew)]}-1")
    up(machine)

    assert (up(machine)[0], ill(machine)) == (0, {})
    for name in order:
        last = f"{'/data/word' if name == 'elsewhere' else '/run/secrets/word'} read second"
        assert real.said(f"infrakit-{name}-1", last)[-1] == last


def test_what_is_written_into_the_file_by_hand_counts_too(machine):
    up(machine)
    file = machine.kept / "secrets" / "another"
    file.chmod(0o644)
    file.write_text("by hand")

    assert foretold(machine) == ["another was set again: neighbour starts anew"]
    assert up(machine)[0] >= 1 and foretold(machine) == []


def test_the_same_value_again_and_a_start_by_hand_leave_nothing_to_do(real, machine):
    up(machine)
    secrets.store(str(machine.kept), "another", b"first")
    assert foretold(machine) == []
    secrets.store(str(machine.kept), "another", b"second")
    assert foretold(machine) == ["another was set again: neighbour starts anew"]
    assert ill(machine) == {"neighbour": "running, but another was set again"}
    real.docker("restart", "infrakit-neighbour-1")
    assert (foretold(machine), ill(machine)) == ([], {})


def test_a_file_from_a_later_time_than_the_clock_shows_is_no_reason(machine):
    """As it is on a machine without a clock of its own, until the network has told it the time."""
    up(machine)
    os.utime(machine.kept / "secrets" / "another", (2**32, 2**32))
    assert foretold(machine) == []


def test_no_value_of_a_secret_stands_in_what_the_engine_keeps(real, machine):
    secrets.store(str(machine.kept), "another", b"unspeakable")
    up(machine)
    (found,) = json.loads(real.docker("inspect", "infrakit-neighbour-1"))
    assert "unspeakable" not in json.dumps(found)

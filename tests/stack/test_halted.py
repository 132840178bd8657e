"""Who was stopped in waves, and starts again: what it comes to where Docker was still stopping somebody, where work was
done already, and where somebody was not well before."""

import json
import os
import shutil

import pytest

from infrakit.compiler import load
from infrakit.errors import InfraKitError, MachineUnfit
from infrakit.machine import Container, Done, Limits
from infrakit.plan import run as carried
from infrakit.stack.backup.take import AGAIN
from infrakit.stack.halt import Halt, StartHalted, halted
from infrakit.stack.layout import HALTED
from infrakit.stack.move.under import MOVES, WHOLE, whole
from infrakit.stack.move.whole import RAN, Note, Still, plan_whole_back
from infrakit.stack.watch import is_done
from infrakit.system.machine import Machine
from tests.stack.test_move_group import FILE

WAVES = (("db",), ("once", "app"))


class Docker:
    """Stands in for an engine. `deaf`: who is being stopped, for a call that is over, and runs until somebody waits for
    the end; `ill`: who never gets well; `once`: who ends as soon as he has started."""

    def __init__(self, **states):
        self.states, self.deaf, self.ill, self.once = states, set(), set(), {"once"}

    def containers(self, project, services=None):
        names = [name for name in self.states if services is None or name in services]
        return [self._container(name) for name in names]

    def _container(self, name):
        health = "unhealthy" if name in self.ill else ""
        state = self.states[name]
        return Container(f"home-{name}-1", name, state, health, 0, "", "", "", 0, "2026-11-30T21:00:00Z", {})

    def limits(self, called):
        return Limits(0, 0, 0, "no" if called.split("-")[1] in self.once else "unless-stopped", "")

    def logs(self, called, lines=0):
        return ""

    last_health = logs

    def run(self, words):
        """docker VERB CONTAINER..."""
        for name in (called.split("-")[1] for called in words[2:]):
            if words[1] in ("stop", "restart"):
                self.deaf.discard(name)
                self.states[name] = "exited"
            if words[1] in ("start", "restart") and self.states[name] != "running":
                self.states[name] = "exited" if name in self.once else "running"

    def end(self):
        """What was being stopped ends."""
        for name in self.deaf:
            self.states[name] = "exited"


class OnEngine(Machine):
    """A machine with that engine; its files are real ones."""

    now_s = 0.0

    def run(self, words, **how):
        if words[:3] == ("docker", "container", "ls"):
            return Done(0, "\n".join(f"home-{name}-1" for name in self.engine.states), "")
        self.engine.run(words)
        return Done(0, "", "")

    def sleep(self, seconds):
        self.now_s += seconds

    def monotonic(self):
        return self.now_s


@pytest.fixture
def machine():
    made = OnEngine()
    made.engine = Docker(db="running", once="exited", app="running")
    os.makedirs(MOVES, exist_ok=True)
    yield made
    shutil.rmtree(MOVES)
    made.remove(HALTED)


def do(action, machine) -> None:
    action.do(machine, lambda event: None)


def back(machine) -> None:
    """As `move --all --back` does it."""
    deployment = next(item for item in load(FILE, "infrakit.yaml", lambda _: b"").fleet.deployments)
    plan = plan_whole_back(deployment._replace(name="home"), "/nowhere.move")
    carried(plan._replace(steps=plan.steps[:1]), machine, lambda event: None, lambda step, action: None)
    machine.remove(WHOLE)


def test_who_is_still_being_stopped_when_he_is_to_start_again_runs_after_all(machine):
    do(Halt("home", WAVES), machine)
    machine.engine.states.update(app="running", db="exited")
    machine.engine.deaf = {"app"}
    do(StartHalted("home"), machine)
    machine.engine.end()
    assert machine.engine.states == {"db": "running", "once": "exited", "app": "running"}
    machine.engine.deaf = {"app"}
    machine.run((*AGAIN, "home-app-1"))
    machine.engine.end()
    assert machine.engine.states["app"] == "running", "after a backup that was killed, too"


def test_work_that_was_done_is_neither_written_down_nor_done_again(machine):
    do(Halt("home", WAVES), machine)
    assert halted(machine) == (("home-db-1",), ("home-app-1",))
    assert [is_done(machine, item) for item in machine.engine.containers("home")] == [False, True, False]


def test_work_that_was_stopped_in_its_midst_is_done_and_is_no_fault(machine):
    machine.engine.states["once"] = "running"
    do(Halt("home", WAVES), machine)
    assert "home-once-1" in halted(machine)[1]
    do(StartHalted("home"), machine)
    assert machine.engine.states == {"db": "running", "once": "exited", "app": "running"}


def test_who_is_spared_runs_on_and_is_written_down(machine):
    action = Halt("home", WAVES, RAN, ("db",))
    assert not Still(action).holds(machine)
    do(action, machine)
    assert machine.engine.states["db"] == "running" and machine.engine.states["app"] == "exited"
    assert Still(action).holds(machine) and not Still(action._replace(spared=())).holds(machine)
    assert halted(machine, RAN) == (("home-db-1",), ("home-app-1",)) and not machine.exists(HALTED)


def test_who_dies_again_and_again_is_stopped_too(machine):
    machine.engine.states["app"] = "restarting"
    do(Halt("home", WAVES), machine)
    assert machine.engine.states["app"] == "exited"


def test_a_machine_that_was_halted_and_then_moves_starts_at_no_boot(machine):
    do(Halt("home", WAVES), machine)
    do(Halt("home", WAVES, RAN), machine)
    assert not machine.exists(HALTED) and halted(machine, RAN) == (("home-db-1",), ("home-app-1",))


def test_who_was_not_well_before_is_told_of_once_and_the_machine_is_taken_back(machine):
    do(Note("gone", "2026-11-30T21:00:00Z", "/nowhere.move"), machine)
    do(Halt("home", WAVES, RAN), machine)
    machine.engine.ill = {"db"}
    with pytest.raises(InfraKitError, match="db is unhealthy"):
        back(machine)
    assert machine.engine.states["app"] == "running", "it keeps no other from being started"
    assert whole(machine)["way"] == "out", "a move that goes on finds that it stands still no more"
    back(machine)


def test_what_was_written_down_is_kept_where_docker_does_not_answer(machine):
    do(Halt("home", WAVES), machine)
    before = halted(machine)
    machine.run = lambda words, **how: Done(1, "", "Cannot connect to the Docker daemon")
    with pytest.raises(MachineUnfit, match="Cannot connect"):
        do(StartHalted("home"), machine)
    assert halted(machine) == before


@pytest.mark.parametrize("content", ["{", '{"a": 1}', '["db", "app"]'])
def test_a_list_that_is_damaged_is_named(machine, content):
    machine.write(HALTED, content.encode())
    with pytest.raises(InfraKitError, match="is damaged"):
        halted(machine)
    machine.write(HALTED, json.dumps([]).encode())
    assert halted(machine) == ()

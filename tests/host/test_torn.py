"""Packages that a power cut came into: what their scripts wrote may be nothing but zeros, so that they go and come
anew."""

import pytest

from infrakit.errors import MachineUnfit
from infrakit.host.apt import INSTALLING, Finish, Install, NothingHalf
from infrakit.host.docker import IN_USE, engine_steps
from infrakit.host.facts import facts_of
from infrakit.plan.unflushed import THIS_START
from infrakit.system.machine import Done
from tests.host.machines import changed, load

PURGE = "dpkg --force-remove-reinstreq --purge apparmor docker-ce"
SIMULATED = (
    "Inst docker-ce (5:29 Docker [amd64])\nInst libc6 [2.36] (2.37 Debian [amd64])\nInst apparmor (3.0.8 Debian "
    "[amd64])\n"
)


class Machine:
    """A stand-in for a machine with dpkg and apt: its files, and what it ran."""

    def __init__(self, *, fails: bool = False, containers: tuple[str, ...] = ()) -> None:
        self.files = {THIS_START: b"first\n"}
        self.fails, self.containers, self.ran = fails, containers, []

    def read(self, path):
        return self.files.get(path)

    def append(self, path, line):
        self.files[path] = self.files.get(path, b"") + line + b"\n"

    def remove(self, path):
        self.files.pop(path, None)

    def exists(self, path):
        return path in self.files

    def listing(self, path):
        return self.containers if path == IN_USE else ()

    def flush(self, *folders):
        self.ran.append(f"flush {' '.join(folders)}")

    def monotonic(self):
        return 0.0

    def run(self, words, timeout_s=60):
        line = " ".join(words)
        if "--simulate" in words:
            return Done(0, SIMULATED, "")
        if "--audit" not in words:
            self.ran.append(line)
        failed = self.fails and line.endswith("install --no-install-recommends docker-ce")
        return Done(100, "", "E: no network") if failed else Done(0, "", "")


def after_a_cut(**how) -> Machine:
    """The next start of a machine on whose disk the mark is."""
    machine = Machine(**how)
    machine.files |= {INSTALLING: b"first apparmor docker-ce\n", THIS_START: b"second\n"}
    return machine


def test_new_packages_that_a_power_cut_came_into_go_before_they_come_again():
    machine = after_a_cut()
    assert not NothingHalf().holds(machine)

    Finish(IN_USE).do(machine, lambda event: None)

    assert machine.ran[:2] == [PURGE, "dpkg --configure -a"] and machine.ran[2].startswith("flush /etc /usr")
    assert NothingHalf().holds(machine) and INSTALLING not in machine.files


def test_packages_that_were_used_since_stay():
    machine = after_a_cut(containers=("5e55",))
    Finish(IN_USE).do(machine, lambda event: None)
    assert machine.ran[0] == "dpkg --configure -a" and NothingHalf().holds(machine)


def test_an_installation_that_came_to_its_end_leaves_no_mark():
    machine = Machine()
    Install(("docker-ce",)).do(machine, lambda event: None)
    assert machine.ran[-1].startswith("flush ") and INSTALLING not in machine.files


def test_one_that_failed_leaves_no_mark_either():
    """Whoever mends it by hand, and starts the machine anew, keeps his packages."""
    machine = Machine(fails=True)
    with pytest.raises(MachineUnfit):
        Install(("docker-ce",)).do(machine, lambda event: None)
    assert INSTALLING not in machine.files


def test_the_mark_names_what_is_new_and_nothing_else(monkeypatch):
    machine = Machine()
    monkeypatch.setattr(machine, "remove", lambda path: None)
    Install(("docker-ce",)).do(machine, lambda event: None)
    assert machine.files[INSTALLING] == b"first apparmor docker-ce\n"


def test_what_was_merely_killed_stays_and_the_mark_goes():
    """The kernel goes on to write."""
    machine = after_a_cut()
    machine.files[THIS_START] = b"first\n"
    assert not NothingHalf().holds(machine)
    Finish(IN_USE).do(machine, lambda event: None)
    assert machine.ran[0] == "dpkg --configure -a" and NothingHalf().holds(machine)


@pytest.mark.parametrize("mark", ["", "first apparmor docker-ce\n"])
def test_the_plan_after_it_begins_with_them_although_dpkg_calls_them_installed(mark):
    facts = facts_of(changed(load("debian13-vps"), {INSTALLING: mark}))
    assert facts.half_installed == (("apparmor", "docker-ce") if mark else ())
    names = [step.name for step in engine_steps(facts)]
    assert (names[0] == "packages" and "docker packages" in names) is bool(mark)

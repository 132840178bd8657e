"""What is told of faults: each once, and once that it is over; never a storm."""

import ast
import json
import random
from pathlib import Path
from types import SimpleNamespace

import pytest

from infrakit.machine import Answer, Met
from infrakit.stack import doctor
from infrakit.stack.doctor import CHECKS, diagnose
from infrakit.stack.doctor.readings import Readings
from infrakit.stack.doctor.words import KINDS, trouble
from infrakit.stack.layout import MONITOR
from infrakit.stack.monitor import memory
from infrakit.stack.monitor.alerts import HOUR_S, Alert, Look, Sight, Silence, judge
from infrakit.stack.monitor.sights import OF_ENGINE, OF_STACK, QUICK, SAME, key_of, look_of
from tests.stack.test_doctor import DOORS, GOOD, HEALTHY, HOST, RUNNING, answered, inspected

NOW_S, MINUTE_S = 1_800_000_000.0, 60.0
DISK = Sight("disk", "disk_filled", "disk-filled", "warning", "/ is 95 % full", "a full disk stops all", "make room")
WIKI = Sight("container wiki", "container_down", "container-failed", "error", "wiki ended", "it said no", "look")
OLD = Sight("backup-age", "backup_old", "backup-old", "error", "three days", "no run", "backup now", slow=True)
EVERY = frozenset({DISK.check, WIKI.check, OLD.check})


class Life:
    """A machine that is looked at each minute."""

    def __init__(self):
        self.known, self.now_s, self.told, self.silences = {}, NOW_S, [], ()

    def look(self, *sights, checks=EVERY, **more):
        self.now_s += MINUTE_S
        self.known, changes = judge(self.known, Look(sights, checks, **more), self.now_s, self.silences)
        self.known = kept(self.known)
        self.told += [(item.state, item.alert.key) for item in changes]
        return [(item.state, item.alert.key) for item in changes]


def readings(**other):
    return HEALTHY._replace(**other)


def kept(known):
    """After a run of its own."""
    disk = Disk({})
    memory.write(disk, memory.Memory(known), NOW_S)
    assert memory.read(disk).alerts == known
    return known


class Disk(SimpleNamespace):
    """Stands for the machine's disk."""

    def __init__(self, files):
        super().__init__(files=files)

    def read(self, path, most_bytes=1 << 20):
        return self.files.get(path)

    def write(self, path, content, mode=0o644):
        self.files[path] = content

    def remove(self, path):
        self.files.pop(path, None)


def test_a_fault_is_told_at_the_second_look_and_once_and_once_that_it_is_over():
    life = Life()
    assert life.look(DISK) == []
    assert life.look(DISK) == [("alert", "disk")]
    assert [life.look(DISK._replace(what=f"{number} %")) for number in range(200)] == [[]] * 200
    assert life.look() == []
    assert life.look() == [("over", "disk")]
    assert [life.look() for _ in range(60)] == [[]] * 60 and life.known == {}


def test_a_lost_answer_is_nothing():
    life = Life()
    for _ in range(30):
        life.look(WIKI), life.look()
    assert life.told == []
    life.look(WIKI), life.look(WIKI)
    for _ in range(30):
        life.look(), life.look(WIKI)
    assert life.told == [("alert", WIKI.key)]


def test_what_is_looked_for_now_and_then_is_told_at_once():
    life = Life()
    assert life.look(OLD) == [("alert", OLD.key)]
    assert life.look() == [("over", OLD.key)]


def test_nothing_is_concluded_from_what_nobody_looked_at():
    life = Life()
    life.look(OLD, WIKI), life.look(OLD, WIKI)
    for _ in range(20):
        assert life.look(WIKI, checks=frozenset({WIKI.check})) == []
        assert life.look(checks=EVERY, unseen=frozenset({OLD.key, WIKI.key})) == []
    assert life.look() == [("over", OLD.key)]


def test_what_the_file_ignores_from_now_on_is_forgotten_without_a_word():
    life = Life()
    life.look(DISK), life.look(DISK)
    assert life.look(left=frozenset({"disk"})) == [] and life.known == {}


def test_what_gets_worse_is_told_again_and_what_gets_better_is_not():
    life = Life()
    life.look(DISK), life.look(DISK)
    assert life.look(DISK._replace(severity="error")) == [("alert", "disk")]
    assert life.look(DISK) == [] == life.look(DISK._replace(severity="error"))


@pytest.mark.parametrize("period", [2, 3, 4, 5, 6, 7, 9, 11, 13])
def test_an_hour_of_coming_and_going_is_five_messages_at_most(period):
    life, told = Life(), []
    for minute in range(6 * 60):
        told.append(len(life.look(*([WIKI] if minute // period % 2 else []))))
    assert sum(told) >= 2
    assert max(sum(told[begin : begin + 60]) for begin in range(len(told))) <= 5
    for _ in range(70):
        life.look()
    assert life.told[-1] == ("over", WIKI.key) and life.known.get(WIKI.key, Alert(WIKI, 0, 0)).told == ""


@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens_who_was_told_is_told_the_end_and_alerts_take_turns(seed):
    chance, life = random.Random(seed), Life()
    for _ in range(300):
        there = [sight for sight in (DISK, WIKI, OLD) if chance.random() < 0.4]
        if chance.random() < 0.1:
            life.now_s += chance.choice((-7200, 7200, -60, 86_400))  # somebody sets the clock
        life.look(*there, checks=frozenset(chance.sample(sorted(EVERY), chance.randint(0, 3))))
    for _ in range(100):
        life.look()
    for key in ("disk", WIKI.key, OLD.key):
        states = [state for state, about in life.told if about == key]
        assert states == ["alert", "over"] * (len(states) // 2), key
    assert not any(item.told for item in life.known.values())


def test_a_silence_holds_its_tongue_until_its_end():
    life = Life()
    life.look(DISK), life.look(DISK)
    life.silences = (Silence("*", life.now_s + 10 * MINUTE_S),)
    assert [life.look(WIKI) for _ in range(9)] == [[]] * 9
    assert sorted(life.look(WIKI)) == [("alert", WIKI.key), ("over", "disk")]


def test_the_clock_may_be_set_by_years():
    life = Life()
    life.look(DISK), life.look(DISK)
    life.now_s -= 400 * 86_400
    assert life.look(DISK) == []
    assert life.look() == [] and life.look() == [("over", "disk")]


@pytest.mark.parametrize(
    "content", [None, b"", b"[]", b"{", b'{"alerts": 1}', b'{"alerts": [{}]}', b'{"silences": [1]}', b"\xff", b"null"]
)
def test_a_memory_that_cannot_be_read_is_none(content):
    assert memory.read(Disk({MONITOR: content})) == memory.Memory()


def test_silences_that_are_over_are_not_kept():
    disk = Disk({})
    memory.write(disk, memory.Memory({}, (Silence("a", NOW_S + 1, "why"), Silence("b", NOW_S))), NOW_S)
    assert memory.read(disk).silences == (Silence("a", NOW_S + 1, "why"),)
    assert json.loads(disk.files[MONITOR])["version"] == 1


# from the doctor's findings


def seen(found: Readings, checks=QUICK, calm=True, rules=()):
    diagnosis = diagnose(found, [], rules, checks)
    ran = {check.__name__ for check in checks}
    return look_of(diagnosis.troubles, [item for item, _ in diagnosis.ignored], ran, found, calm=calm)


def keys(look):
    return sorted(item.key for item in look.sights)


def with_container(name, **state):
    return tuple({**RUNNING, name: inspected(name, **state)}.values())


def test_a_healthy_machine_has_nothing_to_tell():
    assert seen(readings(), CHECKS).sights == () and seen(readings()).sights == ()


def test_what_a_container_suffers_is_one_fault_whatever_it_goes_through():
    for state in (
        {"Status": "exited", "Running": False, "ExitCode": 1},
        {"Status": "exited", "Running": False, "ExitCode": 0},
        {"Status": "restarting", "ExitCode": 1, "restarts": 9},
        {"Health": {"Status": "unhealthy", "FailingStreak": 9, "Log": []}},
        {"Status": "paused", "Paused": True},
        {"Status": "exited", "Running": False, "ExitCode": 137, "OOMKilled": True},
    ):
        assert keys(seen(readings(containers=with_container("dozzle", **state)))) == ["container dozzle"], state


def test_a_door_of_who_does_not_run_is_no_fault_beside_it():
    down = with_container("dozzle", Status="exited", Running=False, ExitCode=1)
    route = next(item for item in HOST.routes if item.service == "dozzle")
    met = answered(**{route.hostname.replace(".", "_"): Answer(502, "", "")})
    look = seen(readings(containers=down, met=met))
    assert keys(look) == ["container dozzle"] and look.unseen == {f"door {route.hostname}"}
    assert keys(seen(readings(met=met))) == [f"door {route.hostname}"]


def test_sign_in_that_is_down_is_one_fault():
    met = tuple(
        (door, Met(Answer(502, "", ""), "")) if door.sign_in == "forward_auth" else (door, found)
        for door, found in answered()
    )
    look = seen(readings(met=met, ready=Met(Answer(503, "", ""), "")))
    assert keys(look) == ["sign-in-down"] and len(look.unseen) > 2


def test_who_is_ill_because_of_whom_it_needs_is_no_fault_beside_it():
    services = {item.name: item for service in HOST.services for item in service.containers}
    needing = next(item for item in services.values() if item.depends_on)
    needed = needing.depends_on[0].container
    ill = {"Health": {"Status": "unhealthy", "FailingStreak": 9, "Log": []}}
    both = tuple({**RUNNING, needed: inspected(needed, **ill), needing.name: inspected(needing.name, **ill)}.values())
    assert keys(seen(readings(containers=both))) == [f"container {needed}"]


def test_doors_that_are_all_silent_are_one_fault_and_nothing_is_over_because_of_it():
    met = tuple((door, Met(Answer(0, "", "[errno 111] connection refused"), "")) for door, _ in answered())
    look = seen(readings(met=met))
    assert keys(look) == ["door-silent"] and "door_wrong" not in look.checks


def test_an_engine_that_does_not_answer_says_nothing_of_containers():
    look = seen(readings(containers=None))
    assert not look.checks & OF_ENGINE and look.checks


def test_while_somebody_changes_the_stack_nothing_is_said_of_it():
    down = with_container("dozzle", Status="exited", Running=False, ExitCode=1)
    look = seen(readings(containers=down), CHECKS, calm=False)
    assert look.sights == () and not look.checks & OF_STACK and "disk_filled" in look.checks


def test_what_is_ignored_is_left():
    down = with_container("dozzle", Status="exited", Running=False, ExitCode=1)
    rule = doctor.Rule("container-failed", "2099-01-01", "on holiday", "infrakit.yaml:1:1")
    look = seen(readings(containers=down), rules=[rule])
    assert look.sights == () and look.left == {"container dozzle"}


def test_every_code_that_is_called_otherwise_is_one():
    of_preflight = {"disk-tight", "data-short", "root-full", "clock-ahead", "clock-behind"}
    assert set(SAME) - of_preflight <= set(KINDS)
    one, other = (key_of(trouble("door-failing", "x", subject=door.hostname)) for door in DOORS[:2])
    assert one == f"door {DOORS[0].hostname}" != other


def test_who_may_find_several_of_a_kind_says_whom_each_is_about():
    """Else two faults would be one, and one would be over while the other is there."""
    for path in Path(doctor.__file__).parent.glob("*.py"):
        tree = ast.parse(path.read_text())
        for loop in (node for node in ast.walk(tree) if isinstance(node, ast.For)):
            for call in (node for node in ast.walk(loop) if isinstance(node, ast.Call)):
                if getattr(call.func, "id", "") == "trouble" and getattr(call.args[0], "value", "") != "build-cache":
                    given = {word.arg for word in call.keywords}
                    assert "subject" in given, f"{path.name}:{call.lineno}"


def test_seconds_are_counted_from_the_first_sight():
    life = Life()
    life.look(DISK)
    began_s = life.now_s
    life.look(DISK)
    assert life.known["disk"].began_s == began_s
    assert 0 <= life.now_s - life.known["disk"].seen_s < HOUR_S


def test_the_machine_of_these_tests_is_well():
    assert GOOD.now_s > 0 and {item.__name__ for item in QUICK} <= {item.__name__ for item in CHECKS}

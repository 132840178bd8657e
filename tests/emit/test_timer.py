"""What moves by itself, as units of systemd, and as the step that puts them there."""

import shutil
import subprocess
from types import SimpleNamespace

import pytest

from infrakit.compiler import load
from infrakit.emit import emit, timer, trace
from infrakit.stack.belongings import Belongings
from infrakit.stack.down import plan_down
from infrakit.stack.timer import NoTimer, SetTimer, timer_steps

TEXT = "version: 1\ndomain: home.example.org\npattern: monitoring\n"
WATCHED = "services: {watchtower: {enabled: true}, dozzle: {image: 'docker.io/amir20/dozzle:v10'}}\n"
DONE = SimpleNamespace(code=0, out="", err="")


def host(line=""):
    (found,) = load((TEXT + line).encode(), "infrakit.yaml", lambda _: b"").fleet.deployments
    return found


def timer_of(found):
    return timer_steps(found)[0]


def said(window):
    return host(f"updates: {{automatic: stateless, window: '{window}'}}\n")


@pytest.mark.parametrize(
    ("window", "calendar", "delay_s"),
    [
        ("03:00", "*-*-* 03:00:00", 300),
        ("Sun 23:30-00:30", "Sun *-*-* 23:30:00", 300),
        ("Sun,Sat 03:05-03:07", "Sat,Sun *-*-* 03:05:00", 60),
        ("Mon,Tue,Wed,Thu,Fri,Sat,Sun 04:00-04:00", "*-*-* 04:00:00", 300),
    ],
)
def test_a_window_is_what_systemd_reads(window, calendar, delay_s):
    units = {item.path: item.content.decode() for item in timer.emit(said(window))}
    lines = units["systemd/infrakit-update.timer"].splitlines()
    assert f"OnCalendar={calendar}" in lines and f"RandomizedDelaySec={delay_s}" in lines


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path):
    both = "updates: {automatic: stateless, window: 'Sat,Sun 03:00-05:00'}\nbackup: {to: /mnt/backups}\n"
    units = {tmp_path / item.path.rpartition("/")[2]: item.content for item in timer.emit(host(both))}
    for path, content in units.items():
        path.write_bytes(content)
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("said", "calendar"),
    [("", "*-*-01 05:00:00"), (", daily: '22:30', drill: weekly", "Sun *-*-* 01:30:00"), (", drill: never", "")],
)
def test_a_backup_is_tried_out_after_it_was_made_or_never(said, calendar):
    found = host(f"backup: {{to: /mnt/backups{said}}}\n")
    units = {item.path.rpartition("/")[2]: item.content.decode() for item in timer.emit(found)}
    assert ("infrakit-drill.timer" in units) is bool(calendar)
    steps = {step.name: step for step in timer_steps(found)}
    assert isinstance(steps["drills"].actions[0], SetTimer if calendar else NoTimer)
    assert [path for path, _ in steps["backups"].actions[0].files] == [
        f"/etc/systemd/system/infrakit-backup.{kind}" for kind in ("service", "timer")
    ]
    if calendar:
        service = units["infrakit-drill.service"].splitlines()
        assert f"OnCalendar={calendar}" in units["infrakit-drill.timer"].splitlines()
        assert "After=network-online.target docker.service infrakit-halt.service infrakit-backup.service" in service
        assert "SuccessExitStatus=3" in service
        assert "ExecStart=/usr/bin/python3 /usr/local/bin/infrakit backup drill" in service


def test_every_line_of_them_comes_from_the_key_and_without_it_there_is_none():
    found = said("03:00")
    paths = [item.path for item in emit(found) if item.path.startswith("systemd/")]
    assert paths == ["systemd/infrakit-update.service", "systemd/infrakit-update.timer"]
    for path in paths:
        assert {origin.path for origin in trace(found, path).values()} == {("updates",)}
    for nobody in (host(), host("updates: {automatic: none, window: '04:00'}\n")):
        assert not [item.path for item in emit(nobody) if item.path.startswith("systemd/")]


def test_two_who_would_pull_at_one_container_are_named_and_that_a_lock_is_missing():
    text = f"{TEXT}{WATCHED}updates: {{automatic: all}}\n"
    found = load(text.encode(), "infrakit.yaml", lambda _: b"").warnings
    (twice,) = [problem for problem in found if problem.code == "moved-twice"]
    assert (twice.position.line, twice.position.column) == (5, 22) and twice.related.line == 4
    assert "moved-unlocked" in [problem.code for problem in found]
    quiet = load(f"{TEXT}{WATCHED}".encode(), "infrakit.yaml", lambda _: b"").warnings
    assert not [problem.code for problem in quiet if problem.code.startswith("moved-")]


class Systemd(SimpleNamespace):
    """Stands for a machine whose systemd has what the files say, from daemon-reload on."""

    def run(self, words, timeout_s=60):
        self.asked.append(words[1])
        if words[1] in ("enable", "restart", "disable"):
            self.on = {*self.on, words[1]} if words[1] != "disable" else set()
        on = self.on == {"enable", "restart"}
        return DONE if words[1][:3] != "is-" or on else SimpleNamespace(code=1, out="", err="")

    def read(self, path, most_bytes=1 << 20):
        return self.files.get(path, (None,))[0]

    def mode(self, path):
        return self.files[path][1]

    def write(self, path, content, mode=0o644):
        self.files[path] = content, mode

    def exists(self, path):
        return path in self.files

    def remove(self, path):
        self.files.pop(path, None)


def holds(step, machine):
    return all(probe.holds(machine) for probe in step.done_when)


def test_the_timer_is_set_anew_where_its_window_is_another_and_goes_with_the_key_or_the_stack():
    machine, told = Systemd(files={}, on=set(), asked=[]), []
    none = timer_of(host())
    assert holds(none, machine)
    for window in ("03:00", "04:00"):
        step = timer_of(said(window))
        assert not holds(step, machine) and isinstance(step.actions[0], SetTimer)
        step.actions[0].do(machine, told.append)
        assert holds(step, machine) and window in machine.files["/etc/systemd/system/infrakit-update.timer"][0].decode()
    assert "which is not there" in told[0].text
    assert not holds(none, machine) and isinstance(none.actions[0], NoTimer)
    none.actions[0].do(machine, told.append)
    assert holds(none, machine) and not machine.files and not machine.on and machine.asked[-1] == "daemon-reload"
    assert plan_down(Belongings("home")).steps[0] == none

"""Plans on the command line: shown before anything, refused without root or an answer, one at a time."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from infrakit.cli import carry
from infrakit.cli.progress import Progress
from infrakit.errors import MachineUnfit
from infrakit.plan import Plan, Step, Write
from infrakit.system.machine import Machine

TEXT = "version: 1\ndomain: home.example.org\npattern: monitoring\ntls: {mode: internal}\n"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes a machine")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "infrakit.yaml"
    path.write_text(TEXT)
    return path


def test_a_dry_run_names_every_step_and_changes_nothing(infrakit, file):
    before = sorted(Path("/var/lib/infrakit").rglob("*"))
    run = infrakit("up", "--dry-run")

    assert run.returncode == 6 and "Traceback" not in run.stderr
    lines = run.stdout.splitlines()
    assert lines[0].startswith("bring infrakit up on infrakit: ")
    for step in ("+ the compiled tree", "+ secrets", "+ Glances", "? door auth.home.example.org"):
        assert step in lines, run.stdout
    assert any(line.startswith("    write generation ") for line in lines)
    assert sorted(Path("/var/lib/infrakit").rglob("*")) == before


def test_a_dry_run_as_json_has_the_same_steps(infrakit, file):
    steps = json.loads(infrakit("up", "--dry-run", "--json").stdout)["steps"]

    assert {"name", "title", "acts", "because", "waits", "actions"} == set(steps[0])
    assert [step["name"] for step in steps if step["name"].startswith("service ")][-1] != ""


def test_a_journal_that_has_grown_too_long_goes_on_anew(tmp_path, monkeypatch):
    journal = tmp_path / "journal.jsonl"
    monkeypatch.setattr(carry, "JOURNAL", str(journal))
    monkeypatch.setattr(carry, "UNDO", str(tmp_path / "undo"))
    monkeypatch.setattr(carry, "MOST_JOURNAL_BYTES", 1000)
    plan = Plan("write", (Step("x", "x is there", (), (Write(str(tmp_path / "x"), b"x"),)),))
    for _ in range(30):
        carry.carried(plan, Machine(), Progress(as_json=True), recorded=False)
        assert journal.stat().st_size < 2500
    assert Path(f"{journal}.1").stat().st_size > 1000
    assert json.loads(journal.read_text().splitlines()[-1])["kind"]


@as_root
def test_json_alone_is_no_yes(infrakit, file):
    """There is nobody to be asked, with or without a terminal."""
    before = sorted(Path("/var/lib/infrakit").rglob("*"))
    run = infrakit("up", "--json")

    assert run.returncode == 1 and "add --yes, or look first: --dry-run" in run.stdout, run.stdout
    assert sorted(Path("/var/lib/infrakit").rglob("*")) == before


def test_who_is_not_root_is_told_how(pyz):
    with tempfile.TemporaryDirectory(
        prefix="infrakit-everybody-"
    ) as name:  # pytest's own folders are the caller's alone
        place = Path(name)
        place.chmod(0o755)
        (place / "infrakit.yaml").write_text(TEXT)
        shutil.copy(pyz, place / "infrakit.pyz")
        somebody = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        words = ["/usr/bin/python3" if somebody else sys.executable, "infrakit.pyz", "up", "--yes"]
        run = subprocess.run(
            words, cwd=place, capture_output=True, text=True, env={"PATH": os.environ["PATH"]}, **somebody
        )

    assert run.returncode == 3 and "this needs root\n  hint: sudo infrakit up --yes" in run.stderr


@as_root
def test_without_a_terminal_nothing_is_asked_and_nothing_changed(pyz, file):
    run = subprocess.run(
        [sys.executable, str(pyz), "up"],
        cwd=file.parent,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"]},
        start_new_session=True,
    )

    assert run.returncode == 2 and "--yes answers the question" in run.stderr
    assert not os.path.lexists("/var/lib/infrakit/current")


@as_root
def test_a_second_run_names_the_first(pyz, file):
    with open("/run/infrakit.lock", "w+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(json.dumps({"pid": 4711, "command": "infrakit update", "since": "2026-11-24 03:00:00"}).encode())
        lock.flush()
        run = subprocess.run(
            [sys.executable, str(pyz), "up", "--yes"],
            cwd=file.parent,
            capture_output=True,
            text=True,
            env={"PATH": os.environ["PATH"]},
        )

    assert run.returncode == 75
    assert "infrakit update, pid 4711, since 2026-11-24 03:00:00" in run.stderr


def test_a_host_that_is_not_in_the_file_is_refused(infrakit, file):
    run = infrakit("up", "--dry-run", "--host", "shed")

    assert run.returncode == 2 and "there is no host shed in the file" in run.stderr


def test_a_secret_that_only_the_user_has_is_asked_for_first(infrakit, tmp_path):
    (tmp_path / "infrakit.yaml").write_text(TEXT.replace("internal", "tunnel"))
    run = infrakit("up", "--dry-run")

    assert run.returncode == 3 and "missing secret: " in run.stderr and "infrakit secrets set " in run.stderr


def test_a_file_for_another_processor_is_refused(infrakit, tmp_path):
    (tmp_path / "infrakit.yaml").write_text(
        TEXT.replace("pattern: monitoring", "hosts: {pi: {pattern: monitoring, architecture: armhf}}").replace(
            "tls",
            (
                "services: {authentik: {enabled: false}, caddy: {enabled: false}, "
                "glances: {enabled: false}, dozzle: {enabled: false}, dozzle-agent: {enabled: true}}\ntls"
            ),
        )
    )
    run = infrakit("up", "--dry-run")

    assert run.returncode == 3, run.stderr
    assert "and pi in the file is armhf" in run.stderr and "hosts.pi.architecture" in run.stderr


@as_root
@pytest.mark.parametrize("as_json", [False, True])
def test_what_comes_after_is_told_to_a_program_too(monkeypatch, tmp_path, as_json):
    monkeypatch.setattr(carry, "JOURNAL", str(tmp_path / "journal.jsonl"))
    heard = []
    plan = Plan("x", (Step("x", "x", (), (Write(str(tmp_path / "done"), b"x"),)),))
    carry.carry_out(plan, yes=True, dry_run=False, as_json=as_json, recorded=False, after=heard.append)
    carry.carry_out(plan, yes=True, dry_run=True, as_json=as_json, recorded=False, after=heard.append)
    assert heard == [1]


@as_root
def test_a_journal_that_cannot_be_written_stops_nobody(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(carry, "JOURNAL", str(tmp_path / "file/journal.jsonl"))
    done = Path(tmp_path, "done")
    plan = Plan("x", (Step("x", "x", (), (Write(str(done), b"x"),)),))
    assert carry.carry_out(plan, yes=True, dry_run=False, as_json=False, recorded=False) == 0
    assert done.read_bytes() == b"x"


@as_root
def test_a_plan_that_is_shown_in_other_words_may_be_refused_and_nobody_else_is_at_work_meanwhile(monkeypatch, tmp_path):
    monkeypatch.setattr(carry, "JOURNAL", str(tmp_path / "journal.jsonl"))
    done = tmp_path / "done"
    plan = Plan("x", (Step("x", "x", (), (Write(str(done), b"x"),)),))

    def locked() -> int:
        with open("/run/infrakit.lock") as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return 1

    def moved() -> int:
        raise MachineUnfit("moved")

    how = {"yes": True, "dry_run": False, "as_json": True, "recorded": False}
    with pytest.raises(MachineUnfit, match="moved"):
        carry.carry_out(plan, **how, shown=moved)
    assert not done.exists()
    assert carry.carry_out(plan, **how, shown=locked) == 0 and done.exists()
    assert carry.carry_out(plan, **{**how, "dry_run": True}, shown=lambda: 3) == 6

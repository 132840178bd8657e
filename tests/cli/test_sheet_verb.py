"""`infrakit backup sheet` from the built zipapp, on a machine whose file says where backups go."""

import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infrakit.cli.sheet import offer
from infrakit.compiler import load
from infrakit.stack.backup.confirmed import CONFIRMED, confirm
from infrakit.stack.backup.sheet import groups_of, read_sheet
from infrakit.system.machine import Machine
from tests.cli.test_generation_verbs import STATE, put

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has the key")
FILE = b"version: 1\ndomain: home.example.org\npattern: edge\ntls: {mode: internal}\nbackup: {to: /mnt/usb/backups}\n"
KEY = b"lusab-babad-gutih-tugad-fimol-vozam-kanij-zozoz"
GROUPS = groups_of(KEY)
(HOST,) = load(FILE, "infrakit.yaml", lambda _: b"").fleet.deployments


@pytest.fixture
def key():
    put(HOST, 1)
    path = STATE / "hosts" / HOST.host / "secrets" / "backup_key"
    path.parent.mkdir(parents=True, mode=0o700)
    path.write_bytes(KEY)
    yield path
    (STATE / "current").unlink()
    for folder in ("generations", "hosts", "backup"):
        shutil.rmtree(STATE / folder, ignore_errors=True)


def on_a_terminal(pyz, *words: str, types: str) -> str:
    """What it says to somebody who types a group by its number: `{}` in `types`."""
    child, terminal = pty.fork()
    if not child:
        os.environ["PYTHONIOENCODING"] = "utf-8"
        os.execv(sys.executable, [sys.executable, str(pyz), "backup", "sheet", *words])
    said, asked = b"", 0
    while True:
        try:
            more = os.read(terminal, 65536)
        except OSError:
            break
        said += more
        questions = re.findall(rb"type its group (\d+); Enter alone: later: ", said)
        if len(questions) > asked:
            asked += 1
            os.write(terminal, (types.format(GROUPS[int(questions[-1]) - 1]) + "\n").encode())
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, said.decode()
    return said.decode()


def without_terminal(pyz, *words: str) -> subprocess.CompletedProcess:
    program = [sys.executable, str(pyz), "backup", "sheet", *words]
    return subprocess.run(program, capture_output=True, text=True, timeout=60, start_new_session=True)


def test_who_types_one_of_its_groups_has_it(pyz, key):
    said = on_a_terminal(pyz, types=" {} ")
    assert "restore --from /mnt/usb/backups --host infrakit" in said and "confirmed; keep it away" in said
    assert read_sheet(" ".join(re.findall(r"\d ([a-z]{5}\d\d)\b", said.partition("when it is printed")[0]))) == KEY
    kept = Path(CONFIRMED)
    assert kept.stat().st_mode & 0o777 == 0o600 and not any(
        word in kept.read_text() for word in KEY.decode().split("-")
    )


@pytest.mark.parametrize("types", ("", "wrong{}"), ids=("later", "wrong"))
def test_who_does_not_is_reminded(pyz, key, types):
    said = on_a_terminal(pyz, types=types)
    assert "nobody said that he has the recovery sheet" in said and not Path(CONFIRMED).exists()


def test_what_is_no_terminal_gets_nothing_of_it(pyz, key):
    done = without_terminal(pyz)
    assert done.returncode == 2 and "standard output is no terminal" in done.stderr and "--out FILE" in done.stderr
    assert not any(group[:5] in done.stdout + done.stderr for group in GROUPS)


def test_a_page_to_print_is_for_one_pair_of_eyes(pyz, key, tmp_path):
    page = tmp_path / "sheet.html"
    page.write_text("older")
    page.chmod(0o644)
    done = without_terminal(pyz, "--out", str(page))
    assert done.returncode == 0 and page.stat().st_mode & 0o777 == 0o600, done.stderr
    assert all(group in page.read_text() for group in GROUPS)
    assert not any(group[:5] in done.stdout + done.stderr for group in GROUPS)


def test_who_brings_a_stack_up_unasked_is_reminded_until_somebody_has_it(key, capsys):
    machine = Machine()
    for has_it in (False, True):
        offer(HOST, machine, asks=False)
        said = capsys.readouterr()
        assert ("sudo infrakit backup sheet" in said.err) != has_it and said.out == ""
        confirm(machine, HOST.host)
    key.write_bytes(KEY.replace(b"lusab", b"lusad"))
    offer(HOST, machine, asks=False)
    assert "sudo infrakit backup sheet" in capsys.readouterr().err, "another key is another sheet"


def test_where_there_is_no_key_it_says_how_to_get_one(pyz, key):
    key.unlink()
    done = without_terminal(pyz)
    assert done.returncode == 2 and "sudo infrakit up" in done.stderr

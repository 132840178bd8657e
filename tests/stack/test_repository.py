"""What restic says, of either kind, in words for a person."""

import json

import pytest

from infrakit.errors import MachineUnfit
from infrakit.machine import Done
from infrakit.stack.backup.damage import of_lost, of_pack, packs_in, trees_in, words_of
from infrakit.stack.backup.repository import LOCKED_S, LOOK_S, NoneThere, Repository, restic, unfit

HELD = (
    "repository is already locked by PID 7714 on pi by root (UID 0, GID 0)\nlock was created at 2026-11-30 18:22:01 "
    "(4.194385071s ago)\nstorage ID b63a69a9\nthe `unlock` command can be used to remove stale locks\n"
)
"""As 0.14 says it, and the rest as well (internal/restic/lock.go)."""
OLDER = {
    "is not there": "Fatal: unable to open config file: stat /mnt/a/config: no such file or directory\nIs there a "
    "repository at the following location?\n/mnt/a\n",
    "is shut with another key": "Fatal: wrong password or no key found\n",
    "no space left": "Fatal: unable to save snapshot: write /mnt/a/tmp: no space left on device\n",
    "Fatal error somewhere": "Load(<snapshot/1>) failed\nFatal: Fatal error somewhere\n",
    "at work there since 2026-11-30 18:22:01: process 7714 of root on pi": f"unable to create lock in backend: {HELD}",
    "is damaged: load <index/37445c417b>": "Fatal: load <index/37445c417b>: invalid data returned\n",
    "is damaged: config or key 6781": "Fatal: config or key 6781 is damaged: ciphertext verification failed\n",
}


def last_words(text: str, code: int = 1) -> str:
    return json.dumps({"message_type": "exit_error", "code": code, "message": f"Fatal: {text}"}) + "\n"


THERE = "Is there a repository at the following location?\n/mnt/a"
FULL = {"message": "write /mnt/a/tmp: no space left on device"}
NEWER = {
    "is not there": last_words(
        "repository does not exist: unable to open config file: stat /mnt/a/config: no such file or directory\n"
        f"{THERE}",
        10,
    ),
    "is shut with another key": last_words("wrong password or no key found", 12),
    "no space left": json.dumps({"message_type": "error", "error": FULL, "during": "archival", "item": "/srv"})
    + "\n"
    + last_words("unable to save snapshot"),
    "Fatal error somewhere": "Load(<snapshot/1>) failed\n" + last_words("Fatal error somewhere"),
    "at work there since 2026-11-30 18:22:01: process 7714 of root on pi": last_words(
        f"unable to create lock in backend: {HELD}".strip(), 11
    ),
    "is damaged: load <index/37445c417b>": last_words("load <index/37445c417b>: invalid data returned"),
    "is damaged: config or key 6781": last_words("config or key 6781 is damaged: ciphertext verification failed"),
}
"""The first is as 0.18 said it; the others are as its source has them (cmd/restic/main.go, its terminal's printer)."""


@pytest.mark.parametrize("said", (OLDER, NEWER), ids=("0.14", "0.18"))
@pytest.mark.parametrize("words", OLDER)
def test_its_error_is_in_words_with_what_to_do(said, words):
    found = unfit(Done(1, "", said[words]), Repository("/mnt/a", "a"))
    assert words in found.message and found.hint and "{" not in found.message and "\n" not in found.message
    assert isinstance(found, NoneThere) == (words == "is not there")


class Held:
    """A stand-in for a machine on which another restic never ends: its clock goes only while it waits."""

    def __init__(self) -> None:
        self.now_s, self.calls = 0.0, 0

    def monotonic(self):
        return self.now_s

    def sleep(self, seconds):
        self.now_s += seconds

    def run(self, words, **options):
        self.calls += 1
        return Done(1, "", f"unable to create lock in backend: {HELD}")


@pytest.mark.parametrize("heard", (True, False))
def test_another_restic_is_waited_for_a_stated_time_and_then_named_and_at_once_where_nobody_hears_of_it(heard):
    machine, told = Held(), []
    with pytest.raises(MachineUnfit) as error:
        restic(machine, Repository("/mnt/a", "a"), "check", tell=told.append if heard else None)
    assert "process 7714 of root on pi" in error.value.message and "ps -p 7714" in error.value.hint
    assert LOCKED_S < machine.now_s <= LOCKED_S + LOOK_S if heard else machine.calls == 1
    assert all("waits for another restic: process 7714 on pi" in event.text for event in told) and bool(told) == heard


PACKS = [letter * 64 for letter in "abc"]
CHECKED = {
    "0.14": f"pack {PACKS[0]}: does not exist\nPack ID does not match, want {PACKS[1]}, got {'d' * 64}\n"
    f"pack {PACKS[2]}: unexpected file size: got 1000, expected 301211\n",
    "0.15": f"pack {PACKS[0]}: does not exist\npack {PACKS[1]} contains 2 errors: [blob x: decryption failed]\n"
    f"pack {PACKS[2]}: unexpected file size: got 1000, expected 301211\n",
}


@pytest.mark.parametrize("said", CHECKED)
def test_each_file_that_check_names_is_found_and_none_that_does_no_harm(said):
    harmless = f"pack {'e' * 64}: not referenced in any index\n"
    assert packs_in(harmless + CHECKED[said] + "Fatal: repository contains errors\n") == PACKS
    assert trees_in("error for tree 52f685c4:\n  id 52f685c4 not found in repository\n") == ["52f685c4"]


@pytest.mark.parametrize(
    ("version", "pack", "lost"),
    [
        ((0, 14, 0), "sudo mv /mnt/a/data/aa/aaa", "forget 0123abcd; "),
        ((0, 16, 4), "sudo mv /mnt/a/data/aa/aaa", "repair snapshots --forget; "),
        ((0, 18, 0), "repair packs aaa", "repair snapshots --forget; "),
    ],
)
def test_what_mends_is_said_in_words_that_the_restic_of_this_machine_knows(version, pack, lost):
    repository = Repository("/mnt/a", "a")
    found = of_pack(repository, PACKS[0], there=True, hits=("wiki", "cloud"), version=version)
    assert words_of(found).endswith("is damaged, with data of wiki, cloud") and pack in found.remedy
    assert ("rebuild-index" in found.remedy) == (version < (0, 16)) and "sudo infrakit backup now" in found.remedy
    assert lost in of_lost(repository, ["0123abcdef"], (), version).remedy

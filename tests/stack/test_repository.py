"""What restic says, of either kind, in words for a person."""

import json

import pytest

from infrakit.machine import Done
from infrakit.stack.backup.repository import NoneThere, Repository, unfit

OLDER = {
    "is not there": "Fatal: unable to open config file: stat /mnt/a/config: no such file or directory\nIs there a "
    "repository at the following location?\n/mnt/a\n",
    "is shut with another key": "Fatal: wrong password or no key found\n",
    "no space left": "Fatal: unable to save snapshot: write /mnt/a/tmp: no space left on device\n",
    "Fatal error somewhere": "Load(<snapshot/1>) failed\nFatal: Fatal error somewhere\n",
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
}
"""The first is as 0.18 said it; the others are as its source has them (cmd/restic/main.go, its terminal's printer)."""


@pytest.mark.parametrize("said", (OLDER, NEWER), ids=("0.14", "0.18"))
@pytest.mark.parametrize("words", OLDER)
def test_its_error_is_in_words_with_what_to_do(said, words):
    found = unfit(Done(1, "", said[words]), Repository("/mnt/a", "a"))
    assert words in found.message and found.hint and "{" not in found.message and "\n" not in found.message
    assert isinstance(found, NoneThere) == (words == "is not there")

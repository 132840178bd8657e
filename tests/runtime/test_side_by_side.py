"""Runs beside each other, from the built zipapp, with a real engine: one changes the machine, others are told who does,
and whoever only looks is not kept waiting. Nothing is left half done."""

import json
import os
import random
import re
import subprocess
import sys

import pytest

from tests.emit.tree import needs_compose
from tests.runtime.engine import needs_engine
from tests.runtime.test_update import WELL, host, publish, real, registry

pytestmark = [needs_engine, needs_compose]
__all__ = ["host", "real", "registry"]

SIDE_BY_SIDE = 8
CHANGE = (
    ("up", "--yes"),
    ("up", "--yes", "--json"),
    ("update", "--yes", "--watch", "0"),
    ("rollback", "--yes"),
    ("restart", "chat", "--yes"),
    ("drift", "--revert", "--yes"),
    ("down", "--yes"),
    ("secrets", "rotate", "--all", "--yes"),
)
LOOK = (("status",), ("plan",), ("drift",), ("doctor",), ("generations",), ("secrets", "list"))
ALL_AT_ONCE = """
import json, subprocess, sys
pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
started = [subprocess.Popen([*sys.argv[1:3], *words], **pipes) for words in json.loads(sys.argv[3])]
said = [process.communicate(timeout=300) for process in started]
print(json.dumps([[process.returncode, *text] for process, text in zip(started, said)]))
"""
HOLDER = re.compile(r"another run holds /run/infrakit\.lock: infrakit \w+, pid \d+, since ")


def at_once(host, *verbs: tuple[str, ...]) -> list[tuple[int, str, str]]:
    """What became of each: code, output, errors. All of them see the same /run."""
    words = host.words()
    program = [sys.executable, "-c", ALL_AT_ONCE, *words[-2:], json.dumps(verbs)]
    clean = {"PATH": os.environ["PATH"], "HOME": str(host.folder), "LANG": "C.UTF-8"}
    done = subprocess.run([*words[:-2], *program], cwd=host.folder, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [(code, out, err) for code, out, err in json.loads(done.stdout)]


def a_round(host, chance: random.Random) -> None:
    """Some verbs that change, and some that look; then one that puts all right, and finds it so."""
    verbs = [chance.choice(CHANGE) for _ in range(SIDE_BY_SIDE - 2)] + [chance.choice(LOOK) for _ in range(2)]
    chance.shuffle(verbs)
    results = at_once(host, *verbs)
    told = "\n".join(f"{' '.join(words)}: {result}" for words, result in zip(verbs, results))
    for words, (code, out, err) in zip(verbs, results):
        assert "Traceback" not in err, told
        if code == 75:
            assert words in CHANGE and HOLDER.search(out + err), told
        elif words in LOOK:
            assert code in (0, 1, 3, 4, 6), told
        else:
            assert code in (0, 1, 2), told
    assert [code for words, (code, *_) in zip(verbs, results) if words in CHANGE and code == 0], told
    done = host.infrakit("up", "--yes")
    assert done.returncode == 0, told + done.stderr
    assert host.left_to_do() == [] and host.data() == {"pages": "many\n"}, told
    assert {how for _, _, how in host.found().values()} == {"healthy"}, told


def test_of_those_that_change_one_works_and_the_others_hear_of_it(host, registry):
    publish(registry, "chat", f"{WELL} # newer", tag="stable")
    results = at_once(host, *[("update", "--yes", "--watch", "2")] * 3, *LOOK)
    codes = sorted(code for code, *_ in results[:3])
    assert codes == [0, 75, 75], results
    assert all(HOLDER.search(err) for code, _, err in results if code == 75)
    assert not [err for _, _, err in results if "Traceback" in err]
    a_round(host, random.Random(1))
    assert host.infrakit("secrets", "rotate", "--all", "--yes").stdout == "nothing to rotate\n"


@pytest.mark.soak
def test_a_hundred_rounds_corrupt_nothing(host, registry):
    for number in range(100):
        publish(registry, "chat", f"{WELL} # {number}", tag="stable")
        a_round(host, random.Random(number))

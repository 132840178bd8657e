"""FIRST LAST -> one line of JSON: how many files of these seeds compile, how many are refused, and what went wrong with
which seed.

Runs alone in a process that may hold 300 MB and compute for 2 s per file: limits against hangs, not measurements.
"""

import itertools
import json
import resource
import signal
import sys
import traceback

from infrakit import emit
from infrakit.compiler import load
from infrakit.errors import ConfigurationInvalid, UsageProblem
from tests.fuzz.files import generated

MEMORY_BYTES = 300 * 1000 * 1000
COMPUTING_S = 2.0
HOSTS = 3


class TooLong(BaseException):
    """A file took more than its time. Not an Exception: no handler of ours may swallow it."""


def no_blueprint(name: str) -> bytes:
    raise UsageProblem(f"{name}: no such file or directory")


def outcome(source: bytes) -> str:
    """ "compiled" or "refused"; anything else is an exception."""
    try:
        fleet = load(source, "infrakit.yaml", no_blueprint).fleet
    except ConfigurationInvalid as refused:
        assert refused.problems
        for problem in refused.problems:
            assert problem.position.line >= 1 and problem.position.column >= 1
            assert all(line.isprintable() for line in problem.text().split("\n"))
        return "refused"
    for deployment in itertools.islice(fleet.deployments, HOSTS):
        emit.emit(deployment)
    return "compiled"


def main(first: int, last: int) -> None:
    def stop(number, frame):
        raise TooLong

    signal.signal(signal.SIGPROF, stop)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    counts = {"compiled": 0, "refused": 0}
    wrong = {}
    for seed in range(first, last):
        source = generated(seed)
        signal.setitimer(signal.ITIMER_PROF, COMPUTING_S)
        try:
            counts[outcome(source)] += 1
        except (Exception, TooLong):
            wrong[seed] = traceback.format_exc()
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    print(json.dumps({**counts, "wrong": wrong}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

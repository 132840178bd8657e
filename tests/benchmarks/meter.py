"""Counts what calls of the zipapp cost: instructions, by valgrind, as a ratio to a bare `python3 -c pass`."""

import re
import subprocess

from tests.benchmarks.bare import bare_python, environment, measure


class Meter:
    """Counts the instructions of calls in one folder."""

    def __init__(self, folder, pyz):
        self.folder = folder
        self.python = bare_python(folder)
        self.pyz = str(pyz)
        self.bare = self._count("-c", "pass")

    def _count(self, *words):
        run = subprocess.run(
            ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", self.python, *words],
            cwd=self.folder,
            env=environment(self.folder),
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stderr
        return int(re.search(r"I\s+refs:\s+([\d,]+)", run.stderr)[1].replace(",", ""))

    def ratio(self, *words, warm=True):
        if warm:
            self.run(
                *(["compile", "--check", "--example", "full"] if words[0] == "compile" else words), may_differ=True
            )
        return self._count(self.pyz, *words) / self.bare

    def run(self, *words, may_differ=False):
        run = subprocess.run(
            [self.python, self.pyz, *words],
            cwd=self.folder,
            env=environment(self.folder),
            capture_output=True,
            text=True,
        )
        assert run.returncode in ((0, 6) if may_differ else (0,)), run.stderr
        return run.stdout

    def peak_kib(self, *words):
        """Of resident memory, with the same addresses each time: where the kernel puts things takes more or less of
        it."""
        return measure(
            self.python, ["setarch", "--addr-no-randomize", self.python, self.pyz, *words], self.folder
        ).peak_kib

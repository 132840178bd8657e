"""Standard streams that are closed or full: one line says so, and the exit code; from cold, since a stream that is
closed cannot be handed to tests/warm.py."""

import os
import subprocess
import sys

import pytest

FILE = "version: 1\ndomain: home.example.org\npattern: full\ntls: {mode: tunnel}\n"
PRINT = [
    "--version",
    "--help",
    "compile",
    "compile --check",
    "compile --diff -o other",
    "validate",
    "validate --json",
    "lock --help",
    "explain services.glances.memory",
    "schema",
    "catalog --help",
    "catalog list",
    "catalog show glances",
    "catalog outdated",
    "secrets list",
    "completion bash",
    "init --domain home.example.org --pattern full --tls tunnel --admin alice -f new.yaml",
]
"""All that have something to print in a folder with a file."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory, pyz):
    """With a file that was compiled, so that `compile` is answered from its stamp, and with the code of a first
    start."""
    place = tmp_path_factory.mktemp("closed")
    (place / "infrakit.yaml").write_text(FILE)
    assert called(pyz, place, "compile").returncode == 0
    return place


def called(pyz, folder, words, streams=""):
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}
    command = f"{sys.executable} {pyz} {words} {streams}"
    return subprocess.run(
        command, shell=True, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )


@pytest.mark.parametrize("words", PRINT)
@pytest.mark.parametrize("stream, reason", [(">&-", " is closed"), (">/dev/full", ": no space left on device")])
def test_output_that_goes_nowhere_is_one_line_and_a_code(pyz, folder, words, stream, reason):
    done = called(pyz, folder, words, stream)
    told = [line for line in done.stderr.splitlines() if line.startswith("infrakit: error: ")]
    assert told == [f"infrakit: error: standard output{reason}"] and done.returncode == 3, done.stderr
    assert not {"Traceback", "Exception", "bug"} & set(done.stderr.replace(":", " ").split())


@pytest.mark.parametrize("words", ["schema", "--version", "compile", "catalog list"])
def test_a_reader_that_has_gone_is_told_nothing(pyz, folder, words):
    done = called(pyz, folder, words, "| true")
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize(
    "words, code", [("compile", 0), ("validate -f wrong.yaml", 2), ("catalog show no", 2), ("x", 2)]
)
@pytest.mark.parametrize("stream", ["2>&-", "2>/dev/full", "<&- 2>&-", "--json 2>/dev/full"])
def test_words_that_nobody_hears_change_no_code(pyz, folder, words, code, stream):
    (folder / "wrong.yaml").write_text("version: 2\n")
    if "--json" in stream and words != "validate -f wrong.yaml":
        words, code = "validate", 0
    done = called(pyz, folder, words, stream)
    assert (done.returncode, done.stderr) == (code, ""), done.stdout


def test_closed_input_is_no_terminal(pyz, folder):
    done = called(pyz, folder, "init -f asked.yaml", "<&-")
    assert done.returncode == 2 and "is not said" in done.stderr

"""What linters say of the project: one command runs all tests, and these are tests. Their settings: pyproject.toml."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Blueprints hold long sentences and images; a comment may stand close to what it is about.
YAMLLINT = "{extends: default, rules: {line-length: disable, document-start: disable, comments: disable}}"


def tracked(*patterns: str) -> list[str]:
    """Files that git knows, or will, by their names' patterns."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")[:-1]


def is_silent(*words: str) -> None:
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def module(name: str, *words: str) -> list[str]:
    return [sys.executable, "-m", name, *words]


def test_ruff_would_lay_it_out_so():
    is_silent(*module("ruff", "format", "--check", "."))


def test_ruff_finds_nothing():
    is_silent(*module("ruff", "check", "."))


def test_mypy_is_strict_with_the_pure_half_and_finds_nothing():
    is_silent(*module("mypy"))


def test_shellcheck_finds_nothing():
    scripts = [
        name for name in tracked() if (ROOT / name).is_file() and (ROOT / name).read_bytes()[:32].startswith(SHELL)
    ]
    assert {"build.sh", ".ci/run", "tests/tools/install.sh"} <= set(scripts)
    is_silent("shellcheck", *scripts)


SHELL = (b"#!/bin/sh\n", b"#!/bin/bash\n", b"#!/usr/bin/env bash\n")


def test_yamllint_finds_nothing():
    is_silent(
        *module("yamllint", "--strict", "-d", YAMLLINT, *tracked("blueprints/*.yaml", "infrakit/examples/*.yaml"))
    )


@pytest.mark.parametrize("name", ["ruff", "mypy", "yamllint", "shellcheck"])
def test_a_linter_that_finds_nothing_looks(tmp_path, name):
    bad = {
        "ruff": ("a.py", "import os\n"),
        "mypy": ("a.py", "def f(x):\n    return x\n"),
        "yamllint": ("a.yaml", "a: 1\na: 2\n"),
        "shellcheck": ("a.sh", "#!/bin/sh\necho $1\n"),
    }
    file, text = bad[name]
    (tmp_path / file).write_text(text)
    words = {
        "ruff": module("ruff", "check"),
        "mypy": module("mypy"),
        "yamllint": module("yamllint"),
        "shellcheck": ["shellcheck"],
    }[name]
    assert subprocess.run([*words, str(tmp_path / file)], cwd=ROOT, capture_output=True).returncode == 1

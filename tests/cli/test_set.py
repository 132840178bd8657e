"""set and unset, from the built program."""

import json

import pytest

from infrakit.lock import Lock, render

FILE = """# mine
version: 1
domain: home.example.org  # where
pattern: full
tls: {mode: internal}
access:
  groups: {family: [bob]}
services:
  glances:
    allow: [family]
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "infrakit.yaml"
    path.write_text(FILE)
    return path


def test_a_key_is_set_and_said_and_taken_out_again(infrakit, file):
    done = infrakit("set", "services.glances.memory", "1g")
    assert done.returncode == 0, done.stderr
    assert "infrakit.yaml: services.glances.memory is 1g, was not set\n" in done.stdout
    assert "sudo infrakit up" in done.stdout and file.read_text() == FILE + "    memory: 1g\n"
    assert infrakit("set", "services.glances.memory", "1g").stdout.endswith("is 1g already\n")
    said = json.loads(infrakit("unset", "services.glances.memory", "--json").stdout)
    assert (said["was"], said["is"], said["written"]) == ("1g", None, True) and file.read_text() == FILE
    assert "is not set: nothing to do" in infrakit("unset", "services.glances.memory").stdout


def test_a_dry_run_prints_the_difference_and_writes_nothing(infrakit, file):
    done = infrakit("set", "domain", "new.example.org", "--dry-run")
    assert done.returncode == 6 and file.read_text() == FILE
    assert "-domain: home.example.org  # where\n+domain: new.example.org  # where\n" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("set", "domain", "10"), "infrakit.yaml:3:9: error: domain: "),
        (("set", "network.http_port", "abc"), "abc is not a whole number"),
        (("unset", "access.groups"), "infrakit.yaml:10:13: error: services.glances.allow: "),
        (("unset", "domain"), "domain is missing"),
        (("set", "domane", "x.org"), "did you mean domain?"),
        (("set", "services.glances.memmory", "1g"), "no key memmory in services.glances\n  hint: did you mean memory?"),
        (("set", "apps.wiki.memmory", "1g"), "no key memmory in apps.wiki\n  hint: did you mean memory?"),
        (("set", "apps.Wiki", "{image: x:1}"), "apps.Wiki: this name cannot be used"),
        (("set", "authentik_secret_key", "x"), "no secret stands in infrakit.yaml\n  hint: infrakit secrets set auth"),
        (
            ("set", "apps.wiki.password", "x"),
            "no key password in apps.wiki\n  hint: no secret stands in the file: infra",
        ),
        (("unset", "nosuch.key"), "there is no key nosuch in infrakit.yaml\n"),
    ],
)
def test_what_would_be_wrong_is_said_at_its_place_and_nothing_written(infrakit, file, words, said):
    done = infrakit(*words)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert file.read_text() == FILE


def test_a_file_that_is_wrong_already_can_be_mended(infrakit, file):
    file.write_text(FILE.replace("internal", "intern") + "    memory: 3\n")
    assert infrakit("set", "tls.mode", "internal").returncode == 0
    assert infrakit("set", "services.glances.memory", "4").returncode == 2
    assert infrakit("set", "services.glances.memory", "256m").returncode == 0
    assert infrakit("validate").returncode == 0


def test_what_the_lock_beside_the_file_says_counts(infrakit, file, tmp_path):
    """Without one, nothing moves by itself, which is said."""
    assert "[moved-unlocked]" in infrakit("set", "updates.automatic", "all", "--dry-run").stderr
    (tmp_path / "infrakit.lock").write_bytes(render(Lock({})))
    done = infrakit("set", "updates.automatic", "all", "--dry-run")
    assert done.returncode == 6 and "[moved-unlocked]" not in done.stderr, done.stderr


def test_without_a_file_it_says_so(infrakit):
    done = infrakit("set", "domain", "x.org")
    assert done.returncode == 2 and "there is no such file" in done.stderr

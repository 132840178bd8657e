"""infrakit bundle through the zipapp: exit codes, words, receipts; and install refuses a bundle before it looks at the
machine."""

import json
import shutil
import subprocess
import sys

import pytest

from infrakit.bundle.manifest import NAME
from tests.bundle.small import REFERENCE, VERSION, key, make

YAML = b"version: 1\ndomain: x.example.org\npattern: monitoring\ntls: {mode: internal}\n"


@pytest.fixture
def stick(tmp_path, pyz):
    """A signed bundle with the program in it."""
    return make(tmp_path / "stick", key(tmp_path), more={"infrakit.pyz": pyz.read_bytes(), "infrakit.yaml": YAML})


def test_a_whole_bundle_is_said_to_be_whole_by_whom(infrakit, stick, tmp_path):
    done = infrakit("bundle", "verify", "stick")
    assert done.returncode == 0 and "stick: whole: " in done.stdout and "serial 7" in done.stdout
    assert "has not seen that key before" in done.stderr
    done = infrakit("bundle", "verify", "stick", "--key", "key.pub")
    assert "which is trusted" in done.stderr


def test_the_receipt_says_what_was_verified_when_and_by_what(infrakit, stick):
    receipt = json.loads(infrakit("bundle", "verify", "stick", "--json").stdout)
    assert (
        receipt["result"] == "verified"
        and receipt["verified_by"] == f"infrakit {VERSION}"
        and receipt["key"].startswith("SHA256:")
    )
    assert (
        receipt["serial"] == 7
        and receipt["files"]["infrakit.yaml"]["size"] == len(YAML)
        and receipt["verified_at"].endswith("Z")
    )


def test_damage_is_named_file_by_file(infrakit, stick):
    for path in sorted((stick / "images/blobs/sha256").iterdir())[:2]:
        path.write_bytes(b"x" * path.stat().st_size)
    done = infrakit("bundle", "verify", "stick")
    assert (
        done.returncode == 1
        and done.stderr.count("it is damaged [damaged]") == 3
        and "2 things are wrong" in done.stderr
    )
    done = infrakit("bundle", "verify", "stick", "--json")
    assert [problem["code"] for problem in json.loads(done.stdout)["problems"]] == ["damaged", "damaged"]


@pytest.mark.parametrize(
    "words", [["install", "--yes"], ["install", "--dry-run"], ["up", "--yes", "-f", "stick/infrakit.yaml"]]
)
def test_a_damaged_bundle_is_refused_before_anything_else(infrakit, stick, words):
    (stick / "infrakit.yaml").write_bytes(YAML.replace(b"x.", b"y."))
    done = infrakit(*words, "--bundle", "stick")
    assert done.returncode == 1 and done.stdout == "" and "infrakit.yaml: it is damaged [damaged]" in done.stderr, (
        done.stderr
    )


def test_a_bundle_beside_the_program_is_found_by_itself(stick, tmp_path):
    done = subprocess.run(
        [sys.executable, str(stick / "infrakit.pyz"), "install", "--dry-run"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert f"bundle {stick}: whole" in done.stderr and "Traceback" not in done.stderr


def test_preflight_from_the_stick_does_not_miss_a_network(stick, tmp_path):
    done = subprocess.run(
        [sys.executable, str(stick / "infrakit.pyz"), "preflight", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = json.loads(done.stdout)["findings"]
    assert found and "names-unknown" not in {item["code"] for item in found} and "Traceback" not in done.stderr


def test_an_unsigned_bundle_needs_a_word(infrakit, stick):
    (stick / f"{NAME}.sig").unlink()
    done = infrakit("install", "--dry-run", "--bundle", "stick")
    assert done.returncode == 1 and "[unsigned]" in done.stderr and "--allow-unsigned" in done.stderr


def test_flags_for_a_bundle_without_one_are_a_mistake(infrakit):
    done = infrakit("install", "--allow-unsigned", "--dry-run")
    assert done.returncode == 2 and "there is no bundle" in done.stderr


def test_a_difference_is_said_with_its_own_exit_code(infrakit, stick, tmp_path):
    make(tmp_path / "next", key(tmp_path), serial=8, more={"infrakit.yaml": YAML + b"#\n"})
    assert infrakit("bundle", "inspect", "stick", "--diff", "stick").returncode == 0
    done = infrakit("bundle", "inspect", "next", "--diff", "stick")
    assert done.returncode == 6 and {"~ serial 7 -> 8", "~ infrakit.yaml", "- infrakit.pyz"} <= set(
        done.stdout.splitlines()
    )
    facts = json.loads(infrakit("bundle", "inspect", "stick", "--json").stdout)
    assert facts["images"][0]["image"] == REFERENCE and facts["packages"]["debian-trixie-amd64"]["packages"] == 1


def test_a_bundle_is_copied_through_the_zipapp(infrakit, stick):
    done = infrakit("bundle", "copy", "stick", "copy")
    assert done.returncode == 0, done.stderr
    assert infrakit("bundle", "verify", "copy").returncode == 0
    assert infrakit("bundle", "copy", "stick", "stick").returncode == 2


def test_an_inventory_is_printed_without_root_and_without_docker(infrakit):
    found = json.loads(infrakit("inventory").stdout)
    assert found["inventory"] == 1 and (shutil.which("dpkg") is None or "Package:" in found["status"])


def test_a_read_only_bundle_is_enough(infrakit, stick):
    for path in [stick, *stick.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert infrakit("bundle", "verify", "stick").returncode == 0
    finally:
        for path in [stick, *stick.rglob("*")]:
            path.chmod(0o755)

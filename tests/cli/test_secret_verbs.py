"""`secrets` on an installed host: the same file and the same folder that `up` takes, without a word about either."""

import os
import shutil
from pathlib import Path

import pytest

from infrakit.stack.layout import CONFIGURATION, HOSTS
from tests.tokens import TUNNEL_TOKEN as TOKEN

TEXT = "version: 1\ndomain: home.example.org\npattern: full\ncontact: a@example.org\ntls: {mode: tunnel}\n"
SECRET = "tunnel_token"
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has an installed file")


@pytest.fixture
def installed():
    """The file where `install` puts it: places of this process alone (tests/own_places.py)."""
    place = Path(CONFIGURATION)
    place.write_text(TEXT)
    yield place
    place.unlink()


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    shutil.rmtree(HOSTS, ignore_errors=True)


def test_the_installed_file_and_its_folder_are_found_as_up_finds_them(infrakit, installed):
    missing = infrakit("up", "--dry-run")
    assert f"hint: sudo infrakit secrets set {SECRET}\n" in missing.stderr
    done = infrakit("secrets", "set", SECRET, feed=f"{TOKEN}\n")

    assert (done.returncode, done.stderr) == (0, f"secrets of {CONFIGURATION}, in {HOSTS}\n")
    assert done.stdout == f"{SECRET} is set for infrakit; sudo infrakit up applies it\n"
    assert Path(HOSTS, "infrakit/secrets", SECRET).read_text() == TOKEN
    assert f"infrakit: {SECRET}: set; read by cloudflared" in infrakit("secrets", "list").stdout
    assert "missing secret" not in infrakit("up", "--dry-run").stderr


def test_a_file_in_this_folder_that_is_named_is_meant_and_the_hint_names_the_installed_one(
    infrakit, installed, tmp_path
):
    (tmp_path / "infrakit.yaml").write_text(TEXT)
    done = infrakit("secrets", "set", SECRET, "-f", "infrakit.yaml", feed=TOKEN)
    assert (done.stdout, done.stderr) == (f"{SECRET} is set for infrakit\n", "secrets of infrakit.yaml, in build\n")
    assert (tmp_path / "build/infrakit/secrets" / SECRET).exists()

    hint = infrakit("up", "--dry-run", "-f", CONFIGURATION).stderr.rpartition("hint: sudo infrakit ")[2]
    assert hint == f"secrets set {SECRET} -f {CONFIGURATION}\n"
    assert infrakit(*hint.split(), feed=TOKEN).returncode == 0
    assert "missing secret" not in infrakit("up", "--dry-run", "-f", CONFIGURATION).stderr


def test_of_several_hosts_this_machine_alone_gets_it(infrakit, installed):
    hosts = "hosts:\n  core: {pattern: full, address: 192.0.2.1}\n  shed: {pattern: monitoring, address: 192.0.2.2}\n"
    installed.write_text(TEXT.replace("pattern: full\n", hosts))
    done = infrakit("secrets", "list")
    assert done.returncode == 2 and "--host NAME, one of: core, shed" in done.stderr
    assert infrakit("secrets", "set", SECRET, "--host", "core", feed=TOKEN).returncode == 0
    assert os.listdir(HOSTS) == ["core"]
    assert {line.split(":")[0] for line in infrakit("secrets", "list", "--host", "core").stdout.splitlines()} == {
        "core"
    }


def test_before_the_file_is_installed_the_hint_works_too(infrakit, tmp_path):
    (tmp_path / "infrakit.yaml").write_text(TEXT)
    hint = infrakit("up", "--dry-run").stderr.rpartition("hint: sudo infrakit ")[2]
    assert infrakit(*hint.split(), feed=TOKEN).returncode == 0
    assert "missing secret" not in infrakit("up", "--dry-run").stderr


def test_a_secret_that_we_make_may_be_said_where_it_is_gone_and_not_where_it_is(infrakit, installed):
    assert infrakit("secrets", "set", "authentik_database_password", feed="as it was").returncode == 0
    assert Path(HOSTS, "infrakit/secrets/authentik_database_password").read_text() == "as it was"
    again = infrakit("secrets", "set", "authentik_database_password", feed="another")
    assert again.returncode == 2 and "there is no secret authentik_database_password to set" in again.stderr
    assert Path(HOSTS, "infrakit/secrets/authentik_database_password").read_text() == "as it was"

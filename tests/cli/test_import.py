"""`import` from the built zipapp: what it writes, what it keeps for itself, what it says, and nothing by half."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml

from infrakit.stack.layout import CONFIGURATION, HOSTS

ROOT = Path(__file__).parents[2]
FILE = "version: 1\ndomain: home.example.org\npattern: full\ntls: {mode: internal}\n# the end\n"
COMPOSE = """
services:
  notes:
    image: example/notes:${VERSION:-2}
    ports: ["8080:8080"]
    environment: {APP_SECRET: "${SECRET}", LEVEL: info}
    volumes: ["/srv/notes:/data", "/var/run/docker.sock:/var/run/docker.sock"]
    secrets: [token]
    depends_on: [db]
  db:
    image: example/postgres:17
    volumes: ["rows:/var/lib/postgresql/data"]
volumes: {rows: }
secrets: {token: {file: ./token.txt}}
"""
SECRETS = {"notes_app_secret": b"hush-app\n two", "token": b"hush-\xff\x00-token\n"}
FIRST = ("--domain", "home.example.org", "--pattern", "full", "--tls", "internal", "--admin", "ada")


@pytest.fixture
def stack(tmp_path):
    """A folder with a Compose project, as it stands beside infrakit.yaml."""
    folder = tmp_path / "stack"
    folder.mkdir()
    (folder / "compose.yaml").write_text(COMPOSE)
    (folder / ".env").write_text('SECRET="hush-app\n two"\n')
    (folder / "token.txt").write_bytes(SECRETS["token"])
    return folder


@pytest.fixture
def file(tmp_path):
    place = tmp_path / "infrakit.yaml"
    place.write_text(FILE)
    return place


def kept(folder):
    return {path.name: path.read_bytes() for path in Path(folder).glob("*/secrets/*")}


def test_no_hostname_is_written_that_another_app_has(infrakit, stack, file):
    file.write_text(f"{FILE}apps:\n  old: {{image: 'x/y:1', port: 80, hostname: wiki}}\n")
    said = {"a": "wiki", "c": "x", "b": "old"}
    lines = [f"  {name}: {{image: 'e/a:1', hostname: {said[name]}}}\n" for name in said]
    (stack / "compose.yaml").write_text("services:\n" + "".join(lines))
    done = infrakit("import", "stack")
    assert done.returncode == 0, done.stderr
    assert infrakit("validate").returncode == 0
    apps = yaml.safe_load(file.read_text())["apps"]
    assert [name for name, app in apps.items() if app.get("hostname") in ("wiki", "old")] == ["old"]


def test_apps_are_added_to_the_file_and_secrets_are_kept_apart(infrakit, stack, file, tmp_path):
    done = infrakit("import", "stack", "-o", "kept")

    assert done.returncode == 0
    text = file.read_text()
    assert text.startswith(FILE.removesuffix("# the end\n")) and "# the end\napps:\n" in text
    assert "  notes:\n    image: example/notes:2\n    port: 8080\n" in text
    assert "    #  - /var/run/docker.sock:/var/run/docker.sock  # refused: whoever has" in text
    assert kept(tmp_path / "kept") == SECRETS
    assert "hush" not in text + done.stdout + done.stderr
    assert "stack/compose.yaml:5:13" in done.stdout and "infrakit.yaml: 2 apps, " in done.stdout
    assert "kept for infrakit in kept/infrakit: notes_app_secret, token\n" in done.stdout


def test_a_file_that_is_not_there_begins_as_init_writes_it(infrakit, stack, tmp_path):
    wrong = infrakit("import", "stack", "-o", "kept", feed="")
    assert wrong.returncode == 2 and "--domain is not said" in wrong.stderr
    assert not (tmp_path / "kept").exists()

    done = infrakit("import", "stack", "-o", "kept", *FIRST)

    assert done.returncode == 0
    text = (tmp_path / "infrakit.yaml").read_text()
    assert text.startswith("# yaml-language-server: ") and "\napps:\n  notes:\n" in text
    assert (tmp_path / ".infrakit/infrakit.schema.json").exists()


def test_a_dry_run_prints_the_lines_and_writes_nothing(infrakit, stack, file, tmp_path):
    done = infrakit("import", "stack", "--dry-run", "-o", "kept")

    assert done.returncode == 6
    assert done.stdout.startswith("apps:\n  notes:\n    image: example/notes:2\n")
    assert "stack/compose.yaml:4:5" in done.stderr and "hush" not in done.stdout + done.stderr
    assert file.read_text() == FILE and not (tmp_path / "kept").exists()


def test_a_dry_run_asks_nothing_where_there_is_no_file(infrakit, stack, tmp_path):
    done = infrakit("import", "stack", "--dry-run", feed="")

    assert done.returncode == 6 and done.stdout.startswith("apps:\n") and os.listdir(tmp_path) == ["stack"]


def test_the_same_as_json(infrakit, stack, file):
    done = infrakit("import", "stack", "--json", "-o", "kept")

    found = json.loads(done.stdout)
    assert (found["version"], found["file"], found["written"]) == (1, "infrakit.yaml", True)
    assert found["apps"] == ["db", "notes"] and found["secrets"] == sorted(SECRETS) and found["host"] == "infrakit"
    assert found["counts"]["withheld"] == 1 and sum(found["counts"].values()) == len(found["rows"])
    row = next(row for row in found["rows"] if row["outcome"] == "withheld")
    assert (row["file"], row["line"], row["column"]) == ("stack/compose.yaml", 7, 35)
    assert (row["service"], row["key"]) == ("notes", "volumes./var/run/docker.sock")
    assert "hush" not in done.stdout


def test_names_that_are_there_are_refused_with_both_places_and_a_prefix_helps(infrakit, stack, file, tmp_path):
    assert infrakit("import", "stack", "-o", "kept").returncode == 0
    before = file.read_bytes()

    again = infrakit("import", "stack", "-o", "kept")
    assert again.returncode == 2 and file.read_bytes() == before
    assert "error: apps.notes is there already (see stack/compose.yaml:3:3) [import-name]" in again.stderr
    assert "error: apps.db is there already (see stack/compose.yaml:10:3) [import-name]" in again.stderr

    (stack / ".env").write_text("SECRET=hush-other\n")
    done = infrakit("import", "stack", "-o", "kept", "--prefix", "second", "--json")
    assert json.loads(done.stdout)["apps"] == ["second-db", "second-notes"]
    assert set(kept(tmp_path / "kept")) == {*SECRETS, "second_notes_app_secret", "second_token"}


def test_a_file_that_waits_for_a_person_can_be_added_to(infrakit, stack, file, tmp_path):
    (tmp_path / "compose.yaml").write_text("services: {a: {image: example/a, ports: ['80:80']}}\n")
    first = infrakit("import", ".")
    assert first.returncode == 0 and "infrakit validate will say of infrakit.yaml:\n" in first.stderr
    assert "apps.a.image: no tag [image-not-pinned]" in first.stderr

    assert infrakit("import", "stack", "-o", "kept").returncode == 0

    assert kept(tmp_path / "kept") == SECRETS
    file.write_text(FILE + "hosts: {one: {pattern: full}, two: {pattern: none}}\n")
    done = infrakit("import", "stack", "-o", "kept", "--prefix", "more")
    assert done.returncode == 2 and "infrakit.yaml:6:" in done.stderr


def test_secrets_that_other_apps_have_keep_their_names_to_themselves(infrakit, stack, file, tmp_path):
    file.write_text(FILE + "apps:\n  mine: {image: 'e/a:1', user_secrets: [token]}\n")
    text = COMPOSE.replace("[token]", "[token, tls_key]").replace(
        "secrets: {token", "secrets: {tls_key: {file: ./token.txt}, token"
    )
    (stack / "compose.yaml").write_text(text)

    done = infrakit("import", "stack", "-o", "kept", "--json")

    assert json.loads(done.stdout)["secrets"] == ["notes_app_secret", "stack_tls_key", "stack_token"]


def test_everything_that_is_wrong_is_said_at_once_and_nothing_is_written(infrakit, stack, file, tmp_path):
    (stack / "compose.yaml").write_text(COMPOSE + "volumess: {}\n")
    (tmp_path / "other.yml").write_text("services:\n  a:\n    image: e/a\n    ports: [x]\n")
    (stack / "token.txt").unlink()

    done = infrakit("import", "stack", "other.yml", "-o", "kept")

    assert done.returncode == 2
    assert "stack/compose.yaml:15:1: error:" in done.stderr and "other.yml:4:13: error:" in done.stderr
    assert file.read_text() == FILE and not (tmp_path / "kept").exists()


def test_a_secret_whose_file_is_not_there_has_its_place(infrakit, stack, file, tmp_path):
    (stack / "token.txt").unlink()

    done = infrakit("import", "stack", "-o", "kept")

    assert done.returncode == 2
    assert "stack/compose.yaml:14:11: error: the secret token: there is no file" in done.stderr
    assert file.read_text() == FILE and not (tmp_path / "kept").exists()


def test_another_secret_of_that_name_is_never_written_over(infrakit, stack, file, tmp_path):
    place = tmp_path / "kept/infrakit/secrets"
    place.mkdir(parents=True)
    (place / "token").write_bytes(b"hush-mine")

    done = infrakit("import", "stack", "-o", "kept")

    assert done.returncode == 2 and "has other secrets of these names already: token" in done.stderr
    assert kept(tmp_path / "kept") == {"token": b"hush-mine"} and file.read_text() == FILE
    assert "hush" not in done.stderr


def test_several_projects_that_have_the_same_names(infrakit, stack, file, tmp_path):
    shutil.copytree(stack, tmp_path / "second")

    done = infrakit("import", "stack", "second", "--dry-run", "--json")

    found = json.loads(done.stdout)
    assert found["apps"] == ["db", "notes", "second-db", "second-notes"]
    assert found["secrets"] == ["notes_app_secret", "second_notes_app_secret", "second_token", "token"]


def test_a_volume_is_nobody_elses_here_and_has_one_name_for_all_projects(infrakit, file, tmp_path):
    volumes = "volumes: {portainer_data: , other: {name: films, external: true}, films: {external: true}}\n"
    mounts = "volumes: ['portainer_data:/a', 'other:/b', 'films:/c']"
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        text = f"services: {{{name}: {{image: 'e/{name}:1', {mounts}}}}}\n{volumes}"
        (tmp_path / name / "compose.yml").write_text(text)

    done = infrakit("import", "one", "two")

    assert done.returncode == 0, done.stderr
    volumes = yaml.safe_load(file.read_text())["volumes"]
    assert volumes == {
        "one-portainer-data": {"external": "one_portainer_data"},
        "other": {"external": "films"},
        "two-portainer-data": {"external": "two_portainer_data"},
    }
    said = infrakit("validate")
    assert "same-volume" not in said.stderr


def test_files_are_found_as_compose_finds_them(infrakit, file, tmp_path):
    (tmp_path / "docker-compose.yml").write_text("services: {a: {image: 'e/a:1'}}\n")
    (tmp_path / "docker-compose.override.yml").write_text("services: {a: {hostname: over}, b: {image: 'e/b:1'}}\n")
    (tmp_path / "more.yaml").write_text("services: {c: {image: 'e/c:1', profiles: [night]}}\n")

    def apps(*words):
        return json.loads(infrakit("import", *words, "--dry-run", "--json").stdout)["apps"]

    assert apps(".") == ["a", "b"]
    assert apps("docker-compose.yml") == ["a"]
    assert apps("docker-compose.yml:more.yaml", "--profile", "night") == ["a", "c"]
    (tmp_path / ".env").write_text("COMPOSE_FILE=more.yaml:docker-compose.yml\nCOMPOSE_PROFILES=night\n")
    assert apps(".") == ["a", "c"]
    (tmp_path / "docker-compose.override.yml").unlink()
    (tmp_path / "compose.yml").write_text("services: {d: {image: 'e/d:${V:?}'}}\n")
    (tmp_path / "other.env").write_text("V=1\n")
    assert apps(".", "--env-file", "other.env") == ["d"]


def test_volumes_belong_to_the_project_that_compose_takes_it_for(infrakit, file, tmp_path):
    folder = tmp_path / "My Stack"
    folder.mkdir()
    (folder / "compose.yml").write_text("services: {a: {image: 'e/a:1', volumes: ['rows:/v']}}\nvolumes: {rows: }\n")

    def volume(*words, **env):
        rows = json.loads(infrakit("import", "My Stack", *words, "--dry-run", "--json", env=env).stdout)["rows"]
        return next(row["said"] for row in rows if row["key"] == "volumes./v").split(" is ")[1]

    assert volume() == "mystack_rows as before"
    assert volume(COMPOSE_PROJECT_NAME="outside") == "outside_rows as before"
    assert volume("--project-name", "said", COMPOSE_PROJECT_NAME="outside") == "said_rows as before"
    (folder / ".env").write_text("COMPOSE_PROJECT_NAME=written\n")
    assert volume() == "written_rows as before"
    assert infrakit("import", "My Stack", "other", "--project-name", "x").returncode == 2
    assert infrakit("import", "nowhere").stderr.startswith("infrakit: error: nowhere: there is no such file or folder")


def test_a_linked_file_keeps_its_link_its_mode_and_its_owner(infrakit, stack, file, tmp_path):
    real = tmp_path / "real.yaml"
    file.rename(real)
    file.symlink_to("real.yaml")
    real.chmod(0o640)
    if not os.geteuid():
        os.chown(real, 0, 12)

    assert infrakit("import", "stack", "-o", "kept").returncode == 0

    assert file.is_symlink() and "notes:" in real.read_text()
    assert (real.stat().st_mode & 0o777, real.stat().st_gid) == (0o640, 12 if not os.geteuid() else real.stat().st_gid)


def test_what_is_refused_key_by_key_fails_nothing(infrakit, file, tmp_path):
    (tmp_path / "compose.yaml").write_text("services: {a: {image: 'e/a:1', stop_signal: SIGINT, cpuset: '0'}}\n")

    done = infrakit("import", ".")

    assert done.returncode == 0 and " 2 refused\n" in done.stdout


def test_a_project_of_which_nothing_is_left_changes_nothing(infrakit, file, tmp_path):
    (tmp_path / "compose.yaml").write_text("services: {a: {build: .}}\n")

    done = infrakit("import", ".")

    assert done.returncode == 0 and "stays as it is" in done.stdout and file.read_text() == FILE


@pytest.mark.skipif(os.geteuid() != 0, reason="only root keeps secrets where the host has them")
def test_secrets_go_where_up_looks_for_them(infrakit, stack, file):
    try:
        done = infrakit("import", "stack")
        assert done.returncode == 0 and kept(HOSTS) == SECRETS
        assert oct(Path(HOSTS, "infrakit/secrets").stat().st_mode & 0o777) == "0o700"
    finally:
        shutil.rmtree(Path(HOSTS, "infrakit"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_who_is_not_root_hears_what_cannot_be_kept_before_anything_is_written(stack, file, tmp_path):
    text = (
        "import difflib, os, sys\nsys.path.insert(0, 'code')\nfrom infrakit.cli import main\n"
        "main(['import', 'stack', '--dry-run'])\n"  # what is imported late may be where nobody else can read
        "os.setgroups([])\nos.setresgid(*[65534] * 3)\nos.setresuid(*[65534] * 3)\n"
        "sys.stdout.write('=' * 9)\nsys.exit(main(sys.argv[1:]))\n"
    )
    with tempfile.TemporaryDirectory() as place:
        shutil.copytree(tmp_path, place, dirs_exist_ok=True)
        for name in ("infrakit", "schema", "blueprints"):
            shutil.copytree(ROOT / name, Path(place) / "code" / name, ignore=shutil.ignore_patterns("__pycache__"))
        for path in (Path(place), *Path(place).rglob("*")):
            os.chown(path, 65534, 65534)

        def run(*words):
            command = [sys.executable, "-c", text, "import", "stack", *words]
            env = {"PATH": os.environ["PATH"], "SUDO_UID": "65534", "SUDO_GID": "65534"}
            return subprocess.run(command, cwd=place, env=env, capture_output=True, text=True, timeout=60)

        done = run()
        assert done.returncode == 3, done.stderr
        assert done.stdout.endswith("=" * 9)
        assert f"only root can keep 2 secrets (notes_app_secret, token) in {HOSTS}/infrakit" in done.stderr
        assert "hint: run it as root: sudo infrakit import" in done.stderr
        assert (Path(place) / "infrakit.yaml").read_text() == FILE and set(os.listdir(place)) == {
            "code",
            *os.listdir(tmp_path),
        }

        assert run("-o", "kept").returncode == 0 and kept(Path(place) / "kept") == SECRETS


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has an installed file")
def test_the_installed_file_can_be_added_to(infrakit, stack):
    place = Path(CONFIGURATION)
    place.write_text(FILE)
    try:
        assert infrakit("import", "stack", "-f", CONFIGURATION, "-o", "kept").returncode == 0
        assert "  notes:\n" in place.read_text()
    finally:
        place.unlink()

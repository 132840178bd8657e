"""add and remove, from the built program, with a registry of these tests."""

import json
import os
import pty
import sys

import pytest

from tests.system import fake_registry

FILE = """# mine
version: 1
domain: home.example.org
pattern: full
tls: {mode: internal}
access:
  groups: {family: [bob]}
"""
SAYS = {
    "ExposedPorts": {"9443/tcp": {}, "8080/tcp": {}, "53/udp": {}},
    "Volumes": {"/kept": {}, "/also": {}},
    "Healthcheck": {"Test": ["CMD", "true"]},
}


@pytest.fixture
def mirror():
    with fake_registry.registry() as made:
        made.publish("docker.io/example/cards", tag="2", says=SAYS)
        made.publish("docker.io/example/cards", tag="latest", says=SAYS)
        made.publish("docker.io/library/postgres", tag="17", says={"ExposedPorts": {"5432/tcp": {}}})
        yield made


@pytest.fixture
def file(tmp_path, mirror):
    path = tmp_path / "infrakit.yaml"
    path.write_text(f"{FILE}images: {{mirror: '{mirror.address}/'}}\n")
    return path


def test_what_the_image_says_of_itself_stands_in_the_file_with_comments(infrakit, file):
    before = file.read_text()
    done = infrakit("add", "example/cards:2", "--allow", "family")
    assert done.returncode == 0, done.stderr
    assert file.read_text() == before + (
        "apps:\n  cards:\n    image: example/cards:2\n"
        "    port: 8080  # the door: the port that it answers browsers on\n"
        "    allow:  # who may open it\n      - family\n"
        "    data:  # what it keeps, in volumes of its own\n      - /also\n      - /kept\n"
        "    health: image\n"
    )
    assert infrakit("validate").returncode == 0


def test_an_image_without_a_version_is_what_it_is_today(infrakit, file, mirror):
    done = infrakit("add", "example/cards", "--port", "8080")
    digest = mirror.digest("docker.io/example/cards", "latest")
    assert done.returncode == 0 and f"image: example/cards@{digest}\n" in file.read_text(), done.stderr
    assert infrakit("validate").returncode == 0


def test_who_has_no_pages_serves_and_takes_a_free_name(infrakit, file):
    assert infrakit("add", "postgres:17", "--data", "/var/lib/postgresql/data").returncode == 0
    assert "  postgres:\n    image: postgres:17\n    serves:  # for apps that need it" in file.read_text()
    assert infrakit("add", "postgres:17", "--name", "rows").returncode == 0
    assert "  rows:\n" in file.read_text()


def test_a_registry_that_does_not_answer_is_said_and_nothing_is_guessed(infrakit, file):
    done = infrakit("add", "example/none:3", "--port", "80")
    assert done.returncode == 0 and "does not say what example/none:3 has" in done.stderr
    assert "  none:\n    image: example/none:3\n    port: 80" in file.read_text()


def test_on_a_terminal_it_asks(pyz, file):
    words = [sys.executable, str(pyz), "add", "example/cards:2"]
    child, terminal = pty.fork()
    if not child:
        os.chdir(file.parent)
        os.execv(words[0], words)
    os.write(terminal, b"9443\nfamily\n/kept, /more\n")
    said = b""
    while True:
        try:
            more = os.read(terminal, 65536)
        except OSError:
            break
        said += more
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, said.decode()
    text = file.read_text()
    assert "port: 9443" in text and "      - family\n" in text and "      - /kept\n      - /more\n" in text
    assert b"port [8080]" in said and b"who may open it" in said and b"what it keeps [/also, /kept]" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("example/cards:2", "--data", "kept"), "not a path in the container"),
        (("Example/Cards:2",), "Example/Cards:2"),
        (("coolify:a b",), "is not SOURCE:NAME"),
        (("example/cards:2", "--name", "caddy"), "caddy"),
        (("example/cards:2", "--name", "bad name"), "bad name"),
        (("example/cards:2", "--allow", "family"), "it has no door"),
    ],
)
def test_what_cannot_stand_in_the_file_is_said_and_nothing_written(infrakit, file, words, said):
    before = file.read_text()
    done = infrakit("add", *words, "--offline")
    assert said in done.stderr and "Traceback" not in done.stderr
    assert done.returncode == 2 and file.read_text() == before, (done.returncode, done.stderr)


APPS = """apps:
  # the wiki
  wiki:
    image: example/wiki:1
    port: 80
    data: [/data]
    mounts: ["/srv/wiki:/pages"]
    secrets: [wiki_key]
  # rows of others

  rows:
    image: example/rows:1
    health: none
# the end
network: {http_port: 80}
"""


def test_an_app_that_is_removed_leaves_every_other_byte_and_its_data_is_named(infrakit, file):
    file.write_text(FILE + APPS)
    done = infrakit("remove", "wiki")
    assert done.returncode == 0, done.stderr
    kept = APPS[: APPS.index("  # the wiki")] + APPS[APPS.index("  # rows") :]
    assert file.read_text() == FILE + kept
    assert "docker volume rm infrakit_wiki-data" in done.stdout and "the secret wiki_key stays" in done.stdout
    assert "/srv/wiki stays as it is" in done.stdout and "infrakit up" in done.stdout
    said = json.loads(infrakit("remove", "rows", "--json").stdout)
    assert said["app"] == "rows" and said["volumes"] == [] and "apps:" not in file.read_text()
    assert "# the end\nnetwork:" in file.read_text() and infrakit("validate").returncode == 0


def test_an_app_that_others_need_stays_and_each_place_is_one_of_the_file(infrakit, file):
    text = FILE + APPS.replace("    health: none", "    health: none\n    needs: [wiki]")
    file.write_text(text)
    done = infrakit("remove", "wiki")
    lines = text.splitlines()
    line = lines.index("    needs: [wiki]") + 1
    column = lines[line - 1].index("wiki") + 1
    assert done.returncode == 2 and f"infrakit.yaml:{line}:{column}: error: apps.rows.needs: " in done.stderr
    assert file.read_text() == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("apps: {wiki: {image: 'e/w:1'}, rows: {image: 'e/r:1'}}\n", "shares a line"),
        ("", "it has none"),
        ("apps:\n  rows: {image: 'e/r:1'}\n", "its apps: rows"),
    ],
)
def test_what_cannot_be_taken_out_is_said(infrakit, file, text, words):
    file.write_text(FILE + text)
    done = infrakit("remove", "wiki")
    assert done.returncode == 2 and words in done.stderr and file.read_text() == FILE + text

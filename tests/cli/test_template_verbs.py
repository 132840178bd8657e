"""catalog add and catalog search, from the built program, with templates of these tests."""

import base64
import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

COMPOSE = """services:
  cards:
    image: example/cards:1.2
    environment: [SERVICE_URL_CARDS_3000, 'KEY=$SERVICE_PASSWORD_KEY', 'URL=$SERVICE_URL_CARDS', 'ZONE=${ZONE:-x}']
    volumes: ['kept:/kept', '/var/run/docker.sock:/var/run/docker.sock']
"""
ITEM = {"compose": base64.b64encode(COMPOSE.encode()).decode(), "slogan": "Cards for a team.", "tags": ["kanban"]}
FILE = "# mine\nversion: 1\ndomain: home.example.org\npattern: full\ntls: {mode: internal}\n"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass


@pytest.fixture
def place(tmp_path):
    """A folder with an infrakit.yaml, and both catalogues below it."""
    (tmp_path / "infrakit.yaml").write_text(FILE)
    (tmp_path / "coolify.json").write_text(json.dumps({"cards": ITEM, "wiki": {**ITEM, "slogan": "A wiki."}}))
    one = tmp_path / "blueprints/board"
    one.mkdir(parents=True)
    (one / "docker-compose.yml").write_text("services: {board: {image: 'e/b:1', environment: {P: $P}}}\n")
    (one / "template.toml").write_text('[config.env]\nP = "${password:20}"\n')
    (one / "meta.json").write_text('{"name": "Board", "description": "Lists of cards."}')
    return tmp_path


@pytest.fixture
def served(place):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(place)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_template_becomes_lines_secrets_and_a_table(infrakit, place):
    done = infrakit("catalog", "add", "coolify:cards", "--from", "coolify.json", "-o", "build")
    assert done.returncode == 0, done.stderr
    text = (place / "infrakit.yaml").read_text()
    assert text.startswith(FILE) and '      KEY: "${secret.cards_key}"\n' in text and "    port: 3000\n" in text
    assert (
        "    #  - /var/run/docker.sock:/var/run/docker.sock  # refused:" in text
        and "    data:\n      - /kept\n" in text
    )
    (kept,) = (place / "build").glob("*/secrets/cards_key")
    secret = kept.read_text()
    assert len(secret) == 32 and secret not in text + done.stdout + done.stderr
    assert "withheld" in done.stdout and "1 app" in done.stdout


def test_a_secret_in_a_file_of_a_template_makes_a_file_that_is_right(infrakit, place):
    one = place / "blueprints/board"
    (one / "docker-compose.yml").write_text(
        "services: {board: {image: 'e/b:1', volumes: ['../files/board.ini:/etc/board.ini']}}\n"
    )
    (one / "template.toml").write_text(
        '[variables]\nword = "${password:20}"\n[config]\nenv = []\n[[config.mounts]]\n'
        'filePath = "/board.ini"\ncontent = """\npassword = ${word}\nhome = $HOME\ntoken: "drawn7Word9by"\n"""\n'
    )
    done = infrakit("catalog", "add", "dokploy:board", "--from", "blueprints", "-o", "build")
    assert done.returncode == 0, done.stderr
    text = (place / "infrakit.yaml").read_text()
    assert "password = ${secret.board_word}" in text and "- board_word" in text
    assert infrakit("validate").returncode == 0
    done = infrakit("compile")
    assert done.returncode == 0, done.stderr
    (kept,) = (place / "build").glob("*/secrets/board_word")
    said = (kept.parent / ".board-file0").read_text()
    assert f"password = {kept.read_text()}\n" in said and 'token: "drawn7Word9by"' in said
    assert 'token: \\"${secret.board_token}\\"' in text and "drawn7Word9by" not in text


@pytest.mark.parametrize("way", ["word.txt", "-"])
def test_a_secret_that_a_person_has_comes_from_a_file_and_stays_on_the_host(infrakit, place, way):
    asked = COMPOSE.replace("'ZONE=", "'LINE=mail://u:${SMTP}@mail', 'ZONE=")
    (place / "coolify.json").write_text(
        json.dumps({"cards": {**ITEM, "compose": base64.b64encode(asked.encode()).decode()}})
    )
    (place / "word.txt").write_text("it's mine\n")
    words = ("catalog", "add", "coolify:cards", "--from", "coolify.json", "-o", "build", "--set-file", f"SMTP={way}")
    done = infrakit(*words, feed="it's mine\n") if way == "-" else infrakit(*words)
    assert done.returncode == 0, done.stderr
    text = (place / "infrakit.yaml").read_text()
    assert 'LINE: "mail://u:${secret.cards_smtp}@mail"' in text
    (kept,) = (place / "build").glob("*/secrets/cards_smtp")
    assert kept.read_text() == "it's mine" and "mine" not in text.replace("# mine", "") + done.stdout + done.stderr


def test_a_dry_run_writes_nothing_and_json_says_it_to_programs(infrakit, place):
    words = ("catalog", "add", "coolify:cards", "--from", "coolify.json", "-o", "build", "--dry-run")
    done = infrakit(*words)
    assert done.returncode == 6 and "image: example/cards:1.2" in done.stdout
    assert (place / "infrakit.yaml").read_text() == FILE and not (place / "build").exists()
    said = json.loads(infrakit(*words, "--json").stdout)
    assert said["apps"] == ["cards"] and said["secrets"] == ["cards_key"] and said["written"] is False


def test_both_catalogues_are_read_from_a_folder_and_from_an_address(infrakit, place, served):
    for source in ("blueprints", f"{served}/blueprints"):
        done = infrakit("catalog", "add", "dokploy:board", "--from", source, "-o", "build", "--dry-run")
        assert done.returncode == 6 and 'P: "${secret.board_p}"' in done.stdout, done.stderr
    done = infrakit("catalog", "search", "CARDS", "--from", f"{served}/coolify.json")
    assert done.stdout.splitlines() == ["coolify:cards                           Cards for a team."]
    done = infrakit("catalog", "search", "lists", "--source", "dokploy", "--from", "blueprints", "--json")
    assert json.loads(done.stdout) == [{"name": "board", "title": "Board", "about": "Lists of cards.", "tags": []}]


def test_the_same_template_twice_gets_names_of_its_own_or_is_refused(infrakit, place):
    words = ("catalog", "add", "coolify:cards", "--from", "coolify.json", "-o", "build")
    assert infrakit(*words).returncode == 0
    done = infrakit(*words)
    assert done.returncode == 2 and "has other secrets of these names already: cards_key" in done.stderr
    assert "--prefix NAME" in done.stderr
    done = infrakit(*words, "--prefix", "more")
    assert done.returncode == 0 and "  more-cards:" in (place / "infrakit.yaml").read_text(), done.stderr
    assert infrakit("compile", "-o", "build").returncode == 0


def test_add_takes_a_template_from_a_file_too(infrakit, place):
    done = infrakit("add", "coolify:cards", "--from", "coolify.json", "-o", "build")
    assert done.returncode == 0 and "  cards:" in (place / "infrakit.yaml").read_text(), done.stderr
    done = infrakit("add", "x/y:1", "--from", "coolify.json")
    assert done.returncode == 2 and "--from: it says where the catalogue of a template is" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("coolify:none", "--from", "coolify.json"), "there is no template none in it"),
        (("coolify:../x", "--from", "."), "is not SOURCE:NAME"),
        (("other:x",), "SOURCE is one of: coolify, dokploy"),
        (("dokploy:none", "--from", "blueprints"), "there is no docker-compose.yml in none"),
        (("coolify:cards", "--from", "none.json"), "none.json"),
        (("coolify:cards", "--from", "http://127.0.0.1:9/x"), "127.0.0.1:9"),
        (("coolify:cards", "--from", "coolify.json", "--set", "x"), "not NAME=VALUE"),
        (
            ("coolify:cards", "--from", "coolify.json", "--set", "SMTP_PASSWORD=hunter2"),
            "--set-file SMTP_PASSWORD=FILE",
        ),
        (("coolify:cards", "--from", "coolify.json", "--set", "DB=postgres://u:hunter2@db/x"), "--set-file DB=FILE"),
        (("coolify:cards", "--from", "coolify.json", "--set-file", "X"), "not NAME=FILE"),
        (("coolify:cards", "--from", "coolify.json", "--set-file", "A=none.txt"), "none.txt: no such file"),
        (
            ("coolify:cards", "--from", "coolify.json", "--set-file", "A=coolify.json"),
            "the template has no place for it",
        ),
    ],
)
def test_what_cannot_be_had_is_said_in_a_line(infrakit, place, words, said):
    done = infrakit("catalog", "add", *words)
    assert done.returncode in (2, 3) and said in done.stderr and "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr + done.stdout
    assert (place / "infrakit.yaml").read_text() == FILE

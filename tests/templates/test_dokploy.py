"""Dokploy's helpers, in templates written for these tests, and what becomes of each."""

import pytest

from infrakit.composed.apps_text import lines
from infrakit.composed.names import Taken
from infrakit.templates import dokploy
from infrakit.templates.added import added
from infrakit.templates.model import Mark, TemplateInvalid

COMPOSE = b"""services:
  board:
    image: example/board:3
    ports: [8080]
    environment:
      URL: https://${BOARD_HOST}
      DB_PASSWORD: ${DB_PASSWORD}
      TOKEN: ${TOKEN}
      COOKIE: ${COOKIE}
      ID: ${ID}
      MAIL: ${MAIL}
      SINCE: ${SINCE}
      SIGNED: ${SIGNED}
    env_file: [.env]
    volumes: ["../files/board.toml:/etc/board.toml", "../files/uploads:/uploads", "rows:/rows"]
    depends_on: [prepare]
  worker:
    image: example/board:3
    command: [work]
    volumes: ["rows:/rows"]
    depends_on: {prepare: {condition: service_completed_successfully}}
  prepare:
    image: example/board:3
    command: [prepare]
volumes: {rows: {}}
"""
TEMPLATE = b"""[variables]
main_domain = "${domain}"
db_password = "${password:24}"
claims = '{"role": "anon", "iat": ${timestamps:2026-01-01T00:00:00Z}}'
jwt_secret = "${jwt:64}"

[config]
mounts = []
[[config.domains]]
serviceName = "board"
port = 8_080
host = "${main_domain}"
[config.env]
BOARD_HOST = "${main_domain}"
DB_PASSWORD = "${db_password}"
TOKEN = "${base64:32}"
COOKIE = "${hash:16}"
ID = "${uuid}"
MAIL = "${username} of ${email}"
SINCE = "${timestampms:2026-01-01T00:00:00Z}"
SIGNED = "${jwt:jwt_secret:claims}"
"""
MOUNTS = b"""[[config.mounts]]
filePath = "/board.toml"
content = '''
host = "${main_domain}"
raw = "$${other}"
'''
"""


def made(compose: bytes = COMPOSE, template: bytes = TEMPLATE, meta: bytes | None = None):
    files = {"docker-compose.yml": compose, "template.toml": template, "meta.json": meta}
    return added(dokploy.from_folder("board", files.get), Taken())


def test_every_helper_has_its_meaning():
    found = made(template=TEMPLATE.replace(b"mounts = []\n", b"") + MOUNTS)
    assert not [problem for problem in found.problems if problem.severity == "error"]
    environment = found.found.apps["board"]["environment"]
    assert environment["URL"] == "https://${hostname}"
    assert environment["DB_PASSWORD"] == "${secret.board_db_password}"
    assert environment["MAIL"] == "admin of admin@example.org" and environment["SINCE"] == "1767225600000"
    assert found.minted == {
        "board_db_password": Mark("password", "db_password", 24),
        "board_token": Mark("encoded", "token", 32),
        "board_cookie": Mark("hex", "cookie", 16),
        "board_id": Mark("uuid", "id", 0),
        "board_jwt_secret": Mark("password", "jwt_secret", 40),
        "board_signed": Mark("jwt", "signed", of="board_jwt_secret", claims='{"role": "anon", "iat": 1767225600}'),
    }
    assert found.found.apps["board"]["port"] == 8080 and "serves" not in found.found.apps["board"]
    assert found.found.apps["board"]["files"] == {"/etc/board.toml": 'host = "${hostname}"\nraw = "$$${other}"\n'}
    assert found.found.apps["board"]["data"] == ["/uploads"]
    assert found.found.volumes == {"rows": {}} and found.found.apps["worker"]["mounts"] == ["rows:/rows"]
    assert found.found.apps["prepare"]["once"] is True and found.found.apps["worker"]["needs"] == ["prepare"]
    assert "https://" in lines(found.found)


@pytest.mark.parametrize(
    "env",
    [
        'env = ["A=${password:9}", "B=x=y"]',
        'env = [{A = "${password:9}"}, {B = "x=y"}]',
        '[config.env]\nA = "${password:9}"\nB = "x=y"',
    ],
)
def test_an_environment_may_be_written_in_three_ways(env):
    compose = b"services: {a: {image: 'e/a:1', environment: {A: $A, B: $B}}}\n"
    found = made(compose, b"[config]\n" + env.encode())
    assert found.found.apps["a"]["environment"] == {"A": "${secret.board_a}", "B": "x=y"}


def test_what_meta_says_is_how_it_is_found():
    said = dokploy.summary("board", b'{"name": "Board", "description": "Cards.", "tags": ["kanban"]}')
    assert said == ("board", "Board", "Cards.", ("kanban",))
    assert dokploy.summary("x", b"[") == ("x", "x", "", ())


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (b"[", "no TOML"),
        (b"\xff", "no TOML"),
        (b"a = " + b"[" * 20_000, "no TOML"),
        (b'[variables]\na = "${b}"\nb = "${a}"\n[config.env]\nA = "${a}"\n', "lead to each other"),
        (b'[config.env]\nPORT = "${randomPort}"\n', "wants a port"),
    ],
)
def test_what_cannot_be_read_is_said(template, words):
    with pytest.raises(TemplateInvalid, match=words):
        made(template=template)


def test_without_a_compose_file_there_is_no_template():
    with pytest.raises(TemplateInvalid, match="no docker-compose.yml"):
        dokploy.from_folder("x", lambda name: None)

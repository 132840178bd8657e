"""Coolify's words, in templates written for these tests, and what becomes of each."""

import base64
import json

import pytest

from infrakit.composed.apps_text import lines
from infrakit.composed.names import Taken
from infrakit.templates import coolify
from infrakit.templates.added import added
from infrakit.templates.model import Mark, Summary, TemplateInvalid, matching

NOTES = """# documentation: https://notes.example.org
# slogan: Notes for everybody.
# tags: notes, writing
# port: 8080

services:
  notes:
    image: example/notes:2
    environment:
      - SERVICE_URL_NOTES_8080
      - BASE_URL=$SERVICE_URL_NOTES
      - HOST=${SERVICE_FQDN_NOTES}
      - DATABASE_URL=postgres://${SERVICE_USER_DB}:${SERVICE_PASSWORD_DB}@db:5432/${DB_NAME:-notes}
      - SESSION_KEY=${SERVICE_REALBASE64_64_SESSION}
      - PEPPER=${SERVICE_HEX_32_PEPPER}
      - LOG_LEVEL=${LOG_LEVEL:?info}
    volumes:
      - notes-files:/files
      - ./plugins:/plugins
      - type: bind
        source: ./notes.conf
        target: /etc/notes.conf
        content: |
          listen ${PORT}
          name notes
    depends_on: [db]
  db:
    image: postgres:17
    exclude_from_hc: true
    environment:
      POSTGRES_USER: $SERVICE_USER_DB
      POSTGRES_PASSWORD: $SERVICE_PASSWORD_DB
      POSTGRES_DB: $DB_NAME
    volumes: ["notes-rows:/var/lib/postgresql/data"]
  cache:
    image: redis:8
    command: redis-server --requirepass ${SERVICE_PASSWORD_64_CACHE}
    healthcheck: {test: [CMD, redis-cli, -a, "$SERVICE_PASSWORD_64_CACHE", ping]}
"""
EXPECTED = """apps:
  notes:
    image: example/notes:2
    port: 8080
    writable: true
    environment:
      BASE_URL: "${url}"
      HOST: "${hostname}"
      DATABASE_URL: "postgres://dbuser:${secret.notes_db}@db:5432/notes"
      SESSION_KEY: "${secret.notes_session}"
      PEPPER: "${secret.notes_pepper}"
      LOG_LEVEL: info
    internet: true
    needs:
      - db
    memory: "1g"
    files:
      /etc/notes.conf: "listen $${PORT}\\nname notes\\n"
    user_secrets:
      - notes_db
      - notes_session
      - notes_pepper
    data:
      - /files
      - /plugins
  db:
    image: postgres:17
    serves:
      - 5432
    writable: true
    environment:
      POSTGRES_USER: dbuser
      POSTGRES_PASSWORD: "${secret.notes_db}"
      POSTGRES_DB: notes
    memory: "512m"
    user_secrets:
      - notes_db
    data:
      - /var/lib/postgresql/data
  cache:
    image: redis:8
    serves:
      - 6379
    command:
      - /bin/sh
      - "-c"
      - "exec redis-server --requirepass \\"${INFRAKIT_CACHE}\\""
    writable: true
    environment:
      INFRAKIT_CACHE: "${secret.notes_cache}"
    memory: "512m"
    health:
      - CMD-SHELL
      - "redis-cli -a \\"${INFRAKIT_CACHE}\\" ping"
    user_secrets:
      - notes_cache
"""


def made(text: str, name: str = "notes", taken: Taken | None = None, **answers: str):
    return added(coolify.from_file(text.encode(), name), taken or Taken(), answers=answers)


def test_every_word_of_its_own_has_its_meaning():
    found = made(NOTES)
    assert not found.problems and lines(found.found) == EXPECTED
    assert found.minted == {
        "notes_db": Mark("password", "db", 32),
        "notes_session": Mark("encoded", "session", 64),
        "notes_pepper": Mark("hex", "pepper", 16),
        "notes_cache": Mark("password", "cache", 64),
    }
    assert not any(row.outcome == "refused" for row in found.found.rows)
    assert not any("ikm" in row.said for row in found.found.rows)


def test_the_catalogue_in_one_file_says_the_same():
    item = {"compose": base64.b64encode(NOTES.encode()).decode(), "slogan": "Notes.", "tags": ["a"], "port": "8080"}
    source = json.dumps({"notes": item, "wiki": {**item, "slogan": "A wiki."}}).encode()
    found = added(coolify.from_catalogue(source, "notes"), Taken())
    assert lines(found.found) == EXPECTED
    assert [each.name for each in matching(coolify.summaries(source).values(), ["WIKI"])] == ["wiki"]
    assert matching([Summary("x", "X", "of notes", ()), Summary("notes", "N", "", ())], ["notes"])[0].name == "notes"


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        ("SERVICE_URL_APP", Mark("url", "APP")),
        ("SERVICE_URL_APP_3000", Mark("url", "APP")),
        ("SERVICE_FQDN_MY_APP_80", Mark("host", "MY_APP")),
        ("SERVICE_USER_ADMIN", Mark("user", "admin")),
        ("SERVICE_LOWERCASEUSER_ADMIN", Mark("user", "admin")),
        ("SERVICE_PASSWORD_ADMIN", Mark("password", "admin", 32)),
        ("SERVICE_PASSWORD_64_ADMIN", Mark("password", "admin", 64)),
        ("SERVICE_PASSWORDWITHSYMBOLS_ADMIN", Mark("password", "admin", 32)),
        ("SERVICE_BASE64_KEY", Mark("password", "key", 32)),
        ("SERVICE_BASE64_128_KEY", Mark("password", "key", 128)),
        ("SERVICE_REALBASE64_KEY", Mark("encoded", "key", 32)),
        ("SERVICE_REALBASE64_128_KEY", Mark("encoded", "key", 128)),
        ("SERVICE_HEX_64_KEY", Mark("hex", "key", 32)),
        ("SERVICE_OTHER", None),
    ],
)
def test_each_magic_name_is_what_it_says(name, mark):
    assert coolify.meaning(name) == mark


def test_names_that_are_taken_get_the_templates_and_values_follow():
    found = made(NOTES, taken=Taken(frozenset({"db"})))
    assert list(found.found.apps) == ["notes", "notes-db", "cache"]
    assert "@notes-db:5432/" in lines(found.found) and "    needs:\n      - notes-db\n" in lines(found.found)


def test_two_secrets_with_one_name_are_two():
    text = "services: {a: {image: 'e/a:1', environment: {K: $SERVICE_PASSWORD_A, L: $SERVICE_HEX_32_A}}}\n"
    found = made(text, "t")
    assert found.minted == {"t_a": Mark("hex", "a", 16), "t_a_password": Mark("password", "a", 32)} or found.minted == {
        "t_a": Mark("password", "a", 32),
        "t_a_hex": Mark("hex", "a", 16),
    }
    assert len(set(found.found.apps["a"]["environment"].values())) == 2


def test_several_doors_of_one_service_are_doors_and_a_path_is_none():
    text = (
        "services: {a: {image: 'e/a:1', environment: [SERVICE_URL_API_3000, SERVICE_URL_CONSOLE_9001, "
        "SERVICE_URL_API_4000=/hook, 'SELF=$SERVICE_URL_CONSOLE']}}\n"
    )
    found = made(text)
    assert found.found.apps["a"]["doors"] == {"api": {"port": 3000}, "console": {"port": 9001}}
    assert [(row.key, row.outcome) for row in found.found.rows if row.key == "door"] == [("door", "refused")]


def test_what_a_form_would_ask_must_be_said():
    text = "services: {a: {image: 'e/a:1', environment: {K: '${ZONE:?}', L: '${ZONE}'}}}\n"
    (problem,) = [each for each in made(text).problems if each.severity == "error"]
    assert problem.code == "compose-variable-required" and "ZONE" in problem.what
    assert made(text, ZONE="x").found.apps["a"]["environment"] == {"K": "x", "L": "x"}


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (b"[]", "no catalogue"),
        (b"{", "no catalogue"),
        (b'{"notes": 1}', "no catalogue"),
        (b"[" * 100_000, "no catalogue"),
        (b'{"notes": {"compose": "%"}}', "no base64"),
        (b'{"wiki": {}}', "no template notes"),
    ],
)
def test_what_is_no_catalogue_is_said(source, words):
    with pytest.raises(TemplateInvalid, match=words):
        coolify.from_catalogue(source, "notes")

"""A value that is told as a secret once is in no line and in no row, wherever else it stands."""

import pytest

from infrakit.composed import Asked, read
from infrakit.composed.apps import converted
from infrakit.composed.apps_text import lines, table
from infrakit.composed.hidden import hidden
from infrakit.composed.words import REFUSED

HUSH = "correct-horse9"
ONE = f"""
services:
  cache:
    image: e/a:1
    environment: {{CACHE_PASSWORD: {HUSH}}}
  other:
    image: e/b:1
    environment: {{MODE: x}}
"""


def of(keys, base=ONE):
    project = read(Asked(), {"compose.yaml": (base + keys).encode()}.get).project
    return hidden(converted(project, "/project"))


@pytest.mark.parametrize(
    "keys, gone",
    [
        (f"    healthcheck: {{test: [CMD, redis-cli, -a, {HUSH}, ping]}}\n", "healthcheck"),
        (f"    command: redis-server --save 60 1 -a {HUSH}\n", "command"),
        (f"    entrypoint: [/bin/serve, 'x:{HUSH}']\n", "entrypoint"),
        (f"    labels: {{keep: me, note: 'x {HUSH} y'}}\n", "labels.note"),
        (f"    hostname: {HUSH}\n", "hostname"),
        (f"    volumes: ['/srv/{HUSH}:/x']\n", "mounts.0"),
    ],
)
def test_where_nothing_can_take_its_place_the_key_is_refused(keys, gone):
    found = of(keys)

    assert HUSH not in lines(found) + table(found)
    assert gone in [row.key for row in found.rows if row.outcome == REFUSED]


def test_a_comment_does_not_say_it():
    assert HUSH not in lines(of(f"    volumes: ['/etc/{HUSH}:/x']\n"))


def test_in_a_file_its_name_takes_its_place():
    found = of(f"    configs: [{{source: c, target: /c}}]\nconfigs: {{c: {{content: 'is {HUSH}'}}}}\n")

    assert found.apps["other"]["files"] == {"/c": "is ${secret.cache_password}"}
    assert found.apps["other"]["user_secrets"] == ["cache_password"] and HUSH not in lines(found) + table(found)


def test_in_an_environment_its_name_takes_its_place():
    found = of(f"      URL: 'http://h/?a={HUSH}&b={HUSH}'\n", ONE.replace("{MODE: x}", ""))

    assert found.apps["other"]["environment"] == {
        "URL": "http://h/?a=${secret.cache_password}&b=${secret.cache_password}"
    }
    assert found.apps["other"]["user_secrets"] == ["cache_password"]
    assert found.apps["cache"]["environment"] == {"CACHE_PASSWORD": "${secret.cache_password}"}


@pytest.mark.parametrize("password", ["postgres", "cache", "other", "abc12", "123456"])
def test_what_is_an_ordinary_word_too_stays_where_it_is_one(password):
    base = ONE.replace(HUSH, f"'{password}'")

    assert of(f"    command: [serve, '{password}']\n", base).apps["other"]["command"] == ["serve", password]

"""What is wrong with a Compose file is said at its place, all at once, and Compose refuses most of it, too."""

import os
import subprocess

import pytest

from infrakit.composed import Asked, read
from tests.emit.tree import needs_compose

ONE = "services:\n  a:\n    image: e/a\n"
REJECTED = {
    # name: (files, problems as line:column code)
    "unknown-key": ({"compose.yaml": ONE + "    imagee: x\n"}, ["4:5 compose-key"]),
    "unknown-top": ({"compose.yaml": ONE + "service: {}\n"}, ["4:1 compose-key"]),
    "two-at-once": (
        {"compose.yaml": ONE + "    init: maybe\n    ports: [x]\n"},
        ["4:11 compose-value", "5:13 compose-port"],
    ),
    "number-as-text": ({"compose.yaml": "services:\n  a:\n    image: 5\n"}, ["3:12 compose-value"]),
    "empty-list": ({"compose.yaml": ONE + "    ports:\n"}, ["4:5 compose-value"]),
    "no-image": ({"compose.yaml": "services:\n  a: {init: true}\n"}, ["2:3 compose-missing"]),
    "no-services": ({"compose.yaml": "volumes: {a: }\n"}, ["1:1 compose-missing"]),
    "port-too-high": ({"compose.yaml": ONE + "    ports: ['70000:80']\n"}, ["4:13 compose-port"]),
    "port-protocol": ({"compose.yaml": ONE + "    ports: ['80:80/icmp']\n"}, ["4:13 compose-port"]),
    "port-ranges": ({"compose.yaml": ONE + "    ports: ['80-82:80-81']\n"}, ["4:13 compose-port"]),
    "port-address": ({"compose.yaml": ONE + "    ports: ['300.1.1.1:80:80']\n"}, ["4:13 compose-port"]),
    "no-target": ({"compose.yaml": ONE + "    ports: [{published: 80}]\n"}, ["4:13 compose-missing"]),
    "volume-unknown": ({"compose.yaml": ONE + "    volumes: ['data:/d']\n"}, ["4:15 compose-reference"]),
    "volume-form": ({"compose.yaml": ONE + "    volumes: ['a:b:c:d']\n"}, ["4:15 compose-volume"]),
    "network-unknown": ({"compose.yaml": ONE + "    networks: [x]\n"}, ["4:16 compose-reference"]),
    "network-and-mode": (
        {"compose.yaml": ONE + "    network_mode: host\n    networks: [default]\n"},
        ["4:19 compose-exclusive"],
    ),
    "secret-unknown": ({"compose.yaml": ONE + "    secrets: [x]\n"}, ["4:15 compose-reference"]),
    "secret-without-content": ({"compose.yaml": ONE + "secrets: {x: {name: y}}\n"}, ["4:11 compose-content"]),
    "external-with-more": (
        {"compose.yaml": ONE + "volumes: {x: {external: true, driver: y}}\n"},
        ["4:11 compose-external"],
    ),
    "depends-unknown": ({"compose.yaml": ONE + "    depends_on: [b]\n"}, ["4:18 compose-reference"]),
    "depends-asleep": (
        {"compose.yaml": ONE + "    depends_on: [b]\n  b: {image: b, profiles: [x]}\n"},
        ["4:18 compose-reference"],
    ),
    "depends-circle": (
        {"compose.yaml": ONE + "    depends_on: [b]\n  b: {image: b, depends_on: [a]}\n"},
        ["4:18 compose-cycle"],
    ),
    "condition": (
        {"compose.yaml": ONE + "    depends_on: {b: {condition: fine}}\n  b: {image: b}\n"},
        ["4:33 compose-value"],
    ),
    "duration": ({"compose.yaml": ONE + "    stop_grace_period: 10 minutes\n"}, ["4:24 compose-value"]),
    "size": ({"compose.yaml": ONE + "    shm_size: big\n"}, ["4:15 compose-value"]),
    "memory-twice": (
        {"compose.yaml": ONE + "    mem_limit: 1g\n    deploy: {resources: {limits: {memory: 2g}}}\n"},
        ["4:16 compose-exclusive"],
    ),
    "named-twice": ({"compose.yaml": ONE + "    container_name: x\n    scale: 2\n"}, ["4:21 compose-exclusive"]),
    "health-test": ({"compose.yaml": ONE + "    healthcheck: {test: [curl, x]}\n"}, ["4:25 compose-value"]),
    "ulimit-half": ({"compose.yaml": ONE + "    ulimits: {nofile: {soft: 5}}\n"}, ["4:23 compose-missing"]),
    "variable-required": (
        {"compose.yaml": ONE + "    user: ${USER_ID:?say who}\n"},
        ["4:11 compose-variable-required"],
    ),
    "variable-form": ({"compose.yaml": ONE + "    user: a${1}\n"}, ["4:11 compose-variable-form"]),
    "variable-open": ({"compose.yaml": ONE + "    user: ${A:-b\n"}, ["4:11 compose-variable-form"]),
    "variable-operator": ({"compose.yaml": ONE + "    user: ${A!b}\n"}, ["4:11 compose-variable-form"]),
    "env-file-missing": ({"compose.yaml": ONE + "    env_file: x.env\n"}, ["4:15 compose-file"]),
    "env-file-quote": (
        {"compose.yaml": ONE + "    env_file: x.env\n", "x.env": "A=1\nB='open\n"},
        ["x.env:2:1 compose-env-file"],
    ),
    "env-file-space": ({"compose.yaml": ONE, ".env": "A=1\n\n  TWO WORDS=2\n"}, [".env:3:3 compose-env-file"]),
    "extends-unknown": ({"compose.yaml": ONE + "    extends: {service: b}\n"}, ["4:24 compose-reference"]),
    "extends-no-file": ({"compose.yaml": ONE + "    extends: {service: b, file: c.yaml}\n"}, ["4:33 compose-file"]),
    "extends-itself": ({"compose.yaml": ONE + "    extends: a\n"}, ["4:14 compose-cycle"]),
    "extends-circle": (
        {
            "compose.yaml": ONE + "    extends: {service: b, file: two.yaml}\n",
            "two.yaml": "services: {b: {extends: {service: a, file: compose.yaml}}}\n",
        },
        ["two.yaml:1:35 compose-cycle"],
    ),
    "include-missing": ({"compose.yaml": "include: [b.yaml]\n" + ONE}, ["1:11 compose-file"]),
    "include-circle": (
        {"compose.yaml": "include: [b.yaml]\n" + ONE, "b.yaml": "include: [compose.yaml]\nservices: {b: {image: b}}\n"},
        ["b.yaml:1:11 compose-cycle"],
    ),
    "include-conflict": (
        {"compose.yaml": "include: [b.yaml]\n" + ONE, "b.yaml": "services: {a: {image: other}}\n"},
        ["3:3 compose-conflict"],
    ),
    "no-file": ({}, ["1:1 compose-file"]),
    "not-yaml": ({"compose.yaml": "services: {a: [}\n"}, ["1:16 yaml-syntax"]),
    "key-twice": ({"compose.yaml": ONE + "    image: b\n"}, ["4:5 duplicate-key"]),
    "alias-unknown": ({"compose.yaml": ONE + "    labels: *x\n"}, ["4:13 yaml-alias"]),
    "alias-in-itself": ({"compose.yaml": ONE + "x-a: &a [*a]\n"}, ["4:10 yaml-alias"]),
    "merge-a-list": ({"compose.yaml": "x-a: &a [1]\nservices: {a: {<<: *a, image: b}}\n"}, ["1:10 yaml-merge"]),
    "tag": ({"compose.yaml": ONE + "    user: !!binary aGk=\n"}, ["4:11 yaml-tag"]),
    "name": ({"compose.yaml": "name: ÄÖ\n" + ONE}, ["1:7 compose-name"]),
    "service-name": ({"compose.yaml": ONE + "  a b: {image: x}\n"}, ["4:3 compose-name"]),
    "volume-name": ({"compose.yaml": ONE + "volumes:\n  80:80:\n"}, ["5:3 compose-name"]),
    "service-a-text": ({"compose.yaml": "services: {a: image}\n"}, ["1:15 compose-missing"]),
}
LENIENT = {"tag", "no-services", "volume-form"}
"""What Compose reads, in a way that nobody means."""


def asked(files):
    return read(Asked(), {name: text.encode() for name, text in files.items()}.get)


@pytest.mark.parametrize("name", REJECTED)
def test_it_is_said_where_it_is(name):
    files, expected = REJECTED[name]

    found = asked(files)

    said = [f"{each.position} {each.code}" for each in found.problems if each.severity == "error"]
    assert said == [line if line[0] in "x.tb" else f"compose.yaml:{line}" for line in expected]
    assert found.project is None
    assert all(each.hint for each in found.problems if each.code.startswith("compose-"))


@needs_compose
@pytest.mark.parametrize("name", [name for name in REJECTED if name not in LENIENT])
def test_compose_refuses_it_too(name, tmp_path):
    for path, text in REJECTED[name][0].items():
        (tmp_path / path).write_text(text)

    run = subprocess.run(
        ["docker", "compose", "config"], cwd=tmp_path, env={"PATH": os.environ["PATH"]}, capture_output=True
    )

    assert run.returncode != 0, run.stdout


def test_what_nobody_set_is_a_warning():
    found = asked({"compose.yaml": ONE + "    user: $WHO\n"})

    assert [(str(each.position), each.code, each.severity) for each in found.problems] == [
        ("compose.yaml:4:11", "compose-variable", "warning")
    ]
    assert found.project.services[0].user == ""


def test_permissions_in_quotes_are_octal_too():
    files = {"compose.yaml": ONE + "    secrets: [{source: s, mode: '0400'}]\nsecrets: {s: {file: s}}\n"}

    assert asked(files).project.services[0].secrets[0].others["mode"] == 0o400


def test_a_raw_file_is_taken_as_it_is():
    files = {"compose.yaml": ONE + "    env_file: [{path: raw.env, format: raw}]\n", "raw.env": 'A="q" # $B\n# no\n'}

    assert [each[:2] for each in asked(files).project.services[0].environment] == [("A", '"q" # $B')]

"""Compose files as Compose, its schema and linters read them; and a cause for every value."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from infrakit.emit import cloudflared, compose, environment_file, haproxy, service_files
from infrakit.emit.container import CONFIG_LABEL, WATCH_LABEL, size
from infrakit.emit.yaml_text import leaves
from infrakit.model import Dependency, PublishedPort
from tests.emit.deployments import container, deployment, everything, service
from tests.emit.read import tree_of
from tests.emit.test_yaml_text import NAUGHTY
from tests.emit.tree import compose as run_compose
from tests.emit.tree import needs_compose, project, write

SCHEMA = Path(os.environ.get("INFRAKIT_COMPOSE_SCHEMA", Path(__file__).parents[3] / "shared/data/compose-spec.json"))
NASTY = (
    "".join(text for text in NAUGHTY if "\x00" not in text and text not in "\ufeff")
    + "$HOME ${HOME} $$ %h 'q' \"d\" \\ `x`"
)
YAMLLINT = "{extends: default, rules: {line-length: disable}}"


def files(host):
    """What the containers read, then the Compose files, as the pipeline makes them."""
    read = (*haproxy.emit(host), *cloudflared.emit(host), *service_files.emit(host))
    return (*read, *compose.emit(host, read), *environment_file.emit(host))


def parsed(host, path):
    content = next(artifact.content for artifact in files(host) if artifact.path == path)
    return tree_of(content)


def body(host, name):
    """The Compose service called `name`."""
    trees = [parsed(host, f"services/{each.name}.yaml")["services"] for each in host.services]
    return next(tree[name] for tree in trees if name in tree)


def test_every_container_is_confined_limited_and_logged():
    for host in (everything(), deployment(service("plain", container("plain")))):
        for each in host.services:
            for name in (part.name for part in each.containers):
                tree = body(host, name)
                assert tree["cap_drop"] == ["ALL"]
                assert "no-new-privileges:true" in tree["security_opt"]
                assert set(tree["deploy"]["resources"]["limits"]) == {"memory", "cpus", "pids"}
                assert tree["logging"]["options"] == {"max-size": "10m", "max-file": "3"}
                assert "read_only" in tree and "restart" in tree and WATCH_LABEL in tree["labels"]


def test_a_one_shot_is_not_restarted():
    assert body(everything(), "reader-schema")["restart"] == "no"
    assert body(everything(), "reader")["restart"] == "unless-stopped"


def test_a_container_without_a_network_gets_none():
    tree = body(everything(), "reader-schema")

    assert tree["network_mode"] == "none"
    assert "networks" not in tree


def test_a_changed_file_changes_the_label_of_its_readers_only():
    before, after = everything("one"), everything("one")
    main, tunnel = after.services
    after = after._replace(services=(main._replace(files=(main.files[0]._replace(content="other\n"),)), tunnel))

    def labels(host):
        return {
            name: body(host, name)["labels"][CONFIG_LABEL]
            for name in ("reader", "reader-schema", "reader-socket", "cloudflared")
        }

    old, new = labels(before), labels(after)
    assert old["reader"] != new["reader"]
    assert {**old, "reader": ""} == {**new, "reader": ""}
    assert len(set(old.values())) == 4 and all(len(label) == 16 for label in old.values())


def test_a_changed_definition_or_network_changes_the_label():
    host = everything()
    main, tunnel = host.services
    reader = main.containers[0]
    other = main._replace(containers=(reader._replace(memory_bytes=reader.memory_bytes + 1), *main.containers[1:]))
    moved = tuple(network._replace(subnet="172.31.9.0/28") for network in host.networks)

    def label(deployment):
        return body(deployment, reader.name)["labels"][CONFIG_LABEL]

    variants = [host, host._replace(services=(other, tunnel)), host._replace(networks=moved)]
    assert len({label(variant) for variant in variants}) == 3


@pytest.mark.parametrize(
    "count, text", [(256 << 20, "256m"), (1 << 30, "1g"), (1536 << 20, "1536m"), (3 << 10, "3k"), (1000, "1000b")]
)
def test_sizes_are_exact(count, text):
    assert size(count) == text


def test_shared_services_are_printed_once():
    host = everything()
    again = host._replace(host="other")

    def are_the_same() -> bool:
        return all(a is b for a, b in zip(compose.emit(host), compose.emit(again)))

    assert are_the_same() or are_the_same(), "what was printed is forgotten when it is too much, and then begun anew"


def test_same_deployment_same_bytes_whatever_was_printed_before():
    first = files(everything())
    files(everything("other"))

    assert files(everything()) == first


@needs_compose
@pytest.mark.parametrize(
    "host", [everything(), everything(NASTY), deployment(service("one", container("one")))], ids=["all", "nasty", "one"]
)
def test_compose_reads_it_in_silence(tmp_path, host):
    done = run_compose(write(tmp_path, files(host), host), "config", "-q")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_compose
def test_compose_sees_exactly_the_strings_of_the_model(tmp_path):
    tree = project(write(tmp_path, files(everything(NASTY)), everything(NASTY)))["services"]["reader"]

    assert tree["command"] == ["--say", NASTY]
    assert tree["entrypoint"] == ["/reader", NASTY]
    assert tree["environment"] == {"A.B": NASTY, "EMPTY": ""}
    assert tree["healthcheck"]["test"] == ["CMD", "/check", NASTY]
    assert tree["labels"]["org.example.text"] == NASTY


@needs_compose
@pytest.mark.parametrize("some", [NAUGHTY[start : start + 60] for start in range(0, len(NAUGHTY), 60)], ids=len)
def test_each_naughty_string_comes_out_as_itself(tmp_path, some):
    some = [text for text in some if "\x00" not in text]
    host = deployment(service("a", container("aa", command=tuple(some))))

    assert project(write(tmp_path, files(host), host))["services"]["aa"]["command"] == some


@needs_compose
def test_compose_reads_ports_with_their_protocol_at_addresses_of_both_kinds_and_an_order_across_files(tmp_path):
    ports = tuple(PublishedPort(at, 53, 53, kind) for at in ("fd00::1", "192.168.1.10") for kind in ("tcp", "udp"))
    blog = container("blog", ports=ports, depends_on=(Dependency("db", "service_healthy"),))
    host = deployment(service("blog", blog), service("db", container("db")))
    tree = project(write(tmp_path, files(host), host))["services"]["blog"]

    assert [(port["host_ip"], port["protocol"]) for port in tree["ports"]] == [
        ("fd00::1", "tcp"),
        ("fd00::1", "udp"),
        ("192.168.1.10", "tcp"),
        ("192.168.1.10", "udp"),
    ]
    assert tree["depends_on"]["db"]["condition"] == "service_healthy"


@needs_compose
def test_compose_resolves_paths_networks_volumes_and_secrets_of_included_files(tmp_path):
    tree = project(write(tmp_path, files(everything()), everything()))
    reader = tree["services"]["reader"]

    assert {mount["source"] for mount in reader["volumes"]} == {"reader-data", f"{tmp_path}/reader/reader.conf", "/"}
    assert tree["secrets"]["reader_password"]["file"] == f"{tmp_path}/secrets/reader_password"
    assert "tls_key" not in tree["secrets"]
    assert tree["networks"]["infrakit_default"]["name"] == "infrakit_default"
    assert tree["networks"]["door_reader"]["name"] == "infrakit_door_reader"
    assert tree["networks"]["door_reader"]["internal"] is True
    assert "default" not in tree["networks"]
    assert reader["deploy"]["resources"]["limits"] == {"cpus": 0.5, "memory": "268435456", "pids": 100}
    assert {port.get("host_ip", "") for port in reader["ports"]} == {"", "192.168.1.10", "fd00::1"}


@needs_compose
@pytest.mark.parametrize(
    "value",
    [
        "Europe/Berlin",
        "a b",
        "it's",
        "$HOME",
        'a"b',
        "a\\b",
        "a#b",
        "two\nlines",
        "",
        "'\"$\\",
        "${X}",
        "é",
        "'$HOME'",
        "a\\nb'",
    ],
)
def test_any_value_survives_in_the_environment_file(tmp_path, value):
    host = deployment(service("a", container("aa")), timezone=value)
    folder = write(tmp_path, files(host), host)
    (folder / "compose.yaml").write_text("name: x\nservices:\n  a: {image: x, environment: {TZ: '${TZ}'}}\n")

    assert project(folder)["services"]["a"]["environment"]["TZ"] == value


@pytest.mark.skipif(not SCHEMA.exists(), reason="the Compose schema is not here")
@pytest.mark.parametrize("host", [everything(), everything(NASTY)], ids=["all", "nasty"])
def test_every_file_follows_the_compose_schema(host):
    schema = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text()))

    for artifact in compose.emit(host):
        schema.validate(tree_of(artifact.content))


def test_every_file_pleases_yamllint(tmp_path):
    pytest.importorskip("yamllint")
    write(tmp_path, (*compose.emit(everything()), *cloudflared.emit(everything())), everything())

    done = subprocess.run(
        [sys.executable, "-m", "yamllint", "--strict", "-d", YAMLLINT, str(tmp_path)], capture_output=True, text=True
    )

    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    "host", [everything(), everything("a.b"), deployment(service("one", container("one")))], ids=["all", "dots", "one"]
)
def test_every_value_of_every_file_has_a_cause(host):
    for artifact in compose.emit(host):
        tree = tree_of(artifact.content)
        causes = compose.trace(host, artifact.path)
        labels = {leaf for leaf in causes if leaf.endswith(CONFIG_LABEL)}
        assert set(causes) - labels == {leaf for leaf in leaves(tree) if not leaf.endswith(CONFIG_LABEL)}
        assert all(cause.document and cause.decided_by for cause in causes.values())


def test_a_value_leads_back_to_the_line_that_says_it():
    causes = compose.trace(everything(), "services/reader.yaml")
    found = {leaf: (cause.document, cause.path) for leaf, cause in causes.items()}
    blueprint = ("containers", "reader")

    assert found["services.reader.deploy.resources.limits.memory"] == (
        "infrakit.yaml",
        ("services", "reader", "memory"),
    )
    assert found["services.reader.environment.A.B"] == ("infrakit.yaml", ("services", "reader", "environment", "A.B"))
    assert found["services.reader.environment.EMPTY"] == (
        "blueprints/reader.yaml",
        (*blueprint, "environment", "EMPTY"),
    )
    assert found["services.reader.command.1"] == ("blueprints/reader.yaml", (*blueprint, "command", 1))
    assert found["services.reader.healthcheck.interval"] == (
        "blueprints/reader.yaml",
        (*blueprint, "health", "interval_s"),
    )
    assert found["services.reader.depends_on.reader-socket.condition"] == (
        "blueprints/reader.yaml",
        (*blueprint, "needs", "reader-socket"),
    )
    assert found["services.reader.volumes.2.source"] == ("blueprints/reader.yaml", (*blueprint, "host_paths"))
    assert found["services.reader.pid"] == ("blueprints/reader.yaml", (*blueprint, "privileges", "pid"))
    assert causes["services.reader.cap_drop.0"].decided_by == "emit.compose"

"""Every embedded example, in every TLS mode, before the real tools and with a cause for every value."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from infrakit import emit
from infrakit.emit import compose, haproxy
from infrakit.emit.yaml_text import leaves
from tests.emit.examples import hosts
from tests.emit.read import tree_of
from tests.emit.test_compose import SCHEMA, YAMLLINT
from tests.emit.tree import compose as run_compose
from tests.emit.tree import needs_compose, project, write
from tests.runtime.engine import HAPROXY

HOSTS = hosts()
LINT_CONFIG = Path(__file__).parents[1] / "tools/compose-lint.yml"
every_host = pytest.mark.parametrize("name", HOSTS)


@needs_compose
@every_host
def test_compose_reads_it_in_silence(tmp_path, name):
    done = run_compose(write(tmp_path, emit.emit(HOSTS[name]), HOSTS[name]), "config", "-q")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_compose
@every_host
def test_compose_starts_every_container_and_joins_only_known_networks(tmp_path, name):
    host = HOSTS[name]
    tree = project(write(tmp_path, emit.emit(host), host))

    assert set(tree["services"]) == {container.name for service in host.services for container in service.containers}
    # Compose drops networks that nobody joins.
    assert set(tree["networks"]) == {network.name for network in host.networks}


@every_host
def test_a_mounted_file_is_there(name):
    host = HOSTS[name]
    paths = {artifact.path for artifact in emit.emit(host)}
    folders = {path.rpartition("/")[0] for path in paths}
    mounted = {
        mount.source
        for service in host.services
        for container in service.containers
        for mount in container.mounts
        if mount.kind == "file"
    }

    assert mounted <= paths | folders


@every_host
def test_a_secret_that_is_mounted_is_declared(name):
    host = HOSTS[name]
    mounted = {use.name for service in host.services for container in service.containers for use in container.secrets}

    assert mounted <= {secret.name for secret in host.secrets}


@every_host
def test_a_secret_that_a_file_names_is_seen_by_a_reader_of_that_file(name):
    containers = [container for service in HOSTS[name].services for container in service.containers]
    for artifact in emit.emit(HOSTS[name]):
        readers = [
            each
            for each in containers
            if any(mount.kind == "file" and artifact.path.startswith(mount.source) for mount in each.mounts)
        ]
        for secret in set(re.findall(r"/run/secrets/([A-Za-z0-9_.-]+)", artifact.content.decode())) if readers else ():
            assert any(use.name == secret for each in readers for use in each.secrets), f"{artifact.path}: {secret}"


@pytest.mark.skipif(not SCHEMA.exists(), reason="the Compose schema is not here")
@every_host
def test_every_file_follows_the_compose_schema(name):
    schema = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text()))

    for artifact in compose.emit(HOSTS[name]):
        schema.validate(tree_of(artifact.content))


@every_host
def test_every_yaml_file_pleases_yamllint(tmp_path, name):
    pytest.importorskip("yamllint")
    write(
        tmp_path, tuple(artifact for artifact in emit.emit(HOSTS[name]) if artifact.path.endswith(".yaml")), HOSTS[name]
    )

    done = subprocess.run(
        [sys.executable, "-m", "yamllint", "--strict", "-d", YAMLLINT, str(tmp_path)], capture_output=True, text=True
    )

    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.skipif(shutil.which(HAPROXY) is None, reason="tests/tools/install.sh was not run")
@every_host
def test_haproxy_accepts_every_socket_proxy(tmp_path, name):
    for artifact in haproxy.emit(HOSTS[name]):
        file = tmp_path / "haproxy.cfg"
        file.write_bytes(artifact.content.replace(b"/run/proxy", str(tmp_path).encode()))
        done = subprocess.run([HAPROXY, "-c", "-f", str(file)], capture_output=True, text=True)
        assert (done.returncode, "WARNING" in done.stderr) == (0, False), done.stderr


@every_host
def test_compose_lint_finds_nothing_but_what_has_a_reason(tmp_path, name):
    tool = shutil.which("compose-lint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if tool is None:
        pytest.skip("compose-lint is not installed")
    write(tmp_path, emit.emit(HOSTS[name]), HOSTS[name])

    words = [tool, "--fail-on", "medium", "--skip-suppressed", "--config", str(LINT_CONFIG), "compose.yaml"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


def test_at_most_five_findings_are_suppressed_each_with_a_reason():
    rules = tree_of(LINT_CONFIG.read_text())["rules"]
    reasons = [
        reason for rule in rules.values() for reason in (rule.get("exclude_services") or {"": rule["reason"]}).values()
    ]

    assert len(reasons) <= 5
    assert all(len(reason) > 20 for reason in reasons)


@every_host
def test_every_value_of_every_file_has_a_cause(name):
    host = HOSTS[name]
    for artifact in emit.emit(host):
        if not artifact.path.endswith(".yaml") or artifact.path.startswith("authentik/"):
            continue
        tree = tree_of(artifact.content)
        causes = emit.trace(host, artifact.path)
        hashes = {leaf for leaf in (*causes, *leaves(tree)) if leaf.endswith("io.infrakit.config")}
        assert set(causes) - hashes == set(leaves(tree)) - hashes


@every_host
def test_every_line_of_every_other_file_of_ours_has_a_cause(name):
    host = HOSTS[name]
    for artifact in emit.emit(host):
        if artifact.path == ".env" or artifact.path.endswith(".cfg"):
            lines = artifact.content.decode().splitlines()
            assert set(emit.trace(host, artifact.path)) == {
                str(number) for number, line in enumerate(lines, 1) if line.strip()
            }


@every_host
def test_same_bytes_again(name):
    assert emit.emit(HOSTS[name]) == emit.emit(HOSTS[name])

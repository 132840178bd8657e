"""What upstream demands of a service, each held by one test: a change of a blueprint that forgets it fails here."""

import re
import subprocess

import pytest

from infrakit.catalog import load_catalog, substitute
from infrakit.emit.haproxy import HEALTH_PORT

CATALOG = load_catalog().blueprints
CONTAINERS = [container for blueprint in CATALOG.values() for container in blueprint.containers]
SCRIPTS = [file for blueprint in CATALOG.values() for file in blueprint.files if file.name.endswith(".sh")]
POSTGRES = [container for container in CONTAINERS if "/postgres:" in container.image and not container.one_shot]


def container(service, name):
    return CATALOG[service].container(name)


def test_no_secret_stands_in_an_environment():
    """A value may only lead to a file: by *_FILE, or by Authentik's file://."""
    for item in CONTAINERS:
        for key, value in item.environment:
            assert "${secret." not in value or key.endswith("_FILE") or value.startswith("file://"), (item.name, key)


def test_a_reference_to_a_secret_names_one_that_the_container_reads():
    for item in CONTAINERS:
        words = [*(value for _, value in item.environment), *(item.entrypoint or ()), *(item.command or ())]
        read = {use.name for use in item.secrets}
        named = {part.partition("}")[0] for word in words for part in word.split("${secret.")[1:]}
        assert named <= read, item.name


@pytest.mark.parametrize("name", ["authentik", "authentik-worker"])
def test_authentik_is_never_left_for_the_first_visitor_to_set_up(name):
    script = container("authentik", name).entrypoint[2]
    assert script.index('test -n "$AUTHENTIK_BOOTSTRAP_PASSWORD"') < script.index("exec ")
    assert container("authentik", name).docker is None


def test_server_and_worker_of_authentik_have_the_same_settings():
    server, worker = container("authentik", "authentik"), container("authentik", "authentik-worker")
    same = ("image", "environment", "secrets", "volumes", "user", "shm_size")
    assert [getattr(server, field) for field in same] == [getattr(worker, field) for field in same]


@pytest.mark.parametrize("name", ["authentik", "authentik-worker"])
def test_authentik_hears_the_clients_address_from_caddy_and_from_nobody_else(name):
    """Its default believes every private address, which each of its neighbours has."""
    settings = dict(container("authentik", name).environment)
    assert settings["AUTHENTIK_LISTEN__TRUSTED_PROXY_CIDRS"] == "127.0.0.1/32,${subnet.proxy_network}"


def test_nothing_that_reads_logs_asks_for_the_processes_of_a_container():
    """Docker hands ps_args to ps, and `e` shows the environment of each process (moby, daemon/top_unix.go)."""
    for service in ("dozzle", "dozzle-agent"):
        assert [call for call in container(service, service).docker.allow if "/top" in call] == []


@pytest.mark.parametrize("service", ["portainer", "portainer-agent", "portainer-edge-agent"])
def test_what_the_pages_of_portainer_offer_is_allowed(service):
    """Exporting images, copying from and into containers, pruning of builds."""
    (calls,) = [set(item.docker.allow) for item in CATALOG[service].containers if item.docker]
    assert {"GET /images/get", "POST /build/prune"} <= calls
    assert {f"{method} /containers/{{id}}/archive" for method in ("GET", "HEAD", "PUT")} <= calls


def test_watchtower_fetches_images_by_their_names_alone():
    """With fromSrc Docker would import whatever an address holds."""
    (calls,) = [item.docker.allow for item in CATALOG["watchtower"].containers if item.docker]
    assert [call for call in calls if "/images/create" in call] == ["POST /images/create"]


def test_guacamole_signs_in_by_the_implicit_flow_without_a_secret():
    oidc = CATALOG["guacamole"].oidc
    assert (oidc.grant_types, oidc.secret) == (("implicit",), "")


def test_the_page_of_guacamole_waits_for_its_default_login_to_be_replaced():
    assert dict(container("guacamole", "guacamole").needs)["guacamole-prepare"] == "completed"


def test_images_that_work_together_have_one_version():
    versions = {item.name: item.image.rpartition(":")[2] for item in CONTAINERS}
    assert versions["guacamole"] == versions["guacd"] == versions["guacamole-schema"]
    assert versions["portainer"] == versions["portainer-agent"] == versions["portainer-edge-agent"]
    assert versions["dozzle"] == versions["dozzle-agent"]


def test_databases_and_doors_are_never_updated_by_themselves():
    automatic = {item.name for item in CONTAINERS if item.update == "automatic"}
    assert automatic == {"cloudflared", "dozzle", "dozzle-agent", "glances"}


def test_databases_keep_their_data_in_a_volume_and_get_time_to_stop():
    for item in POSTGRES:
        assert "/var/lib/postgresql/data" in [use.path for use in item.volumes]
        assert item.stop_grace_period_s >= 60


def test_the_health_check_of_a_socket_proxy_asks_the_port_that_its_configuration_opens():
    assert f"http://127.0.0.1:{HEALTH_PORT}/_ping" in container("socket-proxy", "socket-proxy").health.test[1]


def test_agents_that_dial_a_fixed_socket_get_it_in_a_volume():
    for name in ("portainer-agent", "portainer-edge-agent"):
        docker = container(name, name).docker
        assert (docker.transport, docker.socket_volume_path) == ("unix", "/var/run")


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.name)
def test_a_script_can_be_read_by_a_shell(file):
    checked = subprocess.run(["sh", "-n"], input=substitute(file.content, lambda name: name), text=True)
    assert checked.returncode == 0


BOOTSTRAP = {"AUTHENTIK_BOOTSTRAP_PASSWORD", "AUTHENTIK_BOOTSTRAP_TOKEN"}
"""What Authentik reads from its environment alone (`!Env` in blueprints/system/bootstrap.yaml)."""


def test_no_secret_stays_in_an_environment_where_there_is_another_way():
    """Whoever may ask for `ps e` of a container sees it there, as long as the container runs."""
    scripts = [" ".join((*(item.entrypoint or ()), *(item.command or ()))) for item in CONTAINERS if not item.one_shot]
    exported = {name for script in scripts for line in re.findall(r"export (.*)", script) for name in line.split()}
    assert exported == BOOTSTRAP


def test_the_edge_agent_finds_its_key_in_a_file(tmp_path):
    agent = tmp_path / "agent"
    agent.write_text('#!/bin/sh\ncat "$DATA/agent_edge_key"; env\n')
    agent.chmod(0o755)
    (tmp_path / "key").write_text("aHR0cHM6Ly9w\n")
    script = container("portainer-edge-agent", "portainer-edge-agent").entrypoint[2]
    script = script.replace("/etc/infrakit/edge_key", "key").replace("/data/", '"$DATA"/')

    def run() -> subprocess.CompletedProcess:
        words = ["/bin/sh", "-ec", script]
        return subprocess.run(
            words, cwd=tmp_path, env={"DATA": str(tmp_path), "PATH": "/usr/bin:/bin"}, capture_output=True
        )

    done = run()
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"aHR0cHM6Ly9w") and done.stdout.count(b"aHR0cHM6Ly9w") == 1
    assert (tmp_path / "agent_edge_key").stat().st_mode & 0o077 == 0
    (tmp_path / "key").write_text("\n")
    assert run().returncode != 0

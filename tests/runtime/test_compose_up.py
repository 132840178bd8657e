"""A compiled tree on a real engine, started by hand with `docker compose up --wait`: what is written is what runs."""

import json
import os
import subprocess

import pytest

from infrakit.emit import compose, environment_file, service_files
from infrakit.emit.container import CONFIG_LABEL
from infrakit.model import ConfigFile, Dependency, Health, Mount, Origin, PublishedPort, SecretMount, SecretSpec
from tests.emit.deployments import container, deployment, network, origin, service
from tests.emit.tree import needs_compose, write
from tests.runtime.engine import IMAGE, engine, needs_engine

pytestmark = [needs_engine, needs_compose]

PORTS = (PublishedPort("127.0.0.1", 51853, 53), PublishedPort("127.0.0.1", 51853, 53, "udp"))
HEALTHY = Health(("CMD", "/hello", "check"), 1, 5, 3, 1)


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    with engine(tmp_path_factory.mktemp("engine")) as made:
        yield made


def host(content: str):
    """A reader of a file and of a secret, after a one-shot; and a neighbour that reads nothing."""
    common = {
        "image": IMAGE,
        "command": ("/hello",),
        "health": HEALTHY,
        "cpus": "0.5",
        "memory_bytes": 64 << 20,
        "stop_grace_period_s": 1,
    }
    reader = container(
        "reader",
        **common,
        networks=("infrakit_default", "door_reader"),
        secrets=(SecretMount("word", "/data/word"),),
        tmpfs=("/tmp:size=1m",),
        mounts=(Mount("volume", "reader-data", "/data2"), Mount("file", "reader/a.conf", "/etc/a.conf", True)),
        depends_on=(Dependency("reader-once", "service_completed_successfully"),),
        environment=(("DOLLAR", "$HOME ${X} $$"),),
    )
    once = container("reader-once", image=IMAGE, command=("/hello", "once"), health=None, one_shot=True, cpus="0.5")
    files = (ConfigFile("reader/a.conf", content, 0o644, Origin("x", (), "x")),)
    return deployment(
        service("reader", reader, once, files=files, volumes=("reader-data",)),
        service("neighbour", container("neighbour", **common, networks=("in_neighbour",), ports=PORTS)),
        networks=(
            network("in_neighbour", 202, internal=False, isolated=True)._replace(masquerade=False),
            network("infrakit_default", 200, internal=False, isolated=True),
            network("door_reader", 201),
        ),
        secrets=(SecretSpec("word", "password", 20, False, "", ("reader",), origin("secrets", "word")),),
    )


def up(real, folder, content: str) -> dict[str, str]:
    """Write the tree, start it, and return container name -> id."""
    made = host(content)
    read = service_files.emit(made)
    write(folder, (*read, *compose.emit(made, read), *environment_file.emit(made)), made)
    environment = {"PATH": os.environ["PATH"], "DOCKER_HOST": f"unix://{real.socket}"}
    done = subprocess.run(
        ["docker", "compose", "up", "-d", "--wait"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    lines = real.docker(
        "ps", "-a", "--filter", "label=com.docker.compose.project=infrakit", "--format", "{{.Names}} {{.ID}}"
    ).splitlines()
    return dict(line.split() for line in lines)


def test_what_is_written_is_what_runs(real, tmp_path):
    up(real, tmp_path, "one\n")
    (found,) = json.loads(real.docker("inspect", "infrakit-reader-1"))
    limits, config = found["HostConfig"], found["Config"]

    assert (limits["Memory"], limits["NanoCpus"], limits["PidsLimit"]) == (64 << 20, 500_000_000, 100)
    assert (limits["CapDrop"], limits["SecurityOpt"], limits["ReadonlyRootfs"]) == (
        ["ALL"],
        ["no-new-privileges:true"],
        True,
    )
    assert limits["LogConfig"] == {"Type": "local", "Config": {"max-file": "3", "max-size": "10m"}}
    assert limits["RestartPolicy"]["Name"] == "unless-stopped"
    assert limits["Tmpfs"] == {"/tmp": "size=1m"}
    assert "DOLLAR=$HOME ${X} $$" in config["Env"]
    assert len(config["Labels"][CONFIG_LABEL]) == 16
    assert {mount["Destination"]: mount["RW"] for mount in found["Mounts"]} == {
        "/data2": True,
        "/etc/a.conf": False,
        "/data/word": False,
    }
    assert set(found["NetworkSettings"]["Networks"]) == {"infrakit_default", "infrakit_door_reader"}
    (way_out,) = json.loads(real.docker("network", "inspect", "infrakit_default"))
    assert way_out["Options"] == {"com.docker.network.bridge.enable_icc": "false"}
    (door,) = json.loads(real.docker("network", "inspect", "infrakit_door_reader"))
    assert door["Internal"] is True


def test_a_port_is_published_by_a_container_that_has_no_way_out(real, tmp_path):
    up(real, tmp_path, "one\n")

    assert set(real.docker("port", "infrakit-neighbour-1").splitlines()) == {
        "53/tcp -> 127.0.0.1:51853",
        "53/udp -> 127.0.0.1:51853",
    }
    (way_in,) = json.loads(real.docker("network", "inspect", "infrakit_in_neighbour"))
    assert way_in["Internal"] is False
    assert way_in["Options"]["com.docker.network.bridge.enable_ip_masquerade"] == "false"


def test_a_changed_file_recreates_exactly_its_readers(real, tmp_path):
    before = up(real, tmp_path, "one\n")
    again = up(real, tmp_path, "one\n")
    after = up(real, tmp_path, "two\n")

    assert again["infrakit-reader-1"] == before["infrakit-reader-1"]
    assert after["infrakit-reader-1"] != before["infrakit-reader-1"]
    assert after["infrakit-neighbour-1"] == before["infrakit-neighbour-1"]

"""Every key of an app's container, from infrakit.yaml to what Compose reads and what the review says."""

import pytest

from infrakit import emit
from infrakit.compiler import load
from infrakit.emit.groups import FILE, content
from infrakit.errors import ConfigurationInvalid
from infrakit.stack.answers import dials_of
from tests.emit.tree import compose, needs_compose, project, write

BASE = "version: 1\ndomain: home.example.org\npattern: full\ntimezone: Europe/Berlin\ntls: {mode: internal}\napps:\n"
ALL = """  wiki:
    image: ghcr.io/example/wiki:1
    port: 80
    mounts: [/srv/photos:/data, "/srv/my music/:/music:ro", "/mnt/Filme & Spiele/Büro (1):/films:ro"]
    environment: {discovery.type: single-node, X-Y: z}
    entrypoint: [/tini, --, "${x}"]
    working_dir: /app
    groups: [44, 993]
    capabilities: [NET_ADMIN]
    devices: [/dev/dri, /dev/ttyUSB0:/dev/ttyACM0:rw]
    sysctls: {net.ipv4.ip_forward: 1}
    pid: host
    ports: [2222:22, 51820/udp, "192.168.1.5:53:5353/udp", "[fd00::5]:53:5353", 3000-3001:4000-4001]
    dns: [192.168.1.1]
    extra_hosts: [printer:192.168.1.20]
    hostname: den
    health: [CMD, ask, "${x}"]
    shm: 128m
    tmp: 1g
    pids: 200
    ulimits: {nofile: 1024:65536, nproc: 100}
    init: true
    stop_grace: 2m
    labels: {org.example.team: home}
  moves: {image: "x/y:1", port: 80, update: automatic}
"""


def host(text: str):
    return load((BASE + text).encode(), "infrakit.yaml", lambda name: b"").fleet.deployments[0]


def container(text: str, name: str = "wiki"):
    return next(item for found in host(text).services for item in found.containers if item.name == name)


@needs_compose
def test_compose_is_told_all_of_it(tmp_path):
    deployment = host(ALL)
    services = project(write(tmp_path, emit.emit(deployment), deployment))["services"]
    found, moves = services["wiki"], services["moves"]
    assert [(item["source"], item["target"], item.get("read_only", False)) for item in found["volumes"]] == [
        ("/srv/photos", "/data", False),
        ("/mnt/Filme & Spiele/Büro (1)", "/films", True),
        ("/srv/my music", "/music", True),
    ]
    assert found["environment"]["discovery.type"] == "single-node" and found["environment"]["X-Y"] == "z"
    assert found["entrypoint"] == ["/tini", "--", "${x}"] and found["working_dir"] == "/app"
    assert found["group_add"] == ["44", "993"] and found["pid"] == "host" and found["dns"] == ["192.168.1.1"]
    assert "NET_ADMIN" in found["cap_add"] and "CHOWN" in found["cap_add"] and found["cap_drop"] == ["ALL"]
    assert [(item["source"], item["target"], item["permissions"]) for item in found["devices"]] == [
        ("/dev/dri", "/dev/dri", "rwm"),
        ("/dev/ttyUSB0", "/dev/ttyACM0", "rw"),
    ]
    assert found["sysctls"] == {"net.ipv4.ip_forward": "1"} and found["hostname"] == "den"
    assert [(p.get("host_ip"), p["published"], p["target"], p["protocol"]) for p in found["ports"]] == [
        (None, "2222", 22, "tcp"),
        (None, "51820", 51820, "udp"),
        ("192.168.1.5", "53", 5353, "udp"),
        ("fd00::5", "53", 5353, "tcp"),
        (None, "3000", 4000, "tcp"),
        (None, "3001", 4001, "tcp"),
    ]
    assert found["extra_hosts"] == ["printer=192.168.1.20"]
    assert found["healthcheck"]["test"] == ["CMD", "ask", "${x}"]
    assert found["shm_size"] == str(128 << 20) and found["tmpfs"] == [f"/tmp:mode=1777,size={1 << 30},exec"]
    assert found["deploy"]["resources"]["limits"]["pids"] == 200 and found["init"] is True
    assert found["ulimits"] == {"nofile": {"soft": 1024, "hard": 65536}, "nproc": 100}
    assert found["stop_grace_period"] == "2m0s" and found["labels"]["org.example.team"] == "home"
    label = "com.centurylinklabs.watchtower.enable"
    assert [item["labels"][label] for item in (found, moves)] == ["false", "true"]


def test_what_is_written_is_granted_and_shown_in_red_or_amber_at_its_line():
    text = BASE + ALL
    compiled = load(text.encode(), "infrakit.yaml", lambda name: b"")
    deployment = compiled.fleet.deployments[0]
    said = {(grant.capability, grant.detail): grant for grant in deployment.grants}
    assert {key: grant.red for key, grant in said.items()} == {
        ("host_path", "/srv/photos"): False,
        ("host_path", "/srv/my music:ro"): False,
        ("host_path", "/mnt/Filme & Spiele/Büro (1):ro"): False,
        ("cap_add", "NET_ADMIN"): False,
        ("devices", "devices: /dev/dri"): False,
        ("devices", "devices: /dev/ttyUSB0:/dev/ttyACM0:rw"): False,
        ("sysctls", "sysctls: net.ipv4.ip_forward=1"): False,
        ("extra_hosts", "extra_hosts: printer:192.168.1.20"): False,
        ("pid", "pid: host"): True,
        **{("ports", f"port {port}"): False for port in (2222, 51820, 53, 3000, 3001)},
    }
    lines = text.splitlines()
    for (capability, _), key in ((item, "mounts") for item in said if item[0] == "host_path"):
        assert said[capability, "/srv/photos"].origin.path == ("apps", "wiki", key)
    assert said["ports", "port 51820"].origin.path == ("apps", "wiki", "ports")
    assert any("ports:" in line for line in lines)
    review = next(item.content.decode() for item in emit.emit(deployment) if item.path == "REVIEW.md")
    assert "reaches no internet" in review
    assert "| **granted: pid** | wiki, pid: host |" in review and "| wiki | *devices* |" in review
    assert "granted: devices" not in review


@pytest.mark.parametrize(
    ("keys", "red"),
    [
        ("mounts: [/var/:/host]", True),
        ("mounts: [/etc:/x]", True),
        ("mounts: [/etc/ssl/private:/x]", True),
        ("mounts: [/var/lib:/x]", True),
        ("mounts: [/./etc/:/x]", True),
        ("mounts: [/home:/x]", True),
        ("mounts: [/home/me:/x]", True),
        ("mounts: [/home/me/.ssh:/x]", True),
        ("mounts: [/home/me/music:/x]", False),
        ("mounts: [/opt:/x]", True),
        ("mounts: [/opt/containerd:/x]", True),
        ("mounts: [/opt/wiki:/x]", False),
        ("mounts: [/srv:/x]", False),
        ("mounts: [/tank/films:/x]", False),
        ("mounts: [/tmp/x:/x]", True),
        ("mounts: [/var/lib/dpkg:/x]", True),
        ("mounts: [/var/cache/infrakit:/x:ro]", True),
        ("mounts: [/lib.usr-is-merged/x:/x]", True),
        ("mounts: [/swap.img:/x]", True),
        ("mounts: [/etc/localtime:/etc/localtime:ro]", False),
        ("mounts: [/etc/localtime:/etc/localtime]", True),
        ("mounts: [/etc/ssl/certs/x:/x:ro]", False),
        ("mounts: [/run/dbus:/run/dbus:ro]", True),
        ("mounts: [/etcetera:/x]", False),
        ("devices: [/dev/sda]", True),
        ("devices: [/dev/mem]", True),
        ("devices: [/dev/bus/usb]", True),
        ("devices: [/dev/vcio]", True),
        ("devices: [/dev//sda]", True),
        ("devices: [/dev/bus/usb/001/004]", False),
        ("devices: [/dev/dri/renderD128]", False),
        ("devices: [/dev/serial/by-id/usb-stick]", False),
        ("capabilities: [SYS_ADMIN]", True),
        ("capabilities: [NET_RAW]", False),
        ("privileged: true", True),
        ("ipc: host", True),
        ("ports: [8080:80]", True),
        ("ports: [8080:81]", False),
    ],
)
def test_red_is_root_on_the_host_or_a_way_around_sign_in(keys, red):
    (grant,) = host(f"  wiki: {{image: 'x/y:1', port: 80, {keys}}}\n").grants
    assert grant.red is red and grant.written


@pytest.mark.parametrize(
    ("keys", "base"), [("port: 80", True), ("user: 1000", False), ("user: 0", False), ("capabilities: [KILL]", True)]
)
def test_an_image_that_starts_as_root_gets_what_it_needs_to_become_somebody_else(keys, base):
    found = container(f"  wiki: {{image: 'x/y:1', {keys}}}\n").capabilities
    assert found == (
        ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID") if base else ()
    )


def test_the_defaults_run_real_images():
    found = container("  wiki: {image: 'x/y:1', port: 80}\n")
    assert not found.read_only and found.tmpfs == (f"/tmp:mode=1777,size={64 << 20},exec",) and found.pids == 1000
    assert ("TZ", "Europe/Berlin") in found.environment
    closed = container("  wiki: {image: 'x/y:1', port: 80, writable: false, environment: {TZ: UTC}}\n")
    assert closed.read_only and closed.tmpfs == (f"/tmp:mode=1777,size={64 << 20}",)
    assert dict(closed.environment)["TZ"] == "UTC"


@needs_compose
@pytest.mark.parametrize(
    ("health", "check", "condition"),
    [("image", None, "healthy"), ("none", {"disable": True}, "started"), ("/x", "wget", "healthy")],
)
def test_how_it_is_asked_whether_it_is_well(tmp_path, health, check, condition):
    deployment = host(
        f"  wiki: {{image: 'x/y:1', port: 80, health: {health}}}\n  blog: {{image: 'x/z:1', needs: [wiki]}}\n"
    )
    services = project(write(tmp_path, emit.emit(deployment), deployment))["services"]
    found = services["wiki"].get("healthcheck")
    assert found == check if check is None or isinstance(check, dict) else check in str(found)
    assert services["blog"]["depends_on"]["wiki"]["condition"] == f"service_{condition}"


@needs_compose
def test_who_does_its_work_once_is_waited_for(tmp_path):
    text = "  prepare: {image: 'x/y:1', once: true}\n  wiki: {image: 'x/z:1', port: 80, needs: [prepare]}\n"
    deployment = host(text)
    services = project(write(tmp_path, emit.emit(deployment), deployment))["services"]
    assert services["prepare"]["restart"] == "no" and "healthcheck" not in services["prepare"]
    assert services["wiki"]["depends_on"]["prepare"]["condition"] == "service_completed_successfully"
    with pytest.raises(ConfigurationInvalid) as refused:
        host(text.replace("needs: [prepare]", "needs: []"))
    (problem,) = refused.value.problems
    assert (problem.code, problem.position.line, problem.position.column) == ("one-shot-alone", 7, 35)
    assert problem.hint == "add needs: [prepare] to an app that waits for its end"


def test_two_claims_on_a_port_of_a_range_are_told_where_they_stand():
    text = "  a: {image: 'x/y:1', ports: [80/udp, 3000-3005:3000-3005]}\n  b: {image: 'x/z:1', ports: ['3003:1']}\n"
    with pytest.raises(ConfigurationInvalid) as refused:
        host(text)
    (problem,) = refused.value.problems
    assert (problem.code, problem.position.line, problem.position.column) == ("same-port", 8, 31)
    assert problem.related and (problem.related.line, problem.related.column) == (7, 39)


@needs_compose
def test_who_serves_other_apps_has_no_door_and_is_asked_at_his_first_port_from_outside(tmp_path):
    deployment = host("  db: {image: 'x/y:1', serves: [5432, 5433]}\n  blog: {image: 'x/z:1', port: 80, needs: [db]}\n")
    found = project(write(tmp_path, emit.emit(deployment), deployment))["services"]
    assert "healthcheck" not in found["db"] and "ports" not in found["db"]
    assert set(found["db"]["networks"]) & set(found["blog"]["networks"])
    assert not [route for route in deployment.routes if route.service == "db"]
    assert dials(deployment, "db") == [("db", 5432)]


@pytest.mark.parametrize("health", ["[CMD, pg_isready]", "image", "none"])
def test_where_the_file_says_how_to_see_that_it_is_well_no_port_for_others_is_asked(health):
    text = f"  db: {{image: 'x/y:1', serves: [5432], health: {health}}}\n  blog: {{image: 'x/z:1', needs: [db]}}\n"
    assert dials(host(text), "db") == []
    assert dials(host("  db: {image: 'x/y:1', serves: [5432]}\n"), "db") == [], "who is in no network cannot be asked"


def test_who_has_anothers_network_is_asked_there():
    text = "  vpn: {image: 'x/y:1', serves: [1080]}\n  peer: {image: 'x/z:1', network: vpn, serves: [5432]}\n"
    text += "  blog: {image: 'x/z:1', needs: [vpn]}\n"
    assert dials(host(text), "peer") == [("vpn", 5432)]


def dials(deployment, name: str) -> list[tuple[str, int]]:
    (service,) = [item for item in deployment.services if item.name == name]
    return list(dials_of(deployment, name, service.containers[0]))


@needs_compose
@pytest.mark.parametrize(("gpus", "count"), [("all", -1), ("2", 2)])
def test_graphics_processors_are_reserved_and_shown(tmp_path, gpus, count):
    deployment = host(f"  wiki: {{image: 'x/y:1', gpus: {gpus}}}\n")
    found = project(write(tmp_path, emit.emit(deployment), deployment))["services"]["wiki"]
    (device,) = found["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"capabilities": ["gpu"], "count": count}
    (grant,) = deployment.grants
    assert (grant.capability, grant.detail, grant.red) == ("gpus", f"gpus: {gpus}", False)
    causes = {path.path for leaf, path in emit.trace(deployment, "services/wiki.yaml").items() if "reserv" in leaf}
    assert {cause[:3] for cause in causes} == {("apps", "wiki", "gpus")}


GROUPS = "  wiki: {image: 'x/y:1', groups: [render, 44, systemd-journal]}\n"


@needs_compose
def test_a_group_of_the_host_by_name_gets_its_number_there(tmp_path):
    deployment = host(GROUPS)
    artifacts = emit.emit(deployment)
    tree = write(tmp_path, artifacts, deployment)
    assert (tree / FILE).read_text() == "INFRAKIT_GROUP_render=7000\nINFRAKIT_GROUP_systemdDASHjournal=7001\n"
    assert project(tree)["services"]["wiki"]["group_add"] == ["7000", "44", "7001"]
    (tree / FILE).write_bytes(content([("render", None), ("systemd-journal", 7)]))
    done = compose(tree, "config")
    assert done.returncode and "write the number of the group render into secrets/.host.groups" in done.stderr
    assert "in the host's group render" in {item.path: item.content for item in artifacts}["REVIEW.md"].decode()
    assert not deployment.grants
    causes = {item.path[:3] for leaf, item in emit.trace(deployment, "services/wiki.yaml").items() if "group" in leaf}
    assert causes == {("apps", "wiki", "groups")}


def test_a_group_whose_members_may_become_root_is_red():
    (grant,) = host("  wiki: {image: 'x/y:1', groups: [docker, video]}\n").grants
    assert (grant.capability, grant.detail, grant.red) == ("groups", "the group docker", True)
    assert grant.origin.path[:3] == ("apps", "wiki", "groups")

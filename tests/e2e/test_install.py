"""From a fresh host to a running stack, as a user would do it; and back to a host as it was."""

import json
import re

import pytest

from infrakit.system.certificates import fingerprint
from tests.e2e.bed import needs_bed
from tests.e2e.fresh import NAMES, ROOT_CERTIFICATE, SNAPSHOT
from tests.e2e.removals import Before

pytestmark = [pytest.mark.slow, needs_bed]


def test_a_fresh_host_becomes_a_running_stack_by_curl_and_python3(installed):
    assert installed.infrakit("status").code == 0
    assert "https://wiki.home.example.org" in installed.first.out
    assert installed.host.run("docker volume ls -q | grep -v ^homelab_").out == "", "a volume that nobody named"
    same = installed.host.run("cmp /usr/local/bin/infrakit /root/infrakit.pyz && stat -c %a:%U /usr/local/bin/infrakit")
    assert (same.code, same.out.strip()) == (0, "755:root"), (
        "the program in place is not the zipapp that the script carries"
    )


def test_from_a_pipe_and_without_a_file_it_asks_on_the_terminal(installed):
    asked = installed.asked
    for question in ("domain [", "pattern (", "certificates (", "administrator ["):
        assert question in asked.out, asked.out + asked.err
    assert asked.code == 6 and "? door dozzle.asked.example.org" in asked.out, asked.out + asked.err
    assert "Authentik" in asked.out and "image ghcr.io/goauthentik" in asked.out


def test_every_door_answers_with_a_certificate_of_caddys_own_authority(installed):
    """At the host's address, as others see it."""
    host = installed.host
    assert host.run(f"docker cp homelab-caddy-1:{ROOT_CERTIFICATE} /run/caddy-root.crt").code == 0
    root = host.run("cat /run/caddy-root.crt").out
    assert fingerprint(root.encode()) in installed.first.out
    assert host.run("curl -sS http://127.0.0.1/infrakit-ca.crt").out.strip() == root.strip()
    found = json.loads(installed.infrakit("status", "--json").out)
    assert found["doors"]["authority"]["sha256"] == fingerprint(root.encode()) and all(
        item["well"] for item in found["services"]
    )
    for name in NAMES:
        address = f"https://{name}.home.example.org/"
        done = host.run(
            f"curl -sS --cacert /run/caddy-root.crt -o /dev/null -w '%{{http_code}} %{{redirect_url}} "
            f"%{{remote_ip}}' {address}"
        )
        assert done.code == 0 and done.out[:1] in ("2", "3") and not done.out.endswith("127.0.0.1"), (
            f"{name}: {done.out} {done.err}"
        )
        stranger = host.run(f"curl -sS -o /dev/null {address}")
        assert stranger.code == 60, f"{name}: {stranger.err}"
        plain = host.run(f"curl -sS -o /dev/null -w '%{{http_code}} %{{redirect_url}}' http://{name}.home.example.org/")
        assert plain.out == f"308 {address}"


def planned_and_taken(planned: str, said: str, sign: str = "+") -> tuple[set[str], set[str]]:
    """Titles of steps: to be taken in the words of a dry run, and of the run itself."""
    titles = {line[2:] for line in planned.splitlines() if line.startswith("+ ")}
    return titles, {
        re.sub(r"( \([^)]*\))?( [0-9.]+ s)?$", "", line[2:])
        for line in said.splitlines()
        if line.startswith(f"{sign} ")
    }


def test_the_dry_run_named_the_changes_that_were_made_and_no_others(installed):
    planned, taken = planned_and_taken(installed.planned, installed.first.err)
    _, kept = planned_and_taken(installed.planned, installed.first.err, "=")
    assert taken == planned and len(taken) > 20 and not taken & kept
    waited_for = {line[2:] for line in installed.planned.splitlines() if line.startswith("? ")}
    assert waited_for == {f"door {name}.home.example.org" for name in NAMES} and waited_for < kept


def test_the_second_run_changes_and_restarts_nothing(installed):
    before = installed.containers()
    done = installed.install("--yes")
    assert done.code == 0 and "nothing to change" in done.out, done.out[-1500:] + done.err
    assert installed.containers() == before


def test_every_container_runs_the_image_that_the_lock_names(installed):
    """Asked of the bed's registry over TLS by its own authority. Without a lock, no container says anything of it."""
    said = installed.host.run(
        "docker ps -aq | xargs docker inspect -f '{{index .Config.Labels \"io.infrakit.image\"}} {{.Image}}'"
    ).out
    pairs = [line.split(" ") for line in said.splitlines()]
    assert len(pairs) > 10 and all(pinned == (found if installed.locked else "") for pinned, found in pairs), said
    assert installed.infrakit("lock", "--check", "-f", "/etc/infrakit/infrakit.yaml").code == (
        0 if installed.locked else 6
    )


def test_another_image_under_a_locked_name_is_put_right(installed):
    before = installed.containers()
    names = installed.host.run(
        "docker image ls --format '{{.Repository}}:{{.Tag}}' | grep -e /haproxy: -e /guacd:"
    ).out.split()
    own = installed.host.run(f"docker inspect -f '{{{{.Id}}}}' {names[1]}").out.strip()
    assert len(names) == 2 and installed.host.run(f"docker tag {' '.join(names)}").code == 0
    planned = installed.infrakit("up", "--dry-run", "-f", "/etc/infrakit/infrakit.yaml")
    assert (
        planned.code == (6 if installed.locked else 0) and (f"+ image {names[1]}" in planned.out) == installed.locked
    ), planned.out
    installed.infrakit("up", "--yes", "-f", "/etc/infrakit/infrakit.yaml")
    assert installed.containers() == before
    same = installed.host.run(f"docker inspect -f '{{{{.Id}}}}' {' '.join(names)}").out.split()
    assert (same[0] != same[1]) == installed.locked
    assert installed.host.run(f"docker tag {own} {names[1]}").code == 0


WEB = {("tcp", "80"), ("tcp", "443"), ("udp", "443")}
"""HTTP/3 is why 443 is open for UDP."""


def open_to_others(host) -> set[tuple[str, str]]:
    """Sockets at which others are heard, TCP and UDP: all of them over IPv4 and IPv6."""
    sockets = [line.split() for line in host.run("ss -Hlntu").out.splitlines()]
    outside = {
        (words[0], *words[4].rpartition(":")[::2]) for words in sockets if not words[4].startswith(("127.", "[::1]"))
    }
    found = {(kind, port) for kind, _, port in outside}
    assert outside == {(kind, address, port) for kind, port in found for address in ("0.0.0.0", "[::]")}
    return found


def test_only_caddys_ports_are_open_to_others(installed):
    """The edge tunnel's is not, since no edge host is in the file."""
    assert open_to_others(installed.host) == WEB


def test_no_secret_is_where_others_could_read_it(installed):
    """In arguments, environments of processes, what Docker shows, logs, the journal, or world-readable files."""
    host = installed.host
    names = host.run("ls /var/lib/infrakit/hosts/*/secrets").out.split()
    assert len(names) >= 8
    host.put("/run/search.sh", SEARCH.encode())
    done = host.run("bash /run/search.sh", 300)
    assert (done.code, done.out.strip()) == (0, ""), done.out + done.err
    spoken = installed.first.out + installed.first.err
    for name in names:
        assert host.run(f"cat /var/lib/infrakit/hosts/*/secrets/{name}").out not in spoken
    assert host.run("stat -c %a /var/lib/infrakit/hosts/*/secrets").out.strip() == "700"


def test_no_secret_could_be_seen_while_it_was_installed(installed):
    """By somebody without rights who read every file that he could, again and again; nor was one in the words or
    environment of a process."""
    seen = installed.while_installing
    assert seen.watching and seen.secrets == ""
    assert "in sight of everybody" in seen.files
    assert "docker compose --project-directory" in seen.processes and "PATH=/usr/local/sbin" in seen.processes


SEARCH = r"""
for secret in /var/lib/infrakit/hosts/*/secrets/*; do
  case $secret in *certificate*) continue;; esac
  grep -v '^-----' "$secret" | head -n 1 > /run/needle
  for process in /proc/[0-9]*; do
    [ "$(readlink $process/ns/pid)" = "$(readlink /proc/self/ns/pid)" ] || continue
    cat $process/cmdline $process/environ 2>/dev/null | grep -qaFf /run/needle && echo "$secret in $(tr '\0' ' ' < $process/cmdline)"
  done
  docker ps -aq | xargs docker inspect | grep -qFf /run/needle && echo "$secret in docker inspect"
  journalctl -b --no-pager | grep -qFf /run/needle && echo "$secret in the journal"
  for container in $(docker ps -aq); do docker logs "$container" 2>&1 | grep -qFf /run/needle && echo "$secret in the log of $container"; done
  grep -rlFf /run/needle /var/log /etc /var/lib/infrakit/generations 2>/dev/null | grep -v '/secrets/' | sed "s,^,$secret in ,"
done
rm /run/needle
"""  # noqa: E501 -- verbatim text


def test_a_changed_file_restarts_its_readers_only(installed):
    host = installed.host
    before = installed.containers()
    host.run("sed -i 's/512m/500m/' /etc/infrakit/infrakit.yaml")
    done = installed.infrakit("up", "--yes", "-f", "/etc/infrakit/infrakit.yaml")
    assert done.code == 0, done.err
    after = installed.containers()
    assert {name for name in after if after[name] != before.get(name)} == {"homelab-wiki-1"}


@pytest.mark.on("trixie")
def test_what_does_not_start_from_a_changed_file_runs_on_as_before(installed):
    host, before = installed.host, installed.containers()
    in_force = host.run("readlink /var/lib/infrakit/current").out
    break_it = "sed -i.kept 's/port: 3000/port: 3000, environment: {PORT: no-number}/' /etc/infrakit/infrakit.yaml"
    assert host.run(f"{break_it} && grep -c no-number /etc/infrakit/infrakit.yaml").out == "1\n"
    done = installed.infrakit("up", "--yes")
    assert done.code == 4 and "no-number" in done.err and "it runs as before" in done.err, done.out + done.err
    assert host.run("readlink /var/lib/infrakit/current").out == in_force
    assert {name for name, at in installed.containers().items() if at != before[name]} == {"homelab-wiki-1"}
    status = installed.infrakit("status")
    assert status.code == 1 and [line.split()[1] for line in status.out.splitlines() if line[0] == "!"] == ["wiki"]
    host.run("mv /etc/infrakit/infrakit.yaml.kept /etc/infrakit/infrakit.yaml")
    done = installed.infrakit("up", "--yes")
    assert done.code == 0 and installed.infrakit("status").code == 0, done.err


AGENT = """\
import socket, sys
wanted = "" if sys.argv[1:] else "Connection: Upgrade\\r\\nUpgrade: websocket\\r\\nSec-WebSocket-Protocol: chisel-v3\\r\\n"
with socket.create_connection((socket.gethostbyname(socket.gethostname()), 8000), 10) as way:
    way.sendall(f"GET / HTTP/1.1\\r\\nHost: portainer.home.example.org:8000\\r\\nSec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: c3RhbmQtaW4tYWdlbnQtMDA=\\r\\n{wanted}\\r\\n".encode())
    print(way.recv(99).decode().partition("\\r")[0])
"""  # noqa: E501 -- verbatim text
WITH_AN_EDGE_HOST = (
    "sed -i.one-host -e 's/^pattern: full$/hosts: {homelab: {pattern: full}, cabin: {pattern: edge}}/' "
    "-e '$a services: {portainer-edge-agent: {options: {insecure_poll: true}}}' /etc/infrakit/infrakit.yaml"
)


@pytest.mark.on("bookworm")
def test_the_edge_tunnel_is_open_while_an_edge_host_is_in_the_file(installed):
    """By Caddy alone, which is the one that is re-created: it passes an agent's WebSocket on to Portainer, and hangs up
    on all else."""
    host, before = installed.host, installed.containers()
    host.put("/run/agent.py", AGENT.encode())
    assert host.run(f"{WITH_AN_EDGE_HOST}; grep -c cabin /etc/infrakit/infrakit.yaml").out == "1\n"
    done = installed.infrakit("up", "--yes", "--host", "homelab")
    assert done.code == 0, done.out + done.err
    during = installed.containers()
    assert {name for name in during if during[name] != before.get(name)} == {"homelab-caddy-1"}
    assert open_to_others(host) == WEB | {("tcp", "8000")}
    assert host.run("python3 /run/agent.py").out == "HTTP/1.1 101 Switching Protocols\n"
    assert host.run("python3 /run/agent.py stranger").out == "\n"

    host.run("mv /etc/infrakit/infrakit.yaml.one-host /etc/infrakit/infrakit.yaml; rm /run/agent.py")
    done = installed.infrakit("up", "--yes")
    assert done.code == 0, done.out + done.err
    after = installed.containers()
    assert {name for name in after if after[name] != during.get(name)} == {"homelab-caddy-1"}
    assert open_to_others(host) == WEB


WELL = "for i in $(seq 90); do infrakit status >/dev/null 2>&1 && exit 0; sleep 2; done; infrakit status; exit 1"


@pytest.mark.on("trixie")
def test_it_is_back_after_a_reboot_before_which_it_stopped_in_order(installed):
    installed.host.restart()
    done = installed.host.run(WELL, 300)
    assert done.code == 0, done.out + done.err
    shown = installed.host.run("docker inspect -f '{{.Name}} {{.State.FinishedAt}}' $(docker ps -aq)").out
    ended = dict(line.lstrip("/").split() for line in shown.splitlines())
    of_authentik = [ended[f"homelab-{name}-1"] for name in ("authentik-worker", "authentik", "authentik-database")]
    assert max(of_authentik[:2]) < of_authentik[2], installed.host.run("journalctl -u infrakit-halt -o cat").out
    assert installed.host.run("ls /var/lib/infrakit/halted.json").code != 0


@pytest.mark.on("bookworm")
def test_it_is_back_after_a_reboot_that_its_address_is_late_for(installed):
    """As that of a VPN; the doors are open there as soon as it has come."""
    host, address = installed.host, "10.99.7.1"
    host.run(f"ip address add {address}/32 dev lo; cp /etc/infrakit/infrakit.yaml /root/kept.yaml")
    host.run(f"echo 'network: {{bind: [{address}]}}' >>/etc/infrakit/infrakit.yaml")
    done = installed.infrakit("up", "--yes")
    assert done.code == 0, done.out + done.err
    host.restart()
    assert host.run(f"ip -brief address | grep -F {address}").code == 1
    done = host.run(WELL, 300)
    assert done.code == 0, done.out + done.err
    knock = f"curl -ksS -o /dev/null -w '%{{http_code}}' --resolve wiki.home.example.org:443:{address}"
    assert host.run(f"ip address add {address}/32 dev lo; {knock} https://wiki.home.example.org/").out == "302"

    host.run("mv /root/kept.yaml /etc/infrakit/infrakit.yaml")
    done = installed.infrakit("up", "--yes")
    assert done.code == 0 and open_to_others(host) == WEB, done.out + done.err


KEPT = (
    "cd /var/lib/infrakit/hosts && find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum; docker volume ls -q "
    "| grep ^homelab_ | LC_ALL=C sort"
)


@pytest.mark.on("trixie")
def test_down_and_up_keep_the_secrets_and_the_data(installed):
    before = installed.host.run(KEPT).out
    assert installed.infrakit("down", "--yes").code == 0
    assert installed.host.run("docker ps -aq").out == "" and installed.infrakit("status").code == 1
    assert installed.infrakit("up", "--yes").code == 0
    assert installed.host.run(KEPT).out == before


SECRETS = "cd /var/lib/infrakit/hosts/{}/secrets && sha256sum *"


@pytest.mark.on("trixie")
def test_a_machine_that_got_another_name_goes_on_with_its_data(installed):
    """There and back; what was written to a volume is read with the password that it was made with."""
    host, volumes = installed.host, installed.host.run("docker volume ls -q").out
    made = host.run(SECRETS.format("homelab")).out
    rename = "s/^pattern: full$/hosts: {shed: {pattern: full}}/"
    host.run(f"cd /root && cp /etc/infrakit/infrakit.yaml kept.yaml && sed '{rename}' kept.yaml >named.yaml")
    for file, name, former in (("/root/named.yaml", "shed", "homelab"), ("/root/kept.yaml", "homelab", "shed")):
        planned = installed.infrakit("up", "--dry-run", "-f", file)
        assert f"+ the secrets of {former} go along: {former} is called {name} now" in planned.out, planned.out
        done = installed.infrakit("up", "--yes", "-f", file)
        assert done.code == 0, done.out + done.err
        assert host.run(SECRETS.format(name)).out == made and host.run("docker volume ls -q").out == volumes
        assert host.run("ls /var/lib/infrakit/hosts").out == f"{name}\n"
        assert host.run(f"cmp {file} /etc/infrakit/infrakit.yaml").code == 0, "what is brought up is the installed one"
    assert installed.infrakit("status").code == 0 and host.run("rm /root/named.yaml /root/kept.yaml").code == 0


@pytest.mark.on("trixie")
def test_old_data_never_meets_a_new_password(installed):
    """Nothing is changed where a secret is gone, the project has another name, or the machine is another host."""
    host, before = installed.host, installed.containers()
    secret = "/var/lib/infrakit/hosts/homelab/secrets/guacamole_database_password"
    host.run(f"mv {secret} /root/kept")
    gone = installed.infrakit("up", "--yes")
    assert gone.code == 3 and "homelab_guacamole-database" in gone.err, gone.err
    assert host.run(f"test -e {secret}").code == 1
    host.run(f"mv /root/kept {secret}")
    for change, said in (
        ("s/^name: homelab/name: other/", "this machine runs homelab, and the file calls it other"),
        (
            "s/^pattern: full$/hosts: {homelab: {pattern: full}, cabin: {pattern: monitoring, address: 192.0.2.11}}/",
            "this machine is homelab: its data and secrets are here",
        ),
    ):
        host.run(f"sed '{change}' /etc/infrakit/infrakit.yaml >/root/changed.yaml")
        done = installed.infrakit(
            "up", "--yes", "-f", "/root/changed.yaml", *(["--host", "cabin"] * ("cabin" in change))
        )
        assert done.code == 3 and said in done.err, done.out + done.err
    assert installed.infrakit("status").code == 0 and installed.containers() == before
    assert host.run("rm /root/changed.yaml").code == 0


@pytest.mark.last
@pytest.mark.on("bookworm")
def test_uninstall_leaves_data_alone_and_install_goes_on_with_it(installed):
    """Left are volumes, secrets, the user's file, and the record of what a purge has to take away: no packages, images,
    rules, units."""
    host = installed.host
    before = host.run(KEPT).out
    host.run(
        "docker run --rm -v homelab_wiki-data:/data --entrypoint touch $(docker inspect -f '{{.Config.Image}}' "
        "homelab-wiki-1) /data/page"
    )
    planned = installed.infrakit("uninstall", "--dry-run")
    held = Before.of(host, planned.out)
    done = installed.infrakit("uninstall", "--yes")
    assert done.code == 0, done.out[-2000:] + done.err
    assert held.differences() == [] and len(held.goes.things) > 40 and len(held.goes.packages) >= 4
    titles, taken = planned_and_taken(planned.out, done.err)
    assert titles == taken and len(titles) > 20
    after = set(host.run(SNAPSHOT).out.splitlines())
    kept = re.compile(
        r"/etc/infrakit/( |(infrakit\.yaml|\.installed\.json) )"
        r"|/var/lib/infrakit/( |undo\.jsonl |hosts/)|/var/lib/(docker|containerd)(/|$)"
    )
    assert [line for line in sorted(after ^ set(installed.before)) if not kept.match(line)] == []
    assert host.run("test -e /var/cache/infrakit").code == 1
    assert host.run("find /var/lib/docker/overlay2 /var/lib/docker/containers -mindepth 2 | head -n 3").out == ""
    assert host.run("test -e /var/lib/docker/volumes/homelab_wiki-data/_data/page").code == 0
    done = installed.install("--yes")
    assert done.code == 0 and "minted" not in done.err, done.out[-2000:] + done.err
    assert host.run(KEPT).out == before and installed.infrakit("status").code == 0


@pytest.mark.last
@pytest.mark.on("trixie")
def test_uninstall_spares_an_engine_that_others_use(installed):
    """It runs on, with what is theirs and nothing of ours; what is left of us is the record of how to take it away."""
    host = installed.host
    image = host.run("docker image ls --format '{{.Repository}}:{{.Tag}}' | grep /haproxy: | head -n 1").out.strip()
    assert host.run(f"docker create --name somebodys -v somebodys-data:/data {image}").code == 0
    started = host.run("systemctl show -p ActiveEnterTimestamp docker").out
    held = Before.of(host, installed.infrakit("uninstall", "--purge", "--dry-run").out)
    done = installed.infrakit("uninstall", "--purge", "--yes", "--yes")
    assert done.code == 0 and "Docker stays" in done.err, done.out + done.err
    assert held.differences(f"image {image}") == [] and len(held.goes.things) > 50 and not held.goes.packages
    assert host.run("docker ps -a --format '{{.Names}}'; docker volume ls -q").out.split() == [
        "somebodys",
        "somebodys-data",
    ]
    assert host.run("docker image ls --format '{{.Repository}}:{{.Tag}}'").out.split() == [image]
    assert set(host.run("docker network ls --format '{{.Name}}'").out.split()) == {"bridge", "host", "none"}
    assert started and host.run("systemctl show -p ActiveEnterTimestamp docker").out == started
    left = host.run("find /etc/infrakit /usr/local/bin/infrakit /var/lib/infrakit -type f").out
    assert left == "/var/lib/infrakit/undo.jsonl\n"
    assert host.run("docker rm somebodys && docker volume rm somebodys-data").code == 0


NEEDY = """\
mkdir -p /run/needy/DEBIAN && cd /run && printf 'Package: needy\nVersion: 1\nArchitecture: all\nMaintainer: x\nDepends: tini\n\
Description: x\n' >needy/DEBIAN/control && dpkg-deb -b needy needy.deb >/dev/null && dpkg -i needy.deb && rm -r needy needy.deb
"""  # noqa: E501 -- verbatim text


@pytest.mark.last
def test_uninstall_with_purge_leaves_the_host_as_it_was(installed):
    """With Docker's folder, since nobody had one before: the bed's is a file system of its own, and is empty again."""
    run = "python3 /root/infrakit.pyz uninstall --purge"  # the installed one may be gone
    host = installed.host
    if installed.locked:  # somebody began to need a package that came with ours
        assert host.run(NEEDY).code == 0
    else:  # who stopped it, and wants all of it gone, need not start it
        assert host.run("systemctl stop docker.socket docker").code == 0
    planned = host.run(f"{run} --dry-run")
    held = Before.of(host, planned.out)
    assert held.goes.unasked != installed.locked
    done = installed.host.run(f"{run} --yes --yes", 900)
    assert done.code == 0, done.out[-2000:] + done.err
    titles, taken = planned_and_taken(planned.out, done.err)
    assert titles == taken
    if installed.locked:
        held = held._replace(lines=held.lines - {"needy install ok installed"})
        kept = re.findall(r"(\w+) stays: needed by needy\b", done.err)
        there = host.run("dpkg-query -W -f '${db:Status-Status} ' needy tini; command -v dockerd").out
        assert kept == ["tini"] and there == "installed installed ", done.err
        assert host.run(f"apt-get purge -y needy {' '.join(kept)}").code == 0
    assert held.differences() == [] and len(held.goes.packages) >= 4
    after = list(installed.host.run(SNAPSHOT).out.splitlines())
    assert sorted(set(after) ^ set(installed.before)) == []
    assert installed.host.run("test -e /var/cache/infrakit").code == 1
    assert installed.host.run(f"{run} --yes --yes").err.endswith(
        "there is neither /etc/infrakit/infrakit.yaml nor /var/lib/infrakit/undo.jsonl\n"
    )

"""Apps like the hard ones among those that people run (bed/hard.py): all in one file, brought up by `install`, and
asked from another machine."""

import json

import pytest

from tests.e2e.bed import needs_bed, publish, registry
from tests.e2e.bed.engine import HERE, docker
from tests.e2e.bed.images import ROOT, TOOLS, Recipe, caddy
from tests.e2e.bed.registry import SERVER, authority
from tests.e2e.fresh import FILE
from tests.e2e.visitor import Visitor

pytestmark = [pytest.mark.slow, needs_bed, pytest.mark.on("bookworm")]
HARD = "/usr/local/lib/hard.py"
KINDS = "drops unpacks slow redirects echo tls lan stick writes reads shared client vpn inside".split()
APPS = """
volumes: {{library: {{}}}}
apps:
  wiki: {{image: "ghcr.io/requarks/wiki:2.5", port: 3000, allow: [family], data: [/wiki/data], memory: 512m}}
  drops: {{image: "ghcr.io/hard/drops:1", port: 3000, data: [/var/lib/drops], memory: 64m}}
  bare: {{image: "ghcr.io/hard/bare:1", port: 8080, memory: 64m}}
  unpacks: {{image: "ghcr.io/hard/unpacks:1", port: 3000, memory: 64m}}
  slow: {{image: "ghcr.io/hard/slow:1", port: 3000, memory: 64m}}
  redirects: {{image: "ghcr.io/hard/redirects:1", port: 3000, memory: 64m}}
  echo: {{image: "ghcr.io/hard/echo:1", ports: [53/udp, 53/tcp, 51820/udp], serves: [53], memory: 64m}}
  anybody: {{image: "ghcr.io/hard/tls:1", port: 8443, scheme: https, certificate: any, memory: 64m}}
  pinned:
    image: ghcr.io/hard/tls:1
    port: 8443
    scheme: https
    certificate: ./pinned.pem
    certificate_name: pinned.internal
    mounts: [/srv/pinned:/tls:ro]
    memory: 64m
  nas: {{address: "https://{server}:5000", certificate: ./bed.pem, certificate_name: registry.bed}}
  lan: {{image: "ghcr.io/hard/lan:1", port: 8123, network: host, memory: 64m}}
  stick: {{image: "ghcr.io/hard/stick:1", port: 3000, devices: [/dev/bed-stick], groups: [4242], memory: 64m}}
  writes: {{image: "ghcr.io/hard/writes:1", port: 3000, mounts: ["library:/library"], memory: 64m}}
  reads: {{image: "ghcr.io/hard/reads:1", port: 3000, mounts: ["library:/library:ro"], needs: [writes], memory: 64m}}
  shared: {{image: "ghcr.io/hard/shared:1", port: 3000, shm: 128m, memory: 256m}}
  client:
    image: ghcr.io/hard/client:1
    port: 3000
    oidc: {{redirects: [/callback], logout: [/], email_verified: true}}
    environment: {{ISSUER: "https://auth.home.example.org/application/o/infrakit-client/"}}
    memory: 64m
  vpn-out: {{image: "ghcr.io/hard/vpn:1", serves: [9999], capabilities: [NET_ADMIN], memory: 64m}}
  inside: {{image: "ghcr.io/hard/inside:1", port: 3000, network: vpn-out, memory: 64m}}
"""
PREPARE = """
mkdir -p /srv/pinned && cd /srv/pinned && mknod -m 660 /dev/bed-stick c 1 5 && chgrp 4242 /dev/bed-stick &&
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=pinned.internal -addext subjectAltName=DNS:pinned.internal \
  -keyout key.pem -out cert.pem 2>/dev/null && cp cert.pem /root/pinned.pem
"""  # noqa: E501 -- verbatim text
CERTIFIED = """
mkdir -p /srv/own && cd /srv/own && openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=Household -addext keyUsage=critical,keyCertSign,cRLSign -keyout ca.key -out ca.pem 2>/dev/null &&
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=home -addext 'subjectAltName=DNS:*.home.example.org' \
  -addext basicConstraints=critical,CA:FALSE -CA ca.pem -CAkey ca.key -keyout key.pem -out cert.pem 2>/dev/null &&
cp ca.pem /usr/local/share/ca-certificates/household.crt && update-ca-certificates
"""  # noqa: E501 -- verbatim text
PAGES = "drops unpacks slow anybody pinned lan stick writes reads shared inside".split()
"""Doors that ask who comes, behind each of which an app tells what it found."""


def made(name: str) -> Recipe:
    """The image of one of KINDS: it starts as root, as most do, but where it says another user."""
    config = {"Entrypoint": [HARD, name], "Env": [TOOLS], **({"User": "1000"} if name in ("unpacks", "client") else {})}
    return Recipe(config, {"/var/lib/drops": ROOT}, {HARD: (HERE / "hard.py").read_bytes()})


BARE = Recipe(
    {"Entrypoint": ["/caddy", "respond", "--listen", ":8080", "no shell here"]}, {}, {"/caddy": caddy()}, bare=True
)


@pytest.fixture(scope="module")
def apps(installed):
    """The host with all of them, and what `install` said."""
    for name in KINDS:
        publish(f"ghcr.io/hard/{name}:1", made=made(name))
    publish("ghcr.io/hard/bare:1", made=BARE)
    host = installed.host
    assert host.run(PREPARE).code == 0
    server = docker("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", SERVER)
    head = FILE.format(mirror=registry()).partition("apps:")[0]
    host.put("/root/bed.pem", authority())
    host.put("/root/apps.yaml", (head + APPS.format(server=server)).encode())
    done = host.run(f"cd /root && {installed.command.replace('infrakit.yaml', 'apps.yaml')} --yes", 1200)
    assert done.code == 0, done.out[-3000:] + done.err[-5000:] + host.log()
    yield host
    back = host.run(f"cd /root && {installed.command} --yes", 1200)
    assert back.code == 0, back.out[-2000:] + back.err[-3000:]
    host.run(
        "rm -rf /srv/pinned /srv/own /dev/bed-stick /root/apps.yaml /root/*.pem /root/files.yaml /etc/infrakit/*.pem"
    )


@pytest.fixture(scope="module")
def visitor(apps):
    return Visitor(apps)


def test_all_of_them_are_well(apps, installed):
    status = installed.infrakit("status", "--json")
    found = json.loads(status.out)
    names = {item["container"] for item in found["services"]} if "container" in found["services"][0] else set()
    assert status.code == 0 and all(item["well"] for item in found["services"]), status.out
    assert not names or {*PAGES, "bare", "echo", "redirects", "client", "vpn-out"} <= names
    assert "nothing to change" in installed.infrakit("up", "--yes").out


@pytest.mark.parametrize("name", [*PAGES, "bare", "redirects", "nas"])
def test_its_door_sends_a_stranger_to_sign_in(visitor, name):
    code, _, location = visitor.open(name, "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}").partition(" ")
    assert code == "302" and f"{name}.home.example.org/outpost.goauthentik.io/start" in location


@pytest.mark.parametrize("name", PAGES)
def test_behind_it_the_app_learns_who_comes(visitor, name):
    told = visitor.signed_in(name)
    headers = {key.lower(): value for key, value in told["headers"].items()}
    assert headers["x-authentik-username"] == "alice" and told["tz"] == "Europe/Berlin"


def test_who_starts_as_root_becomes_the_owner_of_his_data(visitor):
    told = visitor.signed_in("drops")
    assert (told["uid"], told["gid"]) == (999, 999)


def test_an_image_without_a_shell_is_well_and_open(visitor):
    assert visitor.open("bare", "-b", "stand_in_user=alice") == "no shell here"


def test_a_program_unpacked_into_tmp_runs(visitor):
    assert visitor.signed_in("unpacks")["unpacked"] == 0


def test_an_app_whose_first_page_is_another_one_is_well(visitor):
    said = visitor.open(
        "redirects", "-b", "stand_in_user=alice", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}"
    )
    assert said == "302 https://redirects.home.example.org/login"


ASK = """
import socket, sys
host, found = sys.argv[1], []
for port in (53, 51820):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(20)
        client.sendto(b"hello", (host, port))
        found.append(client.recv(99).decode())
with socket.create_connection((host, 53), 20) as client:
    client.sendall(b"hello")
    found.append(client.recv(99).decode())
print(found)
"""


def test_ports_of_both_protocols_lead_there(visitor):
    assert (
        visitor.run("python3", "-", visitor.address, feed=ASK)
        == "['udp 53 hello', 'udp 51820 hello', 'tcp 53 hello']\n"
    )


def test_who_has_the_network_of_the_host_sees_its_addresses(visitor):
    assert visitor.address in visitor.signed_in("lan")["addresses"]


def test_a_device_is_read_by_its_group(visitor):
    told = visitor.signed_in("stick")
    assert told["read"] == "00000000" and 4242 in told["groups"]


def test_one_writes_and_the_other_reads(visitor):
    told = visitor.signed_in("reads")
    assert (told["film"], told["writable"]) == ("a film", False)


def test_whose_network_it_is_in_is_seen_there(visitor):
    assert visitor.signed_in("inside")["mtu"] == 1400


def test_a_page_of_another_machine_has_a_door(visitor):
    said = visitor.open("nas", "-b", "stand_in_user=alice", "-o", "/dev/null", "-w", "%{http_code}")
    assert said == "200"


def test_an_app_that_signs_in_by_itself_finds_the_issuer_and_trusts_it(visitor):
    told = json.loads(visitor.open("client"))
    assert told["issuer"] == "https://auth.home.example.org/application/o/infrakit-client/"


def test_with_a_certificate_of_an_authority_of_ones_own_too(apps, visitor, installed):
    """One that the machine was made to trust, as its administrator does it."""
    assert apps.run(CERTIFIED).code == 0
    apps.run("sed 's/mode: internal/mode: files/' /root/apps.yaml >/root/files.yaml")
    secrets = "--secret tls_certificate=/srv/own/cert.pem --secret tls_key=/srv/own/key.pem"
    done = apps.run(f"cd /root && {installed.command.replace('infrakit.yaml', 'files.yaml')} --yes {secrets}", 1200)
    assert done.code == 0, done.out[-2000:] + done.err[-4000:]
    visitor.root = apps.run("cat /srv/own/ca.pem").out
    told = json.loads(visitor.open("client"))
    assert told["issuer"] == "https://auth.home.example.org/application/o/infrakit-client/"
    assert visitor.signed_in("drops")["uid"] == 999
    assert apps.run("rm /usr/local/share/ca-certificates/household.crt && update-ca-certificates --fresh").code == 0

"""Caddy's own authority, handed out by Caddy itself over plain HTTP: the certificate and nothing else, in mode internal
only."""

import subprocess

import pytest

from infrakit.emit import caddyfile
from tests.runtime.caddy import adapt, needs_caddy
from tests.runtime.street import CONFIG, DOMAIN, get, hosts_of, street_of

pytestmark = needs_caddy
PATH = "/infrakit-ca.crt"
HOSTS = ("192.168.1.5", "[fd00::5]", "homelab.local", f"wiki.{DOMAIN}", "not-yet.example.org")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("authority")


@pytest.fixture(scope="module")
def door(folder):
    (host,) = hosts_of(CONFIG).values()
    with street_of(host, folder) as street:
        yield street.door


def plainly(door, host: str, target: str, method: str = "GET") -> tuple[bytes, bytes]:
    """(head, body) of the answer over plain HTTP."""
    head, _, body = door.say_plainly(get(target, method=method).replace("HOST", host).encode()).partition(b"\r\n\r\n")
    return head, body


@pytest.mark.parametrize("host", HOSTS)
def test_the_certificate_comes_by_any_name_and_by_address(door, folder, host):
    head, body = plainly(door, host, PATH)

    assert head.startswith(b"HTTP/1.1 200 ") and b"\r\nContent-Type: application/x-x509-ca-cert\r\n" in head + b"\r\n"
    assert body.strip() == (folder / "storage/pki/authorities/local/root.crt").read_bytes().strip()
    assert body.count(b"-----BEGIN") == 1 and b"KEY" not in body
    asked = subprocess.run(["openssl", "x509", "-noout", "-subject"], input=body, capture_output=True, check=True)
    assert b"Caddy Local Authority" in asked.stdout
    head, body = plainly(door, host, f"{PATH}?x=../root.key", "HEAD")
    assert head.startswith(b"HTTP/1.1 200 ") and body == b""


NEAR = (
    "/",
    "/page?x=1",
    "/root.key",
    "/infrakit-ca.key",
    f"{PATH}/",
    f"{PATH}/../root.key",
    f"{PATH}%00.key",
    f"{PATH}.key",
    "/pki/authorities/local/root.key",
    "/..%2froot.key",
    f"/x{PATH}",
)


@pytest.mark.parametrize("target", NEAR)
def test_every_other_path_is_as_before(door, target):
    head, _ = plainly(door, f"wiki.{DOMAIN}", target)
    assert head.startswith((b"HTTP/1.1 308 ", b"HTTP/1.1 400 ")), head
    if head.startswith(b"HTTP/1.1 308 "):
        assert f"\r\nLocation: https://wiki.{DOMAIN}{target}\r\n".encode() in head + b"\r\n"
    head, body = plainly(door, "192.168.1.5", target)
    assert (head, body) == (b"", b"") or head.startswith(b"HTTP/1.1 400 ")


def test_over_https_it_is_a_path_like_any_other(door):
    request = get(PATH).replace("HOST", f"wiki.{DOMAIN}").encode()
    assert door.say(request, f"wiki.{DOMAIN}").startswith(b"HTTP/1.1 302 ")


@pytest.mark.parametrize("mode", ["acme", "files", "tunnel"])
def test_other_modes_have_no_such_site(tmp_path, mode):
    (host,) = hosts_of(CONFIG, mode).values()
    (artifact,) = caddyfile.emit(host)
    assert b"infrakit-ca" not in artifact.content and b"pki/authorities" not in artifact.content
    assert "infrakit-ca" not in str(adapt(artifact.content, tmp_path))

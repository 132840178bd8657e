"""Backends that speak TLS, behind real Caddy: who is believed, and which name of the door they see."""

import subprocess
from pathlib import Path

import pytest

from infrakit import compiler
from tests.runtime.caddy import SESSION, needs_caddy
from tests.runtime.street import HEAD, get, street_of

pytestmark = needs_caddy

CONFIG = (
    HEAD
    + """\
apps:
  any: {image: "x/y:1", port: 443, scheme: https, certificate: any, allow: [family]}
  verified: {image: "x/y:1", port: 443, scheme: https, allow: [family]}
  named: {image: "x/y:1", port: 443, scheme: https, certificate: ./own.pem, certificate_name: nas.test, allow: [family]}
  misnamed: {image: "x/y:1", port: 443, scheme: https, certificate: ./own.pem, allow: [family]}
  foreign: {image: "x/y:1", port: 443, scheme: https, certificate: ./own.pem, certificate_name: nas.test}
  router: {address: "https://192.168.77.1", certificate: any}
  nas: {address: "https://nas.test:5001/", certificate: ./own.pem, certificate_name: nas.test}
  plain: {address: "http://nas.test:5000", public: true}
  site: {image: "x/y:1", port: 80, domain: [example.org, www.example.com], public: true}
"""
)
AWAY = ("192.168.77.1:443", "nas.test:5001")
SECURE = ("any", "verified", "named", "misnamed", "foreign")


def minted(folder: Path, name: str) -> Path:
    """A certificate that nobody but itself signed, and its key, in one file."""
    pair, key = folder / f"{name}.pem", folder / f"{name}.key"
    words = ("-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    about = ("-subj", "/CN=nas.test", "-addext", "subjectAltName=DNS:nas.test")
    subprocess.run(("openssl", "req", *words, *about, "-keyout", key, "-out", pair), check=True, capture_output=True)
    pair.write_bytes(pair.read_bytes() + key.read_bytes())
    return pair


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    folder = tmp_path_factory.mktemp("backends")
    own, other = minted(folder, "own"), minted(folder, "other")
    certificate = own.read_bytes().partition(b"-----BEGIN PRIVATE")[0]
    fleet = compiler.load(CONFIG.encode(), "infrakit.yaml", lambda path: certificate).fleet
    pairs = {f"{name}:443": other if name == "foreign" else own for name in SECURE}
    pairs |= dict.fromkeys(AWAY, own)
    with street_of(fleet.deployments[0], folder, pairs=pairs) as street:
        yield street


@pytest.mark.parametrize(
    ("app", "believed"), [("any", True), ("named", True), ("verified", False), ("misnamed", False), ("foreign", False)]
)
def test_a_backend_is_believed_as_far_as_the_file_says(street, app, believed):
    answer = street.ask(app, get("/page", f"Cookie: {SESSION}"))
    seen = street.backend(app).seen
    if not believed:
        assert answer.startswith(b"HTTP/1.1 502") and not seen
        return
    assert answer.startswith(b"HTTP/1.1 200")
    (request,) = seen
    assert request.values("Host") == [f"{app}.home.example.org"]
    assert request.values("X-Forwarded-Host") == [f"{app}.home.example.org"]


@pytest.mark.parametrize(
    ("app", "address", "host"),
    [
        ("router", "192.168.77.1:443", "router.home.example.org"),
        ("nas", "nas.test:5001", "nas.test:5001"),
        ("plain", "nas.test:5000", "nas.test:5000"),
    ],
)
def test_a_door_leads_to_another_machine_and_does_not_say_who_comes(street, app, address, host):
    assert street.ask(app, get("/page", f"Cookie: {SESSION}")).startswith(b"HTTP/1.1 200")
    (request,) = street.reached()
    assert [request] == street.backend(address).seen
    assert request.values("Host") == [host] and request.values("X-Forwarded-Host") == [f"{app}.home.example.org"]
    assert not [name for name, _ in request.headers if "authentik" in name.lower()]


def test_a_stranger_is_asked_before_any_backend(street):
    assert street.ask("any", get("/page")).startswith(b"HTTP/1.1 302") and not street.reached()


def test_every_whole_name_leads_to_the_app_and_no_other(street):
    for name in ("example.org", "www.example.com"):
        street.forget()
        assert street.door.say(get("/").replace("HOST", name).encode(), name).startswith(b"HTTP/1.1 200")
        (request,) = street.reached()
        assert request.values("Host") == [name]
    for name in ("site.home.example.org", "www.example.org", "example.com"):
        assert street.door.say(get("/").replace("HOST", name).encode(), name) == b""

"""An app with several doors, behind real Caddy: each has its own name, port and sign-in."""

import pytest

from infrakit import compiler
from tests.runtime.caddy import SESSION, needs_caddy
from tests.runtime.street import HEAD, get, street_of

pytestmark = needs_caddy

CONFIG = (
    HEAD
    + """\
apps:
  store:
    image: "x/y:1"
    doors:
      console: {port: 9001, allow: [family]}
      s3: {port: 9000, subdomain: objects, public: true}
"""
)


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    fleet = compiler.load(CONFIG.encode(), "infrakit.yaml", lambda path: b"").fleet
    with street_of(fleet.deployments[0], tmp_path_factory.mktemp("doors")) as street:
        yield street


@pytest.mark.parametrize(("name", "address"), [("console", "store:9001"), ("objects", "store:9000")])
def test_each_door_leads_to_its_own_port(street, name, address):
    assert street.ask(name, get("/page", f"Cookie: {SESSION}")).startswith(b"HTTP/1.1 200")
    (request,) = street.reached()
    assert [request] == street.backend(address).seen


def test_each_door_asks_as_it_says(street):
    assert street.ask("console", get("/page")).startswith(b"HTTP/1.1 302") and not street.reached()
    assert street.ask("objects", get("/page", "X-Authentik-Username: alice")).startswith(b"HTTP/1.1 200")
    (request,) = street.reached()
    assert request.values("X-Authentik-Username") == []


@pytest.mark.parametrize("name", ["store", "s3"])
def test_no_other_name_leads_anywhere(street, name):
    assert street.ask(name, get("/page")) == b""

"""The doors of a real Caddy, knocked at as `up` does: a stranger is sent to sign in, and a door that fails is a named
failure."""

import pytest

from infrakit.stack.wire.doors import steps
from infrakit.system.machine import Machine
from tests.runtime.caddy import needs_caddy
from tests.runtime.test_doors import CONFIG, hosts_of, street_of

pytestmark = needs_caddy


def doors(host, port: int) -> dict:
    """Service -> its door, where Caddy listens now."""
    return {step.done_when[0].hostname.partition(".")[0]: step.done_when[0]._replace(port=port) for step in steps(host)}


@pytest.fixture(scope="module")
def host():
    (found,) = hosts_of(CONFIG).values()
    return found


def test_every_door_answers_a_stranger_as_it_should(host, tmp_path):
    with street_of(host, tmp_path) as street:
        found = {name: door.problem(Machine()) for name, door in doors(host, street.door.ports[":443"]).items()}

    assert found == dict.fromkeys(("auth", "dozzle", "glances", "wiki", "guacamole", "portainer", "site"), "")


def test_a_door_that_lets_a_stranger_in_is_named(host, tmp_path):
    with street_of(host, tmp_path) as street:
        open_door = doors(host, street.door.ports[":443"])["site"]._replace(sign_in="forward_auth")

        assert open_door.problem(Machine()) == "answers 200 to a stranger, and does not send him to sign in"


def test_a_dead_outpost_is_named(host, tmp_path):
    with street_of(host, tmp_path) as street:
        street.outpost.stop()
        found = {name: door.problem(Machine()) for name, door in doors(host, street.door.ports[":443"]).items()}

    assert found["wiki"] == "answers 502 to a stranger, and does not send him to sign in"
    assert found["site"] == ""


def test_no_caddy_at_all_is_named(host):
    assert "refused" in doors(host, 9)["wiki"].problem(Machine())

"""Who comes in first and by which link, and the way into a service when sign-in is down: without a machine."""

import pytest

from infrakit.errors import UsageProblem
from infrakit.stack.sign_in import PATH, first_user, portal
from infrakit.stack.way_in import announcement, way_in
from tests.emit.examples import hosts

HOSTS = hosts()
FULL = HOSTS["full-homelab"]


def test_the_first_to_sign_in_is_the_files_first_administrator():
    nobody = FULL._replace(access=FULL.access._replace(users=()))

    assert (first_user(FULL), first_user(nobody)) == ("alice", "akadmin")


def test_a_link_is_found_among_what_authentik_logs():
    said = (
        '{"event": "Loaded config", "level": "debug"}\nStore this link safely, as it will allow anyone to access '
        "authentik as alice.\nThis recovery token is valid for 1\xa0hour.\n/recovery/use-token/AbC-d_9/\n"
    )

    assert PATH.findall(said) == ["/recovery/use-token/AbC-d_9/"]


def test_the_address_of_sign_in_has_its_port():
    assert portal(FULL) == "https://auth.home.example.org"
    assert portal(FULL._replace(door=FULL.door._replace(https_port=8443))) == "https://auth.home.example.org:8443"
    assert portal(HOSTS["hybrid-shed"]) == ""


def test_the_way_into_a_service_is_its_containers_port():
    assert way_in(FULL, "portainer") == ("Portainer", "homelab-portainer-1", 9000)
    assert way_in(FULL, "wiki").port == 3000
    assert way_in(HOSTS["hybrid-shed"], "glances").container.endswith("-glances-1")


@pytest.mark.parametrize(
    ("host", "service", "hint"),
    [("full-homelab", "caddy", "one of: authentik, "), ("hybrid-core", "edge-thing", "one of: ")],
)
def test_a_service_without_a_page_has_no_way_in(host, service, hint):
    with pytest.raises(UsageProblem) as raised:
        way_in(HOSTS[host], service)

    assert raised.value.hint.startswith(hint)


def test_who_opens_a_way_is_told_how_to_use_it():
    text = "\n".join(
        announcement(way_in(FULL, "portainer"), 9001, ["root", "bob"], "homelab", "/secrets", "it ends with Ctrl-C")
    )

    assert "ssh -L 9001:127.0.0.1:9001 bob@homelab" in text and "root and bob may use it, and nobody else" in text

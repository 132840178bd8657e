"""After the start: what running services were told, who comes in first and how, and the way in when sign-in is down."""

import json
import re
import time

import pytest

from tests.e2e.bed import needs_bed

pytestmark = [pytest.mark.slow, needs_bed]

NEW_PASSWORD = "https://auth.home.example.org/if/flow/default-password-change/"
"""A page of Authentik's, for who is signed in (goauthentik/authentik, blueprints/default/flow-password-change.yaml)."""
LINK = re.compile(r"https://auth\.home\.example\.org/recovery/use-token/[\w-]+/")
AUTHENTIK, GUACAMOLE = "Authentik", "Guacamole"
DEFAULT_LOGIN = (
    "UPDATE guacamole_user SET password_salt = '\\x00', password_hash = sha256(convert_to('guacadmin00', 'UTF8'))"
)


def accounts(installed, change: str = "") -> dict:
    """What the stand-in for Authentik keeps; `change` is a line of Python that changes `state`. With its lock, and by a
    rename: its worker reads meanwhile."""
    script = f"""
import fcntl, json, os
place = "/data/stand-in-accounts"
with open(place + ".lock", "w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    state = json.load(open(place + ".json"))
    {change or "pass"}
    json.dump(state, open(place + ".changed", "w"))
    os.rename(place + ".changed", place + ".json")
print(json.dumps(state))
"""
    return json.loads(installed.host.run("docker exec -i homelab-authentik-1 python3 -", feed=script.encode()).out)


def up(installed):
    done = installed.infrakit("up", "--yes")
    assert done.code == 0, done.out + done.err
    return [
        line[2:].partition(" (")[0]
        for line in re.sub(r" [0-9.]+ s$", "", done.err, flags=re.MULTILINE).splitlines()
        if line.startswith("+ ")
    ]


def opened(installed, address: str, *more: str) -> str:
    """Status and where it leads."""
    return installed.host.run(
        f"curl -sk -o /dev/null -w '%{{http_code}} %{{redirect_url}}' {' '.join(more)} {address}"
    ).out.strip()


def test_the_blueprint_that_failed_at_first_was_applied_again(installed):
    """The first discovery of the stand-in comes too early, as upstream's may."""
    assert f"+ {AUTHENTIK}" in installed.first.err
    assert accounts(installed)["groups"]["administrators"] == ["alice"]


def test_a_blueprint_that_is_not_in_force_is_applied_by_up(installed):
    assert up(installed) == []
    accounts(installed, "state['blueprint'].update(status='error', last_applied_hash=''); del state['users']['alice']")
    assert up(installed) == [AUTHENTIK]
    found = accounts(installed)
    assert found["blueprint"]["status"] == "successful" and "alice" in found["users"]


def test_an_application_that_left_the_file_leaves_authentik(installed):
    """One of an administrator's own stays."""
    before = accounts(installed, "state['slugs'] += ['infrakit-old', 'theirs']")["slugs"]
    assert up(installed) == [AUTHENTIK]
    assert accounts(installed)["slugs"] == [slug for slug in before if slug != "infrakit-old"]
    assert "infrakit-dozzle" in before and up(installed) == []
    accounts(installed, "state['slugs'].remove('theirs')")


def test_a_blueprint_that_somebody_switched_off_is_said_at_once(installed):
    accounts(installed, "state['blueprint'].update(enabled=False)")
    done = installed.infrakit("up", "--yes")
    accounts(installed, "state['blueprint'].update(enabled=True)")

    assert done.code == 4 and "switched off in Authentik" in done.err and "switch it on again" in done.err, done.err


def test_guacamoles_default_login_does_not_stay(installed):
    words = "docker exec -i homelab-guacamole-database-1 psql -X -v ON_ERROR_STOP=1 -U guacamole -d guacamole"
    done = installed.host.run(words, feed=DEFAULT_LOGIN.encode())
    assert done.out == "UPDATE 1\n", done
    assert up(installed) == [GUACAMOLE]
    assert up(installed) == []


def test_administrators_of_the_file_are_portainers_too(installed):
    """Also one who came as a standard user before, and with an environment where somebody removed it."""
    host, data = installed.host, "docker exec homelab-portainer-1 cat /data"
    assert {"Username": "alice", "Role": 1} in [
        {"Username": user["Username"], "Role": user["Role"]} for user in json.loads(host.run(f"{data}/users.json").out)
    ]
    host.run(
        "docker exec homelab-portainer-1 sh -c \"sed -i 's/\\(alice.*\\)1}/\\12}/' /data/users.json; echo '[]' "
        '>/data/endpoints.json"'
    )
    assert '"Role": 2' in host.run(f"{data}/users.json").out
    host.run("docker restart -t 1 homelab-portainer-sign-in-1")
    end = time.monotonic() + 60
    while time.monotonic() < end and host.run(f"{data}/endpoints.json").out.strip() == "[]":
        time.sleep(1)
    assert '"Role": 2' not in host.run(f"{data}/users.json").out
    (environment,) = json.loads(host.run(f"{data}/endpoints.json").out)
    assert environment["URL"] == "tcp://portainer-socket:2375" and environment["Type"] == 1
    end = time.monotonic() + 60
    while time.monotonic() < end and installed.infrakit("status").code:
        time.sleep(1)


def test_the_first_administrator_comes_in_by_the_link_of_the_closing_page(installed):
    (link,) = LINK.findall(installed.first.out)
    assert NEW_PASSWORD in installed.first.out.splitlines()[installed.first.out.splitlines().index(f"  {link}") + 1]
    assert opened(installed, link, "-c /run/jar") == "302 https://auth.home.example.org/if/user/"
    assert opened(installed, link) == "404"
    assert opened(installed, "https://dozzle.home.example.org/", "-b /run/jar").startswith("200")
    assert link not in installed.host.run("cat /var/log/infrakit/journal.jsonl").out
    assert not LINK.findall(installed.install("--yes").out)


def test_a_link_for_a_user_is_made_when_asked(installed):
    done = installed.infrakit("sign-in", "bob")
    assert done.code == 0 and LINK.fullmatch(done.out.strip()), done
    assert "it works once, and for 60 minutes" in done.err and NEW_PASSWORD in done.err
    assert opened(installed, done.out.strip()).startswith("302")
    assert "bob" in installed.host.run("tail -n 1 /var/log/infrakit/journal.jsonl").out
    unknown = installed.infrakit("sign-in", "mallory")
    assert unknown.code == 2 and "Authentik has no user mallory" in unknown.err and "akadmin, alice, bob" in unknown.err


@pytest.fixture
def down(installed):
    """Neither sign-in nor Caddy; both are brought back."""
    installed.host.run("docker stop -t 1 homelab-caddy-1 homelab-authentik-1")
    yield installed
    installed.host.run("systemctl stop way-in other; docker start homelab-authentik-1 homelab-caddy-1")
    assert installed.infrakit("up", "--yes").code == 0


def test_root_comes_in_when_sign_in_is_down_and_others_do_not(down):
    host = down.host
    host.run(
        "systemd-run --unit=way-in infrakit open portainer --for 120; systemd-run --unit=other "
        "--setenv=SUDO_UID=65534 infrakit open dozzle --port 9555"
    )
    host.run(
        "for port in 9000 9555; do for i in $(seq 50); do ss -Hltn sport = $port | grep -q . && break; sleep "
        "0.2; done; done"
    )
    portainer, dozzle = "curl -s -m 5 http://127.0.0.1:9000/api/system/status", "curl -s -m 5 http://127.0.0.1:9555/"

    assert "stand-in" in host.run(portainer).out, host.run("journalctl -u way-in").out
    assert host.run(portainer, user="nobody").out == ""
    assert "dozzle" in host.run(dozzle, user="nobody").out and "dozzle" in host.run(dozzle).out
    assert host.run(dozzle, user="daemon").out == ""
    assert {"127.0.0.1:9000", "127.0.0.1:9555"} <= set(host.run("ss -Hltn | awk '{print $4}'").out.split())
    assert host.run("systemctl stop way-in other; systemctl is-failed way-in other").out.split() == [
        "inactive",
        "inactive",
    ]
    said = host.run("journalctl -u way-in -o cat").out
    assert "ssh -L 9000:127.0.0.1:9000 root@" in said and "refused a connection of uid 65534" in said
    kept = [json.loads(line) for line in host.run("tail -n 4 /var/log/infrakit/journal.jsonl").out.splitlines()]
    assert [line["step"] for line in kept] == ["open"] * 4 and "after 1 connections" in "".join(
        line["text"] for line in kept if "portainer" in line["text"]
    )

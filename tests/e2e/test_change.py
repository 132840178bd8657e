"""A stack in use: secrets get new values, and images move by themselves, by systemd's real timer."""

import json
import re
import subprocess
import time
from pathlib import Path

import pytest

from infrakit.emit.caddy_upstreams import STARTS_ANEW_S
from tests.e2e.bed import needs_bed, publish
from tests.e2e.bed.images import Recipe, caddy

pytestmark = [pytest.mark.slow, needs_bed, pytest.mark.on("trixie")]

FILE = "/etc/infrakit/infrakit.yaml"
SECRETS = "/var/lib/infrakit/hosts/homelab/secrets"
ROTATED = ("authentik_database_password", "guacamole_database_password", "portainer_client_secret")
UNIT = "infrakit-update"


def secrets(installed) -> dict[str, str]:
    """Name -> value, of the host."""
    said = installed.host.run(f"cd {SECRETS} && grep -sH '' *").out
    return dict(line.split(":", 1) for line in said.splitlines())


def signs_in(installed, container: str, user: str, password: str) -> bool:
    """To the database of that container, from its network's side."""
    script = f"IFS= read -r PGPASSWORD; export PGPASSWORD; psql -Xqw -h $(hostname) -U {user} -c '' {user} </dev/null"
    words = f'docker exec -i homelab-{container}-1 sh -c "{script}"'.replace("$(", "\\$(")
    done = installed.host.run(words, feed=f"{password}\n".encode())
    assert done.code == 0 or "password authentication failed" in done.err, done.err
    return done.code == 0


def test_every_secret_that_can_be_gets_a_new_value_and_all_is_well(installed):
    old, begun = secrets(installed), installed.containers()
    done = installed.infrakit("secrets", "rotate", "--all", "--yes")
    assert done.code == 0, done.out + done.err
    new = secrets(installed)
    assert {name for name in new if new[name] != old[name]} == set(ROTATED) and new.keys() == old.keys()
    assert not [value for value in (*old.values(), *new.values()) if value in done.out + done.err]
    for service in ("authentik", "guacamole"):
        name = f"{service}_database_password"
        assert signs_in(installed, f"{service}-database", service, new[name])
        assert not signs_in(installed, f"{service}-database", service, old[name])
    assert installed.infrakit("status").code == 0
    after = installed.containers()
    same = {name.removeprefix("homelab-").removesuffix("-1") for name in begun if begun[name] == after[name]}
    assert {"caddy", "wiki", "dozzle", "glances"} <= same and not {"authentik", "guacamole"} & same
    left = installed.infrakit("up", "--yes")
    assert left.code == 0 and "nothing to change" in left.out, left.out + left.err


def lets_move(installed, window: str):
    """Whatever keeps no data, then."""
    for key, value in (("automatic", "stateless"), ("window", window)):
        done = installed.infrakit("set", "-f", FILE, f"updates.{key}", f"'{value}'")
        assert done.code == 0, done.err
    done = installed.infrakit("up", "--yes")
    assert done.code == 0, done.out + done.err


def test_the_timer_looks_in_its_window_and_goes_with_its_key(installed):
    begun, before = installed.containers(), installed.host.run(f"cat {FILE}").out
    hour = (int(installed.host.run("date +%H").out) + 12) % 24
    lets_move(installed, f"{hour:02}:00-{hour:02}:30")
    units = " ".join(f"/etc/systemd/system/{UNIT}.{kind}" for kind in ("service", "timer"))
    assert installed.host.run(f"systemd-analyze verify {units}").code == 0
    assert installed.host.run(f"systemctl is-enabled {UNIT}.timer && systemctl is-active {UNIT}.timer").code == 0
    upcoming = installed.host.run(f"systemctl show -p NextElapseUSecRealtime --value {UNIT}.timer").out
    assert re.search(f" {hour:02}:0", upcoming), upcoming
    assert "outside of the window" in ran(installed)
    lets_move(installed, "00:00")
    assert "nothing to update" in ran(installed)
    assert installed.containers() == begun
    done = installed.infrakit("unset", "-f", FILE, "updates")
    assert done.code == 0 and installed.host.run(f"cat {FILE}").out == before
    done = installed.infrakit("up", "--yes")
    assert done.code == 0 and installed.host.run(f"ls {units}").code != 0, done.err
    assert installed.host.run("systemctl list-timers --all --output=json 'infrakit*'").out.strip() == "[]"


def ran(installed) -> str:
    """What the service says when it is started now, as its timer does."""
    since = installed.host.run("date +%s.%N").out.strip()
    done = installed.host.run(f"systemctl start {UNIT}.service")
    said = ""
    while not said:
        said = installed.host.run(f"journalctl -u {UNIT}.service --since @{since} -o cat --no-pager").out
        time.sleep(0.2)
    assert done.code == 0, said
    return said


BEGUN = "/var/lib/infrakit/begun.json"


BREAK_OFF = f"""
begun() {{ docker inspect -f '{{{{.State.StartedAt}}}}' homelab-wiki-1 2>&1; }}
before=$(begun)
infrakit up --yes >/dev/null 2>&1 & up=$!
until [ -e {BEGUN} ]; do sleep 0.05; done
while [ -e {BEGUN} ] && [ "$(begun)" = "$before" ]; do :; done
kill -STOP $up && [ -e {BEGUN} ]
"""


def test_what_a_power_cut_breaks_off_goes_on_at_boot(installed):
    done = installed.infrakit("set", "-f", FILE, "apps.wiki.environment.COLOUR", "blue")
    assert done.code == 0, done.err
    assert installed.host.run(BREAK_OFF, 300).code == 0, "it came to its end"
    installed.host.crash()  # and systemd has started everything
    said = installed.host.run("journalctl -b -u infrakit-resume -o cat --no-pager").out
    assert "going on with: infrakit up" in said and installed.host.run(f"ls {BEGUN}").code != 0, said
    left = installed.infrakit("plan", "--exit-code")
    assert left.code == 0, left.out
    assert installed.infrakit("status").code == 0
    done = installed.infrakit("unset", "-f", FILE, "apps.wiki.environment")
    assert done.code == 0 and installed.infrakit("up", "--yes").code == 0, done.err


def test_a_limit_that_was_changed_by_hand_is_adopted(installed):
    """As far as infrakit.yaml has a word for it; the rest is said."""
    host = installed.host
    host.run(f"cp {FILE} /root/before.yaml")
    host.run("docker update --memory 600m --memory-swap 600m homelab-wiki-1")
    host.run("docker update --cpu-shares 7 homelab-glances-1")
    host.run(f"echo 'patern: full' >>{FILE}")
    done = installed.infrakit("drift", "--adopt")
    assert done.code == 2 and "did you mean pattern?" in done.err and "no word" not in done.out, done.out + done.err
    host.run(f"cp /root/before.yaml {FILE}")
    done = installed.infrakit("drift", "--adopt", "--dry-run")
    assert done.code == 6 and f"+++ b{FILE}\n" in done.out and "memory: 600m" in done.out, done.out + done.err
    assert host.run(f"cmp {FILE} /root/before.yaml").code == 0
    done = installed.infrakit("drift", "--adopt")
    assert done.code == 0 and f"{FILE}: apps.wiki.memory is 600m\n" in done.out, done.out + done.err
    assert "limit glances: others: " in done.out and "has no word for it" in done.out
    assert installed.infrakit("up", "--yes").code == 0
    left = installed.infrakit("drift").out.splitlines()
    assert len(left) == 1 and "glances" in left[0], left
    assert installed.infrakit("drift", "--revert", "--yes").code == 0
    assert installed.infrakit("drift").code == 0
    host.run(f"mv /root/before.yaml {FILE}")
    assert installed.infrakit("up", "--yes").code == 0


APP = '  page: {image: "ghcr.io/team/page:1.0.0", port: 3000, public: true, memory: 128m}\n'


def page() -> Recipe:
    """A real server, which ends what it has begun when it is stopped."""
    words = ["caddy", "respond", "--listen", ":3000", "--body", "a page"]
    return Recipe({"Cmd": words}, {}, {"/usr/bin/caddy": caddy()})


def test_an_update_of_what_keeps_no_data_fails_no_request(installed):
    """Fifty a second, through Caddy, which waits for who starts: a machine on which that takes longer than Caddy's
    patience has failed nothing earlier than that."""
    publish("ghcr.io/team/page:1.0.0", made=page())
    installed.host.run(f"cp {FILE} /root/before.yaml; cp /etc/infrakit/infrakit.lock /root/before.lock")
    installed.host.run(f"cat >>{FILE}", feed=APP.encode())
    for words in (("lock", "-f", FILE), ("up", "--yes")):
        done = installed.infrakit(*words)
        assert done.code == 0, done.out + done.err
    publish("ghcr.io/team/page:1.1.0", made=page())
    installed.host.put("/root/load.py", Path(__file__).with_name("load.py").read_bytes())
    ask = ["python3", "/root/load.py", "page.home.example.org", "/run/enough", str(STARTS_ANEW_S)]
    with subprocess.Popen(["docker", "exec", installed.host.name, *ask], stdout=subprocess.PIPE, text=True) as running:
        try:
            done = installed.infrakit("update", "page", "--yes", "--watch", "2")
        finally:
            installed.host.run("touch /run/enough")
        found = json.loads(running.communicate(timeout=300)[0])
    assert done.code == 0, done.out + done.err
    assert 'team/page:1.1.0"' in installed.host.run(f"cat {FILE}").out
    assert found["failed"] == [] and found["asked"] - found["late"] > 50, found
    print(found)
    asked = "curl -sko /dev/null -w '%{http_code}' --resolve '*:443:127.0.0.1' https://page.home.example.org/"
    assert installed.host.run(f"docker stop homelab-page-1 >/dev/null; {asked}").out == "502"
    installed.host.run(f"cp /root/before.yaml {FILE}; cp /root/before.lock /etc/infrakit/infrakit.lock")
    done = installed.infrakit("up", "--yes")
    assert done.code == 0, done.out + done.err
    installed.host.run("rm /run/enough /root/load.py /root/before.*")

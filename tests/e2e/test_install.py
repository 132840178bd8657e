"""From a fresh host to a running stack, as a user would do it; and back to a host as it was."""

import re

import pytest

from tests.e2e.bed import needs_bed
from tests.e2e.fresh import SNAPSHOT

pytestmark = [pytest.mark.slow, needs_bed]

DOORS = ("auth", "dozzle", "glances", "guacamole", "portainer", "wiki")


def test_a_fresh_host_becomes_a_running_stack(installed):
    assert installed.infrakit("status").code == 0
    assert "https://wiki.home.example.org" in installed.first.out
    for name in DOORS:
        answer = installed.host.run(f"curl -sk -o /dev/null -w '%{{http_code}} %{{redirect_url}}' --resolve {name}.home.example.org:443:127.0.0.1 https://{name}.home.example.org/").out
        assert answer[:1] in "23", f"{name}: {answer}"


def test_the_dry_run_named_every_step_that_was_taken(installed):
    planned = {line[2:] for line in installed.planned.splitlines() if line.startswith("+ ")}
    taken = {re.sub(r"( \([^)]*\))?( [0-9.]+ s)?$", "", line[2:]) for line in installed.first.err.splitlines() if line.startswith("+ ")}
    assert taken and taken <= planned


def test_the_second_run_changes_and_restarts_nothing(installed):
    before = installed.containers()
    done = installed.install("--yes")
    assert done.code == 0 and "nothing to change" in done.out, done.out[-1500:] + done.err
    assert installed.containers() == before


def test_only_caddys_ports_are_open_to_others(installed):
    listening = installed.host.run("ss -Hltn").out.splitlines()
    addresses = {line.split()[3] for line in listening}
    outside = {address.rpartition(":")[2] for address in addresses if not address.startswith(("127.", "[::1]"))}
    assert outside == {"80", "443"}


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
"""


def test_a_changed_file_restarts_its_readers_only(installed):
    host = installed.host
    before = installed.containers()
    host.run("sed -i 's/512m/500m/' /etc/infrakit/infrakit.yaml")
    done = installed.infrakit("up", "--yes", "-f", "/etc/infrakit/infrakit.yaml")
    assert done.code == 0, done.err
    after = installed.containers()
    assert {name for name in after if after[name] != before.get(name)} == {"homelab-wiki-1"}


def test_it_is_back_after_a_reboot(installed):
    installed.host.restart()
    done = installed.host.run("for i in $(seq 90); do infrakit status >/dev/null 2>&1 && exit 0; sleep 2; done; infrakit status; exit 1", 300)
    assert done.code == 0, done.out + done.err


def test_down_and_up_keep_the_secrets_and_the_data(installed):
    digest = "cd /var/lib/infrakit/hosts && find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum; docker volume ls -q | grep ^homelab_ | LC_ALL=C sort"
    before = installed.host.run(digest).out
    assert installed.infrakit("down", "--yes").code == 0
    assert installed.host.run("docker ps -aq").out == "" and installed.infrakit("status").code == 1
    assert installed.infrakit("up", "--yes").code == 0
    assert installed.host.run(digest).out == before


def test_uninstall_spares_an_engine_that_others_use(installed):
    host = installed.host
    image = host.run("docker image ls --format '{{.Repository}}:{{.Tag}}' | grep /haproxy: | head -n 1").out.strip()
    assert host.run(f"docker create --name somebodys {image}").code == 0
    planned = installed.infrakit("uninstall", "--purge", "--dry-run")
    assert planned.code == 6 and "Docker stays" in planned.err and "purge" not in planned.out
    assert host.run("docker rm somebodys").code == 0


def test_uninstall_with_purge_leaves_the_host_as_it_was(installed):
    done = installed.infrakit("uninstall", "--purge", "--yes", "--yes")
    assert done.code == 0, done.out[-2000:] + done.err
    after = [line for line in installed.host.run(SNAPSHOT).out.splitlines()]
    assert sorted(set(after) ^ set(installed.before)) == []

"""infrakit halt, from the built zipapp, with a real engine: what relies on others stops first, and starts last when the
machine is on again. As NUT's upsmon calls it: by a shell, with nothing but root's path."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from infrakit.stack.layout import HALTED
from tests.emit.tree import needs_compose
from tests.runtime.backed import Backed, backed
from tests.runtime.engine import needs_engine
from tests.runtime.test_update import ALONE, publish

pytestmark = [needs_engine, needs_compose]
FILE = (
    ALONE
    + """\
apps:
  wiki: {{image: "{at}/team/slow:1", health: image, needs: [index, wiki-db]}}
  index: {{image: "{at}/team/slow:1", health: image, needs: [wiki-db], serves: [80]}}
  wiki-db: {{image: "{at}/team/slow:1", health: image, serves: [5432]}}
  other: {{image: "{at}/team/slow:1", health: image}}
  deaf: {{image: "{at}/team/deaf:1", health: image, stop_grace: 5s}}
"""
)
ORDER = ["wiki", "index", "wiki-db"]
OURS = ("--filter", "label=com.docker.compose.project=infrakit")
SLOW = "trap 'sleep 0.5; exit 0' TERM; : >/tmp/ready; while :; do sleep 0.1; done"
DEAF = "trap '' TERM; : >/tmp/ready; while :; do sleep 0.1; done"
AS_UPSMON = ("env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "sh", "-c")


@pytest.fixture(scope="module")
def host(tmp_path_factory, pyz):
    with backed(tmp_path_factory, pyz) as made:
        publish(made.registry, "slow", SLOW, tag="1")
        publish(made.registry, "deaf", DEAF, tag="1")
        made.up(FILE)
        yield made


def times(host: Backed, key: str) -> dict[str, str]:
    """App -> when its container started, or ended."""
    names = host.real.docker("ps", "--all", "--quiet", *OURS).split()
    found = json.loads(host.real.docker("inspect", *names))
    return {item["Config"]["Labels"]["com.docker.compose.service"]: item["State"][key] for item in found}


def states(host: Backed) -> set[str]:
    return {how for _, _, how in host.found().values()}


def in_order(found: "dict[str, str]", names: "list[str]") -> bool:
    return sorted(names, key=found.__getitem__) == names


def test_who_relies_on_others_stops_first_and_starts_last(host):
    words = (*AS_UPSMON, 'exec "$@"', "sh", *host.words("halt"))
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not host.real.docker("ps", "--quiet", *OURS)
    assert in_order(times(host, "FinishedAt"), ORDER)
    again = host.infrakit("halt")
    assert again.returncode == 0 and len(json.loads(Path(HALTED).read_text())) == 3, again.stderr
    resumed = host.infrakit("resume")
    assert resumed.returncode == 0 and "the machine was off" in resumed.stderr, resumed.stderr
    assert states(host) == {"healthy"} and not os.path.exists(HALTED)
    assert in_order(times(host, "StartedAt"), ORDER[::-1])
    assert host.left_to_do() == []


def test_who_did_not_run_stays_so(host):
    host.real.docker("stop", "infrakit-other-1")
    began = times(host, "StartedAt")["other"]
    assert host.infrakit("halt").returncode == 0
    assert host.infrakit("resume").returncode == 0
    assert times(host, "StartedAt")["other"] == began
    host.real.docker("start", "infrakit-other-1")


def test_the_plan_is_shown_and_nothing_is_stopped(host):
    began = times(host, "StartedAt")
    shown = host.infrakit("halt", "--dry-run")
    assert shown.returncode == 6 and "who relies on others first" in shown.stdout, shown.stderr
    assert times(host, "StartedAt") == began and not os.path.exists(HALTED)


def test_killed_in_the_midst_all_of_it_starts_again(host):
    running = subprocess.Popen(host.words("halt"), cwd=host.folder, stderr=subprocess.DEVNULL, start_new_session=True)
    while not os.path.exists(HALTED):
        assert running.poll() is None, "it was over before"
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert host.infrakit("resume").returncode == 0
    assert {how for name, (_, _, how) in host.found().items() if name != "other"} == {"healthy"}


def test_who_was_still_being_stopped_when_it_was_killed_runs_again(host):
    """Docker goes on stopping him, and he runs until that is over."""
    began = times(host, "StartedAt")["deaf"]
    running = subprocess.Popen(host.words("halt"), cwd=host.folder, stderr=subprocess.DEVNULL, start_new_session=True)
    while "infrakit-wiki-db-1" in host.real.docker("ps", "--format", "{{.Names}}"):
        assert running.poll() is None, "it was over before"
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert host.infrakit("resume").returncode == 0
    assert times(host, "StartedAt")["deaf"] > began
    assert host.left_to_do() == []

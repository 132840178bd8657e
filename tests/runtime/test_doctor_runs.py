"""What a real engine shows of containers that fail is named by its cause; what does no harm is mended; and no secret
that they say comes out."""

import time

import pytest

from infrakit.host.facts import facts_of
from infrakit.model import Health, Mount, SecretMount, Upstream
from infrakit.plan import run
from infrakit.stack import layout
from infrakit.stack.change.applied import in_force
from infrakit.stack.doctor import diagnose, plan_mend
from infrakit.stack.doctor.readings import Readings, of_engine
from infrakit.stack.doctor.support import archive
from infrakit.system.digest import hex_digest
from infrakit.system.redacted import cleaner
from tests.cli.test_doctor_verb import unpacked
from tests.emit.deployments import container, deployment, network, route, service
from tests.emit.tree import needs_compose
from tests.host.machines import load
from tests.runtime.engine import needs_engine
from tests.runtime.test_foretold import IMAGE, SECRET, machine, real, stack, up

pytestmark = [needs_engine, needs_compose]
__all__ = ["machine", "real", "stack"]

CALLED, NAME = "infrakit-page-1", "page"
RUNS = "while :; do [ ! -e /data/do ] || . /data/do; sleep 0.2; done"
CHECK = (
    'if [ -e /data/ill ]; then read w </run/secrets/word; echo "cannot sign in with $w: Connection refused"; exit 1; fi'
)
GROWS = "x=x; while :; do x=$x$x$x$x; done"
FATAL = "read w </run/secrets/word; echo word is $w; echo FATAL: database files are incompatible with server; exit 3"
LONGEST_S = 60


def host():
    """A page that does what a file in its volume says, and whose check heeds another; and a neighbour."""
    common = {"image": IMAGE, "stop_grace_period_s": 0, "user": "0:0", "memory_bytes": 32 << 20}
    page = container(
        NAME,
        **common,
        command=("/bin/sh", "-c", RUNS),
        health=Health(("CMD", "/bin/sh", "-c", CHECK), interval_s=1, retries=2),
        mounts=(Mount("volume", "page-data", "/data"),),
        secrets=(SecretMount("word"),),
    )
    neighbour = container("neighbour", **common, command=("/bin/sh", "-c", RUNS), health=None, networks=("shared",))
    return deployment(
        service(NAME, page, volumes=("page-data",)),
        service("neighbour", neighbour),
        networks=(network("shared", 230),),
        secrets=(SECRET,),
        routes=(route("page.example.org", service=NAME, upstreams=(Upstream("192.0.2.1:8443", "shed"),)),),
    )


def look(machine) -> Readings:
    """With an engine that is asked, on a machine that is well."""
    good = load("debian13-vps")
    facts = facts_of(good)._replace(now_s=time.time())
    applied = in_force(machine)
    assert applied
    seen = of_engine(machine, applied.deployment, applied, hex_digest, cleaner(layout.HOSTS))
    return Readings(facts, good, applied.deployment, applied, **seen)


def troubles(machine) -> dict[str, str]:
    """Code -> all that is said of it."""
    found = diagnose(look(machine), (), ()).troubles
    return {item.code: f"{item.what}\n{item.why}\n{item.remedy}" for item in found}


def until(machine, code: str) -> str:
    """What is said of it, once it has come to that."""
    end = time.monotonic() + LONGEST_S
    while code not in (said := troubles(machine)):
        assert time.monotonic() < end, said
        time.sleep(0.2)
    return said[code]


def tell(real, what: str, name: str = "do") -> None:
    real.docker("exec", CALLED, "/bin/sh", "-c", f"echo '{what}' >/data/next; exec sleep 0")
    real.docker("exec", CALLED, "/bin/sh", "-c", f'read -r x </data/next; echo "$x" >/data/{name}')


def mended(machine) -> int:
    """How many steps that took."""
    plan = plan_mend(diagnose(look(machine), (), ()))
    return run(plan, machine, lambda event: None, lambda step, action: None)


def until_well(machine) -> dict[str, str]:
    end = time.monotonic() + LONGEST_S
    while (said := troubles(machine)) and time.monotonic() < end:
        time.sleep(0.2)
    return said


def test_what_somebody_did_by_hand_is_named_and_what_does_no_harm_is_mended(real, machine):
    up(machine, host())
    assert troubles(machine) == {}
    real.docker("stop", CALLED)
    assert set(troubles(machine)) == {"container-stopped"}
    assert mended(machine) == 1 and until_well(machine) == {}
    real.docker("pause", CALLED)
    assert set(troubles(machine)) == {"container-paused"}
    assert mended(machine) == 1 and until_well(machine) == {}
    real.docker("tag", IMAGE, "example/kept:1")
    real.docker("image", "rm", "--force", IMAGE)
    assert IMAGE in troubles(machine)["image-gone"]
    real.docker("tag", "example/kept:1", IMAGE)
    label = "com.docker.compose.project=infrakit"
    real.docker("run", "-d", "--name", "guest", "--network", "none", "--label", label, IMAGE, "/bin/sleep", "600")
    assert "guest is in our project" in troubles(machine)["container-foreign"]
    real.docker("rm", "--force", "guest")
    real.docker("update", "--pids-limit", "50", CALLED)
    assert "pids: 50, was 100" in troubles(machine)["changed-by-hand"]
    real.docker("rm", "--force", CALLED)
    assert set(troubles(machine)) == {"container-missing"} and mended(machine) == 0


def test_who_dies_again_and_again_is_named_with_his_last_words_and_no_secret(real, machine):
    up(machine, host())
    tell(real, FATAL)
    said = until(machine, "container-restarting")
    assert "another major version" in said and "sudo infrakit rollback" in said
    assert "word is [secret]" in said and "first" not in said


def test_who_wants_more_memory_than_he_may_is_named_with_the_key(real, machine):
    up(machine, host())
    tell(real, GROWS)
    said = until(machine, "container-out-of-memory")
    assert "raise services.page.memory in infrakit.yaml, now 32m" in said


def test_neither_words_nor_logs_that_are_given_away_hold_a_secret(real, machine, tmp_path):
    up(machine, host())
    tell(real, "x", "ill")
    said = until(machine, "container-unhealthy")
    assert "cannot sign in with [secret]: Connection refused" in said and "what it needs does not answer" in said
    tell(real, "read w </run/secrets/word; echo my word is $w; rm /data/do")
    end = time.monotonic() + LONGEST_S
    while "my word is first" not in (log := machine.engine.logs(CALLED, 200)):
        assert time.monotonic() < end, log
        time.sleep(0.2)
    made = tmp_path / "made.tar.gz"
    made.write_bytes(archive({"logs/page.log": log}, {"x.json": [log]}, cleaner(layout.HOSTS), 0))
    made.chmod(0o600)
    texts = unpacked(made)
    assert "my word is [secret]" in texts["logs/page.log"] and not any("first" in text for text in texts.values())


@pytest.fixture(autouse=True)
def kept(machine, monkeypatch):
    """The secrets of this machine are those of the test's."""
    monkeypatch.setattr("infrakit.stack.change.drift.secrets_folder", lambda host: str(machine.kept))

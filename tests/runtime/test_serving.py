"""Who serves other apps and has no shell, by a real engine: asked from this machine in the network of those that need
it; work that ends at once, or late; and what was made from an older tree, which `infrakit status` says."""

import pytest

from infrakit.cli.status import rows_of
from infrakit.compiler import load
from infrakit.emit import compose
from infrakit.errors import MachineUnfit
from infrakit.plan import StepFailed
from infrakit.stack import answers
from infrakit.stack.up import wanted_of
from tests.emit.tree import needs_compose
from tests.runtime.engine import engine, import_program, needs_engine, program
from tests.runtime.test_answers import IMAGE, LISTENS, SLEEPS_S, began, brought_up

pytestmark = [needs_engine, needs_compose]

# nanosleep(6 s); exit(0)
WORKS = bytes.fromhex("b823000000488d3d0d00000031f60f05b83c00000031ff0f05") + (6).to_bytes(8, "little") + bytes(8)
FILE = f"""version: 1
domain: home.example.org
pattern: full
tls: {{mode: internal}}
apps:
  db: {{image: {IMAGE}, command: [/hello], serves: [3000, 3001], stop_grace: 0s}}
  after: {{image: {IMAGE}, command: [/hello], needs: [db, once, slow], stop_grace: 0s}}
  once: {{image: example/target:1, command: [/hello, end], once: true}}
  slow: {{image: example/slow:1, command: [/hello], once: true}}
  alone: {{image: {IMAGE}, command: [/hello], serves: [3001], stop_grace: 0s}}
"""
NAMES = ("after", "alone", "db", "once", "slow")


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    place = tmp_path_factory.mktemp("serving")
    with engine(place) as made:
        import_program(made, IMAGE, program(LISTENS))
        import_program(made, "example/slow:1", program(WORKS))
        yield made, place


def states(machine, deployment, wanted) -> dict[str, tuple[str, bool]]:
    """By `infrakit status`: app -> how it is, and whether that is well."""
    return {row[0]: row[2:4] for row in rows_of(deployment, wanted, machine) if row[0] in NAMES}


def test_who_needs_it_comes_when_it_listens_though_its_image_has_no_shell(real):
    machine, deployment, wanted = brought_up(real, FILE)
    well = dict.fromkeys(NAMES, ("running", True)) | {"once": ("done", True), "slow": ("done", True)}
    assert states(machine, deployment, wanted) == well
    times = began(machine, deployment.name)
    assert (times["after"] - times["db"]).total_seconds() >= SLEEPS_S - 1, "it did not wait until the port was there"
    # What `status` sees after a rollback, or before an up: containers of another tree than the file's.
    changed = load(FILE.replace(f"image: {IMAGE}", f"memory: 128m, image: {IMAGE}").encode(), "infrakit.yaml", len)
    newer = wanted_of(changed.fleet.deployments[0], compose.emit(changed.fleet.deployments[0]))
    older = well | dict.fromkeys(("after", "alone", "db"), ("running, but not up to date", False))
    assert states(machine, deployment, {name: newer[name] for name in NAMES}) == older
    again = {**wanted, "once": tuple(item._replace(label="another") for item in wanted["once"])}
    assert states(machine, deployment, again) == well | {"once": ("done, but not up to date", False)}


def test_who_serves_at_another_port_is_given_up(real, monkeypatch):
    monkeypatch.setattr(answers, "SLOW_S", SLEEPS_S)
    with pytest.raises((StepFailed, MachineUnfit), match="db does not listen at port 3002: "):
        brought_up(real, FILE.replace("[3000, 3001]", "[3002]"))

"""Images with one static program and no shell, by a real engine: with no key about health, who has a door is well when
it listens, who has none when it stays up, and who needs them comes after."""

from datetime import datetime

import pytest

from infrakit.cli.status import rows_of
from infrakit.compiler import load
from infrakit.emit import compose
from infrakit.errors import MachineUnfit
from infrakit.plan import Plan, StepFailed, run
from infrakit.stack import answers, networks
from infrakit.stack.up import in_order, service_step, wanted_of
from tests.emit.tree import needs_compose, write
from tests.runtime.engine import engine, import_program, needs_engine, program
from tests.runtime.test_start import Local

pytestmark = [needs_engine, needs_compose]

IMAGE, SLEEPS_S = "example/listens:1", 3
# nanosleep(3 s); bind(socket(AF_INET, SOCK_STREAM, 0), port 3000); listen(…, 16); for (;;) pause()
LISTENS = (
    bytes.fromhex("b823000000488d3d5100000031f60f05")
    + bytes.fromhex("b829000000bf02000000be0100000031d20f0589c7b831000000488d351c000000ba100000000f05")
    + bytes.fromhex("b832000000be100000000f05b8220000000f05ebf7")
    + bytes.fromhex("02000bb8000000000000000000000000")
    + SLEEPS_S.to_bytes(8, "little")
    + bytes(8)
)
FILE = f"""version: 1
domain: home.example.org
pattern: full
tls: {{mode: internal}}
apps:
  door: {{image: {IMAGE}, command: [/hello], port: 3000, needs: [plain], stop_grace: 0s}}
  after: {{image: {IMAGE}, command: [/hello], needs: [door], stop_grace: 0s}}
  plain: {{image: {IMAGE}, command: [/hello], stop_grace: 0s}}
"""


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    place = tmp_path_factory.mktemp("answers")
    with engine(place) as made:
        import_program(made, IMAGE, program(LISTENS))
        yield made, place


def brought_up(real, text: str):
    """(the machine, what it runs) after `up` of the apps alone."""
    made, place = real
    whole = load(text.encode(), "infrakit.yaml", lambda name: b"").fleet.deployments[0]
    apps = tuple(item for item in whole.services if item.kind == "app")
    inside = {name for item in apps for container in item.containers for name in container.networks}
    drawn = tuple(item for item in whole.networks if item.name in inside)
    deployment = whole._replace(services=apps, networks=drawn, secrets=())
    artifacts = compose.emit(deployment)
    tree = str(write(place / "tree", artifacts, deployment))
    wanted = wanted_of(deployment, artifacts)
    steps = [networks.networks_step(deployment, wanted, tree)]
    steps += [service_step(deployment, item, artifacts, wanted[item.name], tree) for item in in_order(apps)]
    machine = Local(str(made.socket))
    run(Plan("up", tuple(steps)), machine, lambda event: None, lambda step, action: None)
    return machine, deployment, wanted


def began(machine, project: str) -> dict[str, datetime]:
    found = machine.engine.containers(project)
    return {item.service: datetime.fromisoformat(item.started_at[:19]) for item in found}


def test_an_image_without_a_shell_is_well_with_no_key_and_who_needs_it_waits(real):
    machine, deployment, wanted = brought_up(real, FILE)
    rows = {row[0]: row[2:4] for row in rows_of(deployment, wanted, machine) if row[0] in ("door", "after", "plain")}
    assert rows == dict.fromkeys(rows, ("running", True)) and len(rows) == 3
    times = began(machine, deployment.name)
    assert (times["after"] - times["door"]).total_seconds() >= SLEEPS_S - 1, "it did not wait until the door listened"
    assert times["door"] > times["plain"]


def test_who_listens_elsewhere_than_his_door_is_given_up_and_status_says_it(real, monkeypatch):
    monkeypatch.setattr(answers, "SLOW_S", SLEEPS_S)
    with pytest.raises((StepFailed, MachineUnfit), match="door does not listen at port 3001: ") as failed:
        brought_up(real, FILE.replace("port: 3000", "port: 3001"))
    assert "127.0.0.1" in failed.value.hint
    machine, deployment, wanted = brought_up(real, FILE)
    off = {"door": tuple(item._replace(dials=(answers.Dial("door", 3001),)) for item in wanted["door"])}
    (row,) = [row for row in rows_of(deployment, {**wanted, **off}, machine) if row[0] == "door"]
    assert row[2:4] == ("running, but nobody listens at port 3001", False)

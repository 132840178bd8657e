"""A secret in an environment, by a real engine and Compose: it arrives, and who has it is made anew when it is set
again."""

import pytest

from infrakit.cli.status import rows_of
from infrakit.emit import compose
from infrakit.model import SecretSpec
from infrakit.plan import Event, Plan, preview, run
from infrakit.stack import layout, readers
from infrakit.stack.environments import environment_steps
from infrakit.stack.up import service_step, wanted_of
from infrakit.system import secrets
from tests.emit.deployments import container, deployment, origin, service
from tests.emit.tree import needs_compose
from tests.runtime.engine import FOR_EVER, engine, import_shell, needs_engine
from tests.runtime.test_start import IMAGE, Local

pytestmark = [needs_engine, needs_compose]

WORD = "it's \\\"$HOME\n${x} #`"
COMMAND = ("/bin/sh", "-c", f'echo "$SAID|"; {FOR_EVER}')
LAST = f"<{WORD}>|".splitlines()[-1]
TEXT = (("SAID", (("<", "word"), (">", ""))),)
COMMON = {"image": IMAGE, "health": None, "stop_grace_period_s": 0, "command": COMMAND}
HOST = deployment(
    service("says", container("says", secret_environment=TEXT, **COMMON)),
    service("other", container("other", **COMMON)),
    networks=(),
    secrets=(SecretSpec("word", "user", 0, False, "", (), origin("secrets", "word")),),
)


@pytest.fixture
def machine(tmp_path_factory, monkeypatch):
    tmp_path = tmp_path_factory.mktemp("again")
    with engine(tmp_path) as made:
        import_shell(made, IMAGE)
        tree, kept = tmp_path / "tree", tmp_path / "hosts"
        for artifact in compose.emit(HOST):
            path = tree / artifact.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(artifact.content)
        monkeypatch.setattr(layout, "HOSTS", str(kept))
        (kept / "core").mkdir(parents=True)
        (tree / "secrets").symlink_to(kept / "core" / "secrets")
        found = Local(str(made.socket))
        found.real, found.kept, found.tree = made, kept / "core", str(tree)
        yield found


def plan(machine) -> Plan:
    """That part of `up` which is about what runs."""
    artifacts = compose.emit(HOST)
    wanted = wanted_of(HOST, artifacts)
    parts = [service_step(HOST, item, artifacts, wanted[item.name], machine.tree) for item in HOST.services]
    return Plan("up", (*environment_steps(HOST), *readers.readers_step(HOST, wanted, machine.tree), *parts))


def up(machine, until: int = 9) -> tuple[int, dict[str, str]]:
    """How many steps were taken, of the first `until`; and container -> when it began."""
    told: list[Event] = []
    whole = plan(machine)
    taken = run(whole._replace(steps=whole.steps[:until]), machine, told.append, lambda step, action: None)
    assert not [event for event in told if "third" in event.text or "$HOME" in event.text]
    return taken, {item.service: item.started_at for item in machine.engine.containers("infrakit")}


def test_it_arrives_and_its_container_is_made_anew_when_it_is_set_again_wherever_that_is_broken_off(machine):
    secrets.store(str(machine.kept), "word", WORD.encode())
    taken, before = up(machine)
    assert taken == 3 and up(machine)[0] == 0
    assert "\n".join(machine.real.said("infrakit-says-1", LAST)) == f"<{WORD}>|"

    for until, value in ((1, b"second"), (2, b"third")):
        secrets.store(str(machine.kept), "word", value)
        up(machine, until)
        if until == 1:
            assert [line for item in preview(plan(machine), machine) for line in item.actions] == [
                "word was set again: says starts anew"
            ]
        rows = rows_of(HOST, wanted_of(HOST, compose.emit(HOST)), machine)
        assert [name for _, name, _, well, _ in rows if not well] == ["says"]
        _, after = up(machine)
        assert machine.real.said("infrakit-says-1", f"<{value.decode()}>|") == [f"<{value.decode()}>|"]
        assert after["other"] == before["other"] and up(machine)[0] == 0

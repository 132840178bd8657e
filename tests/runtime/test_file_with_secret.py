"""A file with a secret in it, by a real engine and Compose: it is seen where the app wants it, and who reads it starts
anew when the secret is set again."""

import pytest

from infrakit.cli.status import rows_of
from infrakit.emit import compose
from infrakit.model import SecretFile, SecretSpec
from infrakit.plan import Plan, preview, run
from infrakit.stack import layout, readers
from infrakit.stack.environments import environment_steps
from infrakit.stack.up import service_step, wanted_of
from infrakit.system import secrets
from tests.emit.deployments import container, deployment, origin, service
from tests.emit.tree import needs_compose
from tests.runtime.engine import FOR_EVER, engine, import_shell, needs_engine
from tests.runtime.test_start import IMAGE, Local

pytestmark = [needs_engine, needs_compose]

COMMAND = ("/bin/sh", "-c", f'read word </etc/app.ini; echo "$word"; {FOR_EVER}')
FILE = SecretFile("says-file0", "/etc/app.ini", (("key = ", "word"), ("!\n", "")))
COMMON = {"image": IMAGE, "health": None, "stop_grace_period_s": 0, "user": "1234", "command": COMMAND}
HOST = deployment(
    service("says", container("says", secret_files=(FILE,), **COMMON)),
    networks=(),
    secrets=(SecretSpec("word", "user", 0, False, "", (), origin("secrets", "word")),),
)


@pytest.fixture
def machine(tmp_path_factory, monkeypatch):
    tmp_path = tmp_path_factory.mktemp("file")
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
    artifacts = compose.emit(HOST)
    wanted = wanted_of(HOST, artifacts)
    parts = [service_step(HOST, item, artifacts, wanted[item.name], machine.tree) for item in HOST.services]
    return Plan("up", (*environment_steps(HOST), *readers.readers_step(HOST, wanted, machine.tree), *parts))


def up(machine) -> int:
    return run(plan(machine), machine, lambda event: None, lambda step, action: None)


def test_it_is_seen_and_its_reader_starts_anew_when_the_secret_is_set_again(machine):
    secrets.store(str(machine.kept), "word", b"first")
    up(machine)
    assert machine.real.said("infrakit-says-1", "key = first!") == ["key = first!"] and up(machine) == 0
    secrets.store(str(machine.kept), "word", b"second")
    step = environment_steps(HOST)[0]
    step.actions[0].do(machine, lambda event: None)
    rows = rows_of(HOST, wanted_of(HOST, compose.emit(HOST)), machine)
    assert [row[2] for row in rows if row[0] == "says"] == ["running, but /etc/app.ini was set again"]
    lines = [line for item in preview(plan(machine), machine) for line in item.actions]
    assert lines == ["/etc/app.ini was set again: says starts anew"]
    up(machine)
    both = ["key = first!", "key = second!"]
    assert machine.real.said("infrakit-says-1", *both) == both
    assert up(machine) == 0
